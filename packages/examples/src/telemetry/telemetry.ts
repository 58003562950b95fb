// Spans and metrics of pgfx in OpenTelemetry, by `@effect/opentelemetry`. What exports them is a parameter: OTLP in production, memory in
// the test beside this file.
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import type { MetricReader } from "@opentelemetry/sdk-metrics"
import { SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Query, Tracing, Transaction } from "pgfx"

export interface Exporters {
  readonly spans: SpanExporter
  readonly metrics: MetricReader
}

/** Tracing is read when the database's Layer is built, so it is provided to that; the tracer is the program's. */
export const observedDatabase = (url: Redacted.Redacted, { metrics, spans }: Exporters) =>
  NodePostgres.layer({ url }).pipe(
    Layer.provide(Tracing.layer({ queryText: "parameterized", slowQuery: "250 millis" })),
    Layer.provideMerge(
      NodeSdk.layer(() => ({
        resource: { serviceName: "shop" },
        // in production: new BatchSpanProcessor(…)
        spanProcessor: new SimpleSpanProcessor(spans),
        metricReader: metrics
      }))
    )
  )

const cartTotal = Query.one(Schema.Number, { name: "cartTotal" })`
  SELECT ${param("price", Schema.Number)}::float8 * ${param("quantity", Schema.Int)}::int4
`

/** One span of the program's own, below it those of the transaction and of its statements. */
export const checkOut = Effect.forEach([1, 2, 3], (quantity) => cartTotal({ price: 9.5, quantity })).pipe(
  Transaction.run,
  Effect.withSpan("checkOut")
)
