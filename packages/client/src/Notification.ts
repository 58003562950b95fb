// LISTEN and NOTIFY: messages between the sessions of a database, delivered at COMMIT, kept for nobody who is not listening. All
// listeners of a database share one session beside its pool. What may have been missed is always told: by a failure, or by a mark.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { databaseOf } from "./internal/database.ts"
import { issueOfChannel, issueOfPayload, listenText } from "./internal/notification/limits.ts"
import { notify, notifyStatement } from "./internal/notification/notify.ts"
import type { SubscriptionItem } from "./internal/notification/Subscription.ts"
import { subscriptionStream } from "./internal/notification/subscriptionStream.ts"
import { definedAt } from "./internal/origin.ts"
import { explainIssue } from "./internal/rows/issue.ts"
import { Postgres } from "./Postgres.ts"
import { Permanent, type PostgresError, type ServerReport, type StatementInfo } from "./PostgresError.ts"

export type NotificationEvent<A> =
  /**
   * LISTEN is in effect. `gap`: messages may have been missed, because the connection was lost or because this subscriber was slower than
   * its buffer is large: read the tables again.
   */
  | { readonly _tag: "Listening"; readonly gap: boolean }
  /** `processId`: of the session that sent it */
  | { readonly _tag: "Received"; readonly message: A; readonly processId: number }

export interface ChannelOptions {
  /** messages kept for a subscriber that is busy; default 4,096 */
  readonly buffer?: number
}

/**
 * A channel. Each run of `listen` and `events` is a subscription of its own, all over one session; LISTEN is sent for the first of a
 * channel, UNLISTEN when the last has gone, and the session is closed with the last of all.
 */
export interface NotificationChannel<A, R = never> {
  readonly name: string
  /**
   * The messages, as committed from the moment LISTEN is in effect. Fails on whatever may have made it miss one, after all that came
   * before: Broken when the connection is lost, `SubscriberBehind` when its buffer is full. `Stream.retry(Retry.schedules.connect)`
   * listens again; what was sent meanwhile is lost.
   */
  readonly listen: Stream.Stream<A, PostgresError, Postgres | R>
  /**
   * The messages and the gaps. Reconnects by `Retry.schedules.connect`; a full buffer drops its oldest message. Either is marked by
   * `Listening` with `gap` in the place of what may be missing, before anything that came later. Fails where a reconnection cannot help:
   * Permanent, `TlsFailed`.
   *
   * To miss nothing: read the tables at each `Listening`, then go on with the messages.
   */
  readonly events: Stream.Stream<NotificationEvent<A>, PostgresError, Postgres | R>
  /**
   * Sends a message: when it is committed, if in a transaction; PostgreSQL delivers equal messages of one transaction once. Refuses
   * what encodes to more than 7,999 bytes (`InvalidParameter`).
   */
  readonly notify: (message: A) => Effect.Effect<void, PostgresError, Postgres | R>
  /**
   * Listens for one message and no longer than `timeout`, connecting included. What was sent before LISTEN was in effect is not it: to
   * answer a message with a message, use `events`.
   */
  readonly waitFor: (timeout: Duration.DurationInput) => Effect.Effect<Option.Option<A>, PostgresError, Postgres | R>
}

/** undelivered messages per subscriber (engine design §14) */
const defaultBuffer = 4_096

const invalidParameter = (statement: StatementInfo, parameter: string, issue: string): Permanent =>
  new Permanent({
    reason: { _tag: "InvalidParameter", parameter, issue },
    outcome: "NotSent",
    statement,
    state: "the connection is healthy"
  })

const received = (item: SubscriptionItem) => (item._tag === "Listening" ? Option.none() : Option.some(item))

const channel = <A, I extends string, R>(
  name: string,
  payload: Schema.Schema<A, I, R>,
  options: ChannelOptions = {}
): NotificationChannel<A, R> => {
  const place = definedAt()
  const listening: StatementInfo = { name: `listen ${name}`, sql: listenText(name), definedAt: place }
  const sending = notifyStatement({ name: `notify ${name}`, definedAt: place })
  const decodePayload = ParseResult.decodeUnknown(payload)
  const encodeMessage = ParseResult.encode(payload)
  const issue = issueOfChannel(name)

  const subscribe = (heals: boolean): Stream.Stream<SubscriptionItem, PostgresError, Postgres> =>
    issue === undefined
      ? Stream.unwrap(
          Effect.map(Postgres, (postgres) =>
            subscriptionStream(databaseOf(postgres), {
              channel: name,
              heals,
              capacity: options.buffer ?? defaultBuffer,
              statement: listening
            })
          )
        )
      : Stream.fail(invalidParameter(listening, "channel", issue))

  const decode = (text: string): Effect.Effect<A, PostgresError, R> =>
    Effect.mapError(decodePayload(text), (refused) => {
      const { path, text } = explainIssue(refused)
      const at = path.length === 0 ? "" : `${path.map(String).join(".")}: `
      // the sender has committed it; only its form is not ours
      return new Permanent({
        reason: { _tag: "InvalidNotification", channel: name, issue: `${at}${text}` },
        outcome: "Committed",
        statement: listening,
        state: "the connection is healthy; this subscription has ended"
      })
    })

  const event = (item: SubscriptionItem): Effect.Effect<NotificationEvent<A>, PostgresError, R> =>
    item._tag === "Listening"
      ? Effect.succeed(item)
      : Effect.map(decode(item.payload), (message) => ({ _tag: "Received", message, processId: item.processId }))

  const listen = subscribe(false).pipe(
    Stream.filterMap(received),
    Stream.mapEffect((message) => decode(message.payload))
  )

  const send = (message: A): Effect.Effect<void, PostgresError, Postgres | R> =>
    Effect.gen(function* () {
      const { info } = sending.statement
      if (issue !== undefined) return yield* invalidParameter(info, "channel", issue)
      const text = yield* Effect.mapError(encodeMessage(message), (refused) => {
        const { path, text } = explainIssue(refused)
        return invalidParameter(info, ["message", ...path.map(String)].join("."), text)
      })
      const tooMuch = issueOfPayload(text)
      if (tooMuch !== undefined) return yield* invalidParameter(info, "message", `its payload ${tooMuch}`)
      const database = databaseOf(yield* Postgres)
      return yield* notify(database, sending, name, text)
    })

  return {
    name,
    listen,
    events: Stream.mapEffect(subscribe(true), event),
    notify: send,
    waitFor: (timeout) => Effect.map(Effect.timeoutOption(Stream.runHead(listen), timeout), Option.flatten)
  }
}

/**
 * @example
 * const jobs = Notification.channel("jobs", Schema.parseJson(Schema.Struct({ id: Schema.UUID })))
 *
 * const worker = jobs.events.pipe(
 *   Stream.runForEach((event) => (event._tag === "Listening" ? workOffTheTable : work(event.message)))
 * )
 *
 * @since 0.1.0
 * @category notifications
 */
export const Notification: {
  /**
   * `name`: 1 to 63 bytes, taken as it is, case and all; one that PostgreSQL would truncate or refuse is `InvalidParameter` wherever it is
   * used. `payload` encodes to a string; `Schema.parseJson` makes one of anything.
   */
  readonly channel: <A, I extends string, R>(
    name: string,
    payload: Schema.Schema<A, I, R>,
    options?: ChannelOptions
  ) => NotificationChannel<A, R>
  /** NoticeResponse messages of all connections of the database, that of the listeners included; a subscriber that is 64 behind loses the oldest */
  readonly notices: Stream.Stream<ServerReport, never, Postgres>
} = { channel, notices: Stream.unwrap(Effect.map(Postgres, (postgres) => postgres.notices)) }
