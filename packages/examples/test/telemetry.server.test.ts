// The example with exporters that remember: what arrives in OpenTelemetry's own words.
import { assert, it } from "@effect/vitest"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace-base"
import { Effect, Redacted } from "effect"
import { inject } from "vitest"
import { checkOut, observedDatabase } from "../src/telemetry/telemetry.ts"

it.live("exports spans with their parents and metrics with their units", () =>
  Effect.gen(function* () {
    const server = inject("postgres")[0]
    const spans = new InMemorySpanExporter()
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const metrics = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    yield* Effect.gen(function* () {
      assert.deepStrictEqual(yield* checkOut, [9.5, 19, 28.5])
      yield* Effect.promise(() => metrics.forceFlush())
      const finished = spans.getFinishedSpans()
      const named = (name: string) => finished.filter((span) => span.name === name)
      const [checkOutSpan = assert.fail("no span of the program")] = named("checkOut")
      const [transaction = assert.fail("no span of the transaction")] = named("transaction")
      assert.strictEqual(transaction.parentSpanContext?.spanId, checkOutSpan.spanContext().spanId)
      const totals = named("cartTotal")
      assert.strictEqual(totals.length, 3)
      for (const span of totals) {
        assert.strictEqual(span.parentSpanContext?.spanId, transaction.spanContext().spanId)
        assert.strictEqual(span.attributes["db.system.name"], "postgresql")
        assert.strictEqual(span.attributes["db.query.summary"], "cartTotal")
        assert.strictEqual(span.attributes["server.port"], server.port)
        assert.notInclude(JSON.stringify(span.attributes), "9.5")
      }
      const exported = exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
      const units = new Map(exported.map(({ descriptor }) => [descriptor.name, descriptor.unit]))
      assert.strictEqual(units.get("db.client.operation.duration"), "s")
      assert.strictEqual(units.get("db.client.connection.count"), "{connection}")
      assert.strictEqual(units.get("pgfx.client.io"), "By")
    }).pipe(Effect.provide(observedDatabase(Redacted.make(server.url), { spans, metrics })))
  })
)
