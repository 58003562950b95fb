// Faults where a seed says: the same for everybody who asks twice, and none that TCP would not commit.
import { assert, describe, it } from "@effect/vitest"
import { FaultyTransport, type Faults, Message, type Script, ScriptedBackend } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { Broken, Connection, type Duplex, Postgres, Query, Transport } from "pgfx"

const endpoint = { host: "h", port: 1, database: "d", user: "u" }
const sent = Uint8Array.from({ length: 5000 }, (_, i) => i % 251)

/** Sends `sent` in pieces of this many bytes, hears everything, and tells how much it heard. */
const sender =
  (piece: number, heard: (bytes: number) => void = () => undefined): Script =>
  (backend) =>
    Effect.gen(function* () {
      for (let at = 0; at < sent.length; at += piece) yield* backend.sendBytes(sent.subarray(at, at + piece))
      yield* backend.endConnection
      let bytes = 0
      const all = Effect.forever(
        Effect.map(backend.receiveBytes, (chunk) => {
          bytes += chunk.length
          heard(bytes)
        })
      )
      yield* Effect.ignore(all)
    })

const through = (faults: Faults, script: Script) =>
  FaultyTransport.layer(faults).pipe(Layer.provide(ScriptedBackend.transport(script)))

/** Everything that can be read: the sizes of the pieces, the bytes, and how it ended. */
const readAll = (duplex: Duplex) =>
  Effect.gen(function* () {
    const sizes: Array<number> = []
    const bytes: Array<number> = []
    for (;;) {
      const piece = yield* Effect.either(duplex.read)
      if (Either.isLeft(piece)) return { sizes, bytes, end: piece.left }
      if (piece.right === undefined) return { sizes, bytes, end: undefined }
      sizes.push(piece.right.length)
      bytes.push(...piece.right)
    }
  })

const transfer = (faults: Faults, piece = sent.length) =>
  Effect.flatMap(Transport, ({ connect }) => Effect.flatMap(connect(endpoint), readAll)).pipe(
    Effect.scoped,
    Effect.provide(through(faults, sender(piece)))
  )

describe("bytes through a faulty transport", () => {
  it.effect("arrive in order, in pieces no longer than asked for, and end where they ended", () =>
    Effect.gen(function* () {
      for (const [seed, split] of [
        [1, 1],
        [2, 7],
        [3, 64],
        [4, 5000]
      ] as const) {
        const { bytes, end, sizes } = yield* transfer({ seed, split })
        assert.deepStrictEqual(bytes, [...sent])
        assert.strictEqual(end, undefined)
        assert.isAtMost(Math.max(...sizes), split)
      }
    })
  )

  it.effect("are split in the same places by the same seed, and in others by another", () =>
    Effect.gen(function* () {
      const first = yield* transfer({ seed: 5 })
      assert.deepStrictEqual(yield* transfer({ seed: 5 }), first)
      assert.notDeepEqual((yield* transfer({ seed: 6 })).sizes, first.sizes)
    })
  )

  it.effect("are split at the same bytes, whatever pieces come from below", () =>
    Effect.gen(function* () {
      const boundaries = (sizes: ReadonlyArray<number>) =>
        sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b))
      const whole = boundaries((yield* transfer({ seed: 5 })).sizes)
      for (const piece of [1, 13, 100]) {
        const { sizes } = yield* transfer({ seed: 5 }, piece)
        assert.includeMembers(boundaries(sizes), whole)
      }
    })
  )

  it.effect("are cut off at the same byte by the same seed, whatever pieces come from below", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1 }), fc.integer({ min: 1, max: 600 }), (seed, piece) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const faults = { seed, cut: 4000 }
              const whole = yield* transfer(faults)
              const pieces = yield* transfer(faults, piece)
              assert.deepStrictEqual(pieces.bytes, whole.bytes)
              assert.deepStrictEqual(whole.bytes, [...sent.subarray(0, whole.bytes.length)])
              // only reads can be cut here: nothing is written
              if (whole.end === undefined) assert.strictEqual(whole.bytes.length, sent.length)
              else {
                assert.isAtMost(whole.bytes.length, 4000)
                assert.strictEqual(whole.end._tag, "Broken")
              }
            })
          )
        ),
        { numRuns: 30 }
      )
    )
  )

  it.effect("that are written arrive in order up to the cut, and the next read fails", () =>
    Effect.gen(function* () {
      let cuts = 0
      for (let seed = 0; seed < 20; seed++) {
        let heard = 0
        const script: Script = (backend) =>
          Effect.ignore(
            Effect.forever(
              Effect.map(backend.receiveBytes, (chunk) => {
                assert.deepStrictEqual([...chunk], [...sent.subarray(heard, heard + chunk.length)])
                heard += chunk.length
              })
            )
          )
        const end = yield* Effect.gen(function* () {
          const duplex = yield* Effect.flatMap(Transport, ({ connect }) => connect(endpoint))
          const reading = yield* Effect.fork(Effect.either(duplex.read))
          yield* Effect.yieldNow()
          for (let at = 0; at < sent.length; at += 500) duplex.write(sent.subarray(at, at + 500))
          yield* duplex.end
          duplex.destroy()
          return yield* Fiber.join(reading)
        }).pipe(Effect.scoped, Effect.provide(through({ seed, cut: 4000 }, script)))
        if (Either.isLeft(end)) {
          cuts++
          assert.isAtMost(heard, 4000)
          assert.instanceOf(end.left, Broken)
        } else assert.strictEqual(heard, sent.length)
      }
      // about one half of the connections is cut where it writes
      assert.isAbove(cuts, 3)
      assert.isBelow(cuts, 17)
    })
  )

  it.effect("are late by the clock, and wait for the next read when one is interrupted", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const duplex = yield* Effect.flatMap(Transport, ({ connect }) => connect(endpoint))
        const first = yield* Effect.fork(duplex.read)
        yield* Effect.yieldNow()
        assert.isNull(first.unsafePoll())
        yield* Fiber.interrupt(first)
        const reading = yield* Effect.fork(readAll(duplex))
        yield* TestClock.adjust("1 hour")
        const { bytes } = yield* Fiber.join(reading)
        assert.deepStrictEqual(bytes, [...sent])
      }).pipe(Effect.scoped, Effect.provide(through({ seed: 3, delay: 1000, split: 200 }, sender(5000))))
    })
  )
})

describe("a database behind a faulty transport", () => {
  const names = Query.all(Schema.Struct({ name: Schema.String }))`SELECT name FROM country`
  const expected = Array.from({ length: 50 }, (_, i) => ({ name: `country ${i}` }))
  const script: Script = (backend) =>
    Effect.gen(function* () {
      yield* backend.acceptStartup
      for (;;) {
        yield* backend.expect("SELECT name")
        yield* backend.send(
          Message.rowDescription("name"),
          ...expected.map(({ name }) => Message.dataRow(name)),
          Message.commandComplete("SELECT 50"),
          Message.readyForQuery("idle")
        )
      }
    }).pipe(Effect.catchTag("ScriptMismatch", () => Effect.void))

  const run = (faults: Faults) =>
    Effect.all([names(), names(), names()], { concurrency: "unbounded" }).pipe(
      Effect.provide(
        Postgres.layerConnection.pipe(
          Layer.provide(Connection.layer({ host: "h", user: "u", sslmode: "disable" })),
          Layer.provide(through(faults, script))
        )
      ),
      Effect.either
    )

  it.effect("gives the same answers however its bytes are split", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 10; seed++) {
        const answers = yield* run({ seed, split: 1 + seed * 5 })
        assert.deepStrictEqual(answers, Either.right([expected, expected, expected]))
      }
    })
  )

  it.effect("answers rightly or fails Broken, wherever it is cut off", () =>
    Effect.gen(function* () {
      let broken = 0
      for (let seed = 0; seed < 40; seed++) {
        const answers = yield* run({ seed, cut: 3000 })
        if (Either.isRight(answers)) assert.deepStrictEqual(answers.right, [expected, expected, expected])
        else {
          broken++
          assert.strictEqual(answers.left._tag, "Broken")
        }
      }
      assert.isAbove(broken, 10)
    })
  )
})
