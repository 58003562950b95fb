// A job queue in one table. The table is the truth, SKIP LOCKED lets workers take different jobs, and a notification only says "look":
// so a lost one costs nothing but the wait for the next look, and `Listening` is one.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Notification, param, Query, Transaction } from "pgfx"

export const createTable = Query.script(`
  CREATE TABLE job (
    id     int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task   text NOT NULL,
    failed text
  );
  CREATE INDEX job_to_do ON job (id) WHERE failed IS NULL;
`)

/** Delivered when the job is committed; equal ones of a transaction are one. */
const added = Notification.channel("job_added", Schema.Literal(""))

const insert = Query.command`INSERT INTO job (task) VALUES (${param("task", Schema.String)})`

export const enqueue = (task: string) => Effect.zipRight(insert({ task }), added.notify("")).pipe(Transaction.run)

const Job = Schema.Struct({ id: Schema.BigIntFromSelf, task: Schema.String })

const take = Query.option(Job)`
  SELECT id, task FROM job WHERE failed IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
`
const done = Query.command`DELETE FROM job WHERE id = ${param("id", Schema.BigIntFromSelf)}`
const failed = Query.command`
  UPDATE job SET failed = ${param("why", Schema.String)} WHERE id = ${param("id", Schema.BigIntFromSelf)}
`

/** What does a job; its own statements are committed together with the job's end, or not at all. */
type Work<E, R> = (task: string) => Effect.Effect<void, E, R>

/**
 * Takes one job, does it, and says whether there was one. If this program dies meanwhile, the lock goes with its session and the job is
 * another worker's. What the work has done before it failed is undone, the note of the failure is not.
 */
const workOnce = <E, R>(work: Work<E, R>) =>
  Effect.flatMap(
    take(),
    Option.match({
      onNone: () => Effect.succeed(false),
      onSome: ({ id, task }) =>
        work(task).pipe(
          Transaction.savepoint,
          Effect.matchEffect({
            onSuccess: () => done({ id }),
            onFailure: (error) => failed({ id, why: String(error) })
          }),
          Effect.as(true)
        )
    })
  ).pipe(Transaction.run)

const workOffTheTable = <E, R>(work: Work<E, R>) => Effect.repeat(workOnce(work), { while: (more) => more })

/**
 * Works for ever. It looks into the table when it begins to listen, after every gap, and whenever something was added; what is added while
 * it works is one more look, however many notifications that was. The look each `interval` is for programs that insert and do not notify.
 */
export const worker = <E, R>(work: Work<E, R>, interval: Duration.DurationInput = "1 minute") =>
  added.events.pipe(
    Stream.merge(Stream.tick(interval)),
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(() => workOffTheTable(work))
  )
