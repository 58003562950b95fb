// COPY of bytes on a real server: what goes in comes out, whatever way it ends, and the connection is healthy or gone afterwards.
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Query, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { healthy, pause, single } from "../faults/session.ts"
import { encode, lines, textOf } from "./data.ts"

const backend = Query.one(Schema.Number)`SELECT pg_backend_pid()`

class SourceFailed {
  readonly _tag = "SourceFailed"
}

for (const server of inject("postgres")) {
  /** A temporary table and the connection it is on. */
  const scene = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Query.command`CREATE TEMP TABLE lines (n int4 PRIMARY KEY, line text)`().pipe(
      Effect.zipRight(body),
      Effect.zipLeft(healthy),
      Session.pin,
      Effect.provide(single(server))
    )
  const load = Copy.inBytes`COPY lines FROM STDIN`
  const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM lines`
  const series = (rows: number) =>
    Copy.outBytes`COPY (SELECT n, 'line ' || n FROM generate_series(0, ${Sql.unsafe(String(rows - 1))}) n) TO STDOUT`

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live("stores what comes in, and says how many rows that were", () =>
      scene(
        Effect.gen(function* () {
          const pieces = [lines(0, 10), lines(10, 5_000).subarray(0, 70), lines(10, 5_000).subarray(70)]
          assert.strictEqual(yield* Stream.run(Stream.fromIterable(pieces), load), 5_000)
          assert.strictEqual(yield* count(), 5_000n)
          const out = yield* Stream.runCollect(Copy.outBytes`COPY (SELECT * FROM lines ORDER BY n) TO STDOUT`)
          assert.strictEqual(textOf(out), textOf([lines(0, 5_000)]))
        })
      )
    )
    it.live("Y-10: stores nothing of an empty source, and gives nothing of an empty table", () =>
      scene(
        Effect.gen(function* () {
          assert.strictEqual(yield* Stream.run(Stream.empty, load), 0)
          assert.strictEqual(Chunk.size(yield* Stream.runCollect(Copy.outBytes`COPY lines TO STDOUT`)), 0)
          yield* Query.command`CREATE TEMP TABLE nothing ()`()
          assert.strictEqual(yield* Stream.run(Stream.make(encode("\n\n")), Copy.inBytes`COPY nothing FROM STDIN`), 2)
          assert.strictEqual(textOf(yield* Stream.runCollect(Copy.outBytes`COPY nothing TO STDOUT`)), "\n\n")
        })
      )
    )
    it.live("Y-1: stores nothing of a source that fails", () =>
      scene(
        Effect.gen(function* () {
          const source = Stream.concat(
            Stream.make(lines(0, 1_000), lines(1_000, 20_000)),
            Stream.fail(new SourceFailed())
          )
          const error = yield* Effect.flip(Stream.run(source, load))
          assert.strictEqual(error._tag, "SourceFailed")
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )
    it.live("Y-2: stops a source from which nothing comes when the server refuses what came", () =>
      scene(
        Effect.gen(function* () {
          let closed = false
          const source = Stream.concat(Stream.make(lines(0, 3), encode("x\tbad\n"), lines(4, 9000)), Stream.never).pipe(
            Stream.ensuring(Effect.sync(() => (closed = true)))
          )
          const error = yield* Effect.flip(Stream.run(source, load))
          assert.strictEqual(error.reason._tag, "DataException")
          assert.strictEqual(error.outcome, "RolledBack")
          assert.isTrue(closed)
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )
    it.live("Y-3: stores nothing of an interrupted COPY", () =>
      scene(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Stream.run(Stream.concat(Stream.make(lines(0, 50)), Stream.never), load))
          yield* pause(50)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )
    it.live("Y-5: gives the same connection back when the consumer stops early", () =>
      scene(
        Effect.gen(function* () {
          const pid = yield* backend()
          const some = yield* Stream.runCollect(Stream.take(series(500_000), 1))
          assert.isAbove(Chunk.unsafeHead(some).length, 0)
          yield* healthy
          assert.strictEqual(yield* backend(), pid)
        })
      )
    )
    it.live("goes on with the transaction when the consumer stops early", () =>
      scene(
        Effect.gen(function* () {
          yield* Transaction.run(
            Effect.gen(function* () {
              yield* Query.command`INSERT INTO lines VALUES (1, 'before')`()
              yield* Stream.runCollect(Stream.take(series(500_000), 1))
              yield* Query.command`INSERT INTO lines VALUES (2, 'after')`()
              assert.strictEqual(textOf(yield* Stream.runCollect(series(3))), textOf([lines(0, 3)]))
            })
          )
          assert.strictEqual(yield* count(), 2n)
        })
      )
    )
    it.live("Y-6: refuses a statement between the data", () =>
      scene(
        Effect.gen(function* () {
          const source = Stream.concat(Stream.make(lines(0, 3)), Stream.fromEffect(Effect.as(count(), lines(3, 4))))
          const error = yield* Effect.flip(Stream.run(source, load))
          assert.strictEqual(error.reason._tag, "CopyInProgress")
          assert.strictEqual(yield* count(), 0n)
          const reader = yield* Effect.flip(Stream.runDrain(Stream.mapEffect(series(100_000), () => count())))
          assert.strictEqual(reader.reason._tag, "CopyInProgress")
        })
      )
    )
  })
}
