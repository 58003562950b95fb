import { assert, describe, it, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import {
  type BackendMessage,
  encodeBackend,
  EncodeError,
  encodeFrontend,
  encodeRows,
  joinChunks,
  makeBackendDecoder,
  makeFrontendDecoder,
  ProtocolViolation
} from "../src/index.ts"
import {
  backendMessages,
  decode,
  dispatchTo,
  encodeBackendMessages,
  encodeFrontendMessages,
  frontendMessages
} from "../src/MessageStream.ts"
import { backendSession, frontendSession } from "./arbitraries.ts"
import { bytewise, cutAt, cuts, flatten, frame, prelude } from "./session.ts"

/** The messages and how the stream ended. */
const observe = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<readonly [ReadonlyArray<A>, E | "end"]> =>
  Effect.suspend(() => {
    const seen: Array<A> = []
    return Stream.runForEach(stream, (message) => Effect.sync(() => seen.push(message))).pipe(
      Effect.as("end" as const),
      Effect.catchAll((error) => Effect.succeed(error)),
      Effect.map((end) => [seen, end] as const)
    )
  })

/** The same through the fused channel of live connections. */
const observeDispatch = <E>(
  stream: Stream.Stream<Uint8Array, E>
): Effect.Effect<readonly [ReadonlyArray<BackendMessage>, E | ProtocolViolation | "end"]> =>
  Effect.suspend(() => {
    const seen: Array<BackendMessage> = []
    const channel = dispatchTo<BackendMessage, E>(makeBackendDecoder, (messages) => void seen.push(...messages))
    return Channel.runDrain(Channel.pipeTo(Stream.toChannel(stream), channel)).pipe(
      Effect.as("end" as const),
      Effect.catchAll((error) => Effect.succeed(error)),
      Effect.map((end) => [seen, end] as const)
    )
  })

const sampled = (name: string, runs: number, test: (pieces: ReadonlyArray<Uint8Array>) => Effect.Effect<void>) =>
  it.effect(name, () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(backendSession, cuts, fc.boolean(), (session, cuts, byBytes) => {
          const bytes = joinChunks(session.map(encodeBackend))
          return Effect.runPromise(test(byBytes ? bytewise(bytes) : cutAt(bytes, cuts)))
        }),
        { numRuns: runs }
      )
    )
  )

const pushed = (pieces: ReadonlyArray<Uint8Array>) => {
  const decoder = makeBackendDecoder()
  return pieces.flatMap((piece) => decoder.push(piece))
}

const violation = (end: unknown): ProtocolViolation => {
  assert.instanceOf(end, ProtocolViolation)
  return end
}

const ready = prelude("ready")

describe("the transducer", () => {
  sampled("gives what push gives, for any re-chunking, also through the fused channel (F-6)", 60, (pieces) =>
    Effect.gen(function* () {
      const expected = flatten(pushed(pieces))
      const bytes = Stream.fromIterable(pieces).pipe(Stream.rechunk(3))
      const [messages, end] = yield* observe(backendMessages()(bytes))
      assert.deepStrictEqual(flatten(messages), expected)
      assert.strictEqual(end, "end")
      const [dispatched, over] = yield* observeDispatch(bytes)
      assert.deepStrictEqual(flatten(dispatched), expected)
      assert.strictEqual(over, "end")
    })
  )

  it.effect("reads a client's session too", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(frontendSession, cuts, async (session, cuts) => {
          const bytes = joinChunks(session.map(encodeFrontend))
          const [messages] = await Effect.runPromise(
            observe(frontendMessages()(Stream.fromIterable(cutAt(bytes, cuts))))
          )
          assert.deepStrictEqual(flatten(messages), flatten(session))
        }),
        { numRuns: 40 }
      )
    )
  )

  it.effect("begins every run with fresh state", () =>
    Effect.gen(function* () {
      const stream = backendMessages()(Stream.make(ready, frame("C", "SELECT 1", 0)))
      const first = yield* Stream.runCollect(stream)
      const second = yield* Stream.runCollect(stream)
      assert.strictEqual(first.length, 3)
      assert.deepStrictEqual([...second], [...first])
      // a run that ended inside a message leaves nothing of it to the next
      const cut = backendMessages()(Stream.make(ready.slice(0, 12)))
      const [, one] = yield* observe(cut)
      const [, two] = yield* observe(cut)
      assert.strictEqual(violation(one).message, violation(two).message)
    })
  )

  it.effect("emits the messages before a violation, then fails with it", () =>
    Effect.gen(function* () {
      const report = frame("E", "Mthe reason", 0, 0)
      const bytes = Stream.make(joinChunks([ready, report, frame("Z", "?")]))
      for (const [messages, end] of [yield* observe(backendMessages()(bytes)), yield* observeDispatch(bytes)]) {
        assert.strictEqual(messages.at(-1)?._tag, "ErrorResponse")
        assert.strictEqual(violation(end).during, "ReadyForQuery")
      }
    })
  )

  it.live("fails at once, not when the next bytes come", () =>
    Effect.gen(function* () {
      const bytes = Stream.concat(Stream.make(joinChunks([ready, frame("Z", "?")])), Stream.never)
      const soon = Effect.timeoutFail({ duration: 2000, onTimeout: () => "waited for more bytes" })
      const [, end] = yield* soon(observe(backendMessages()(bytes)))
      assert.strictEqual(violation(end).during, "ReadyForQuery")
      const [, over] = yield* soon(observeDispatch(bytes))
      assert.strictEqual(violation(over).during, "ReadyForQuery")
    })
  )

  it.effect("fails if the bytes end inside a message (F-10)", () =>
    Effect.gen(function* () {
      const bytes = Stream.make(ready, frame("C", "SELECT 1", 0).slice(0, 7))
      for (const [messages, end] of [yield* observe(backendMessages()(bytes)), yield* observeDispatch(bytes)]) {
        assert.strictEqual(messages.length, 2)
        assert.match(violation(end).received, /the end of the stream after 7 bytes/)
      }
    })
  )

  it.effect("passes the source's failure through, after the messages before it", () =>
    Effect.gen(function* () {
      const bytes = Stream.concat(Stream.make(ready, Uint8Array.of(0x43)), Stream.fail("connection reset"))
      for (const [messages, end] of [yield* observe(backendMessages()(bytes)), yield* observeDispatch(bytes)]) {
        assert.strictEqual(messages.length, 2)
        assert.strictEqual(end, "connection reset")
      }
    })
  )

  it.effect("decode takes any decoder, with any settings", () =>
    Effect.gen(function* () {
      const small = Stream.pipeThroughChannel(
        Stream.make(ready, frame("d", "x".repeat(20))),
        decode<BackendMessage>(() => makeBackendDecoder({ maxMessageSize: 10 }))
      )
      const [, end] = yield* observe(small)
      assert.strictEqual(violation(end).expected, "length 4 to 10")
      const client = Stream.pipeThroughChannel(
        Stream.make(encodeFrontend({ _tag: "SSLRequest" })),
        decode(makeFrontendDecoder)
      )
      assert.deepStrictEqual([...(yield* Stream.runCollect(client))], [{ _tag: "SSLRequest" }])
    })
  )
})

describe("the encoders", () => {
  it.effect("and the decoders are inverse", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(backendSession, frontendSession, async (server, client) => {
          const fromServer = Stream.fromIterable(server).pipe(
            Stream.rechunk(2),
            encodeBackendMessages,
            backendMessages()
          )
          assert.deepStrictEqual(flatten((await Effect.runPromise(observe(fromServer)))[0]), flatten(server))
          const fromClient = Stream.fromIterable(client).pipe(
            Stream.rechunk(2),
            encodeFrontendMessages,
            frontendMessages()
          )
          assert.deepStrictEqual(flatten((await Effect.runPromise(observe(fromClient)))[0]), flatten(client))
        }),
        { numRuns: 40 }
      )
    )
  )

  it.effect("emit what came before a message that cannot be encoded, then fail", () =>
    Effect.gen(function* () {
      const stream = encodeFrontendMessages(
        Stream.make({ _tag: "Sync" as const }, { _tag: "Query" as const, sql: "a\0" }, { _tag: "Flush" as const })
      )
      const [bytes, end] = yield* observe(stream)
      assert.deepStrictEqual(joinChunks(bytes), encodeFrontend({ _tag: "Sync" }))
      assert.instanceOf(end, EncodeError)
    })
  )
})

describe("the fused channel", () => {
  const run = <E>(bytes: Stream.Stream<Uint8Array, E>, dispatch: (messages: ReadonlyArray<BackendMessage>) => void) =>
    Channel.runDrain(
      Channel.pipeTo(Stream.toChannel(bytes), dispatchTo<BackendMessage, E>(makeBackendDecoder, dispatch))
    )

  it.effect("a violation thrown by dispatch is its failure, anything else a defect", () =>
    Effect.gen(function* () {
      const refused = new ProtocolViolation({
        during: "idle",
        offset: -1,
        expected: "nothing",
        received: "ReadyForQuery"
      })
      const typed = yield* Effect.exit(
        run(Stream.make(ready), () => {
          throw refused
        })
      )
      assert.deepStrictEqual(typed, Exit.fail(refused))
      const bug = new Error("a bug")
      const defect = yield* Effect.exit(
        run(Stream.make(ready), () => {
          throw bug
        })
      )
      assert.deepStrictEqual(defect, Exit.failCause(Cause.die(bug)))
    })
  )

  it.effect("dispatches once per piece of bytes, and never nothing", () =>
    Effect.gen(function* () {
      const sizes: Array<number> = []
      const pieces = [ready.slice(0, 3), ready.slice(3), new Uint8Array(0), frame("Z", "I")]
      yield* run(Stream.fromChunk(Chunk.fromIterable(pieces)), (messages) => sizes.push(messages.length))
      assert.deepStrictEqual(sizes, [2, 1])
    })
  )

  const row = encodeRows([["x".repeat(93)]]).bytes
  const mebibyte = joinChunks([ready, ...Array.from({ length: 10_000 }, () => row)])

  it.effect("lets other work run after every 256 KiB of one turn, without a clock, and loses nothing", () =>
    Effect.gen(function* () {
      let between = 0
      let bytes = 0
      let most = 0
      let rows = 0
      const tick = (): void => {
        between++
        most = Math.max(most, bytes)
        bytes = 0
        if (!done) setImmediate(tick)
      }
      let done = false
      setImmediate(tick)
      // TestClock stands still here: a sleep would never end
      yield* run(Stream.make(mebibyte, mebibyte.subarray(ready.length)), (messages) => {
        for (const message of messages) {
          if (message._tag !== "Rows") continue
          rows += message.count
          bytes += message.end - message.offset
        }
      })
      done = true
      assert.strictEqual(rows, 20_000)
      assert.isAtLeast(between, Math.floor((mebibyte.length * 2) / (256 * 1024)))
      // a frame that is cut by the limit is counted in the next piece
      assert.isAtMost(most, 256 * 1024 + row.length)
    })
  )

  it.effect("lets others run also where there is no setImmediate", () =>
    Effect.gen(function* () {
      let rows = 0
      vi.stubGlobal("setImmediate", undefined)
      vi.resetModules()
      const fresh = yield* Effect.promise(() => import("../src/MessageStream.ts"))
      vi.unstubAllGlobals()
      const channel = fresh.dispatchTo(makeBackendDecoder, (messages) => {
        for (const message of messages) if (message._tag === "Rows") rows += message.count
      })
      yield* Channel.runDrain(Channel.pipeTo(Stream.toChannel(Stream.make(mebibyte)), channel))
      assert.strictEqual(rows, 10_000)
    })
  )

  it.effect("can be interrupted while it lets others run", () =>
    Effect.gen(function* () {
      let calls = 0
      const callsSoFar = () => calls
      const rows = Stream.forever(Stream.make(mebibyte.subarray(ready.length)))
      const fiber = yield* Effect.fork(run(Stream.concat(Stream.make(ready), rows), () => void calls++))
      while (callsSoFar() === 0) yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      yield* Fiber.interrupt(fiber)
      const after = calls
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      assert.strictEqual(calls, after)
    })
  )
})
