// What is true of a transaction when its connection ends, and when COMMIT or ROLLBACK does not go as it should: the table of the engine's
// design, §7 and §8. Whatever happens, the answer is never a guess, and COMMIT is never repeated.
import { assert, describe, it } from "@effect/vitest"
import { type BackendMessage } from "@pgfx/protocol"
import { Message, type Script } from "@pgfx/testing"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { PostgresError, Retry, Transaction } from "pgfx"
import { bump, updated, fatal, ends, failureOf, told } from "./outcome.ts"
import {
  answerHealthy,
  connected,
  database,
  healthy,
  idle,
  inFailedTransaction,
  inTransaction,
  serving
} from "./scripted.ts"

describe("a transaction", () => {
  const twice = Effect.zipRight(bump(), bump())

  for (const end of ends) {
    it.effect(`is RolledBack when the connection ends before COMMIT, and so is its statement (${end})`, () =>
      Effect.gen(function* () {
        for (const following of [[], ["UPDATE"], ["UPDATE", "UPDATE"]]) {
          let statement: PostgresError | undefined
          const observed = Effect.tapError(twice, (error) => Effect.sync(() => (statement = error)))
          const error = yield* failureOf(Transaction.run(observed), (backend) =>
            Effect.zipRight(backend.expect("BEGIN", ...following), backend[end])
          )
          assert.deepStrictEqual(told(error), ["Broken", "ConnectionLost", "RolledBack"])
          assert.strictEqual(statement?.outcome, "RolledBack")
          assert.isTrue(PostgresError.isSafeToRetry(error))
        }
      })
    )

    it.effect(`is RolledBack when the connection ends between two statements (${end})`, () =>
      Effect.gen(function* () {
        const ended = yield* Deferred.make<void>()
        const body = Effect.zipRight(bump(), Effect.zipRight(Deferred.await(ended), bump()))
        const error = yield* failureOf(Transaction.run(body), (backend) =>
          Effect.gen(function* () {
            yield* backend.expect("BEGIN", "UPDATE")
            yield* backend.send(updated, inTransaction)
            yield* backend[end]
            yield* Deferred.succeed(ended, undefined)
          })
        )
        assert.deepStrictEqual(told(error), ["Broken", "ConnectionLost", "RolledBack"])
      })
    )

    it.effect(`is Unknown when COMMIT was sent and its answer is not complete (${end})`, () =>
      Effect.gen(function* () {
        const partial: ReadonlyArray<ReadonlyArray<BackendMessage>> = [[], [Message.commandComplete("COMMIT")]]
        for (const messages of partial) {
          let runs = 0
          const counted = Effect.zipRight(
            Effect.sync(() => runs++),
            bump()
          )
          const error = yield* failureOf(
            Transaction.run(counted).pipe(Retry.transient, Effect.provide(Retry.layer(Schedule.recurs(3)))),
            (backend) =>
              Effect.gen(function* () {
                yield* backend.expect("BEGIN", "UPDATE", "COMMIT")
                yield* backend.send(...messages)
                yield* backend[end]
              })
          )
          assert.deepStrictEqual(told(error), ["Broken", "ConnectionLost", "Unknown"])
          assert.strictEqual(runs, 1)
        }
      })
    )
  }

  it.effect("is Unknown when the server says its last word to COMMIT", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(Transaction.run(bump()), (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE", "COMMIT")
          yield* backend.send(fatal("57P01"))
          yield* backend.endConnection
        })
      )
      assert.deepStrictEqual(told(error), ["Broken", "AdminShutdown", "Unknown"])
    })
  )

  it.effect("that idled too long is RolledBack: 25P03", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const body = Effect.zipRight(bump(), Deferred.await(ended))
      const error = yield* failureOf(Transaction.run(body), (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE")
          yield* backend.send(updated, inTransaction)
          yield* backend.send(fatal("25P03", "terminating connection due to idle-in-transaction timeout"))
          yield* backend.endConnection
          yield* Deferred.succeed(ended, undefined)
        })
      )
      assert.deepStrictEqual(told(error), ["Broken", "SessionTimeout", "RolledBack"])
    })
  )

  it.effect("whose COMMIT is answered with ROLLBACK has failed, on a healthy connection (T-3)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Transaction.run(bump()))
      assert.deepStrictEqual(told(error), ["Permanent", "CommitRolledBack", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("BEGIN", "UPDATE", "COMMIT")
          yield* backend.send(Message.commandComplete("ROLLBACK"), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("whose COMMIT fails has failed with that error, on a healthy connection", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Transaction.run(bump()))
      assert.deepStrictEqual(told(error), ["Permanent", "ForeignKeyViolation", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("BEGIN", "UPDATE", "COMMIT")
          yield* backend.send(
            Message.errorResponse({ sqlState: "23503", message: "deferred", constraint: "fk", table: "t" }),
            idle
          )
          yield* answerHealthy(backend)
        })
      )
    )
  )

  const violated = Message.errorResponse({ sqlState: "23505", message: "duplicate", constraint: "pk", table: "t" })

  it.effect("whose ROLLBACK fails keeps the error of its body and loses its connection (T-5)", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(Transaction.run(bump()), (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE")
          yield* backend.send(violated, inFailedTransaction)
          yield* backend.expect("ROLLBACK")
          yield* backend.send(Message.errorResponse({ sqlState: "XX000", message: "no" }), inFailedTransaction)
          yield* backend.expectEnd
        })
      )
      assert.deepStrictEqual(told(error), ["Permanent", "UniqueViolation", "RolledBack"])
    })
  )

  it.effect("whose ROLLBACK fails tells of that behind the failure of its body, and never instead of it (T-5)", () =>
    Effect.gen(function* () {
      const unanswered: Script = (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE")
          yield* backend.send(updated, inTransaction)
          yield* backend.expect("ROLLBACK")
          yield* backend.send(Message.errorResponse({ sqlState: "XX000", message: "no" }), inFailedTransaction)
        })
      const causeOf = <E>(end: Effect.Effect<never, E>) =>
        Effect.sandbox(Transaction.run(Effect.zipRight(bump(), end))).pipe(
          Effect.flip,
          Effect.provide(database(connected(unanswered)))
        )
      const [first, second] = [...Cause.failures(yield* causeOf(Effect.fail("the body's own")))]
      assert.strictEqual(first, "the body's own")
      assert.isTrue(PostgresError.is(second) && String(second).includes("XX000"))
      const defect = yield* causeOf(Effect.die("a bug"))
      assert.deepStrictEqual([...Cause.defects(defect)], ["a bug"])
      assert.deepStrictEqual([...Cause.failures(defect)], [])
    })
  )

  it.effect("whose ROLLBACK is not answered keeps the error of its body, after commitTimeout (T-5)", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE")
          yield* backend.send(violated, inFailedTransaction)
          yield* backend.expect("ROLLBACK")
          yield* Deferred.succeed(asked, undefined)
          yield* backend.expectEnd
        })
      const fiber = yield* Effect.fork(failureOf(Transaction.run(bump()), script))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("29999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Permanent", "UniqueViolation", "RolledBack"])
    })
  )

  it.effect("whose COMMIT is not answered is Unknown, after commitTimeout, whoever interrupts meanwhile", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE", "COMMIT")
          yield* Deferred.succeed(asked, undefined)
          yield* backend.expectEnd
        })
      const fiber = yield* Effect.fork(failureOf(Transaction.run(bump()), script))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), ["Broken", "Unresponsive", "Unknown"])
    })
  )

  it.effect("that the server ends behind our back is a violation, and the connection is gone", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(Transaction.run(bump()), (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "UPDATE")
          yield* backend.send(updated, idle)
          yield* backend.expectEnd
        })
      )
      assert.deepStrictEqual(told(error), ["Broken", "ProtocolViolation", "Unknown"])
    })
  )
})
