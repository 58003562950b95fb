// What is true of a statement, or of a transaction, when its connection ends: the table of the engine's design, §7. The server is cut off
// at every stage; the answer is never a guess, and nothing that may have happened is repeated.
import { assert, describe, it } from "@effect/vitest"
import { type BackendMessage, encodeBackend, joinChunks } from "@pgfx/protocol"
import { Message, type Script } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { Postgres, PostgresError, Query, Retry, Transaction } from "pgfx"
import { bump, names, simple, answer, updated, fatal, ends, failureOf, told } from "./outcome.ts"
import {
  connected,
  database,
  discarded,
  healthy,
  idle,
  inFailedTransaction,
  inTransaction,
  serving
} from "./scripted.ts"

describe("a statement outside a transaction", () => {
  for (const end of ends) {
    it.effect(`is NotSent when the connection had ended before (${end})`, () =>
      Effect.gen(function* () {
        const ended = yield* Deferred.make<void>()
        const script: Script = (backend) => Effect.zipRight(backend[end], Deferred.succeed(ended, undefined))
        yield* Effect.gen(function* () {
          yield* Deferred.await(ended)
          yield* Effect.yieldNow()
          yield* discarded
        }).pipe(Effect.provide(database(connected(script))))
      })
    )

    it.effect(`is Unknown when the answer ends at any message but the last (${end})`, () =>
      Effect.gen(function* () {
        for (let said = 0; said < answer.length; said++) {
          for (const query of [names(), simple]) {
            const error = yield* failureOf(query, (backend) =>
              Effect.gen(function* () {
                yield* backend.expect("SELECT name")
                if (said > 0) yield* backend.send(...answer.slice(0, said))
                yield* backend[end]
              })
            )
            const reason = "ConnectionLost"
            assert.deepStrictEqual(told(error), ["Broken", reason, "Unknown"], `after ${said} messages`)
          }
        }
      })
    )

    it.effect(`is Unknown when the answer ends at any byte, and known with the last one (${end})`, () =>
      Effect.gen(function* () {
        const bytes = joinChunks(answer.map(encodeBackend))
        for (let said = 0; said < bytes.length; said++) {
          const error = yield* failureOf(simple, (backend) =>
            Effect.gen(function* () {
              yield* backend.expect("SELECT name")
              yield* backend.sendBytes(bytes.slice(0, said))
              yield* backend[end]
            })
          )
          assert.strictEqual(error._tag, "Broken", `after ${said} bytes`)
          assert.strictEqual(error.outcome, "Unknown", `after ${said} bytes`)
          assert.isFalse(PostgresError.isSafeToRetry(error))
        }
        const rows = yield* simple.pipe(
          Effect.provide(
            serving(function* (backend) {
              yield* backend.expect("SELECT name")
              yield* backend.sendBytes(bytes)
              yield* backend[end]
            })
          )
        )
        assert.strictEqual(rows.length, 1)
      })
    )
  }

  it.effect("is RolledBack when an ERROR had been reported, whatever became of the connection", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(bump(), (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("UPDATE")
          yield* backend.send(Message.errorResponse({ sqlState: "40001", message: "could not serialize" }))
          yield* backend.cutConnection
        })
      )
      assert.deepStrictEqual(told(error), ["Transient", "SerializationFailure", "RolledBack"])
      assert.include(String(error), "the connection is closed")
    })
  )

  const spotted = Query.one(Schema.Struct({ n: Schema.Number }))`UPDATE counters SET n = n + 1 RETURNING n`

  for (const end of ends) {
    it.effect(`is RolledBack when the connection ends while it is only being described (${end})`, () =>
      Effect.gen(function* () {
        const described = [Message.parseComplete(), Message.parameterDescription()]
        for (let said = 0; said <= described.length; said++) {
          const error = yield* failureOf(spotted(), (backend) =>
            Effect.gen(function* () {
              yield* backend.expect("Parse", "Describe", "Sync")
              if (said > 0) yield* backend.send(...described.slice(0, said))
              yield* backend[end]
            })
          )
          assert.deepStrictEqual(told(error), ["Broken", "ConnectionLost", "RolledBack"], `after ${said} messages`)
        }
      })
    )
  }

  it.effect("is not repeated by Retry.transient when its outcome is Unknown", () =>
    Effect.gen(function* () {
      let runs = 0
      const counted = Effect.zipRight(
        Effect.sync(() => runs++),
        bump()
      )
      const error = yield* failureOf(
        counted.pipe(Retry.transient, Effect.provide(Retry.layer(Schedule.recurs(3)))),
        (backend) => Effect.zipRight(backend.expect("UPDATE"), backend.cutConnection)
      )
      assert.deepStrictEqual([runs, error.outcome], [1, "Unknown"])
    })
  )

  it.effect("keeps what was answered before in a pipeline, and does not know of what was not", () =>
    Effect.gen(function* () {
      const results = yield* Effect.all(
        [bump(), bump(), bump()].map((one) => Effect.either(one)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map((result) => (Either.isRight(result) ? result.right.rows : result.left.outcome)),
        [1, "Unknown", "Unknown"]
      )
      yield* discarded
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("UPDATE")
          yield* backend.send(updated, idle)
          yield* backend.expect("UPDATE")
          yield* backend.send(updated)
          yield* backend.cutConnection
        })
      )
    )
  )

  it.effect("is RolledBack when the server says that a transaction is open: the connection is dropped", () =>
    Effect.gen(function* () {
      for (const status of [inTransaction, inFailedTransaction]) {
        const error = yield* failureOf(bump(), (backend) =>
          Effect.gen(function* () {
            yield* backend.expect("UPDATE")
            yield* backend.send(updated, status)
            yield* backend.expectEnd
          })
        )
        assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "RolledBack"])
      }
    })
  )
})

describe("a server's last word", () => {
  const words = [
    ["57P01", "AdminShutdown", "Unknown"],
    ["57P02", "AdminShutdown", "Unknown"],
    // the server was waiting for a command: it did not run ours
    ["57P05", "SessionTimeout", "NotSent"],
    ["XX000", "ConnectionLost", "Unknown"]
  ] as const
  for (const [sqlState, reason, outcome] of words) {
    it.effect(`is the reason: ${sqlState} during a statement`, () =>
      Effect.gen(function* () {
        for (const end of ends) {
          const error = yield* failureOf(names(), (backend) =>
            Effect.gen(function* () {
              yield* backend.expect("SELECT name")
              yield* backend.send(fatal(sqlState))
              yield* backend[end]
            })
          )
          assert.deepStrictEqual(told(error), ["Broken", reason, outcome])
        }
      })
    )
  }

  it.effect("is the reason when it came while nothing was asked", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* backend.send(fatal("57P01"))
          yield* backend.endConnection
          yield* Deferred.succeed(ended, undefined)
        })
      yield* Effect.gen(function* () {
        yield* Deferred.await(ended)
        yield* Effect.yieldNow()
        assert.deepStrictEqual(told(yield* Effect.flip(healthy)), ["Broken", "AdminShutdown", "NotSent"])
      }).pipe(Effect.provide(database(connected(script))))
    })
  )

  it.effect("may be a warning, where the server has to quit at once", () =>
    Effect.gen(function* () {
      const crash = Message.noticeResponse({ severity: "WARNING", sqlState: "57P02", message: "another has crashed" })
      const chatter = Message.noticeResponse({ severity: "WARNING", sqlState: "25001", message: "of no consequence" })
      for (const end of ends) {
        const asked = failureOf(names(), (backend) =>
          Effect.gen(function* () {
            yield* backend.expect("SELECT name")
            yield* backend.send(chatter, crash)
            yield* backend[end]
          })
        )
        const error = yield* asked
        assert.deepStrictEqual(told(error), ["Broken", "AdminShutdown", "Unknown"])
        assert.include(error.message, "another has crashed")
        const unsaid = yield* failureOf(names(), (backend) =>
          Effect.gen(function* () {
            yield* backend.expect("SELECT name")
            yield* backend.send(chatter)
            yield* backend[end]
          })
        )
        assert.deepStrictEqual(told(unsaid), ["Broken", "ConnectionLost", "Unknown"])
        assert.notInclude(unsaid.message, "of no consequence")
      }
    })
  )

  it.effect("is not taken for the answer to a statement that came after it", () =>
    Effect.gen(function* () {
      const said = yield* Deferred.make<void>()
      const error = yield* failureOf(Effect.zipRight(Deferred.await(said), names()), (backend) =>
        Effect.gen(function* () {
          // an ERROR, unasked: what it was about has nothing to do with what is lost later
          yield* backend.send(Message.errorResponse({ sqlState: "57014", message: "too late" }))
          yield* Deferred.succeed(said, undefined)
          yield* backend.expect("SELECT name")
          yield* backend.endConnection
        })
      )
      assert.deepStrictEqual(told(error), ["Broken", "ConnectionLost", "Unknown"])
    })
  )

  const sequences: ReadonlyArray<readonly [what: string, messages: ReadonlyArray<BackendMessage>]> = [
    ["twice", [fatal("57P01"), fatal("XX000", "and again")]],
    ["before rows", [fatal("57P01"), Message.dataRow("x")]],
    ["before ReadyForQuery", [fatal("57P01"), idle]],
    ["after the command tag", [Message.rowDescription("name"), Message.commandComplete("SELECT 0"), fatal("57P01")]]
  ]
  for (const [what, messages] of sequences) {
    it.effect(`is the first FATAL one: ${what} (Q-15)`, () =>
      Effect.gen(function* () {
        for (const query of [names(), simple]) {
          const error = yield* failureOf(query, (backend) =>
            Effect.gen(function* () {
              yield* backend.expect("SELECT name")
              yield* backend.send(...messages)
              yield* backend.endConnection
            })
          )
          assert.deepStrictEqual(told(error), ["Broken", "AdminShutdown", "Unknown"])
        }
      })
    )
  }

  it.effect("is the reason of everything in a pipeline (Q-15)", () =>
    Effect.gen(function* () {
      const results = yield* Effect.all(
        [names(), names(), names()].map((one) => Effect.either(one)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map((result) => (Either.isRight(result) ? [] : told(result.left))),
        Array.from({ length: 3 }, () => ["Broken", "AdminShutdown", "Unknown"])
      )
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("SELECT name")
          yield* backend.send(fatal("57P01"), fatal("57P01"))
          yield* backend.endConnection
        })
      )
    )
  )
})

describe("a database that is closed", () => {
  it.effect("fails what is asked of it, and throws nothing (Q-24)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(database(connected(() => Effect.void)), scope)
      yield* Scope.close(scope, Exit.void)
      const queries: ReadonlyArray<Effect.Effect<unknown, PostgresError, Postgres>> = [
        names(),
        simple,
        bump(),
        Transaction.run(bump())
      ]
      for (const query of queries) {
        const error = yield* Effect.flip(Effect.provide(query, context))
        assert.strictEqual(error.outcome, "NotSent")
      }
    })
  )

  it.effect("settles what is in flight when it closes (Q-24)", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        serving(function* (backend) {
          yield* backend.expect("SELECT name")
          yield* Deferred.succeed(asked, undefined)
          yield* backend.silence
        }),
        scope
      )
      const fiber = yield* Effect.fork(Effect.flip(Effect.provide(names(), context)))
      yield* Deferred.await(asked)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(closing)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "Unknown"])
    })
  )
})
