// What the tests of notifications on real servers share: a client whose sessions have a name of their own, what it hears, and who kills.
import { assert } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  type NotificationChannel,
  type NotificationEvent,
  param,
  type Pool,
  Postgres,
  type PostgresError,
  Query,
  type Retry,
  type Settings
} from "pgfx"
import { eventually } from "../faults/session.ts"

/** generous: the machine may be busy with other tests */
export const patience = 15_000

let names = 0
/** A name for a channel or a client that no other test has. */
export const fresh = (word: string): string => `${word}_${process.pid}_${++names}`

/** A client whose sessions can be told from all others by `application_name`. */
export const client = (
  url: string,
  applicationName: string,
  settings: Settings = {}
): Layer.Layer<Postgres | Pool | Retry, PostgresError> =>
  NodePostgres.layer({ url: Redacted.make(url), applicationName, pool: { max: 2 }, ...settings })

const sessions = Query.all(Schema.Struct({ pid: Schema.Number, query: Schema.String }))`
  SELECT pid, query FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)} ORDER BY backend_start`

export const sessionsOf = (name: string) => sessions({ name })

const terminate = Query.all(Schema.Boolean)`
  SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)}`

/** Ends every session of that client on the server, and answers how many there were when they are gone. */
export const kill = (name: string) => Effect.map(terminate({ name }), (ended) => ended.length)

/** What a subscriber hears, as text, while the rest of the test goes on. */
export interface Hearing {
  readonly heard: Array<string>
  /** waits until it has heard so many things */
  readonly until: (count: number) => Effect.Effect<void>
  /** why it ended */
  readonly failure: () => PostgresError | undefined
}

export const shown = <A>(event: NotificationEvent<A>): string =>
  event._tag === "Received" ? String(event.message) : event.gap ? "gap" : "listening"

/** Hears the stream in a fiber of the test's scope. */
export const hear = <A, R>(stream: Stream.Stream<A, PostgresError, R>, show: (item: A) => string = String) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    let failure: PostgresError | undefined
    const fiber = yield* Stream.runForEach(stream, (item) => Effect.sync(() => heard.push(show(item)))).pipe(
      Effect.catchAll((error) =>
        Effect.sync(() => {
          failure = error
        })
      ),
      Effect.forkScoped
    )
    const until = (count: number) =>
      eventually(
        `${count} heard; ${heard.join(" ")}`,
        Effect.sync(() => heard.length >= count || failure !== undefined),
        patience
      ).pipe(Effect.zipRight(Effect.sync(() => assert.isAtLeast(heard.length, count, String(failure ?? "")))))
    const hearing: Hearing = { heard, until, failure: () => failure }
    return { ...hearing, fiber }
  })

export const hearEvents = <A, R>({ events }: NotificationChannel<A, R>) => hear(events, shown)

/** Until it has ended with a failure, which is answered. */
export const failureOf = ({ failure }: Hearing): Effect.Effect<PostgresError> =>
  Effect.map(
    eventually(
      "the stream fails",
      Effect.sync(() => failure() !== undefined),
      patience
    ),
    () => failure() ?? assert.fail("it has not failed")
  )

/** There are no sessions of that client. */
export const gone = (name: string) =>
  eventually(
    `no session of ${name} is left`,
    Effect.map(sessionsOf(name), (found) => found.length === 0),
    patience
  )

/** Without the warnings that a loss is worth: here it is meant. */
export const quietly: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.provide(
  Logger.remove(Logger.defaultLogger)
)
