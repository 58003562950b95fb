// What is tried again, on real servers, and above all what is not: nothing whose effect may be there already, unless the caller said that
// twice is harmless, and nothing at all inside a transaction.
import { assert, describe, it, layer } from "@effect/vitest"
import { startFaultProxy } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, param, type Postgres, PostgresError, Query, Retry, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { behind, latest, pause, single } from "./faults/session.ts"
import { pooled, urlOf } from "./resilience/pooled.ts"

const insert = Query.command`INSERT INTO again VALUES (${param("n", Schema.Int)})`
const rows = Query.all(Schema.Number)`SELECT n FROM again ORDER BY n`
const setUp = Query.script(`
  CREATE TABLE IF NOT EXISTS again (n int4);
  CREATE TABLE IF NOT EXISTS counted (id int4 PRIMARY KEY, n int4);
  TRUNCATE again, counted;
  INSERT INTO counted VALUES (1, 0), (2, 0);
`)
/** Fails as the server would: a serialization failure, and whatever else has that code. */
const raise = (sqlState: string) =>
  Query.script(`DO $$ BEGIN RAISE SQLSTATE '${sqlState}' USING MESSAGE = 'no'; END $$`)
/** The same, and it cannot have committed anything: a block of code could. */
const collide = Effect.asVoid(Transaction.run(raise("40001")))

/** Runs, and counts how often. */
const counting = <A, E, R>(self: (attempt: number) => Effect.Effect<A, E, R>) => {
  const seen = { attempts: 0 }
  return { seen, work: Effect.suspend(() => self(++seen.attempts)) }
}

const quick = Retry.layer(Schedule.intersect(Schedule.spaced("1 millis"), Schedule.recurs(5)))

/** Two wait for one another here. */
const meeting = Effect.map(Deferred.make<void>(), (both) => {
  const there = new Set<number>()
  return (who: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      there.add(who)
      return there.size === 2 ? Effect.asVoid(Deferred.succeed(both, undefined)) : Deferred.await(both)
    })
})

/** What is logged meanwhile. */
const listening = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const said: Array<string> = []
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => void said.push(String(message)))
  )
  return Effect.map(Effect.provide(self, logger), (result) => ({ result, said }))
}

for (const server of inject("postgres")) {
  const Live = Layer.merge(pooled({ url: urlOf(server), pool: { max: 4 } }), quick)

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live, { excludeTestServices: true })("a whole transaction", (it) => {
      it.scoped("is repeated when two of them collide, and both have their effect once", () =>
        Effect.gen(function* () {
          yield* setUp
          let attempts = 0
          const increment = Transaction.runWith({ isolation: "serializable" })(
            Effect.gen(function* () {
              attempts++
              const n = yield* Query.one(Schema.Number)`SELECT n FROM counted WHERE id = 1`()
              yield* pause(5)
              yield* Query.command`UPDATE counted SET n = ${param("n", Schema.Int)} WHERE id = 1`({ n: n + 1 })
            })
          )
          // the same with the service's policy and with a schedule
          const patient = Retry.layer(Schedule.jittered(Schedule.spaced("5 millis")))
          yield* Effect.all(
            [
              ...Array.from({ length: 4 }, () => Effect.provide(Retry.transient(increment), patient)),
              ...Array.from({ length: 4 }, () => Effect.retry(increment, Retry.schedules.transient))
            ],
            { concurrency: "unbounded" }
          )
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT n FROM counted WHERE id = 1`(), 8)
          assert.isAbove(attempts, 8)
        })
      )

      it.scoped("is repeated when the collision shows at COMMIT only", () =>
        Effect.gen(function* () {
          yield* setUp
          // Each reads what the other writes: one of the two must not commit, and finds that out last.
          const skewed = (reads: number, writes: number, meet: Effect.Effect<void>) =>
            counting((attempt) =>
              Transaction.runWith({ isolation: "serializable" })(
                Effect.gen(function* () {
                  const sum = yield* Query.one(
                    Schema.Number
                  )`SELECT n FROM counted WHERE id = ${param("id", Schema.Int)}`({ id: reads })
                  yield* Query.command`UPDATE counted SET n = ${param("n", Schema.Int)} WHERE id = ${param("id", Schema.Int)}`(
                    { n: sum + 1, id: writes }
                  )
                  if (attempt === 1) yield* meet
                })
              )
            )
          const meet = yield* meeting
          const one = skewed(1, 2, meet(1))
          const other = skewed(2, 1, meet(2))
          yield* Effect.all([Retry.transient(one.work), Retry.transient(other.work)], { concurrency: 2 })
          assert.strictEqual(one.seen.attempts + other.seen.attempts, 3)
          const numbers = yield* Query.all(Schema.Number)`SELECT n FROM counted ORDER BY n`()
          assert.deepStrictEqual(numbers, [1, 2], "as one after the other")
        })
      )

      it.scoped("is repeated after a deadlock", () =>
        Effect.gen(function* () {
          yield* setUp
          const update = Query.command`UPDATE counted SET n = n + 1 WHERE id = ${param("id", Schema.Int)}`
          const meet = yield* meeting
          const both = (first: number, second: number) =>
            counting((attempt) =>
              Transaction.run(
                Effect.gen(function* () {
                  yield* update({ id: first })
                  if (attempt === 1) yield* meet(first)
                  yield* update({ id: second })
                })
              )
            )
          const one = both(1, 2)
          const other = both(2, 1)
          yield* Effect.all([Retry.transient(one.work), Retry.transient(other.work)], { concurrency: 2 })
          assert.isAtLeast(one.seen.attempts + other.seen.attempts, 3)
          assert.deepStrictEqual(yield* Query.all(Schema.Number)`SELECT n FROM counted`(), [2, 2])
        })
      )

      it.scoped("is never repeated from inside, neither by an operator nor by a schedule", () =>
        Effect.gen(function* () {
          yield* setUp
          for (const again of [
            Retry.transient,
            Retry.idempotent,
            <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.retry(self, Retry.schedules.transient),
            <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.retry(self, Retry.schedules.idempotent)
          ]) {
            const inner = counting(() => raise("40001"))
            const outer = counting(() => Transaction.run(again(inner.work)))
            yield* Effect.flip(outer.work)
            assert.strictEqual(inner.seen.attempts, 1)
          }
          const inner = counting((attempt) => (attempt < 3 ? Effect.asVoid(raise("40P01")) : Effect.void))
          yield* Retry.transient(Transaction.run(Effect.zipRight(insert({ n: 1 }), Retry.transient(inner.work))))
          assert.deepStrictEqual(yield* rows(), [1])
        })
      )
    })

    layer(Live, { excludeTestServices: true })("several statements that commit by themselves", (it) => {
      const keeps: ReadonlyArray<readonly [what: string, Effect.Effect<unknown, PostgresError, Postgres>]> = [
        ["a statement", insert({ n: 1 })],
        ["a statement with rows", Query.one(Schema.Number)`INSERT INTO again VALUES (1) RETURNING n`()],
        [
          "one that changes something on the way",
          Query.one(Schema.Number)`WITH x AS (INSERT INTO again VALUES (1) RETURNING n) SELECT n FROM x`()
        ],
        ["a script", Query.script("SELECT 1; INSERT INTO again VALUES (1)")],
        ["a transaction", Transaction.run(insert({ n: 1 }))],
        ["a nested transaction", Transaction.run(Transaction.run(insert({ n: 1 })))],
        ["a statement in a pin", Session.pin(insert({ n: 1 }))],
        ["a COPY", Stream.run(Stream.make(1), Copy.in(Schema.Int)`COPY again FROM STDIN (FORMAT binary)`)]
      ]
      for (const [what, keeping] of keeps) {
        it.scoped(`are not repeated once ${what} has taken effect, and it is said why`, () =>
          Effect.gen(function* () {
            yield* setUp
            const { seen, work } = counting(() => Effect.zipRight(keeping, collide))
            const { result: error, said } = yield* listening(Effect.flip(Retry.transient(work)))
            assert.strictEqual(error.reason._tag, "SerializationFailure")
            assert.strictEqual(seen.attempts, 1)
            assert.deepStrictEqual(yield* rows(), [1])
            assert.lengthOf(said, 1)
            assert.include(said[0], "not repeated")
            // and inside another operator just as well
            yield* setUp
            const nested = counting(() => Effect.zipRight(Retry.transient(keeping), collide))
            yield* Effect.flip(Retry.transient(Effect.provide(nested.work, quick)))
            assert.deepStrictEqual(yield* rows(), [1])
          })
        )
      }

      const leavesNothing: ReadonlyArray<readonly [what: string, Effect.Effect<unknown, PostgresError, Postgres>]> = [
        ["was read", rows()],
        ["was read in a transaction", Transaction.run(rows())],
        ["was rolled back", Effect.ignore(Transaction.run(Effect.zipRight(insert({ n: 1 }), Effect.fail("no"))))],
        ["was tried", Transaction.dryRun(insert({ n: 1 }))],
        [
          "was undone with a savepoint",
          Transaction.run(Effect.ignore(Transaction.run(Effect.zipRight(insert({ n: 1 }), Effect.fail("no")))))
        ],
        ["was refused", Effect.ignore(Query.command`INSERT INTO again SELECT 1 / 0`())]
      ]
      for (const [what, harmless] of leavesNothing) {
        it.scoped(`are repeated if something only ${what}`, () =>
          Effect.gen(function* () {
            yield* setUp
            const { seen, work } = counting((attempt) =>
              Effect.zipRight(harmless, attempt < 3 ? collide : Effect.asVoid(insert({ n: 7 })))
            )
            yield* Retry.transient(work)
            assert.strictEqual(seen.attempts, 3)
            assert.deepStrictEqual(yield* rows(), [7])
          })
        )
      }

      it.scoped("are repeated by whoever vouches for them", () =>
        Effect.gen(function* () {
          yield* setUp
          const once = Query.command`INSERT INTO again SELECT 1 WHERE NOT EXISTS (SELECT FROM again)`
          const { seen, work } = counting((attempt) => Effect.zipRight(once(), attempt < 3 ? collide : Effect.void))
          yield* Retry.idempotent(work)
          assert.strictEqual(seen.attempts, 3)
          assert.deepStrictEqual(yield* rows(), [1])
          // vouched for inside, so it may be repeated from outside
          const outer = counting((attempt) =>
            Effect.zipRight(Retry.idempotent(once()), attempt < 3 ? collide : Effect.void)
          )
          yield* Retry.transient(outer.work)
          assert.strictEqual(outer.seen.attempts, 3)
          assert.deepStrictEqual(yield* rows(), [1])
        })
      )
    })

    describe("an unknown outcome", () => {
      /** Whatever is asked of the server arrives, and the first answer to an INSERT does not. */
      const cutting = <A, E>(
        body: (cut: Effect.Effect<void>) => Effect.Effect<A, E, Postgres | Retry>
      ): Effect.Effect<A, E | PostgresError> =>
        Effect.acquireUseRelease(
          Effect.promise(() => startFaultProxy({ target: server })),
          (proxy) => {
            const cut = Effect.sync(() => latest(proxy).arm("toClient", 0, "cut"))
            const place = behind(server, proxy)
            // nothing else is under way when the cut is armed, and the server knows the statement: it is executed in one flight
            const prepared = Effect.provide(setUp, single(server)).pipe(
              Effect.zipRight(insert({ n: 0 })),
              Effect.zipRight(Query.command`DELETE FROM again`())
            )
            return Effect.provide(
              Effect.zipRight(prepared, body(cut)),
              Layer.merge(pooled({ url: urlOf(place), pool: { max: 1 } }), quick)
            )
          },
          (proxy) => Effect.promise(proxy.close)
        )

      it.live("is repeated by idempotent only", () =>
        Effect.gen(function* () {
          for (const again of [
            Retry.transient,
            <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.retry(self, Retry.schedules.transient)
          ]) {
            yield* cutting((cut) =>
              Effect.gen(function* () {
                const { seen, work } = counting((attempt) =>
                  Effect.zipRight(attempt === 1 ? cut : Effect.void, insert({ n: 1 }))
                )
                const error = yield* Effect.flip(again(work))
                assert.strictEqual(error._tag, "Broken")
                assert.strictEqual(error.outcome, "Unknown")
                assert.strictEqual(seen.attempts, 1)
              })
            )
            // it had arrived
            assert.deepStrictEqual(yield* Effect.provide(rows(), single(server)), [1])
          }
          for (const again of [
            Retry.idempotent,
            <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.retry(self, Retry.schedules.idempotent)
          ]) {
            yield* cutting((cut) =>
              Effect.gen(function* () {
                const { seen, work } = counting((attempt) =>
                  Effect.zipRight(attempt === 1 ? cut : Effect.void, insert({ n: 1 }))
                )
                yield* again(work)
                assert.strictEqual(seen.attempts, 2)
              })
            )
            assert.deepStrictEqual(yield* Effect.provide(rows(), single(server)), [1, 1])
          }
        })
      )

      it.live("at COMMIT is one as well", () =>
        Effect.gen(function* () {
          const committing = (cut: Effect.Effect<void>) =>
            counting((attempt) => Transaction.run(Effect.zipLeft(insert({ n: 1 }), attempt === 1 ? cut : Effect.void)))
          yield* cutting((cut) =>
            Effect.gen(function* () {
              const { seen, work } = committing(cut)
              const error = yield* Effect.flip(Retry.transient(work))
              assert.strictEqual(error.outcome, "Unknown")
              assert.strictEqual(seen.attempts, 1)
            })
          )
          yield* cutting((cut) =>
            Effect.gen(function* () {
              const { seen, work } = committing(cut)
              yield* Retry.idempotent(work)
              assert.strictEqual(seen.attempts, 2)
            })
          )
        })
      )

      it.live("that the program passed over is not forgotten by the attempt around it", () =>
        cutting((cut) =>
          Effect.gen(function* () {
            const { seen, work } = counting((attempt) =>
              Effect.gen(function* () {
                if (attempt === 1) yield* cut
                yield* Effect.ignore(insert({ n: 1 }))
                yield* collide
              })
            )
            yield* Effect.flip(Retry.transient(work))
            assert.strictEqual(seen.attempts, 1)
          })
        )
      )
    })

    layer(Live, { excludeTestServices: true })("the schedules", (it) => {
      it.effect("stop at once at a failure that is not theirs", () =>
        Effect.gen(function* () {
          for (const schedule of Object.values(Retry.schedules)) {
            const foreign = counting(() => Effect.fail("not ours" as const))
            assert.strictEqual(yield* Effect.flip(Effect.retry(foreign.work, schedule)), "not ours")
            assert.strictEqual(foreign.seen.attempts, 1)
            const permanent = counting(() => Query.command`SELECT 1 / 0`())
            yield* Effect.flip(Effect.retry(permanent.work, schedule))
            assert.strictEqual(permanent.seen.attempts, 1)
          }
        })
      )

      it.scoped("wait 20 ms, double that, and end after ten seconds", () =>
        Effect.gen(function* () {
          const driver = yield* Schedule.driver(Retry.schedules.transient)
          const failure = yield* Effect.flip(collide)
          assert.isTrue(PostgresError.isSafeToRetry(failure))
          const delays: Array<number> = []
          for (let n = 0; n < 4; n++) {
            yield* driver.next(failure)
            delays.push(Duration.toMillis(yield* driver.last.pipe(Effect.orDie)))
          }
          delays.forEach((delay, index) => {
            assert.isAtLeast(delay, 20 * 2 ** index * 0.8 - 0.001)
            assert.isAtMost(delay, 20 * 2 ** index * 1.2 + 0.001)
          })
        })
      )
    })
  })
}
