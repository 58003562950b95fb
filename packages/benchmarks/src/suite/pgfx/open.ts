// How pgfx is opened as a contestant: on one connection, or on a pool.
import { NodePostgres, NodeTransport } from "@pgfx/platform-node"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Connection, Postgres, type Settings } from "pgfx"
import type { Server } from "../serve.ts"

export type Runtime = ManagedRuntime.ManagedRuntime<Postgres, unknown>

export const settingsOf = (server: Server, more: Settings = {}): Settings => ({
  host: server.host,
  port: server.port,
  user: server.user,
  password: Redacted.make(server.password),
  database: server.database,
  sslmode: "disable",
  ...more
})

export const single = (server: Server): Runtime =>
  ManagedRuntime.make(
    Postgres.layerConnection.pipe(
      Layer.provide(Connection.layer(settingsOf(server))),
      Layer.provide(NodeTransport.layer)
    )
  )

/** `tracing` is read by the pool, `tracer` by every fiber. */
export const pool = (
  server: Server,
  max: number,
  tracing: Layer.Layer<never> = Layer.empty,
  tracer: Layer.Layer<never> = Layer.empty
): Runtime =>
  ManagedRuntime.make(
    NodePostgres.layer(settingsOf(server, { pool: { min: max, max } })).pipe(
      Layer.provide(tracing),
      Layer.provideMerge(tracer)
    )
  )
