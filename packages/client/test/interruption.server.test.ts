// An interrupted statement is cancelled on the server, and the connection is used again only when both ends agree that it is over.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { param, Pool, Query, Transaction } from "pgfx"
import { inject } from "vitest"

const one = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
const sleep = Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const unheld = Effect.flatMap(Pool, (pool) =>
  Effect.map(pool.stats, (stats) => assert.deepStrictEqual(stats, { idle: 1, busy: 0, waiting: 0, max: 1 }))
)
/** Real time: the suites run under TestClock. */
const pause = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))
const elapsed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* self
    return performance.now() - start
  })

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 1 } })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("interruption", (it) => {
      it.effect("C-1: cancels the running statement on the server and gives the connection back", () =>
        Effect.gen(function* () {
          const pid = yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`()
          const fiber = yield* Effect.fork(sleep({ seconds: 30 }))
          yield* pause(50)
          const millis = yield* elapsed(Fiber.interrupt(fiber))
          assert.isBelow(millis, 1000)
          assert.strictEqual(yield* one({ n: 7 }), 7)
          // the same backend: nothing was destroyed
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`(), pid)
          yield* unheld
        })
      )

      it.effect("C-9: does not cancel while somebody else's answer is at stake", () =>
        Effect.gen(function* () {
          const head = yield* Effect.fork(sleep({ seconds: 0.3 }))
          yield* Effect.yieldNow()
          const behind = yield* Effect.fork(one({ n: 1 }))
          yield* pause(50)
          yield* Fiber.interrupt(head)
          // the head ends by itself, the statement behind it gets its answer
          assert.strictEqual(yield* Fiber.join(behind), 1)
          assert.strictEqual(yield* one({ n: 2 }), 2)
          yield* unheld
        })
      )

      it.effect("rolls a transaction back without waiting for its statement to end", () =>
        Effect.gen(function* () {
          yield* Query.command`CREATE TABLE IF NOT EXISTS interrupted (n int4)`()
          const started = yield* Deferred.make<void>()
          const body = Effect.gen(function* () {
            yield* Query.command`INSERT INTO interrupted VALUES (1)`()
            yield* Deferred.succeed(started, undefined)
            yield* sleep({ seconds: 30 })
          })
          const fiber = yield* Effect.fork(Transaction.run(body))
          yield* Deferred.await(started)
          yield* pause(30)
          const millis = yield* elapsed(Fiber.interrupt(fiber))
          assert.isBelow(millis, 2000)
          assert.strictEqual(yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM interrupted`(), 0n)
          yield* Query.command`DROP TABLE interrupted`()
          yield* unheld
        })
      )

      it.effect("ends a statement at its own deadline and says so", () =>
        Effect.gen(function* () {
          const slow = Query.one(Schema.Number, { timeout: "100 seconds" })`SELECT 1 FROM pg_sleep(30)`
          const fiber = yield* Effect.fork(Effect.flip(slow()))
          yield* pause(50)
          yield* TestClock.adjust("100 seconds")
          const error = yield* Fiber.join(fiber)
          assert.deepInclude(error.reason, { _tag: "StatementTimeout", afterMillis: 100_000 })
          assert.strictEqual(error.outcome, "RolledBack")
          const quick = Query.one(Schema.Number, { timeout: "5 seconds" })`SELECT 1`
          assert.strictEqual(yield* quick(), 1)
          yield* unheld
        })
      )

      it.effect(
        "C-2: 2,000 interrupts aimed at the end of a statement cancel no innocent one",
        () =>
          Effect.gen(function* () {
            let innocent = 0
            for (let i = 0; i < 2000; i++) {
              const fiber = yield* Effect.fork(sleep({ seconds: 0.0005 }))
              // the aim wanders over the moment at which the statement ends
              const until = performance.now() + (i % 40) * 0.05
              yield* Effect.async<void>((resume) => {
                const wait = (): void => {
                  if (performance.now() >= until) resume(Effect.void)
                  else setImmediate(wait)
                }
                wait()
              })
              yield* Fiber.interrupt(fiber)
              const next = yield* Effect.either(one({ n: i }))
              if (next._tag === "Left" || next.right !== i) innocent++
            }
            assert.strictEqual(innocent, 0)
            yield* unheld
          }),
        60_000
      )
    })
  })
}
