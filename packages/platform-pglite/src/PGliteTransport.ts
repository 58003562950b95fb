// `Transport` over a PGlite in this process: PostgreSQL compiled to WebAssembly, the same wire protocol, one session, no socket.
// Its limits, all measured: a truncated message or a Terminate ends it, SSLRequest and CancelRequest are not understood, a running
// statement blocks the event loop, and a second start-up joins the first session instead of making another.
import type { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broken, type Duplex, Transport, type TransportAbilities } from "pgfx"
import { openDatabase, type PGliteOptions } from "./openDatabase.ts"
import { sessionDuplex } from "./sessionDuplex.ts"

const abilities: TransportAbilities = { maxSessions: 1, cancel: false, tls: false, terminate: false, copyIn: "whole" }

const refused = (issue: string): Broken =>
  new Broken({ reason: { _tag: "ConnectFailed", address: "PGlite", cause: issue }, outcome: "NotSent" })

const transportOf = (database: PGlite): typeof Transport.Service => {
  let taken = false
  const connect: Effect.Effect<Duplex, Broken, Scope.Scope> = Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (taken) return refused("its one session is in use")
        taken = true
        return Effect.succeed(sessionDuplex(database))
      }),
      (session) =>
        Effect.zipRight(
          session.reset,
          Effect.sync(() => {
            taken = false
          })
        )
    ),
    ({ duplex }) => duplex
  )
  return { abilities, connect: () => connect }
}

/**
 * A PGlite that lives as long as the Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const PGliteTransport: {
  /** in memory */
  readonly layer: Layer.Layer<Transport>
  readonly layerWith: (options: PGliteOptions) => Layer.Layer<Transport>
} = {
  layer: Layer.scoped(Transport, Effect.map(openDatabase({}), transportOf)),
  layerWith: (options) => Layer.scoped(Transport, Effect.map(openDatabase(options), transportOf))
}
