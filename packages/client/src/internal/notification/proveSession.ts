// Whether a session that says it listens will hear anything: by an echo of its own, and behind a pooler by one that comes from another session.
// Opens nothing but the connection for that second question, and that only where somebody stands between us and the server.
import type { NotificationResponse, ReportFields } from "@pgfx/protocol"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Permanent, type PostgresError, type StatementInfo } from "../../PostgresError.ts"
import type { Transport } from "../../Transport.ts"
import { randomBytes } from "../random.ts"
import { ask } from "../startup/ask.ts"
import { type OpenConnection, openConnection } from "../startup/openConnection.ts"
import type { ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import { listenText } from "./limits.ts"

export const ownStatement = (sql: string): StatementInfo => ({ name: undefined, sql, definedAt: "pgfx" })

/** A channel that only one session listens to, and what has come of it. */
export interface Echoes {
  /** a name nobody else has: it tells this session from every other */
  readonly channel: string
  /** Answers whether it was one of these. */
  readonly takes: (received: NotificationResponse) => boolean
  /** of our own NOTIFY: the process that the server says it came from */
  readonly own: Deferred.Deferred<number>
  /** of a NOTIFY of another session */
  readonly foreign: Deferred.Deferred<void>
}

/** One life of a session, and what proves it. */
export interface Provable {
  readonly connection: OpenConnection
  readonly echoes: Echoes
}

export interface ProvingOptions {
  readonly settings: ResolvedSettings
  readonly notice: (fields: ReportFields) => void
}

/** payload of a NOTIFY from another session */
const fromElsewhere = "from another session"

/** How long an echo may take: as long as connecting may. Where that has no limit, it still has to come at some time. */
const patienceOf = ({ connectTimeout }: ResolvedSettings): Duration.Duration =>
  Duration.isFinite(connectTimeout) ? connectTimeout : Duration.seconds(10)

export const makeEchoes: Effect.Effect<Echoes> = Effect.gen(function* () {
  const bytes = yield* randomBytes(12)
  const channel = `pgfx_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`
  const own = yield* Deferred.make<number>()
  const foreign = yield* Deferred.make<void>()
  const takes = (received: NotificationResponse): boolean => {
    if (received.channel !== channel) return false
    if (received.payload === fromElsewhere) Deferred.unsafeDone(foreign, Effect.void)
    else Deferred.unsafeDone(own, Effect.succeed(received.processId))
    return true
  }
  return { channel, takes, own, foreign }
})

const notifyText = (channel: string, payload: string): string =>
  `SELECT pg_catalog.pg_notify('${channel}', '${payload}')`

const unsupported = (waited: Duration.Duration): Permanent =>
  new Permanent({
    reason: { _tag: "ListenUnsupported", waitedMillis: Duration.toMillis(waited) },
    outcome: "NotSent"
  })

/** LISTEN and NOTIFY in transactions of their own: a pooler that gives each to another session loses the echo. */
const hearsItself = (
  { connection: { dispatcher }, echoes: { channel, own } }: Provable,
  patience: Duration.Duration
): Effect.Effect<number, PostgresError> => {
  const statements = [listenText(channel), notifyText(channel, "")]
  const asked = Effect.forEach(statements, (sql) => ask(dispatcher, ownStatement(sql)), { concurrency: "unbounded" })
  const heard = Effect.zipRight(asked, Deferred.await(own))
  return Effect.timeoutFail(heard, { duration: patience, onTimeout: () => unsupported(patience) })
}

/** The NOTIFY of a connection opened for that; succeeds when the server has committed it. */
const notifyFromElsewhere = (
  { channel }: Echoes,
  { notice, settings }: ProvingOptions,
  patience: Duration.Duration
): Effect.Effect<void, string, Transport> => {
  const outlets = {
    notice,
    // the pooler has lent it the session that listens: the echo is not where it belongs, and will be missed there
    notification: () => undefined,
    idle: () => undefined,
    allAbandoned: () => undefined,
    closed: () => undefined
  }
  return Effect.scoped(
    Effect.flatMap(openConnection(settings, outlets), ({ dispatcher }) =>
      // a pooler may have no session left for us, and makes us wait
      Effect.timeoutFail(Effect.mapError(ask(dispatcher, ownStatement(notifyText(channel, fromElsewhere))), String), {
        duration: patience,
        onTimeout: () => `no answer within ${Duration.format(patience)}`
      })
    )
  ).pipe(Effect.asVoid, Effect.mapError(String))
}

/**
 * A pooler in transaction mode with little to do gives LISTEN and NOTIFY the same session, whose echo then comes in the answer. What comes
 * later it has nobody to give to. So the second NOTIFY is another session's, and comes while we have nothing to ask: as all others will.
 */
const hearsOthers = ({ echoes }: Provable, options: ProvingOptions): Effect.Effect<void, PostgresError, Transport> => {
  const patience = patienceOf(options.settings)
  return Effect.matchEffect(notifyFromElsewhere(echoes, options, patience), {
    onFailure: (issue) =>
      Effect.annotateLogs(
        Effect.logWarning(
          "pgfx: whether notifications arrive through this pooler is not known: no second session to try it"
        ),
        { issue }
      ),
    onSuccess: () =>
      Effect.timeoutFail(Deferred.await(echoes.foreign), {
        duration: patience,
        onTimeout: () => unsupported(patience)
      })
  })
}

/**
 * Before anybody is told that we listen. An echo carries the process that notified: where that is the one that greeted us, nobody stands in
 * between. A pooler greets with a key of its own, in session mode too, where all is well: there the other session decides.
 *
 * Fails `ListenUnsupported` if nothing comes.
 */
export const proveSession = (life: Provable, options: ProvingOptions): Effect.Effect<void, PostgresError, Transport> =>
  Effect.flatMap(hearsItself(life, patienceOf(options.settings)), (processId) =>
    life.connection.key?.processId === processId ? Effect.void : hearsOthers(life, options)
  )
