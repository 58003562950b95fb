import { Effect, Layer, Schema } from "effect"
import type { ConfigError } from "effect"
import { param, PostgresError, Query, Tracing } from "pgfx"
import { newestUsers } from "./02-query.ts"
import { PostgresLive } from "./09-pool-config.ts"

// spans and metrics follow OpenTelemetry's database conventions; the exporter is the application's choice
const Observed = PostgresLive.pipe(
  Layer.provide(Tracing.layer({ queryText: "parameterized", parameters: "omit", slowQuery: "250 millis" }))
)

export const program = newestUsers({ since: new Date(0), limit: 10 }).pipe(
  Effect.withSpan("homepage"), // the query's span becomes its child
  Effect.provide(Observed)
)
export const t: Effect.Effect<unknown, PostgresError | ConfigError.ConfigError> = program

// what a statement always says about itself
export const cartTotal = Query.one(Schema.BigDecimalFromSelf, {
  name: "cartTotal",
  attributes: { "app.team": "checkout" }
})`
  SELECT coalesce(sum(price * quantity), 0) FROM cart_items WHERE cart_id = ${param("cart", Schema.UUID)}
`
