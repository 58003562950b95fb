// The job queue on a real server: every job once, whoever works and whatever becomes of the listeners.
import { assert, layer } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import { TestDatabase, TestServer } from "@pgfx/testing"
import { Effect, Fiber, Layer, Logger, Redacted, Schema } from "effect"
import { Query } from "pgfx"
import { inject } from "vitest"
import { createTable, enqueue, worker } from "../src/job-queue/jobQueue.ts"

const Database = TestDatabase.layerWith(createTable).pipe(
  Layer.provide([NodeTransport.layer, TestServer.layer({ url: Redacted.make(inject("postgres")[0].url) })]),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

const toDo = Query.one(Schema.Number)`SELECT count(*)::int4 FROM job WHERE failed IS NULL`
const failures = Query.all(Schema.String)`SELECT failed FROM job WHERE failed IS NOT NULL`
const killListeners = Query.all(Schema.Boolean)`
  SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
  WHERE datname = current_database() AND query ~ '^LISTEN |^SELECT pg_catalog.count'`

const allDone = Effect.repeat(Effect.delay(toDo(), "5 millis"), { until: (jobs) => jobs === 0 }).pipe(
  Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => "the jobs are not done" })
)

layer(Database, { excludeTestServices: true })("a job queue", (it) => {
  it.effect("does every job once, with several workers, though their listeners are killed", () =>
    Effect.gen(function* () {
      const didWhat: Array<string> = []
      const work = (task: string) =>
        task === "bad" ? Effect.fail("no good") : Effect.sync(() => void didWhat.push(task))
      yield* enqueue("there before the workers")
      const workers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(worker(work, "1 hour")))
      yield* allDone
      const tasks = Array.from({ length: 30 }, (_, i) => `task ${i}`)
      yield* Effect.forEach([...tasks.slice(0, 15), "bad"], enqueue, { concurrency: 4 })
      yield* allDone
      const killed = yield* Effect.repeat(killListeners(), { until: (sessions) => sessions.length > 0 })
      assert.deepStrictEqual(killed, [true])
      // nobody listens now: what says "look" is lost, what says "listening again" is not
      yield* Effect.forEach(tasks.slice(15), enqueue, { concurrency: 4 })
      yield* allDone
      assert.deepStrictEqual(didWhat.sort(), ["there before the workers", ...tasks].sort())
      assert.deepStrictEqual(yield* failures(), ["no good"])
      yield* Fiber.interruptAll(workers)
    })
  )
})
