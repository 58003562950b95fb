// Settings become a database with one connection behind it, for as long as the Scope lives.
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError, ServerReport } from "../PostgresError.ts"
import type { Settings } from "../Settings.ts"
import { type Endpoint, Transport } from "../Transport.ts"
import { sendCancelRequest } from "./cancelRequest.ts"
import type { Database } from "./database.ts"
import { serverReport } from "./errorFromReport.ts"
import type { CloseReason } from "./exchange/Exchange.ts"
import { SingleConnectionLessor } from "./lease.ts"
import { recover } from "./recover.ts"
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
    const { abilities } = yield* Transport
    const fork = yield* FiberSet.makeRuntime<Transport>()
    let lessor: SingleConnectionLessor | undefined
    let recoverConnection: Effect.Effect<void, never, Transport> = Effect.void
    const first = resolved.hosts[0]
    if (first === undefined) return yield* Effect.dieMessage("bug in pgfx: settings without a host")
    const connection = yield* openConnection(resolved, first, {
      notice: (fields) => void notices.unsafeOffer(serverReport(fields, "NOTICE")),
      notification: () => undefined,
      idle: () => lessor?.idle(),
      allAbandoned: () => void fork(recoverConnection),
      closed: (reason) => lessor?.close(reason)
    })
    const { dispatcher, endpoint, host, key } = connection
    lessor = new SingleConnectionLessor(dispatcher)
    const leases = lessor
    const destroy = (reason: CloseReason): void => {
      dispatcher.close(reason)
      leases.close(reason)
      connection.duplex.destroy()
    }
    recoverConnection = recover({
      dispatcher,
      cancel:
        key === undefined || !abilities.cancel
          ? Effect.void
          : // A cancel that cannot be sent is no cancel: the answers are awaited, up to the deadline.
            Effect.ignore(sendCancelRequest(resolved, { endpoint, host, key })),
      cancelTimeout: resolved.cancelTimeout,
      destroy
    })
    return {
      database: {
        lessor: leases,
        destroy: (_, reason) => destroy(reason),
        commitTimeout: resolved.commitTimeout,
        interruptGrace: resolved.interruptGrace,
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
