// The embedded database in one line: for tests, examples and programs that carry their database with them.
import * as Layer from "effect/Layer"
import { type Pool, Postgres, type PostgresError, Retry } from "pgfx"
import type { PGliteOptions } from "./openDatabase.ts"
import { PGliteTransport } from "./PGliteTransport.ts"

/**
 * Real PostgreSQL in this process, over the same wire protocol; in memory unless a directory is given. One session: a statement that
 * runs blocks the event loop, and cannot be cancelled.
 *
 * @since 0.1.0
 * @category layers
 */
export const PGlitePostgres: {
  readonly layer: (options?: PGliteOptions) => Layer.Layer<Postgres | Pool | Retry, PostgresError>
} = {
  layer: (options = {}) =>
    Postgres.layer({
      host: "localhost",
      port: 5432,
      user: "postgres",
      database: "postgres",
      // There is nobody to authenticate to: the server is this process.
      requireAuth: ["none"],
      sslmode: "disable"
    }).pipe(Layer.provideMerge(Retry.layerDefault), Layer.provide(PGliteTransport.layerWith(options)))
}
