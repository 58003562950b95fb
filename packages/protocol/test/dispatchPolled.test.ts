// The reader of live connections that costs no Effect per chunk: held against the transducer, piece by piece and failure by failure.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import { type BackendMessage, encodeBackend, joinChunks, makeBackendDecoder, ProtocolViolation } from "../src/index.ts"
import { dispatchPolled, type Poll } from "../src/MessageStream.ts"
import { backendSession } from "./arbitraries.ts"
import { cutAt, cuts, flatten, frame, prelude } from "./session.ts"

const ready = prelude("ready")

/** Gives the pieces, every other one only after it was asked in vain. */
const source = (pieces: ReadonlyArray<Uint8Array>, late = true): Poll => {
  let at = 0
  let isThere = !late
  return (wake) => {
    if (at === pieces.length) return "over"
    if (!isThere) {
      isThere = true
      queueMicrotask(wake)
      return undefined
    }
    isThere = !late || at % 2 === 0
    return pieces[at++]
  }
}

const observe = (poll: Poll) =>
  Effect.gen(function* () {
    const seen: Array<BackendMessage> = []
    const { finish } = yield* dispatchPolled(poll, makeBackendDecoder, (messages) => void seen.push(...messages))
    return { seen, end: yield* Effect.either(finish) }
  })

describe("the polled reader", () => {
  it("gives what push gives, for any re-chunking (F-6)", async () => {
    await fc.assert(
      fc.asyncProperty(backendSession, cuts, fc.boolean(), async (session, cuts, late) => {
        const pieces = cutAt(joinChunks(session.map(encodeBackend)), cuts)
        const { end, seen } = await Effect.runPromise(observe(source(pieces, late)))
        const decoder = makeBackendDecoder()
        assert.deepStrictEqual(flatten(seen), flatten(pieces.flatMap((piece) => decoder.push(piece))))
        assert.strictEqual(end._tag, "Right")
      }),
      { numRuns: 60 }
    )
  })

  it.effect("dispatches the messages before a violation, then fails with it, and asks no more", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      let asked = 0
      const poll: Poll = () => {
        asked++
        return joinChunks([ready, frame("E", "Mthe reason", 0, 0), frame("Z", "?")])
      }
      const exit = yield* Effect.exit(
        dispatchPolled(poll, makeBackendDecoder, (messages) => seen.push(...messages.map(({ _tag }) => _tag)))
      )
      assert.strictEqual(seen.at(-1), "ErrorResponse")
      assert.isTrue(
        Exit.isFailure(exit) && Cause.failures(exit.cause).pipe((all) => [...all][0] instanceof ProtocolViolation)
      )
      assert.strictEqual(asked, 1)
    })
  )

  it.effect("bytes that end inside a message are a violation, told by finish", () =>
    Effect.gen(function* () {
      const { end } = yield* observe(source([ready.slice(0, ready.length - 1)]))
      assert.isTrue(end._tag === "Left" && end.left instanceof ProtocolViolation)
    })
  )

  it.effect("anything else that dispatch throws is a defect", () =>
    Effect.gen(function* () {
      const bug = new Error("a bug")
      const exit = yield* Effect.exit(
        dispatchPolled(source([ready]), makeBackendDecoder, () => {
          throw bug
        })
      )
      assert.deepStrictEqual(exit, Exit.die(bug))
    })
  )

  it.live("lets others run after 256 KiB, cuts what is larger, and can be interrupted there", () =>
    Effect.gen(function* () {
      const chunk = joinChunks(Array.from({ length: 60_000 }, () => frame("N", "Mx", 0, 0)))
      let bytes = 0
      let turns = 0
      let isFirst = true
      const poll: Poll = () => {
        if (!isFirst) return chunk
        isFirst = false
        return ready
      }
      const fiber = yield* Effect.fork(
        dispatchPolled(poll, makeBackendDecoder, (messages) => {
          bytes += messages.length * 9
        })
      )
      for (; turns < 5; turns++) {
        const before = bytes
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        assert.isAtMost(bytes - before, 2 * 256 * 1024 + 64)
      }
      assert.isAbove(bytes, 0)
      yield* Fiber.interrupt(fiber)
      const after = bytes
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      assert.strictEqual(bytes, after)
    })
  )
})
