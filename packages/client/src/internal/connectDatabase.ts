// Settings become a database with one connection behind it, for as long as the Scope lives.
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError, ServerReport } from "../PostgresError.ts"
import type { Settings } from "../Settings.ts"
import type { Endpoint, Transport } from "../Transport.ts"
import type { Database } from "./database.ts"
import { serverReport } from "./errorFromReport.ts"
import { SingleConnectionLessor } from "./lease.ts"
import { openConnection } from "./startup/openConnection.ts"
import { resolve } from "./startup/settings/resolve.ts"

export interface ConnectedDatabase {
  readonly database: Database
  readonly endpoint: Endpoint
  readonly notices: Stream.Stream<ServerReport>
  readonly processId: number
  readonly parameters: Effect.Effect<Readonly<Record<string, string>>>
  readonly stats: Effect.Effect<{
    readonly idle: number
    readonly busy: number
    readonly waiting: number
    readonly max: number
  }>
}

/** notices kept for a subscriber that is slow */
const noticesKept = 64

export const connectDatabase = (
  settings: Settings
): Effect.Effect<ConnectedDatabase, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const resolved = yield* resolve(settings)
    const notices = yield* PubSub.sliding<ServerReport>(noticesKept)
    let lessor: SingleConnectionLessor | undefined
    const host = resolved.hosts[0]
    if (host === undefined) return yield* Effect.dieMessage("bug in pgfx: settings without a host")
    const connection = yield* openConnection(resolved, host, {
      notice: (fields) => void notices.unsafeOffer(serverReport(fields, "NOTICE")),
      notification: () => undefined,
      idle: () => lessor?.idle(),
      closed: (reason) => lessor?.close(reason)
    })
    const { dispatcher, endpoint, key } = connection
    lessor = new SingleConnectionLessor(dispatcher)
    const leases = lessor
    return {
      database: {
        lessor: leases,
        destroy: (_, reason) => {
          dispatcher.close(reason)
          leases.close(reason)
          connection.duplex.destroy()
        },
        commitTimeout: resolved.commitTimeout,
        fetchSize: resolved.fetchSize
      },
      endpoint,
      notices: Stream.fromPubSub(notices),
      processId: key?.processId ?? 0,
      parameters: Effect.sync(() => Object.fromEntries(dispatcher.parameters)),
      stats: Effect.sync(() => {
        const busy = leases.isHeld || dispatcher.inFlight > 0 ? 1 : 0
        const idle = dispatcher.closed === undefined ? 1 - busy : 0
        return { idle, busy, waiting: leases.waiting, max: 1 }
      })
    }
  })
