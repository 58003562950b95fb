import { Config, Effect, Layer, Redacted } from "effect"
import { Connection, Pool, Postgres, PostgresError, Retry, Tracing, Transport } from "pgfx"
import { NodePostgres, NodeTransport } from "@pgfx/platform-node"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import { newestUsers } from "./02-query.js"

const url = Redacted.make("postgres://localhost/app")
const Network = Layer.merge(NodeTransport.layer, Retry.layerDefault)

// each part by itself …
export const OneConnection = Postgres.layerConnection.pipe(
  Layer.provide(Connection.layer({ url })),
  Layer.provide(NodeTransport.layer)
)
export const Pooled = Postgres.layerPool.pipe(Layer.provideMerge(Pool.layer({ url, pool: { max: 20 } })))
// … or the usual whole; a start-up that waits for the server is `Layer.retry`
export const Usual = Postgres.layer({ url, sslmode: "verify-full", parameters: { search_path: "app" } }).pipe(
  Layer.provide(Tracing.layer({ slowQuery: "250 millis" })),
  Layer.retry(Retry.schedules.connect),
  Layer.provide(Network)
)
// the program does not change with the database under it
const Live = NodePostgres.layerConfig({ url: Config.redacted("DATABASE_URL") })
const program = newestUsers({ since: new Date(0), limit: 10 })
export const production = program.pipe(Effect.provide(Live))
export const embedded = program.pipe(Effect.provide(PGlitePostgres.layer()))

// ---- the types a user sees
export const t1: Layer.Layer<Postgres, PostgresError> = OneConnection
export const t2: Layer.Layer<Postgres | Pool, PostgresError, Transport | Retry> = Pooled
export const t3: Layer.Layer<Postgres | Pool, PostgresError> = Usual
export const t4: Effect.Effect<unknown, PostgresError> = embedded
// @ts-expect-error nothing is provided behind the user's back: the transport is missing
export const t5: Layer.Layer<Postgres | Pool, PostgresError, Retry> = Pooled
// @ts-expect-error a secret is Redacted
Postgres.layer({ url: "postgres://localhost/app" })
