// Behind a pooler in transaction mode: P-23, X-20. PgBouncer is in no npm package, so the pooler is a stand-in of `@pgfx/testing` in front of a real
// server: it hands each transaction another session, knows nothing of prepared statements, and goes away in PgBouncer's ways and words.
import { assert, describe, it } from "@effect/vitest"
import { startTransactionPooler, type TransactionPooler } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Notification, param, Pool, type Postgres, Query, Transaction } from "pgfx"
import { inject } from "vitest"
import { eventually, trustingServer } from "../faults/session.ts"
import { backend, echo, pooled } from "./pooled.ts"

const patience = 20_000
const numbers = Array.from({ length: 40 }, (_, n) => n)

for (const { majorVersion } of inject("postgres")) {
  const server = trustingServer(majorVersion)

  const test = (
    name: string,
    body: (pooler: TransactionPooler, lines: ReadonlyArray<string>) => Effect.Effect<void, unknown, Postgres | Pool>
  ): void =>
    it.scopedLive(
      name,
      () =>
        Effect.gen(function* () {
          const pooler = yield* Effect.acquireRelease(
            Effect.promise(() => startTransactionPooler({ target: server(), sessions: 3 })),
            ({ close }) => Effect.promise(close)
          )
          const lines: Array<string> = []
          const logger = Logger.replace(
            Logger.defaultLogger,
            Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
          )
          const { database, user } = server()
          const url = Redacted.make(`postgresql://${user}@127.0.0.1:${pooler.port}/${database}?sslmode=disable`)
          const all = { url, pool: { max: 2, acquireTimeout: "15 seconds" } } as const
          yield* Effect.provide(body(pooler, lines), Layer.provideMerge(pooled(all), logger))
        }),
      60_000
    )

  describe(`PostgreSQL ${majorVersion}`, () => {
    test("P-23: behind a pooler that gives each transaction another session, statements go without names, and that is said once", (_, lines) =>
      Effect.gen(function* () {
        // one after the other: each is a transaction, on another session than the one before
        for (const n of numbers) assert.strictEqual(yield* echo({ n }), n)
        assert.isAbove(new Set(yield* Effect.forEach(numbers, () => backend())).size, 1, "the sessions change")
        const told = lines.filter((line) => line.includes("prepared statement"))
        assert.strictEqual(told.length, 1, lines.join("\n"))
        // nothing is left to be refused: not in transactions either, where a refusal could not be mended
        yield* Effect.forEach(numbers, (n) => Transaction.run(Effect.all([echo({ n }), backend()])), {
          concurrency: 8,
          discard: true
        })
        const stream = Query.stream(Schema.Number, {
          fetchSize: 10
        })`SELECT n FROM generate_series(1, ${param("last", Schema.Int)}) AS n`
        assert.strictEqual(yield* Stream.runCount(stream({ last: 1_000 })), 1_000)
        assert.strictEqual(lines.filter((line) => line.includes("prepared statement")).length, 1, "said once")
      }))

    test("X-20: PAUSE makes whoever asks wait, and nobody fails", (pooler) =>
      Effect.gen(function* () {
        yield* echo({ n: 0 })
        pooler.pause()
        const waiting = yield* Effect.fork(Effect.forEach([1, 2, 3], (n) => echo({ n }), { concurrency: "unbounded" }))
        yield* Effect.sleep("300 millis")
        assert.isNull(yield* Effect.map(Fiber.poll(waiting), (exit) => (exit._tag === "None" ? null : exit.value)))
        pooler.resume()
        assert.deepStrictEqual(yield* Fiber.join(waiting), [1, 2, 3])
      }))

    test("a listener behind it is told that it would hear nothing, though the server accepts LISTEN", () =>
      Effect.gen(function* () {
        const jobs = Notification.channel("jobs", Schema.String)
        const error = yield* Effect.flip(Stream.runDrain(jobs.events))
        assert.strictEqual(error.reason._tag, "ListenUnsupported", String(error))
        assert.include(String(error), "pooler in session mode")
        assert.strictEqual(yield* echo({ n: 1 }), 1)
      }))

    for (const [name, happen, reason] of [
      ["a crash of the session behind it (08P01)", ({ crash }: TransactionPooler) => crash(), /server conn crashed/],
      ["a restart", ({ restart }: TransactionPooler) => restart(), /pgbouncer is shutting down/]
    ] as const) {
      test(`X-20: ${name} is told to whoever was under way, with what is not known, and the pool goes on`, (pooler) =>
        Effect.gen(function* () {
          const slow = Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(30)`
          const { stats } = yield* Pool
          const running = yield* Effect.fork(Effect.flip(slow()))
          yield* eventually(
            "it runs",
            Effect.map(stats, ({ busy }) => busy === 1),
            patience
          )
          yield* Effect.sleep("100 millis")
          happen(pooler)
          const error = yield* Fiber.join(running)
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.outcome, "Unknown")
          assert.match(error.toString(), reason)
          for (const n of numbers) assert.strictEqual(yield* echo({ n }), n)
        }))
    }
  })
}
