// Settings become a database with one connection behind it, for as long as the Scope lives.
import type { ReportFields } from "@pgfx/protocol"
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
import { connectListener } from "./notification/connectListener.ts"
import { Descriptions } from "./StatementCache.ts"
import { traceStatements } from "./traceStatements.ts"
import { Tracing } from "../Tracing.ts"
import { TypeStore } from "./TypeStore.ts"
import { recover } from "./recover.ts"
import { resetSession } from "./resetSession.ts"
import { openConnection } from "./startup/openConnection.ts"
import { logNotes } from "./startup/logNotes.ts"
import { resolve } from "./startup/settings/resolve.ts"

export interface ConnectedDatabase {
  readonly database: Database
  readonly endpoint: Endpoint
  readonly notices: Stream.Stream<ServerReport>
  readonly processId: number
  /** cancels what runs, and waits until the connection can be used again */
  readonly cancel: Effect.Effect<void>
  readonly parameters: Effect.Effect<Readonly<Record<string, string>>>
  readonly stats: Effect.Effect<{
    readonly idle: number
    readonly busy: number
    readonly waiting: number
    readonly max: number
  }>
}

/** statements described, over all connections (engine design §5) */
const descriptionsKept = 1024

/** notices kept for a subscriber that is slow */
const noticesKept = 64

export const connectDatabase = (
  settings: Settings
): Effect.Effect<ConnectedDatabase, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities, userName } = yield* Transport
    const tracing = yield* Tracing
    const resolved = yield* resolve(settings, { userName })
    yield* logNotes(resolved, abilities)
    const notices = yield* PubSub.sliding<ServerReport>(noticesKept)
    const notice = (fields: ReportFields): void => void notices.unsafeOffer(serverReport(fields, "NOTICE"))
    const fork = yield* FiberSet.makeRuntime<Transport>()
    let lessor: SingleConnectionLessor | undefined
    let recoverConnection: Effect.Effect<void, never, Transport> = Effect.void
    const listening = yield* connectListener({ settings: resolved, notice, lessor: () => leases })
    const connection = yield* openConnection(resolved, {
      notice,
      notification: (notification) => listening.received(notification),
      idle: () => lessor?.idle(),
      allAbandoned: () => void fork(recoverConnection),
      closed: (reason) => {
        lessor?.close(reason)
        listening.closed(reason)
      }
    })
    const { destination, dispatcher, key } = connection
    const { database, user } = resolved
    const endpoint: Endpoint = { host: destination.host.name, port: destination.host.port, database, user }
    const leases: SingleConnectionLessor = new SingleConnectionLessor(dispatcher, (done) => {
      fork(Effect.ensuring(resetSession(served, dispatcher, connection.initialStatements), Effect.sync(done)))
    })
    lessor = leases
    const destroy = (reason: CloseReason): void => {
      dispatcher.close(reason)
      leases.close(reason)
      listening.closed(reason)
      connection.duplex.destroy()
    }
    recoverConnection = recover({
      dispatcher,
      cancel:
        key === undefined || !abilities.cancel
          ? Effect.void
          : // A cancel that cannot be sent is no cancel: the answers are awaited, up to the deadline.
            Effect.ignore(sendCancelRequest(resolved, { destination, key })),
      cancelTimeout: resolved.cancelTimeout,
      destroy
    })
    yield* Effect.addFinalizer(() => listening.close)
    const served: Database = {
      lessor: leases,
      descriptions: new Descriptions(descriptionsKept),
      types: new TypeStore(),
      ...(tracing === undefined ? {} : { trace: traceStatements(tracing, endpoint) }),
      destroy: (_, reason) => destroy(reason),
      schedule: (after, callback) => {
        const timer = fork(Effect.delay(Effect.sync(callback), after))
        return () => timer.unsafeInterruptAsFork(timer.id())
      },
      commitTimeout: resolved.commitTimeout,
      interruptGrace: resolved.interruptGrace,
      fetchSize: resolved.fetchSize,
      listener: listening.listener
    }
    return {
      database: served,
      endpoint,
      notices: Stream.fromPubSub(notices),
      processId: key?.processId ?? 0,
      cancel: Effect.async((resume) => {
        dispatcher.cancelRunning()
        const takeBack = dispatcher.onReleased(() => resume(Effect.void))
        return Effect.sync(takeBack)
      }),
      parameters: Effect.sync(() => Object.fromEntries(dispatcher.parameters)),
      stats: Effect.sync(() => {
        const busy = leases.isHeld || dispatcher.inFlight > 0 ? 1 : 0
        const idle = dispatcher.closed === undefined ? 1 - busy : 0
        return { idle, busy, waiting: leases.waiting, max: 1 }
      })
    }
  })
