// Scopes of one connection, and those who outlive them: a pin, the transaction in it, its savepoints, and the transaction of a stream. What
// one of them does is neither undone nor committed with another.
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Postgres, type PostgresError, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { healthy, pause, single } from "./session.ts"

const add = Query.command`INSERT INTO scoped VALUES (${param("n", Schema.Int)})`
const found = Query.all(Schema.Number)`SELECT n FROM scoped ORDER BY n`
const table = Query.script("DROP TABLE IF EXISTS scoped; CREATE UNLOGGED TABLE scoped (n int4)")
const sleep = Query.command`SELECT pg_sleep(${param("seconds", Schema.Number)}::float8)`
const rows = Query.stream(Schema.Number, { fetchSize: 2 })`SELECT generate_series(1, 10)`

/** A daemon that is inside a savepoint once this returns, having done that there. */
const daemonInside = <E>(work: Effect.Effect<unknown, E, Postgres>) =>
  Effect.gen(function* () {
    const inside = yield* Deferred.make<void>()
    const leave = yield* Deferred.make<void>()
    const body = work.pipe(
      Effect.zipRight(Deferred.succeed(inside, undefined)),
      Effect.zipRight(Deferred.await(leave)),
      Effect.zipRight(add({ n: 99 }))
    )
    const fiber = yield* Effect.forkDaemon(Effect.flip(Transaction.run(body)))
    yield* Deferred.await(inside)
    return { fiber, leave }
  })

const reasonsOf = (errors: ReadonlyArray<PostgresError>) => errors.map(({ reason }) => reason._tag)

for (const server of inject("postgres")) {
  const live = (name: string, body: Effect.Effect<unknown, unknown, Postgres>) =>
    it.live(name, () => Effect.provide(Effect.zipRight(table, Effect.zipLeft(body, healthy)), single(server)))

  describe(`PostgreSQL ${server.majorVersion}: a scope that another outlives`, () => {
    live(
      "T-7: a savepoint of a daemon that is open at COMMIT is not committed with the rest",
      Effect.gen(function* () {
        const { fiber, leave } = yield* Transaction.run(
          Effect.zipRight(add({ n: 1 }), daemonInside(Effect.zipRight(add({ n: 2 }), Transaction.run(add({ n: 3 })))))
        )
        assert.deepStrictEqual(yield* found(), [1])
        yield* Deferred.succeed(leave, undefined)
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TransactionFinished")
        assert.deepStrictEqual(yield* found(), [1])
      })
    )

    live(
      "T-7: nor is one inside a savepoint that is released",
      Effect.gen(function* () {
        const { fiber, leave } = yield* Transaction.run(
          Effect.gen(function* () {
            yield* add({ n: 1 })
            const daemon = yield* Transaction.savepoint(Effect.zipRight(add({ n: 2 }), daemonInside(add({ n: 3 }))))
            yield* add({ n: 4 })
            return daemon
          })
        )
        assert.deepStrictEqual(yield* found(), [1, 2, 4])
        yield* Deferred.succeed(leave, undefined)
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TransactionFinished")
        assert.deepStrictEqual(yield* found(), [1, 2, 4])
      })
    )

    for (const [what, before, expected] of [
      ["before anything else", Effect.void, []],
      ["behind a statement", Effect.asVoid(add({ n: 1 })), [1]]
    ] as const) {
      live(
        `one in which a daemon has run nothing does not disturb COMMIT (${what})`,
        Effect.gen(function* () {
          const { fiber, leave } = yield* Transaction.run(Effect.zipRight(before, daemonInside(Effect.void)))
          assert.deepStrictEqual(yield* found(), expected)
          yield* Deferred.succeed(leave, undefined)
          assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TransactionFinished")
          assert.deepStrictEqual(yield* found(), expected)
        })
      )
    }

    it.live("transactions of two databases, one in the other, keep the statements of both in theirs", () =>
      Effect.gen(function* () {
        const one = Context.get(yield* Layer.build(single(server)), Postgres)
        const two = Context.get(yield* Layer.build(single(server)), Postgres)
        const inOne = Effect.provideService(Postgres, one)
        const inTwo = Effect.provideService(Postgres, two)
        yield* inOne(table)
        const inner = Transaction.run(
          Effect.gen(function* () {
            yield* add({ n: 2 })
            // a savepoint of the outer database, and in it a statement of the inner one
            yield* Transaction.run(Effect.zipRight(add({ n: 3 }), inTwo(add({ n: 4 })))).pipe(inOne)
            return yield* Effect.fail("undone")
          })
        )
        yield* Transaction.run(Effect.zipRight(add({ n: 1 }), Effect.either(inTwo(inner)))).pipe(inOne)
        assert.deepStrictEqual(yield* inOne(found()), [1, 3])
        yield* inOne(healthy)
        yield* inTwo(healthy)
      }).pipe(Effect.scoped)
    )
  })

  describe(`PostgreSQL ${server.majorVersion}: a stream on a connection that is held`, () => {
    live(
      "S-5: has a pin's connection to itself: what is asked for beside it is refused, and nothing gets into its transaction",
      Session.pin(
        Effect.gen(function* () {
          yield* Query.command`CREATE TEMP TABLE kept (n int4)`()
          const errors: Array<PostgresError> = []
          const seen = yield* Stream.runFoldEffect(rows(), 0, (count, n) =>
            Effect.gen(function* () {
              if (n !== 5) return count + 1
              for (const beside of [
                Query.command`INSERT INTO kept VALUES (1)`(),
                Transaction.run(Query.command`INSERT INTO kept VALUES (2)`()),
                Query.script("INSERT INTO kept VALUES (3)"),
                Stream.runDrain(rows())
              ])
                errors.push(yield* Effect.flip(beside))
              return count + 1
            })
          )
          assert.strictEqual(seen, 10)
          assert.deepStrictEqual(
            reasonsOf(errors),
            Array.from({ length: 4 }, () => "StreamInProgress")
          )
          assert.deepStrictEqual([...new Set(errors.map(({ outcome }) => outcome))], ["NotSent"])
          // it has ended, in whatever way: the connection is the pin's again
          assert.strictEqual(yield* Stream.runCount(Stream.take(rows(), 3)), 3)
          yield* Transaction.run(Query.command`INSERT INTO kept VALUES (4)`())
          assert.deepStrictEqual(yield* Query.all(Schema.Number)`SELECT n FROM kept`(), [4])
        })
      )
    )

    live(
      "S-5: leaves room between its batches where the transaction is the caller's, in a pin as well",
      Session.pin(
        Effect.gen(function* () {
          yield* Transaction.run(Stream.runForEach(rows(), (n) => add({ n })))
          assert.deepStrictEqual(
            yield* found(),
            Array.from({ length: 10 }, (_, i) => i + 1)
          )
        })
      )
    )

    live(
      "of a daemon that outlives its pin ends nothing on a connection that is somebody else's by then",
      Effect.gen(function* () {
        const go = yield* Deferred.make<void>()
        const started = yield* Deferred.make<void>()
        const daemon = yield* Session.pin(
          Effect.zipLeft(
            Effect.forkDaemon(
              Effect.flip(
                Stream.runForEach(rows(), () =>
                  Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(go))
                )
              )
            ),
            Deferred.await(started)
          )
        )
        yield* Effect.ignore(
          Transaction.run(
            Effect.gen(function* () {
              yield* add({ n: 1 })
              yield* Deferred.succeed(go, undefined)
              assert.strictEqual((yield* Fiber.join(daemon)).reason._tag, "TransactionFinished")
              yield* add({ n: 2 })
              return yield* Effect.fail("undone")
            })
          )
        )
        assert.deepStrictEqual(yield* found(), [])
      })
    )

    live(
      "that is the only one tells its own consumer that waiting would never end",
      Effect.gen(function* () {
        const error = yield* Effect.flip(Stream.runForEach(rows(), (n) => add({ n })))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["PoolDeadlock", "NotSent"])
        assert.deepStrictEqual(yield* found(), [])
        // another fiber waits for its turn
        const [, sum] = yield* Effect.all(
          [Stream.runForEach(rows(), () => pause(1)), Effect.zipRight(pause(5), sleep({ seconds: 0 }))],
          { concurrency: 2 }
        )
        assert.strictEqual(sum.command, "SELECT")
      })
    )
  })
}
