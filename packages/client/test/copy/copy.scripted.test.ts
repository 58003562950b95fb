// COPY against a scripted server: which messages go, in which order, and what becomes of a server that says something else.
import { assert, describe, it } from "@effect/vitest"
import type { BackendMessage } from "@pgfx/protocol"
import { type Backend, Message } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy } from "pgfx"
import { answerHealthy, discarded, healthy, idle, serving } from "../scripted.ts"
import { encode, textOf } from "./data.ts"

const load = Copy.inBytes`COPY t FROM STDIN`
const dump = Copy.outBytes`COPY t TO STDOUT`

const begun = [Message.parseComplete(), Message.bindComplete()]

/** Up to the moment at which the server waits for data. */
const takesData = (backend: Backend) =>
  Effect.gen(function* () {
    yield* backend.expect("Parse", "Bind", "Execute", "Flush")
    yield* backend.send(...begun, Message.copyInResponse("text", 1))
  })

const sendsData = (backend: Backend, ...rows: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    yield* backend.expect("Parse", "Bind", "Execute", "Sync")
    yield* backend.send(...begun, Message.copyOutResponse("text", 1), ...rows.map(Message.copyData))
  })

describe("COPY FROM STDIN", () => {
  it.effect("sends Sync behind the data, and no earlier", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Stream.run(Stream.make(encode("a\n"), encode("b\n")), load), 2)
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* takesData(backend)
          const messages = yield* backend.expect("CopyData", "CopyDone", "Sync")
          assert.strictEqual(messages.length, 3)
          yield* backend.send(Message.commandComplete("COPY 2"), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("Y-1: says CopyFail and Sync for a source that fails, and nothing of why", () =>
    Effect.gen(function* () {
      const failing = Stream.concat(Stream.make(encode("a\n")), Stream.fail("a secret reason"))
      assert.strictEqual(yield* Effect.flip(Stream.run(failing, load)), "a secret reason")
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* takesData(backend)
          yield* backend.expect("CopyData")
          const { reason } = yield* backend.receiveOf("CopyFail")
          assert.notInclude(reason, "secret")
          yield* backend.receiveOf("Sync")
          yield* backend.send(Message.errorResponse({ sqlState: "57014", message: "COPY failed" }), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("Y-2: answers an error with Sync alone, whatever the source still has", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.run(Stream.concat(Stream.make(encode("a\n")), Stream.never), load))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["DataException", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* takesData(backend)
          yield* backend.expect("CopyData")
          yield* backend.send(Message.errorResponse({ sqlState: "22P02", message: "invalid input" }))
          yield* backend.receiveOf("Sync")
          yield* backend.send(idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("Y-2: an error behind CommandComplete is the answer", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.run(Stream.make(encode("a\n")), load))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ForeignKeyViolation", "RolledBack"])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          const late = Message.errorResponse({ sqlState: "23503", message: "checked at the end" })
          yield* takesData(backend)
          yield* backend.expect("CopyData", "CopyDone", "Sync")
          yield* backend.send(Message.commandComplete("COPY 1"), late, idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("an error in front of the data is answered with Sync, too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.run(Stream.make(encode("a\n")), load))
      assert.strictEqual(error.reason._tag, "SyntaxOrAccessRule")
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("Parse", "Bind", "Execute", "Flush")
          yield* backend.send(Message.errorResponse({ sqlState: "42P01", message: "no such table" }))
          yield* backend.receiveOf("Sync")
          yield* backend.send(idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("nothing that was asked for meanwhile lands between the data", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const source = Stream.concat(
        Stream.make(encode("a\n")),
        Stream.fromEffect(
          Deferred.succeed(started, undefined).pipe(Effect.zipRight(Deferred.await(go)), Effect.as(encode("b\n")))
        )
      )
      const copying = yield* Effect.fork(Stream.run(source, load))
      yield* Deferred.await(started)
      const other = yield* Effect.fork(healthy)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(copying), 2)
      yield* Fiber.join(other)
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* takesData(backend)
          yield* backend.expect("CopyData", "CopyData", "CopyDone", "Sync")
          yield* backend.send(Message.commandComplete("COPY 2"), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  const violations: ReadonlyArray<readonly [string, ReadonlyArray<BackendMessage>]> = [
    ["rows", [Message.dataRow("a")]],
    ["COPY out", [Message.copyOutResponse("text", 1)]],
    ["an end without data", [Message.commandComplete("COPY 0"), idle]],
    ["ReadyForQuery", [idle]],
    ["a second CopyInResponse", [Message.copyInResponse("text", 1), Message.copyInResponse("text", 1)]]
  ]
  for (const [what, messages] of violations) {
    it.effect(`${what} in answer to it is a violation, and the connection is gone`, () =>
      Effect.gen(function* () {
        const source = Stream.concat(Stream.make(encode("a\n")), Stream.never)
        const error = yield* Effect.flip(Stream.run(source, load))
        assert.deepStrictEqual(
          [error._tag, error.reason._tag, error.outcome],
          ["Broken", "ProtocolViolation", "Unknown"]
        )
        yield* discarded
      }).pipe(
        Effect.provide(
          serving(function* (backend) {
            yield* backend.expect("Parse", "Bind", "Execute", "Flush")
            yield* backend.send(...begun, ...messages)
            yield* backend.silence
          })
        )
      )
    )
  }
})

describe("COPY TO STDOUT", () => {
  it.effect("emits what came before an error, then the error", () =>
    Effect.gen(function* () {
      const pieces: Array<Uint8Array> = []
      const error = yield* Effect.flip(Stream.runForEach(dump, (piece) => Effect.sync(() => void pieces.push(piece))))
      assert.strictEqual(textOf(pieces), "a\nb\n")
      assert.strictEqual(error.reason._tag, "DataException")
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* sendsData(backend, "a\n", "b\n")
          yield* backend.send(Message.errorResponse({ sqlState: "22012", message: "division by zero" }), idle)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("emits what came before a lost connection, then the loss", () =>
    Effect.gen(function* () {
      const pieces: Array<Uint8Array> = []
      const error = yield* Effect.flip(Stream.runForEach(dump, (piece) => Effect.sync(() => void pieces.push(piece))))
      assert.strictEqual(textOf(pieces), "a\n")
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      yield* discarded
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* sendsData(backend, "a\n")
          yield* backend.endConnection
        })
      )
    )
  )

  const wrong: ReadonlyArray<readonly [string, ReadonlyArray<BackendMessage>]> = [
    ["rows among its data", [Message.dataRow("a")]],
    ["COPY in", [Message.copyInResponse("text", 1)]],
    ["an end without CopyDone", [Message.commandComplete("COPY 0"), idle]],
    ["data behind CopyDone", [Message.copyDone(), Message.copyData("a\n")]]
  ]
  for (const [what, messages] of wrong) {
    it.effect(`${what} is a violation, and the connection is gone`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Stream.runDrain(dump))
        assert.deepStrictEqual([error._tag, error.reason._tag], ["Broken", "ProtocolViolation"])
        yield* discarded
      }).pipe(
        Effect.provide(
          serving(function* (backend) {
            yield* sendsData(backend)
            yield* backend.send(...messages)
            yield* backend.silence
          })
        )
      )
    )
  }

  it.effect("data of typed rows that no server sends is a violation", () =>
    Effect.gen(function* () {
      const typed = Copy.out(Schema.Struct({ n: Schema.String }))`COPY t (n) TO STDOUT`
      const error = yield* Effect.flip(Stream.runDrain(typed))
      assert.deepStrictEqual([error._tag, error.reason._tag], ["Broken", "ProtocolViolation"])
      yield* discarded
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          yield* backend.expect("SELECT attribute.attname")
          yield* backend.send(
            Message.rowDescription("attname", "atttypid"),
            Message.dataRow("n", "25"),
            Message.commandComplete("SELECT 1"),
            idle
          )
          yield* sendsData(backend, "a\tb\n")
          yield* backend.send(Message.copyDone(), Message.commandComplete("COPY 1"), idle)
          yield* backend.silence
        })
      )
    )
  )
})
