// What typed COPY refuses on a real server: Schemas that do not fit, before anything is copied; rows that do not encode or decode, by their
// number. Nothing is half loaded, and the connection is healthy.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, type Fragment, type Postgres, type PostgresError, Query, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { healthy, pause, single } from "../faults/session.ts"

const Row = Schema.Struct({ n: Schema.Int, line: Schema.NullOr(Schema.String) })

/** Encodes and decodes in its own time. */
const Slow = Schema.transformOrFail(Schema.String, Schema.String, {
  decode: (text) => Effect.as(Effect.sleep("1 millis"), text.toUpperCase()),
  encode: (text, _, ast) =>
    Effect.flatMap(Effect.sleep("1 millis"), () =>
      text === "BAD"
        ? ParseResult.fail(new ParseResult.Type(ast, text, "is bad"))
        : ParseResult.succeed(text.toLowerCase())
    )
})

const facts = ({ _tag, outcome, reason }: PostgresError) => [_tag, reason._tag, outcome]

for (const server of inject("postgres")) {
  const scene = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Query.command`CREATE TEMP TABLE lines (n int4 PRIMARY KEY, line text, twice int4 GENERATED ALWAYS AS (n * 2) STORED)`().pipe(
      Effect.zipRight(body),
      Effect.zipLeft(healthy),
      Session.pin,
      Effect.provide(single(server))
    )
  const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM lines`
  const rows = (...lines: ReadonlyArray<string | null>) =>
    Stream.fromIterable(lines.map((line, i) => ({ n: i + 1, line })))

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live("knows the columns that COPY moves when none are listed", () =>
      scene(
        Effect.gen(function* () {
          assert.strictEqual(yield* Stream.run(rows("a", null), Copy.in(Row)`COPY lines FROM STDIN BINARY`), 2)
          const out = yield* Stream.runCollect(Copy.out(Row)`COPY lines TO STDOUT`)
          assert.deepStrictEqual(
            [...out],
            [
              { n: 1, line: "a" },
              { n: 2, line: null }
            ]
          )
          const tuples = Copy.out(
            Schema.Tuple(Schema.String, Schema.Int)
          )`COPY (SELECT 'x', twice FROM lines) TO STDOUT CSV`
          assert.deepStrictEqual(
            [...(yield* Stream.runCollect(tuples))],
            [
              ["x", 2],
              ["x", 4]
            ]
          )
          const values = Copy.out(Schema.Int)`COPY lines (n) TO STDOUT`
          assert.deepStrictEqual([...(yield* Stream.runCollect(values))], [1, 2])
          assert.strictEqual(yield* Stream.run(Stream.make(8, 9), Copy.in(Schema.Int)`COPY lines (n) FROM STDIN`), 2)
        })
      )
    )

    it.live("Y-10: a row above maxMessageSize is refused with that setting, and taken with a larger one", () =>
      Effect.gen(function* () {
        const wide = "SELECT repeat('x', 40000) AS line"
        const reads = [
          Stream.runDrain(Copy.outBytes`COPY (${Sql.unsafe(wide)}) TO STDOUT`),
          Stream.runDrain(Query.stream(Schema.String)`${Sql.unsafe(wide)}`()),
          Query.one(Schema.String)`${Sql.unsafe(wide)}`()
        ]
        for (const read of reads) {
          const error = yield* Effect.flip(
            Effect.provide(read, Layer.fresh(single(server, { maxMessageSize: 30_000 })))
          )
          assert.strictEqual(error.reason._tag, "ProtocolViolation")
          assert.match(
            error.message,
            /Hint: if rows may be so large, raise the setting maxMessageSize above 40\d\d\d bytes/
          )
          yield* Effect.provide(read, Layer.fresh(single(server, { maxMessageSize: 50_000 })))
        }
      })
    )

    it.live("a Schema that does not fit is a mismatch, before anything is copied", () =>
      scene(
        Effect.gen(function* () {
          const Other = Schema.Struct({ n: Schema.Int, missing: Schema.String })
          const mismatches: ReadonlyArray<Effect.Effect<unknown, PostgresError, Postgres>> = [
            Stream.run(Stream.empty, Copy.in(Other)`COPY lines (n, line) FROM STDIN`),
            Stream.run(Stream.empty, Copy.in(Row)`COPY lines (n) FROM STDIN`),
            Stream.run(Stream.empty, Copy.in(Row)`COPY lines (n, line, wrong) FROM STDIN`),
            Stream.run(Stream.empty, Copy.in(Schema.Struct({ n: Schema.DateFromSelf }))`COPY lines (n) FROM STDIN`),
            Stream.runDrain(Copy.out(Other)`COPY lines TO STDOUT`),
            Stream.runDrain(Copy.out(Schema.Struct({ line: Schema.DateFromSelf }))`COPY lines TO STDOUT`),
            Stream.runDrain(Copy.out(Row)`COPY (SELECT n FROM lines) TO STDOUT`)
          ]
          for (const [i, mismatch] of mismatches.entries()) {
            const error = yield* Effect.flip(mismatch)
            assert.deepStrictEqual(facts(error), ["Permanent", "StatementMismatch", "NotSent"], String(i))
          }
          // a transaction goes on after it
          yield* Transaction.run(
            Effect.zipRight(
              Effect.flip(Stream.runDrain(Copy.out(Other)`COPY lines TO STDOUT`)),
              Query.command`INSERT INTO lines VALUES (1, 'x')`()
            )
          )
          assert.strictEqual(yield* count(), 1n)
        })
      )
    )

    it.live("what the server does not know is its own error, at its place in the text", () =>
      scene(
        Effect.gen(function* () {
          const nowhere = yield* Effect.flip(Stream.run(rows("a"), Copy.in(Row)`COPY nowhere FROM STDIN`))
          assert.deepStrictEqual(facts(nowhere), ["Permanent", "SyntaxOrAccessRule", "RolledBack"])
          const query = yield* Effect.flip(
            Stream.runDrain(Copy.out(Row)`COPY (SELECT 'Å', nothing FROM lines) TO STDOUT`)
          )
          if (!("report" in query.reason)) return assert.fail("a report was expected")
          assert.strictEqual(query.reason.report?.position, 'COPY (SELECT "Å", '.length + 1)
        })
      )
    )

    it.live("a row that has no form in the format ends the COPY, by its number", () =>
      scene(
        Effect.gen(function* () {
          const binary = Copy.in(Row)`COPY lines (n, line) FROM STDIN (FORMAT binary)`
          const text = Copy.in(Row)`COPY lines (n, line) FROM STDIN (NULL '')`
          const marked = Copy.in(Row)`COPY lines (n, line) FROM STDIN CSV`
          const cases = [
            [rows("a", "nul \0"), binary],
            [rows("a", "nul \0"), marked],
            [rows("a", "lone \ud800"), marked],
            [rows(null, ""), text]
          ] as const
          for (const [source, sink] of cases) {
            const error = yield* Effect.flip(Stream.run(source, sink))
            assert.deepStrictEqual(facts(error), ["Permanent", "InvalidRow", "RolledBack"])
            if (error.reason._tag === "InvalidRow") assert.strictEqual(error.reason.row, 2)
          }
          // whatever the types say
          const untyped = JSON.parse('{"n": 1.5, "line": null}')
          const error = yield* Effect.flip(Stream.run(Stream.make({ n: 1, line: "" }, untyped), binary))
          assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "n", row: 2 })
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("a row that does not decode ends the COPY, and tells what became of it", () =>
      scene(
        Effect.gen(function* () {
          const Small = Schema.Struct({ n: Schema.Int.pipe(Schema.lessThan(3)) })
          const numbers = (format: Fragment) =>
            Copy.out(Small)`COPY (SELECT n FROM generate_series(1, 300000) n) TO STDOUT ${format}`
          for (const format of [Sql``, Sql`BINARY`, Sql`CSV`]) {
            const seen: Array<number> = []
            const all = Stream.runForEach(numbers(format), ({ n }) => Effect.sync(() => void seen.push(n)))
            const error = yield* Effect.flip(all)
            assert.deepStrictEqual(seen, [1, 2])
            assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "n", row: 3 })
            yield* healthy
            const inside = yield* Transaction.run(
              Effect.zipLeft(Effect.flip(all), Query.command`INSERT INTO lines VALUES (1)`())
            )
            assert.strictEqual(inside.outcome, "RolledBack")
            yield* Query.command`DELETE FROM lines`()
          }
        })
      )
    )

    it.live("takes Schemas that encode and decode in their own time", () =>
      scene(
        Effect.gen(function* () {
          const Timed = Schema.Struct({ n: Schema.Int, line: Slow })
          const source = Stream.map(Stream.range(1, 300), (n) => ({ n, line: `LINE ${n}` }))
          assert.strictEqual(yield* Stream.run(source, Copy.in(Timed)`COPY lines (n, line) FROM STDIN CSV`), 300)
          const out = yield* Stream.runCollect(
            Stream.take(Copy.out(Timed)`COPY (SELECT * FROM lines ORDER BY n) TO STDOUT`, 2)
          )
          assert.deepStrictEqual(
            [...out],
            [
              { n: 1, line: "LINE 1" },
              { n: 2, line: "LINE 2" }
            ]
          )
          const bad = Stream.make({ n: 1000, line: "GOOD" }, { n: 1001, line: "BAD" })
          const error = yield* Effect.flip(Stream.run(bad, Copy.in(Timed)`COPY lines (n, line) FROM STDIN`))
          assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "line", row: 2 })
          const fiber = yield* Effect.fork(
            Stream.run(Stream.forever(bad), Copy.in(Timed)`COPY lines (n, line) FROM STDIN`)
          )
          yield* pause(2)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* count(), 300n)
        })
      )
    )
  })
}
