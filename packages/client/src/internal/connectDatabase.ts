// Settings become a database with one connection behind it, for as long as the Scope lives. How that connection is kept, and replaced when it
// is lost, is in singleConnection.ts.
import type { ReportFields } from "@pgfx/protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError, ServerReport } from "../PostgresError.ts"
import type { Settings } from "../Settings.ts"
import { type Endpoint, Transport } from "../Transport.ts"
import type { Database } from "./database.ts"
import { Deadlines } from "./Deadlines.ts"
import { serverReport } from "./errorFromReport.ts"
import { connectListener } from "./notification/connectListener.ts"
import { Descriptions } from "./StatementCache.ts"
import { countingBytes, observe } from "./tracing/Observer.ts"
import { Tracing } from "../Tracing.ts"
import { TypeStore } from "./TypeStore.ts"
import { unnamedStatements } from "./unnamedStatements.ts"
import { changeParameter, SessionParameters } from "./sessionParameters.ts"
import { keepConnection } from "./singleConnection.ts"
import { logNotes } from "./startup/logNotes.ts"
import { resolve } from "./startup/settings/resolve.ts"

export interface ConnectedDatabase {
  readonly database: Database
  readonly endpoint: Endpoint
  readonly notices: Stream.Stream<ServerReport>
  readonly processId: () => number
  /** cancels what runs, and waits until the connection can be used again */
  readonly cancel: Effect.Effect<void>
  readonly parameters: Effect.Effect<Readonly<Record<string, string>>>
  /** `undefined`: back to what the session began with */
  readonly changeParameter: (name: string, value: string | undefined) => Effect.Effect<void, PostgresError>
  /** it is open, and not in a failed transaction */
  readonly isHealthy: Effect.Effect<boolean>
  /** since bytes came from the server */
  readonly silence: Effect.Effect<Duration.Duration>
  /** how often it was lost and replaced */
  readonly reconnects: Effect.Effect<number>
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
): Effect.Effect<ConnectedDatabase, PostgresError, Transport | Scope.Scope> => countingBytes(connect(settings))

const connect = (settings: Settings): Effect.Effect<ConnectedDatabase, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities, userName } = yield* Transport
    const tracing = yield* Tracing
    const runFork = yield* FiberSet.makeRuntime<never>()
    const resolved = yield* resolve(settings, { userName })
    yield* logNotes(resolved, abilities)
    const notices = yield* PubSub.sliding<ServerReport>(noticesKept)
    const notice = (fields: ReportFields): void => void notices.unsafeOffer(serverReport(fields, "NOTICE"))
    const parameters = new SessionParameters()
    const listening = yield* connectListener({ settings: resolved, notice, lessor: () => served.lessor })
    const connection = yield* keepConnection({
      settings: resolved,
      parameters,
      outlets: { notice, notification: listening.received, closed: listening.closed },
      database: () => served
    })
    yield* Effect.addFinalizer(() => listening.close)
    const { current, lessor } = connection
    const { database, user } = resolved
    const { destination } = current()
    const endpoint: Endpoint = { host: destination.host.name, port: destination.host.port, database, user }
    const observer = tracing === undefined ? undefined : observe(tracing, endpoint, yield* Effect.clock)
    const served: Database = {
      lessor: observer?.lessor(lessor) ?? lessor,
      descriptions: new Descriptions(descriptionsKept, () => void runFork(unnamedStatements)),
      types: new TypeStore(resolved.codecs),
      ...(observer === undefined ? {} : { observer }),
      destroy: connection.destroy,
      schedule: connection.schedule,
      commitTimeout: resolved.commitTimeout,
      commitDeadlines: new Deadlines(Duration.toMillis(resolved.commitTimeout), connection.timers),
      // one that is not replaced has nobody to ask
      commitProbe: resolved.commitProbe && resolved.reconnect,
      interruptGrace: resolved.interruptGrace,
      fetchSize: resolved.fetchSize,
      copyInWhole: abilities.copyIn === "whole",
      listener: listening.listener
    }
    const stats = () => {
      const { closed, inFlight } = current().dispatcher
      const busy = lessor.isHeld || inFlight > 0 ? 1 : 0
      return { idle: closed === undefined ? 1 - busy : 0, busy, waiting: lessor.waiting, max: 1 }
    }
    yield* observer?.watch(stats) ?? Effect.void
    return {
      database: served,
      endpoint,
      notices: Stream.fromPubSub(notices),
      processId: () => current().key?.processId ?? 0,
      cancel: Effect.async((resume) => {
        const { dispatcher } = current()
        dispatcher.cancelRunning()
        const takeBack = dispatcher.onReleased(() => resume(Effect.void))
        return Effect.sync(takeBack)
      }),
      parameters: Effect.sync(() => Object.fromEntries(current().dispatcher.parameters)),
      changeParameter: (name, value) => changeParameter(served, parameters, { name, value }),
      isHealthy: Effect.sync(() => {
        const { closed, lastReport, status } = current().dispatcher
        return closed === undefined && lastReport === undefined && status !== "E"
      }),
      silence: Effect.sync(() => Duration.millis(connection.silence())),
      reconnects: Effect.sync(connection.reconnects),
      stats: Effect.sync(stats)
    }
  })
