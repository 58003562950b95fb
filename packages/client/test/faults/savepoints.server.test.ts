// Group T on a real server, inside a transaction: savepoints, siblings that wait for them, transactions side by side in a pin. What is undone
// with a scope, and what is not.
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Postgres, type PostgresError, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { fail, numbersTable, sleep, undone } from "./numbersTable.ts"
import { healthy, pause } from "./session.ts"

const { add, numbers, onTable: onTableOf } = numbersTable("t_savepoints")

const reasonOf = <A>(
  result:
    | { readonly _tag: "Left"; readonly left: PostgresError | string }
    | { readonly _tag: "Right"; readonly right: A }
) => (result._tag === "Right" ? result.right : typeof result.left === "string" ? result.left : result.left.reason._tag)

for (const server of inject("postgres")) {
  const onTable = onTableOf(server)

  describe(`PostgreSQL ${server.majorVersion}: savepoints and scopes of group T`, () => {
    onTable("T-6: an error in a savepoint leaves the transaction in order", function* () {
      const told = yield* Transaction.run(
        Effect.gen(function* () {
          yield* add({ n: 1 })
          const inner = yield* Effect.either(Transaction.savepoint(Effect.zipRight(add({ n: 2 }), fail())))
          yield* healthy
          yield* add({ n: 3 })
          return inner
        })
      )
      assert.strictEqual(reasonOf(told), "DataException")
      assert.deepStrictEqual(yield* numbers(), [1, 3])
    })

    onTable(
      "T-6: an error in a savepoint that is swallowed inside it fails the savepoint, not the transaction",
      function* () {
        const told = yield* Transaction.run(
          Effect.gen(function* () {
            yield* add({ n: 1 })
            const inner = yield* Effect.either(
              Transaction.savepoint(Effect.zipRight(add({ n: 2 }), Effect.ignore(fail())))
            )
            yield* add({ n: 3 })
            return inner
          })
        )
        assert.strictEqual(told._tag, "Left")
        assert.deepStrictEqual(yield* numbers(), [1, 3])
      }
    )

    onTable("T-7: 50 savepoints deep, exactly the levels that failed are undone", function* () {
      // every third level fails when it comes back, and takes with it what is inside
      const level = (n: number): Effect.Effect<void, PostgresError, Postgres> =>
        n === 51
          ? Effect.void
          : Transaction.run(
              Effect.zipRight(add({ n }), level(n + 1)).pipe(Effect.zipRight(n % 20 === 0 ? undone : Effect.void))
            ).pipe(
              Effect.catchIf(
                (error) => error === "undone",
                () => Effect.void
              )
            )
      yield* level(1)
      assert.deepStrictEqual(
        yield* numbers(),
        Array.from({ length: 19 }, (_, n) => n + 1)
      )
    })

    onTable("T-7: an interruption inside a savepoint undoes that savepoint and nothing else", function* () {
      yield* Transaction.run(
        Effect.gen(function* () {
          yield* add({ n: 1 })
          const inner = yield* Effect.fork(
            Transaction.savepoint(Effect.zipRight(add({ n: 2 }), sleep({ seconds: 30 })))
          )
          yield* pause(50)
          yield* Fiber.interrupt(inner)
          yield* add({ n: 3 })
        })
      )
      assert.deepStrictEqual(yield* numbers(), [1, 3])
    })

    onTable(
      "T-7: a savepoint that cannot be released, because the transaction has failed behind its back, is told",
      function* () {
        const error = yield* Effect.flip(
          Transaction.run(
            Effect.gen(function* () {
              yield* add({ n: 1 })
              yield* Transaction.run(Query.script("ROLLBACK TO SAVEPOINT pgfx_1; RELEASE SAVEPOINT pgfx_1"))
            })
          )
        )
        assert.notStrictEqual(error, undefined)
        assert.deepStrictEqual(yield* numbers(), [])
      }
    )

    onTable("siblings of a savepoint wait for its end, and are not undone with it", function* () {
      yield* Transaction.run(
        Effect.gen(function* () {
          yield* add({ n: 1 })
          const open = yield* Deferred.make<void>()
          const inner = Transaction.savepoint(
            add({ n: 2 }).pipe(
              Effect.zipRight(Deferred.succeed(open, undefined)),
              Effect.zipRight(pause(30)),
              Effect.zipRight(undone)
            )
          )
          const sibling = Effect.zipRight(Deferred.await(open), add({ n: 3 }))
          const nestedSibling = Effect.zipRight(Deferred.await(open), Transaction.savepoint(add({ n: 4 })))
          yield* Effect.all([Effect.ignore(inner), sibling, nestedSibling], { concurrency: "unbounded" })
        })
      )
      assert.deepStrictEqual(yield* numbers(), [1, 3, 4])
    })

    onTable("transactions side by side in a pin follow one another", function* () {
      const results = yield* Session.pin(
        Effect.all(
          [
            Effect.either(Transaction.run(Effect.zipRight(add({ n: 1 }), Effect.zipRight(pause(20), undone)))),
            Effect.either(Transaction.run(Effect.zipRight(add({ n: 2 }), pause(5)))),
            Effect.either(
              Transaction.run(
                Effect.zipRight(pause(10), Effect.zipRight(add({ n: 3 }), Effect.zipRight(pause(5), undone)))
              )
            )
          ],
          { concurrency: "unbounded" }
        )
      )
      assert.deepStrictEqual(
        results.map((result) => result._tag),
        ["Left", "Right", "Left"]
      )
      assert.deepStrictEqual(yield* numbers(), [2])
    })

    onTable("a statement of the pin next to a transaction in it is not undone with it", function* () {
      yield* Session.pin(
        Effect.gen(function* () {
          const open = yield* Deferred.make<void>()
          const inner = Transaction.run(
            add({ n: 1 }).pipe(
              Effect.zipRight(Deferred.succeed(open, undefined)),
              Effect.zipRight(pause(30)),
              Effect.zipRight(undone)
            )
          )
          const beside = Effect.zipRight(Deferred.await(open), add({ n: 2 }))
          yield* Effect.all([Effect.ignore(inner), beside], { concurrency: "unbounded" })
        })
      )
      assert.deepStrictEqual(yield* numbers(), [2])
    })

    onTable(
      "a daemon's savepoint that outlives the transaction writes nothing on a connection that is not its own any more",
      function* () {
        const daemons = yield* Transaction.run(
          Effect.gen(function* () {
            yield* add({ n: 1 })
            const late = Effect.zipRight(pause(30), Effect.flip(Transaction.run(add({ n: 2 }))))
            const begun = Effect.flip(
              Transaction.run(Effect.zipRight(add({ n: 3 }), Effect.zipRight(pause(60), add({ n: 4 }))))
            )
            const fibers = [yield* Effect.forkDaemon(late), yield* Effect.forkDaemon(begun)]
            yield* pause(10)
            return fibers
          })
        )
        const neighbour = yield* Effect.fork(
          Transaction.run(Effect.zipRight(add({ n: 10 }), Effect.zipRight(pause(150), add({ n: 11 }))))
        )
        for (const daemon of daemons) {
          const error = yield* Fiber.join(daemon)
          assert.strictEqual(error.reason._tag, "TransactionFinished")
        }
        yield* Fiber.join(neighbour)
        const found = yield* numbers()
        assert.deepStrictEqual(
          found.filter((n) => n === 2 || n === 4),
          []
        )
        assert.deepStrictEqual(
          found.filter((n) => n >= 10),
          [10, 11]
        )
      }
    )

    onTable("a stream in a pin does not end a transaction that was begun by hand", function* () {
      const rows = Query.stream(Schema.Number, { fetchSize: 2 })`SELECT generate_series(1, 5)`
      yield* Session.pin(
        Effect.gen(function* () {
          yield* Query.script("BEGIN")
          yield* add({ n: 1 })
          assert.strictEqual(yield* Stream.runCount(rows()), 5)
          yield* add({ n: 2 })
          yield* Query.script("ROLLBACK")
        })
      )
      assert.deepStrictEqual(yield* numbers(), [])
    })
  })
}
