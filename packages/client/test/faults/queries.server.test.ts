// Group Q on a real server: what a statement may do to its neighbours, to the cache and to the session, and what it may not.
import { assert, describe, it, layer } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Query, Row, Session, Sql, Transaction, Values } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "./profile.ts"
import { Chance } from "./random.ts"
import { discarded, healthy, single } from "./session.ts"

/** 10 / 0 comes after four rows that can be read. */
const fifthFails = { sql: "SELECT 10 / (5 - n) FROM generate_series(1, 9) n", good: [2, 3, 5, 10] }
const held = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM pg_prepared_statements`

for (const server of inject("postgres")) {
  const Live = single(server)

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("group Q", (it) => {
      it.effect("Q-2: an error behind four rows fails the query, ends the stream behind them, and harms nobody", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(Query.all(Schema.Number)`${Sql.unsafe(fifthFails.sql)}`())
          assert.strictEqual(error.reason._tag, "DataException")
          assert.strictEqual(error.outcome, "RolledBack")
          yield* healthy
          for (const fetchSize of [1, 3, 4, 5, 1000]) {
            const seen: Array<number> = []
            const rows = Query.stream(Schema.Number, { fetchSize })`${Sql.unsafe(fifthFails.sql)}`()
            const failure = yield* Effect.flip(Stream.runForEach(rows, (n) => Effect.sync(() => seen.push(n))))
            assert.strictEqual(failure.reason._tag, "DataException")
            assert.deepStrictEqual(seen, fifthFails.good, `fetch size ${fetchSize}`)
            yield* healthy
          }
        })
      )

      it.effect("Q-5: nothing at all is a statement without rows, as a query, a command, a script and a stream", () =>
        Effect.gen(function* () {
          for (const text of ["", ";", "-- nothing\n", "/* nothing */"]) {
            const sql = Sql.unsafe(text)
            assert.deepStrictEqual(yield* Query.all(Row)`${sql}`(), [], text)
            assert.deepStrictEqual(yield* Query.command`${sql}`(), { command: "", rows: 0 }, text)
            assert.deepStrictEqual(yield* Stream.runCollect(Query.stream(Row)`${sql}`()), Chunk.empty(), text)
            assert.isAtMost((yield* Query.script(text)).length, 1, text)
            yield* healthy
          }
        })
      )

      it.effect("Q-6: an error in the middle of a script undoes what came before it", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS q6; CREATE TABLE q6 (n int4)")
          const error = yield* Effect.flip(
            Query.script("INSERT INTO q6 VALUES (1); SELECT 1 / 0; INSERT INTO q6 VALUES (2)")
          )
          assert.strictEqual(error.reason._tag, "DataException")
          assert.strictEqual(error.outcome, "RolledBack")
          assert.strictEqual(yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM q6`(), 0n)
          yield* Query.script("DROP TABLE q6")
        })
      )

      it.effect("Q-6: the position of an error in a script points into the script", () =>
        Effect.gen(function* () {
          const text = "SELECT 'Å𝄞';\nSELECT nothing_here"
          const error = yield* Effect.flip(Query.script(text))
          const { report } = error.reason as Extract<typeof error.reason, { readonly report: object }>
          assert.strictEqual([...text].slice((report.position ?? 0) - 1).join(""), "nothing_here")
          yield* healthy
        })
      )

      it.effect("Q-7: two statements are no query", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(Query.all(Row)`SELECT 1; SELECT 2`())
          assert.strictEqual(error.reason._tag, "SyntaxOrAccessRule")
          yield* healthy
        })
      )

      it.effect("Q-9: a cursor outlives the Sync behind each batch, outside a transaction and inside", () =>
        Effect.gen(function* () {
          const rows = Query.stream(Schema.Number, { fetchSize: 7 })`SELECT n FROM generate_series(1, 100) n`
          const expected = Array.from({ length: 100 }, (_, n) => n + 1)
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(rows())), expected)
          const inside = yield* Transaction.run(
            Effect.zipRight(
              healthy,
              Stream.runCollect(Stream.tap(rows(), (n) => (n % 10 === 0 ? healthy : Effect.void)))
            )
          )
          assert.deepStrictEqual(Chunk.toReadonlyArray(inside), expected)
          yield* healthy
        })
      )

      it.effect("Q-13: a changed search_path or role is obeyed by a statement that was prepared before", () =>
        Effect.gen(function* () {
          yield* Query.script(`
            DROP SCHEMA IF EXISTS q13a CASCADE; CREATE SCHEMA q13a; CREATE TABLE q13a.place AS SELECT 'a' AS name;
            DROP SCHEMA IF EXISTS q13b CASCADE; CREATE SCHEMA q13b; CREATE TABLE q13b.place AS SELECT 2 AS number, 'b' AS name;
            DROP ROLE IF EXISTS q13; CREATE ROLE q13;
          `)
          yield* Session.pin(
            Effect.gen(function* () {
              const name = Query.one(Schema.String)`SELECT name FROM place`
              const whole = Query.one(Row)`SELECT * FROM place`
              for (const [schema, row] of [
                ["q13a", { name: "a" }],
                ["q13b", { number: 2, name: "b" }],
                ["q13a", { name: "a" }]
              ] as const) {
                yield* Query.command`SET search_path = ${Sql.identifier(schema)}`()
                for (let i = 0; i < 2; i++) {
                  assert.strictEqual(yield* name(), row.name)
                  assert.deepStrictEqual(yield* whole(), row)
                }
              }
              const qualified = Query.one(Schema.String)`SELECT name FROM q13a.place`
              assert.strictEqual(yield* qualified(), "a")
              const user = Query.one(Schema.String)`SELECT current_user::text`
              assert.strictEqual(yield* user(), "postgres")
              yield* Query.command`SET ROLE q13`()
              assert.strictEqual(yield* user(), "q13")
              const refused = yield* Effect.flip(qualified())
              assert.strictEqual(refused.reason._tag, "InsufficientPrivilege")
            })
          )
          yield* Query.script("DROP SCHEMA q13a, q13b CASCADE; DROP ROLE q13")
          yield* healthy
        })
      )

      it.effect("Q-14: the cache holds its bound under statements that are all in flight at once", () =>
        Effect.gen(function* () {
          const numbers = Array.from({ length: 1300 }, (_, n) => n)
          const ask = (n: number) => Query.one(Schema.Number)`SELECT ${Sql.unsafe(String(n))}::int4`()
          for (let round = 0; round < 2; round++) {
            assert.deepStrictEqual(yield* Effect.forEach(numbers, ask, { concurrency: "unbounded" }), numbers)
          }
          // those that were in flight when they were to be evicted go when the next one comes
          yield* ask(1301)
          assert.isAtMost(Number(yield* held()), 257)
          yield* healthy
        })
      )

      it.effect(
        "Q-16: 10,000 pipelined statements with large answers do not block the one who is still writing",
        () =>
          Effect.gen(function* () {
            const wide = Query.one(
              Values
            )`SELECT ${param("n", Schema.Int)}::int4, length(${param("text", Schema.String)}), repeat('y', 3000)`
            const text = "x".repeat(2000)
            const numbers = Array.from({ length: 10_000 }, (_, n) => n)
            const answers = yield* Effect.forEach(
              numbers,
              (n) => Effect.map(wide({ n, text }), ([n, , y]) => [n, String(y).length]),
              {
                concurrency: "unbounded"
              }
            )
            assert.deepStrictEqual(
              answers,
              numbers.map((n) => [n, 3000])
            )
            yield* healthy
          }),
        60_000
      )

      it.effect("Q-18: three statements side by side are three transactions, the same three in a script are one", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS three; CREATE UNLOGGED TABLE three (n int4)")
          const add = Query.command`INSERT INTO three VALUES (1 / ${param("n", Schema.Int)})`
          const count = Query.one(Schema.Number)`SELECT count(*)::int4 FROM three`
          yield* add({ n: 1 })
          const told = yield* Effect.all(
            [1, 1, 0].map((n) => Effect.either(add({ n }))),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            told.map(({ _tag }) => _tag),
            ["Right", "Right", "Left"]
          )
          assert.strictEqual(yield* count(), 3)
          const script = [1, 1, 0].map((n) => `INSERT INTO three VALUES (1 / ${n})`).join("; ")
          assert.strictEqual((yield* Effect.flip(Query.script(script))).outcome, "RolledBack")
          assert.strictEqual(yield* count(), 3)
          yield* healthy
        })
      )

      it.effect("Q-17: a constraint that is checked at the end belongs to its statement, not to a neighbour", () =>
        Effect.gen(function* () {
          yield* Query.script(
            "DROP TABLE IF EXISTS q17; CREATE TABLE q17 (n int4 PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO q17 VALUES (5)"
          )
          const insert = Query.command`INSERT INTO q17 VALUES (${param("n", Schema.Int)})`
          const results = yield* Effect.forEach([4, 5, 6], (n) => Effect.either(insert({ n })), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            results.map((r) => (r._tag === "Right" ? r.right.command : `${r.left.reason._tag} ${r.left.outcome}`)),
            ["INSERT", "UniqueViolation RolledBack", "INSERT"]
          )
          assert.deepStrictEqual(yield* Query.all(Schema.Number)`SELECT n FROM q17 ORDER BY n`(), [4, 5, 6])
          yield* Query.script("DROP TABLE q17")
          yield* healthy
        })
      )

      const questions = amount(20_000, 1_000_000)
      it.effect(
        `Q-20: ${questions} tagged questions of 50 fibers get their own answers`,
        () =>
          Effect.gen(function* () {
            const tagged = Query.one(
              Values
            )`SELECT ${param("fiber", Schema.Int)}::int4, ${param("n", Schema.Int)}::int4, repeat('z', ${param("size", Schema.Int)}::int4)`
            const fails = Query.one(
              Values
            )`SELECT 1 / (${param("n", Schema.Int)}::int4 - ${param("n", Schema.Int)}::int4)`
            const chance = new Chance(20)
            const ask = (fiber: number) =>
              Effect.gen(function* () {
                for (let n = 0; n < questions / 50; n++) {
                  if (chance.below(50) === 0) yield* Effect.flip(fails({ n }))
                  const size = chance.below(200)
                  const [toldFiber, toldN, z] = yield* tagged({ fiber, n, size })
                  if (toldFiber !== fiber || toldN !== n || String(z).length !== size)
                    assert.fail(`crossed: ${toldFiber} ${toldN}`)
                }
              })
            yield* Effect.forEach(
              Array.from({ length: 50 }, (_, fiber) => fiber),
              ask,
              { concurrency: "unbounded", discard: true }
            )
            yield* healthy
          }),
        withinMinutes(1, 20)
      )
    })

    describe("Q-23: settings that change what values look like", () => {
      const values = Query.one(Row)`
        SELECT timestamptz '2024-02-29 13:45:00.5+02' a, timestamp '2024-02-29 13:45' b, date '2024-02-29' c, interval '1 mon 2 days 03:04:05' d,
               bytea '\\x00ff5c' e, 1.1::float8 f, 'a\\b' g, time '01:02:03' h, 1.1::float4 i, ARRAY[date '2024-02-29'] j`
      const changes = [
        "SET DateStyle = 'German, DMY'",
        "SET DateStyle = 'SQL, MDY'",
        "SET IntervalStyle = 'sql_standard'",
        "SET IntervalStyle = 'iso_8601'",
        "SET bytea_output = 'escape'",
        "SET TimeZone = 'Asia/Kathmandu'",
        "SET extra_float_digits = -3"
      ]
      for (const change of changes) {
        it.live(`${change} changes no value, or is told as an error`, () =>
          Effect.gen(function* () {
            const usual = yield* values()
            const changed = yield* Session.pin(
              Effect.gen(function* () {
                yield* Query.script(change)
                // known to the cache: binary
                const known = yield* values()
                // not known: its first answer comes as text
                const first = yield* Effect.either(
                  Query.one(Row)`
                  SELECT timestamptz '2024-02-29 13:45:00.5+02' a, timestamp '2024-02-29 13:45' b, date '2024-02-29' c, interval '1 mon 2 days 03:04:05' d,
                         bytea '\\x00ff5c' e, 1.1::float8 f, 'a\\b' g, time '01:02:03' h, 1.1::float4 i, ARRAY[date '2024-02-29'] j /* ${Sql.unsafe(change)} */`()
                )
                yield* healthy
                return { known, first }
              })
            )
            assert.deepStrictEqual(changed.known, usual)
            if (changed.first._tag === "Right") assert.deepStrictEqual(changed.first.right, usual)
            else assert.strictEqual(changed.first.left.reason._tag, "InvalidRow")
            // and behind the pin everything is as it was
            assert.deepStrictEqual(yield* values(), usual)
          }).pipe(Effect.provide(Live))
        )
      }

      it.live("standard_conforming_strings = off changes no parameter", () =>
        Effect.gen(function* () {
          const back = Query.one(Schema.String)`SELECT ${param("text", Schema.String)}`
          const texts = ["a\\b", "'; DROP TABLE x; --", "\\' OR 1=1 --", "$1", "\\x00"]
          yield* Session.pin(
            Effect.gen(function* () {
              yield* Query.command`SET standard_conforming_strings = off`()
              for (const text of texts) assert.strictEqual(yield* back({ text }), text)
            })
          )
          yield* healthy
        }).pipe(Effect.provide(Live))
      )

      it.live("client_encoding other than UTF8 ends the connection, before a text is misread", () =>
        Effect.gen(function* () {
          const text = Query.one(Schema.String)`SELECT 'Grüße'::text`
          assert.strictEqual(yield* text(), "Grüße")
          const read = yield* Effect.either(
            Session.pin(Effect.zipRight(Effect.ignore(Query.command`SET client_encoding = 'LATIN1'`()), text()))
          )
          if (read._tag === "Right") assert.strictEqual(read.right, "Grüße")
          yield* discarded
        }).pipe(Effect.provide(Live))
      )
    })
  })
}

it("runs on at least one server", () => assert.isAbove(inject("postgres").length, 0))
