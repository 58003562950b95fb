import { Effect, Option, Schema, Stream } from "effect"
import { Notification, type NotificationEvent, type Postgres, type PostgresError, Retry, Transaction } from "pgfx"

const Job = Schema.parseJson(Schema.Struct({ id: Schema.UUID, kind: Schema.String }))
type Job = typeof Job.Type
declare const work: (job: Job) => Effect.Effect<void>
declare const workOffTheTable: Effect.Effect<void>
export const jobs = Notification.channel("jobs", Job)

// simple: a lost connection is a failure, the standard operators apply
export const worker = jobs.listen.pipe(
  Stream.mapEffect((job) => work(job), { concurrency: 4 }),
  Stream.retry(Retry.schedules.connect),
  Stream.runDrain
)

// exact: `Listening` arrives first and after every reconnection, the moment to re-read the state
export const exactWorker = Stream.runForEach(jobs.events, (event) =>
  event._tag === "Listening" ? workOffTheTable : work(event.message)
)

export const enqueue = (job: Job) => jobs.notify(job).pipe(Transaction.run) // delivered at COMMIT

// one message, or none in time
export const next = jobs.waitFor("10 seconds")

// ---- the types a user sees
export const t1: Stream.Stream<Job, PostgresError, Postgres> = jobs.listen
export const t2: Stream.Stream<NotificationEvent<Job>, PostgresError, Postgres> = jobs.events
export const t3: Effect.Effect<void, PostgresError, Postgres> = enqueue({ id: "", kind: "" })
export const t4: Effect.Effect<Option.Option<Job>, PostgresError, Postgres> = next
// @ts-expect-error a payload is text: its Schema must encode to a string
Notification.channel("jobs", Schema.Struct({ id: Schema.UUID }))
