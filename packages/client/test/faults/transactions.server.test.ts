// Group T on a real server: what a transaction keeps, undoes and says, whatever happens inside it, around it and next to it.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, type Postgres, type PostgresError, Query, Retry, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { numbersTable, sleep, undone } from "./numbersTable.ts"
import { behind, discarded, faultProxy, healthy, latest, pause, single } from "./session.ts"

const { add, empty: table, numbers, onTable: onTableOf } = numbersTable("t")

const reasonOf = <A>(
  result:
    | { readonly _tag: "Left"; readonly left: PostgresError | string }
    | { readonly _tag: "Right"; readonly right: A }
) => (result._tag === "Right" ? result.right : typeof result.left === "string" ? result.left : result.left.reason._tag)

for (const server of inject("postgres")) {
  const Live = single(server)
  const live = (name: string, body: Effect.Effect<unknown, unknown, Postgres>, settings = {}) =>
    it.live(name, () => Effect.provide(body, single(server, settings)))

  const onTable = onTableOf(server)

  describe(`PostgreSQL ${server.majorVersion}: group T`, () => {
    onTable("T-4: an interrupted transaction is rolled back before anybody else gets the connection", function* () {
      for (const seconds of [0, 30]) {
        const started = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          Transaction.run(
            add({ n: 1 }).pipe(
              Effect.zipRight(Deferred.succeed(started, undefined)),
              Effect.zipRight(sleep({ seconds })),
              Effect.zipRight(Effect.never)
            )
          )
        )
        yield* Deferred.await(started)
        yield* pause(seconds === 0 ? 20 : 5)
        const next = yield* Effect.fork(numbers())
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* Fiber.join(next), [])
      }
    })

    it.live("T-5: a ROLLBACK that meets a lost connection keeps the body's error, and the connection is gone", () =>
      Effect.gen(function* () {
        const proxy = yield* faultProxy(server)
        yield* Effect.gen(function* () {
          const error = yield* Effect.flip(
            Transaction.run(
              Effect.gen(function* () {
                yield* healthy
                latest(proxy).arm("toServer", 0, "cut")
                return yield* undone
              })
            )
          )
          assert.strictEqual(error, "undone")
          yield* discarded
        }).pipe(Effect.provide(single(behind(server, proxy))))
      }).pipe(Effect.scoped)
    )

    onTable(
      "a statement that was interrupted dooms its transaction, though the server may have finished it",
      function* () {
        const told: Array<string> = []
        const error = yield* Effect.flip(
          Transaction.run(
            Effect.gen(function* () {
              yield* add({ n: 1 })
              for (let i = 0; i < 20; i++) {
                const fiber = yield* Effect.fork(add({ n: 2 }))
                yield* Effect.yieldNow()
                yield* Fiber.interrupt(fiber)
              }
              const next = yield* Effect.either(add({ n: 3 }))
              told.push(String(reasonOf(next)))
            })
          )
        )
        assert.strictEqual(error.reason._tag, "CommitRolledBack")
        assert.strictEqual(error.outcome, "RolledBack")
        assert.deepStrictEqual(told, ["InFailedSqlTransaction"])
        assert.deepStrictEqual(yield* numbers(), [])
      }
    )

    onTable("a statement that was interrupted before it was sent dooms nothing", function* () {
      yield* Transaction.run(
        Effect.gen(function* () {
          yield* add({ n: 1 })
          const open = yield* Deferred.make<void>()
          const inner = yield* Effect.fork(
            Transaction.savepoint(
              add({ n: 2 }).pipe(Effect.zipRight(Deferred.succeed(open, undefined)), Effect.zipRight(pause(50)))
            )
          )
          yield* Deferred.await(open)
          // waits for the end of the savepoint
          const waiting = yield* Effect.fork(add({ n: 3 }))
          yield* pause(5)
          yield* Fiber.interrupt(waiting)
          yield* Fiber.join(inner)
        })
      )
      assert.deepStrictEqual(yield* numbers(), [1, 2])
    })

    onTable("a daemon that outlives its transaction is told so, and writes nothing", function* () {
      const daemon = yield* Transaction.run(
        Effect.gen(function* () {
          yield* add({ n: 1 })
          return yield* Effect.forkDaemon(Effect.zipRight(pause(30), Effect.flip(add({ n: 2 }))))
        })
      )
      const error = yield* Fiber.join(daemon)
      assert.strictEqual(error.reason._tag, "TransactionFinished")
      assert.strictEqual(error.outcome, "NotSent")
      assert.deepStrictEqual(yield* numbers(), [1])
    })

    it.live(
      "T-8: a serialization failure is Transient at a statement and at COMMIT, and a repetition of the whole goes well",
      () =>
        Effect.gen(function* () {
          const one = yield* Layer.build(Live)
          const two = yield* Layer.build(Live)
          yield* Effect.provide(table, one)
          yield* Effect.provide(add({ n: 1 }), one)
          const serializable = Transaction.runWith({ isolation: "serializable" })
          const update = Query.command`UPDATE t SET n = n + 1`
          const sum = Query.one(Schema.BigIntFromSelf)`SELECT sum(n) FROM t`

          // at a statement: both change the row that both have seen
          const meet = (other: Effect.Effect<unknown, PostgresError, Postgres>) => {
            let met = false
            return Effect.suspend(() => {
              if (met) return Effect.void
              met = true
              return Effect.provide(other, two)
            })
          }
          const atStatement = serializable(sum().pipe(Effect.zipRight(meet(update())), Effect.zipRight(update())))
          const error = yield* Effect.provide(Effect.flip(atStatement), one)
          assert.deepStrictEqual(
            [error._tag, error.reason._tag, error.outcome],
            ["Transient", "SerializationFailure", "RolledBack"]
          )

          // at COMMIT: write skew, each reads what the other writes
          const skew = (n: number, inBetween: Effect.Effect<unknown, PostgresError>) =>
            serializable(sum().pipe(Effect.zipRight(add({ n })), Effect.zipRight(inBetween)))
          const other = Effect.provide(skew(10, Effect.void), two)
          const committing = yield* Effect.provide(Effect.flip(skew(100, other)), one)
          assert.deepStrictEqual(
            [committing._tag, committing.reason._tag, committing.outcome],
            ["Transient", "SerializationFailure", "RolledBack"]
          )

          // and again as a whole
          let attempts = 0
          // somebody else's work: with the context of this fiber it would be the attempt's own, and not to be done twice
          const others: Effect.Effect<unknown, PostgresError> = Effect.mapInputContext(update(), () => two)
          const repeated = Effect.suspend(() => {
            attempts++
            return serializable(
              sum().pipe(Effect.zipRight(attempts === 1 ? others : Effect.void), Effect.zipRight(update()))
            )
          }).pipe(Retry.transient, Effect.provide(Retry.layerDefault))
          yield* Effect.provide(repeated, one)
          assert.strictEqual(attempts, 2)
          yield* Effect.provide(healthy, one)
        }).pipe(Effect.scoped)
    )

    it.live("T-8: a deadlock is Transient for one of the two, and the other goes on", () =>
      Effect.gen(function* () {
        const one = yield* Layer.build(Live)
        const two = yield* Layer.build(Live)
        yield* Effect.provide(
          Query.script("DROP TABLE IF EXISTS t; CREATE TABLE t (n int4); INSERT INTO t VALUES (1), (2)"),
          one
        )
        const lock = Query.command`UPDATE t SET n = n WHERE n = ${param("n", Schema.Int)}`
        const both = (first: number, second: number) =>
          Effect.either(
            Transaction.run(lock({ n: first }).pipe(Effect.zipRight(pause(50)), Effect.zipRight(lock({ n: second }))))
          )
        const results = yield* Effect.all([Effect.provide(both(1, 2), one), Effect.provide(both(2, 1), two)], {
          concurrency: 2
        })
        const failures = results.flatMap((result) => (result._tag === "Left" ? [result.left] : []))
        assert.deepStrictEqual(
          failures.map((error) => [error._tag, error.reason._tag, error.outcome]),
          [["Transient", "DeadlockDetected", "RolledBack"]]
        )
        yield* Effect.provide(healthy, one)
        yield* Effect.provide(healthy, two)
      }).pipe(Effect.scoped)
    )

    live(
      "T-10: a transaction that a function leaves open does not swallow the neighbours",
      Effect.gen(function* () {
        // BEGIN by hand is refused; in a pin it is rolled back
        yield* table
        yield* Session.pin(Effect.zipRight(Query.script("BEGIN"), add({ n: 1 })))
        assert.deepStrictEqual(yield* numbers(), [])
        yield* healthy
      })
    )

    for (const [name, setting, run, tag, fate] of [
      [
        "25P03, idle in transaction",
        "SET LOCAL idle_in_transaction_session_timeout = 50",
        Effect.asVoid(Effect.zipRight(pause(300), sleep({ seconds: 0 }))),
        "SessionTimeout",
        discarded
      ],
      ...(server.majorVersion >= 17
        ? ([
            [
              "25P04, transaction_timeout",
              "SET LOCAL transaction_timeout = 100",
              sleep({ seconds: 5 }),
              "SessionTimeout",
              discarded
            ]
          ] as const)
        : []),
      [
        "57014, statement_timeout",
        "SET LOCAL statement_timeout = 50",
        Effect.asVoid(sleep({ seconds: 5 })),
        "QueryCanceled",
        healthy
      ],
      [
        "55P03, lock_timeout",
        "SET LOCAL lock_timeout = 50",
        Query.command`LOCK TABLE t_locked`(),
        "LockNotAvailable",
        healthy
      ]
    ] as const) {
      it.live(`T-11: ${name} is told apart, and the transaction is RolledBack`, () =>
        Effect.gen(function* () {
          const other = yield* Layer.build(Live)
          yield* Effect.provide(Query.script("CREATE TABLE IF NOT EXISTS t_locked (n int4)"), other)
          yield* Effect.provide(table, other)
          const locked = yield* Deferred.make<void>()
          const holding = yield* Effect.fork(
            Effect.provide(
              Transaction.run(
                Effect.zipRight(
                  Query.command`LOCK TABLE t_locked`(),
                  Effect.zipRight(Deferred.succeed(locked, undefined), Effect.never)
                )
              ),
              other
            )
          )
          yield* Deferred.await(locked)
          yield* Effect.gen(function* () {
            const error = yield* Effect.flip(
              Transaction.run(
                Query.command`${Sql.unsafe(setting)}`().pipe(Effect.zipRight(add({ n: 1 })), Effect.zipRight(run))
              )
            )
            assert.strictEqual(error.reason._tag, tag)
            assert.strictEqual(error.outcome, "RolledBack")
            if (error.reason._tag === "QueryCanceled") assert.strictEqual(error.reason.by, "statement timeout")
            yield* fate
          }).pipe(Effect.provide(Live))
          yield* Fiber.interrupt(holding)
          assert.deepStrictEqual(yield* Effect.provide(numbers(), other), [])
        }).pipe(Effect.scoped)
      )
    }

    live(
      "T-15: isolation, access, deferrability and settings end with their transaction",
      Effect.gen(function* () {
        const shown = Query.one(Schema.Tuple(Schema.String, Schema.String, Schema.String, Schema.String))`
          SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),
                 current_setting('transaction_deferrable'), current_setting('work_mem')`
        const usual = yield* shown()
        const special = {
          isolation: "serializable",
          access: "read only",
          deferrable: true,
          settings: { work_mem: "7MB" }
        } as const
        assert.deepStrictEqual(yield* Transaction.runWith(special)(shown()), ["serializable", "on", "on", "7MB"])
        assert.deepStrictEqual(yield* shown(), usual)
        assert.deepStrictEqual(yield* Transaction.run(shown()), usual)
        yield* Effect.ignore(Transaction.runWith(special)(Effect.zipRight(shown(), undone)))
        assert.deepStrictEqual(yield* Transaction.run(shown()), usual)
        const nothing = yield* Transaction.runWith({ deferrable: false, isolation: "repeatable read" })(shown())
        assert.deepStrictEqual(nothing, ["repeatable read", "off", "off", usual[3]])
        yield* healthy
      })
    )

    live(
      "a body that runs no statement sends nothing",
      Effect.gen(function* () {
        assert.strictEqual(yield* Transaction.run(Transaction.run(Effect.succeed(7))), 7)
        yield* healthy
      })
    )

    onTable("a stream that fails in a transaction fails it, and COMMIT does not pretend otherwise", function* () {
      const failing = Query.stream(Schema.Number, { fetchSize: 2 })`SELECT 10 / (5 - n) FROM generate_series(1, 9) n`
      const error = yield* Effect.flip(
        Transaction.run(Effect.zipRight(add({ n: 1 }), Effect.ignore(Stream.runDrain(failing()))))
      )
      assert.strictEqual(error.reason._tag, "CommitRolledBack")
      assert.deepStrictEqual(yield* numbers(), [])
    })

    onTable("BEGIN that fails runs nothing of its body in autocommit", function* () {
      const error = yield* Effect.flip(Transaction.runWith({ settings: { "no such setting": "x" } })(add({ n: 1 })))
      assert.strictEqual(error.outcome, "RolledBack")
      assert.deepStrictEqual(yield* numbers(), [])
    })

    onTable("concurrent first statements join one transaction, whichever of them carries BEGIN", function* () {
      for (let round = 0; round < 20; round++) {
        const ids = yield* Transaction.run(
          Effect.all(
            Array.from({ length: 5 }, () => Query.one(Schema.String)`SELECT pg_current_xact_id()::text`()),
            { concurrency: "unbounded" }
          )
        )
        assert.strictEqual(new Set(ids).size, 1)
      }
    })

    onTable("the first statement, interrupted together with BEGIN, leaves no transaction open", function* () {
      for (let round = 0; round < 50; round++) {
        const fiber = yield* Effect.fork(Transaction.run(Effect.zipRight(sleep({ seconds: 0.001 }), add({ n: 1 }))))
        yield* round % 2 === 0 ? Effect.yieldNow() : pause(1)
        yield* Fiber.interrupt(fiber)
        // were a transaction open, this would be in it, and gone with the connection
        yield* add({ n: 2 })
      }
      const seen = yield* Effect.provide(numbers(), Live)
      assert.deepStrictEqual(seen.filter((n) => n === 2).length, 50)
      assert.isTrue(seen.length === 50 || seen.every((n) => n === 2 || n === 1))
    })

    onTable("a daemon that outlives its pin is told so by queries, transactions and streams alike", function* () {
      const rows = Query.stream(Schema.Number, { fetchSize: 2 })`SELECT generate_series(1, 100)`
      const late = <A, E>(self: Effect.Effect<A, E, Postgres>) =>
        Effect.forkDaemon(Effect.zipRight(pause(30), Effect.flip(self)))
      const daemons = yield* Session.pin(
        Effect.all([
          late(add({ n: 1 })),
          late(Transaction.run(add({ n: 2 }))),
          late(Stream.runDrain(rows())),
          late(Session.pin(add({ n: 3 }))),
          // one that was begun in time
          Effect.forkDaemon(Effect.flip(Stream.runForEach(rows(), () => pause(1))))
        ]).pipe(Effect.zipLeft(pause(10)))
      )
      const errors = yield* Effect.forEach(daemons, (daemon: Fiber.Fiber<PostgresError, unknown>) => Fiber.join(daemon))
      for (const error of errors) assert.strictEqual(error.reason._tag, "TransactionFinished")
      assert.deepStrictEqual(yield* numbers(), [])
    })
  })
}
