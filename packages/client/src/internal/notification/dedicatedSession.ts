// The session that listens: a connection of its own beside the pool's, by the same settings and the same TLS policy. It is proved to hear
// (proveSession.ts), kept under watch by a heartbeat, and replaced when it is lost. What it listens to is the Listener's affair.
import type { NotificationResponse, ReportFields } from "@pgfx/protocol"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Broken, PostgresError } from "../../PostgresError.ts"
import { Retry } from "../../Retry.ts"
import type { Transport } from "../../Transport.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import { noRows } from "../exchange/parts.ts"
import { SimpleQuery } from "../exchange/simpleQuery.ts"
import { errorOfFailure } from "../failure.ts"
import { ask } from "../startup/ask.ts"
import { openConnection } from "../startup/openConnection.ts"
import type { ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import type { SessionEvents } from "./Listener.ts"
import { makeEchoes, ownStatement, type Provable, proveSession } from "./proveSession.ts"
import { errorOfLoss } from "./subscriptionError.ts"

/** quiet time between two questions, and how long an answer may take (engine design §10): a dead peer is found within 40 s */
const heartbeatInterval = Duration.seconds(30)
const heartbeatTimeout = Duration.seconds(10)

const notLeased = (error: PostgresError): ExchangeFailure => ({ _tag: "NotLeased", error })

const lostBy = (reason: CloseReason): ExchangeFailure => ({ _tag: "ConnectionClosed", reason, sent: true })

export interface DedicatedSession {
  readonly settings: ResolvedSettings
  readonly notice: (fields: ReportFields) => void
}

/** A standby refuses LISTEN. Where there are several servers, the one that notifications come from is looked for. */
const onPrimary = (settings: ResolvedSettings): ResolvedSettings => {
  const { hosts, targetSessionAttrs } = settings
  const mayBeStandby = targetSessionAttrs === "any" || targetSessionAttrs === "prefer-standby"
  return hosts.length > 1 && mayBeStandby ? { ...settings, targetSessionAttrs: "primary" } : settings
}

const open = (
  { notice, settings }: DedicatedSession,
  events: SessionEvents,
  lost: Deferred.Deferred<never, ExchangeFailure>
): Effect.Effect<Provable, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const echoes = yield* makeEchoes
    const notification = (received: NotificationResponse): void => {
      if (!echoes.takes(received)) events.received(received)
    }
    const connection = yield* openConnection(onPrimary(settings), {
      notice,
      notification,
      idle: () => undefined,
      // nothing is ever abandoned on it
      allAbandoned: () => undefined,
      closed: (reason) => Deferred.unsafeDone(lost, Effect.fail(lostBy(reason)))
    })
    return { connection, echoes }
  })

/**
 * Not a bare Sync: whoever answers has to be the session that listens. A pooler in transaction mode, or a proxy that has fallen over, may
 * have put another one in its place, which would be silent for ever.
 */
const heartbeat = ({ connection, echoes }: Provable): Effect.Effect<never, ExchangeFailure> => {
  const { dispatcher, duplex } = connection
  const sql = `SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels() AS c WHERE c OPERATOR(pg_catalog.=) '${echoes.channel}'`
  const during = "the heartbeat of the listener"
  const dead = Effect.suspend(() => {
    const reason: CloseReason = { _tag: "Unresponsive", during }
    dispatcher.close(reason)
    duplex.destroy()
    return Effect.fail(lostBy(reason))
  })
  const beat = Effect.mapError(ask(dispatcher, ownStatement(sql)), notLeased).pipe(
    Effect.timeoutTo({
      duration: heartbeatTimeout,
      onSuccess: (count) => (count === "1" ? Effect.void : Effect.fail(notLeased(exchanged()))),
      onTimeout: () => dead
    }),
    Effect.flatten
  )
  return Effect.forever(Effect.zipRight(Effect.sleep(heartbeatInterval), beat))
}

const exchanged = (): Broken =>
  new Broken({
    reason: {
      _tag: "ConnectionLost",
      cause: "another session has taken the place of the one that listens, as a pooler in transaction mode does"
    },
    outcome: "RolledBack",
    state: "the connection is closed"
  })

const runOn =
  (dispatcher: Dispatcher): Parameters<SessionEvents["opened"]>[0] =>
  (sql, settled) =>
    dispatcher.submit(new SimpleQuery({ sql, sink: () => noRows }, (_, failure) => settled(failure)))

/** From the first packet to the loss. */
const live = (
  session: DedicatedSession,
  events: SessionEvents,
  opened: Effect.Effect<void>
): Effect.Effect<never, ExchangeFailure, Transport> =>
  Effect.scoped(
    Effect.gen(function* () {
      const lost = yield* Deferred.make<never, ExchangeFailure>()
      const life = yield* Effect.mapError(open(session, events, lost), notLeased)
      const proved = proveSession(life, { ...session, settings: onPrimary(session.settings) })
      yield* Effect.raceFirst(Effect.mapError(proved, notLeased), Deferred.await(lost))
      yield* opened
      events.opened(runOn(life.connection.dispatcher))
      return yield* Effect.raceFirst(Deferred.await(lost), heartbeat(life))
    })
  )

/** A defect is our bug; the subscribers shall hear of it all the same. */
const failureOf = (cause: Cause.Cause<ExchangeFailure>): ExchangeFailure => {
  const found = Cause.failureOption(cause)
  if (found._tag === "Some") return found.value
  const error = Cause.squash(cause)
  return notLeased(
    PostgresError.is(error)
      ? error
      : new Broken({ reason: { _tag: "ConnectionLost", cause: error }, outcome: "RolledBack", cause: error })
  )
}

/** A link that is not safe, and a refusal, would be met again: nobody is asked twice. */
const mayReopen = (error: PostgresError): boolean => error._tag !== "Permanent" && error.reason._tag !== "TlsFailed"

/** Keeps a session for as long as somebody wants one; each loss is told before the next is opened. */
export const keepDedicatedSession = (
  session: DedicatedSession,
  events: SessionEvents
): Effect.Effect<void, never, Transport> =>
  Effect.gen(function* () {
    const pace = yield* Schedule.driver(Retry.schedules.connect)
    for (;;) {
      const exit = yield* Effect.exit(live(session, events, pace.reset))
      if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return
      const failure = failureOf(exit.cause)
      const error = errorOfFailure(failure, errorOfLoss)
      if (!mayReopen(error)) return events.failed(failure)
      if (!events.lost(failure)) return
      yield* Effect.annotateLogs(
        Effect.logWarning("pgfx: the session that listens is gone, another one is opened"),
        error.details
      )
      const paced = yield* Effect.exit(pace.next(error))
      if (Exit.isFailure(paced) && !Cause.isInterrupted(paced.cause)) return events.failed(failure)
    }
  })
