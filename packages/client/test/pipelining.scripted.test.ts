// Whose answer is it, when requests do not wait for one another, and when nobody waits any more: faults and attacks, groups Q and C.
// Every test ends with a statement that gets its own answer.
import { assert, describe, it } from "@effect/vitest"
import { type Backend, Message, type Script } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { param, Query, Transaction } from "pgfx"
import {
  answerCommit,
  answerHealthy,
  connected,
  database,
  discarded,
  healthy,
  idle,
  inTransaction,
  oneRow,
  serving
} from "./scripted.ts"

const echo = Query.one(Schema.String)`SELECT ${param("word", Schema.String)}::text AS echo`

/** Answers with the word itself, so that a crossed answer shows. */
const answerEcho = (backend: Backend, word: string) =>
  Effect.zipRight(backend.expect("SELECT $1::text AS echo"), backend.send(...oneRow("echo", word), idle))

/** Hears the question, says so, and leaves it open. */
const hearEcho = (backend: Backend, heard: Deferred.Deferred<void>) =>
  Effect.zipRight(backend.expect("SELECT $1::text AS echo"), Deferred.succeed(heard, undefined))

/** A question that the server has heard, and that is open. */
const ask = (word: string, heard: Deferred.Deferred<void>) =>
  Effect.zipLeft(Effect.fork(echo({ word })), Deferred.await(heard))

const division = Message.errorResponse({ sqlState: "22012", message: "division by zero" })

describe("requests on one connection", () => {
  it.effect("are written without waiting, and each gets its own answer", () =>
    Effect.gen(function* () {
      const words = Array.from({ length: 20 }, (_, i) => `word ${i}`)
      const echoes = yield* Effect.forEach(words, (word) => echo({ word }), { concurrency: "unbounded" })
      assert.deepStrictEqual(echoes, words)
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          // the first one proves the statement; the others are all there before any is answered
          for (let i = 0; i < 20; i++) yield* answerEcho(backend, `word ${i}`)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("fail one by one: an error between two is the middle one's alone (Q-1)", () =>
    Effect.gen(function* () {
      const results = yield* Effect.forEach(["a", "b", "c"], (word) => Effect.either(echo({ word })), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.map((result) =>
          Either.isRight(result) ? result.right : [result.left.reason._tag, result.left.outcome].join()
        ),
        ["a", "DataException,RolledBack", "c"]
      )
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* answerEcho(backend, "a")
          yield* backend.expect("SELECT $1::text AS echo")
          yield* backend.send(division, idle)
          yield* answerEcho(backend, "c")
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("may be empty: '', ';' and a comment are no rows and no error (Q-5)", () =>
    Effect.gen(function* () {
      for (const text of ["", ";", "-- nothing"]) {
        const [result] = yield* Query.script(text)
        assert.deepStrictEqual(result?.rows, [])
      }
      assert.deepStrictEqual(yield* Query.command`-- nothing`(), { command: "", rows: 0 })
      assert.deepStrictEqual(yield* Query.all(Schema.Unknown)`-- nothing to see`(), [])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          for (const text of ["", ";", "-- nothing", "-- nothing", "-- nothing to see"]) {
            yield* backend.expect(text)
            yield* backend.send(Message.emptyQueryResponse(), idle)
          }
          yield* answerHealthy(backend)
        })
      )
    )
  )
})

describe("COPY in answer to an ordinary statement", () => {
  const copyFailed = Message.errorResponse({ sqlState: "57014", message: "COPY from stdin failed" })

  it.effect("of a script is ended with CopyFail, and the connection goes on (Q-10)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Query.script("SELECT 1; COPY country FROM STDIN"))
      assert.deepStrictEqual([error._tag, error.reason._tag, error.outcome], ["Permanent", "UseCopy", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("SELECT 1; COPY")
          yield* backend.send(...oneRow("n", "1"))
          yield* backend.send(Message.copyInResponse("text", 2))
          yield* backend.receiveOf("CopyFail")
          yield* backend.send(copyFailed, idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("of an extended query is ended with CopyFail and the Sync that COPY swallowed (Q-10)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Query.command`SELECT copies()`())
      assert.deepStrictEqual([error._tag, error.reason._tag, error.outcome], ["Permanent", "UseCopy", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("SELECT copies()")
          yield* backend.send(Message.copyInResponse("text", 2))
          yield* backend.expect("Sync", "CopyFail", "Sync")
          yield* backend.send(copyFailed, idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("that comes out is read to its end and thrown away (Q-10)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Query.command`SELECT copies()`())
      assert.strictEqual(error.reason._tag, "UseCopy")
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("SELECT copies()")
          const rows = Array.from({ length: 100 }, (_, i) => Message.copyData(`row ${i}`))
          yield* backend.send(Message.copyOutResponse("text", 1), ...rows, Message.copyDone())
          yield* backend.send(Message.commandComplete("COPY 100"), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )
})

describe("an interrupted request", () => {
  /** A server whose second connection is a CancelRequest; `cancelled` is told what it carried. */
  const withCancel =
    (session: Script, cancelled: (backend: Backend) => ReturnType<Script>): Script =>
    (backend) =>
      backend.connection === 1 ? connected(session)(backend) : cancelled(backend)

  /** Begun, and not waited for. */
  const interruptionOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>) =>
    Effect.zipLeft(Effect.fork(Fiber.interrupt(fiber)), Effect.yieldNow())

  it.effect("that is alone is cancelled, and the connection waits for both ends before it goes on (C-1)", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const cancelSent = yield* Deferred.make<void>()
      const answered = yield* Deferred.make<void>()
      let ended = false
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* hearEcho(backend, heard)
          yield* Deferred.await(cancelSent)
          yield* backend.send(
            Message.errorResponse({ sqlState: "57014", message: "canceling statement due to user request" }),
            idle
          )
          yield* Deferred.succeed(answered, undefined)
          yield* answerHealthy(backend)
          assert.isTrue(ended, "the next statement was written while the cancel was on its way")
        })
      const cancelled: Script = (backend) =>
        Effect.gen(function* () {
          const { processId, secretKey } = yield* backend.receiveOf("CancelRequest")
          assert.deepStrictEqual([processId, [...secretKey]], [1001, [1, 2, 3, 4]])
          yield* Deferred.succeed(cancelSent, undefined)
          yield* Deferred.await(answered)
          yield* Effect.yieldNow()
          ended = true
          yield* backend.endConnection
        })
      yield* Effect.gen(function* () {
        const fiber = yield* ask("slow", heard)
        yield* Fiber.interrupt(fiber)
        yield* healthy
      }).pipe(Effect.provide(database(withCancel(session, cancelled))))
    })
  )

  it.effect("that was answered meanwhile is not cancelled, and its answer is nobody's (C-1)", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* hearEcho(backend, heard)
          yield* Deferred.await(interrupted)
          yield* backend.send(...oneRow("echo", "late"), idle)
          yield* answerHealthy(backend)
        })
      yield* Effect.gen(function* () {
        const fiber = yield* ask("slow", heard)
        const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* Deferred.succeed(interrupted, undefined)
        yield* Fiber.join(interruption)
        yield* healthy
      }).pipe(
        Effect.provide(
          database(withCancel(session, () => Effect.dieMessage("a cancel was sent for an answer that is there")))
        )
      )
    })
  )

  it.effect(
    "behind one that somebody waits for is not cancelled; its answer is skipped, and crosses nobody's (C-9)",
    () =>
      Effect.gen(function* () {
        const heard = yield* Deferred.make<void>()
        const interrupted = yield* Deferred.make<void>()
        const session: Script = (backend) =>
          Effect.gen(function* () {
            yield* answerEcho(backend, "known")
            yield* hearEcho(backend, heard)
            yield* Deferred.await(interrupted)
            yield* backend.send(...oneRow("echo", "first"), idle)
            yield* answerEcho(backend, "second")
            yield* answerEcho(backend, "third")
            yield* answerHealthy(backend)
          })
        yield* Effect.gen(function* () {
          yield* echo({ word: "known" })
          const first = yield* Effect.fork(echo({ word: "first" }))
          const second = yield* Effect.fork(echo({ word: "second" }))
          const third = yield* Effect.fork(echo({ word: "third" }))
          yield* Deferred.await(heard)
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(second)
          yield* Deferred.succeed(interrupted, undefined)
          assert.strictEqual(yield* Fiber.join(first), "first")
          assert.strictEqual(yield* Fiber.join(third), "third")
          yield* healthy
        }).pipe(
          Effect.provide(
            database(withCancel(session, () => Effect.dieMessage("a cancel was sent while somebody waited")))
          )
        )
      })
  )

  it.effect("that waits for its turn is never written", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* backend.expect("BEGIN", "SELECT $1::text AS echo")
          yield* backend.send(...oneRow("echo", "inside"), inTransaction)
          yield* Deferred.succeed(begun, undefined)
          yield* answerCommit(backend)
          yield* answerHealthy(backend)
        })
      yield* Effect.gen(function* () {
        const body = Effect.zipRight(echo({ word: "inside" }), Deferred.await(go))
        const holder = yield* Effect.fork(Transaction.run(body))
        yield* Deferred.await(begun)
        const waiting = yield* Effect.fork(echo({ word: "never written" }))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(waiting)
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(holder)
        yield* healthy
      }).pipe(Effect.provide(database(withCancel(session, () => Effect.dieMessage("a cancel was sent")))))
    })
  )

  it.effect("whose server never answers is let go after interruptGrace, and its connection after cancelTimeout", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const dropped = yield* Deferred.make<void>()
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* hearEcho(backend, heard)
          yield* backend.expectEnd
          yield* Deferred.succeed(dropped, undefined)
        })
      yield* Effect.gen(function* () {
        const fiber = yield* ask("stuck", heard)
        const interruption = yield* interruptionOf(fiber)
        yield* TestClock.adjust("49 millis")
        assert.isNull(interruption.unsafePoll(), "let go before interruptGrace")
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(interruption)
        assert.isFalse(yield* Deferred.isDone(dropped), "dropped before cancelTimeout")
        yield* TestClock.adjust("2 seconds")
        yield* Deferred.await(dropped)
      }).pipe(
        Effect.provide(
          database((backend) =>
            backend.connection === 1
              ? connected(session)(backend)
              : Effect.zipRight(backend.receiveOf("CancelRequest"), backend.silence)
          )
        )
      )
    })
  )

  /** Sends a wide row every 1.5 s of the test's clock, whatever is cancelled. */
  const rowsInPieces = (backend: Backend, count: number) =>
    Effect.forEach(
      Array.from({ length: count }),
      () => Effect.delay(backend.send(Message.dataRow("x".repeat(100_000))), "1500 millis"),
      { discard: true }
    )

  it.effect("is brought back though its answer takes long, as long as it keeps coming", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* hearEcho(backend, heard)
          yield* backend.send(Message.rowDescription("echo"))
          yield* rowsInPieces(backend, 6)
          yield* backend.send(Message.errorResponse({ sqlState: "57014", message: "canceling statement" }), idle)
          yield* answerHealthy(backend)
        })
      yield* Effect.gen(function* () {
        const fiber = yield* ask("long", heard)
        const interruption = yield* interruptionOf(fiber)
        // more than four times cancelTimeout
        for (let second = 0; second < 10; second++) yield* TestClock.adjust("1 second")
        yield* Fiber.join(interruption)
        yield* healthy
      }).pipe(Effect.provide(database(withCancel(session, (backend) => backend.receiveOf("CancelRequest")))))
    })
  )

  it.effect("whose answer never ends costs the connection after five times cancelTimeout", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const dropped = yield* Deferred.make<void>()
      const session: Script = (backend) =>
        Effect.gen(function* () {
          yield* hearEcho(backend, heard)
          yield* backend.send(Message.rowDescription("echo"))
          yield* Effect.raceFirst(rowsInPieces(backend, 1000), backend.expectEnd)
          yield* Deferred.succeed(dropped, undefined)
        })
      yield* Effect.gen(function* () {
        const fiber = yield* ask("endless", heard)
        const interruption = yield* interruptionOf(fiber)
        for (let second = 0; second < 9; second++) yield* TestClock.adjust("1 second")
        assert.isFalse(yield* Deferred.isDone(dropped), "dropped while its answer came")
        for (let second = 0; second < 3; second++) yield* TestClock.adjust("1 second")
        yield* Deferred.await(dropped)
        yield* Fiber.join(interruption)
        yield* discarded
      }).pipe(Effect.provide(database(withCancel(session, (backend) => backend.receiveOf("CancelRequest")))))
    })
  )
})
