// COPY on PGlite: the same Sinks and Streams, though it takes data only as a whole.
import { assert, it } from "@effect/vitest"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Query, Retry, Transaction } from "pgfx"

const Row = Schema.Struct({ n: Schema.Int, line: Schema.NullOr(Schema.String) })
const rows = Array.from({ length: 3_000 }, (_, n) => ({ n, line: n % 5 === 0 ? null : `line\n${n}` }))
const load = Copy.in(Row)`COPY lines (n, line) FROM STDIN (FORMAT binary)`
const dump = Copy.out(Row)`COPY (SELECT * FROM lines ORDER BY n) TO STDOUT (FORMAT csv)`
const count = Query.one(Schema.Number)`SELECT count(*)::int4 FROM lines`

const scene = Effect.gen(function* () {
  yield* Query.command`CREATE TABLE lines (n int4 PRIMARY KEY, line text)`()
  const failing = Stream.concat(Stream.fromIterable(rows), Stream.fail("source" as const))
  assert.strictEqual(yield* Effect.flip(Stream.run(failing, load)), "source")
  assert.strictEqual(yield* count(), 0)
  assert.strictEqual(yield* Stream.run(Stream.fromIterable(rows), load), rows.length)
  const again = yield* Effect.flip(Stream.run(Stream.fromIterable(rows), load))
  assert.strictEqual(again.reason._tag, "UniqueViolation")
  assert.deepStrictEqual([...(yield* Stream.runCollect(dump))], rows)
  assert.deepStrictEqual([...(yield* Stream.runCollect(Stream.take(dump, 2)))], rows.slice(0, 2))
  // a COPY that has taken effect is not done a second time because of what comes behind it
  const onlyOnce = Stream.run(Stream.make({ n: 10_000, line: null }), load).pipe(
    Effect.zipRight(Query.script("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")),
    Retry.transient,
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
  assert.strictEqual((yield* Effect.flip(onlyOnce)).reason._tag, "SerializationFailure")
  yield* Transaction.run(
    Effect.zipRight(Query.command`DELETE FROM lines`(), Stream.run(Stream.fromIterable(rows.slice(0, 7)), load))
  )
  assert.strictEqual(yield* count(), 7)
  const piece = new Uint8Array(1024 * 1024)
  const much = Stream.map(Stream.range(1, 70), () => piece)
  const error = yield* Effect.flip(Stream.run(much, Copy.inBytes`COPY lines FROM STDIN`))
  assert.deepStrictEqual([error.reason._tag, error.outcome], ["InvalidCopy", "NotSent"])
  assert.strictEqual(yield* count(), 7)
}).pipe(Effect.provide(PGlitePostgres.layer()))

it.live("copies in and out, and is healthy after a COPY that failed, was stopped, or was refused", () => scene, 90_000)
