// Schemas against statements on a real server: what does not fit is said before anything runs where that is possible, all of it at once, and no
// error ever holds a value.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, type PostgresError, Query, Sql, Transaction } from "pgfx"
import { inspect } from "node:util"
import { inject } from "vitest"

const canary = "kanarienvogel"
const afternoon = new Date("2024-02-29T13:45:00Z")

/** Everything that a program, a log or a crash report could print of an error. */
const everything = (error: PostgresError): string =>
  [
    String(error),
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(error.details),
    inspect(error, { depth: 10 })
  ].join("\n")

const noCanary = (error: PostgresError): void => assert.notInclude(everything(error), canary)

const findings = (error: PostgresError): ReadonlyArray<string> =>
  error.reason._tag === "StatementMismatch"
    ? error.reason.findings.map(({ at, message }) => `${"column" in at ? at.column : at.parameter}: ${message}`)
    : [`not a mismatch: ${String(error)}`]

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("a statement and its Schemas", (it) => {
      const healthy = Effect.map(Query.one(Schema.Int)`SELECT 1`(), (n) => assert.strictEqual(n, 1))

      it.effect("disagree about everything at once", () =>
        Effect.gen(function* () {
          const Row = Schema.Struct({ createdAt: Schema.Date, total: Schema.Boolean, id: Schema.Int })
          const query = Query.all(Row)`SELECT now() AS created_at, 1.5 AS total, 1 AS id, 2 AS id`
          const error = yield* Effect.flip(query())
          assert.sameMembers(
            [...findings(error)],
            [
              'createdAt: is missing; the statement returns created_at, total, id, id (hint: AS "createdAt", or Schema.fromKey)',
              "total: numeric cannot be read as Schema.Boolean",
              "id: occurs twice (hint: an alias, or Values)"
            ]
          )
          yield* healthy
        })
      )

      it.effect("that changes data is not run if its rows could not be read", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS mismatch; CREATE TABLE mismatch (id int4)")
          const insert = Query.all(Schema.Struct({ id: Schema.Date }))`INSERT INTO mismatch VALUES (1) RETURNING id`
          const error = yield* Effect.flip(insert())
          assert.deepStrictEqual(findings(error), ["id: int4 cannot be read as Date"])
          assert.strictEqual(error.outcome, "NotSent")
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT count(*) FROM mismatch`(), 0)
          yield* Query.script("DROP TABLE mismatch")
        })
      )

      it.effect("disagree about a parameter on the first use as on every later one", () =>
        Effect.gen(function* () {
          const query = Query.all(Schema.Int)`SELECT 1 WHERE lower(${param("email", Schema.Number)}) = 'x'`
          // the first one was a single flight: a read has run, and its answer is not given
          for (const outcome of ["Committed", "NotSent", "NotSent"]) {
            const error = yield* Effect.flip(query({ email: 1 }))
            assert.deepStrictEqual(findings(error), ["email: Schema.Number encodes a number, the server expects text"])
            assert.strictEqual(error.outcome, outcome)
          }
          yield* healthy
        })
      )

      it.effect("disagree about a parameter inside a transaction, which goes on", () =>
        Effect.gen(function* () {
          const query = Query.all(Schema.Int)`SELECT 2 WHERE lower(${param("email", Schema.Number)}) = 'x'`
          const outcomes = Transaction.run(
            Effect.gen(function* () {
              const [first, second] = [yield* Effect.flip(query({ email: 1 })), yield* Effect.flip(query({ email: 1 }))]
              yield* healthy
              return [first.outcome, second.outcome]
            })
          )
          assert.deepStrictEqual(yield* outcomes, ["Pending", "NotSent"])
        })
      )

      it.effect("disagree about a parameter of a statement that changes data before it runs", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS guarded; CREATE TABLE guarded (word text, day date)")
          const insert = Query.command`INSERT INTO guarded (word) VALUES (${param("word", Schema.Number)})`
          const dated = Query.command`INSERT INTO guarded (day) VALUES (${param("day", Schema.DateFromSelf)})`
          for (let use = 0; use < 2; use++) {
            for (const error of [
              yield* Effect.flip(insert({ word: 1 })),
              yield* Effect.flip(dated({ day: afternoon }))
            ]) {
              assert.strictEqual(error.outcome, "NotSent")
              assert.include(["StatementMismatch", "InvalidParameter"], error.reason._tag)
            }
          }
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT count(*) FROM guarded`(), 0)
          yield* Query.script("DROP TABLE guarded")
        })
      )

      it.effect("disagree about a type of the user's own on the first use", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TYPE IF EXISTS first_mood; CREATE TYPE first_mood AS ENUM ('glad', 'sad')")
          const ask = Query.all(Schema.Int)`SELECT 1 WHERE ${param("mood", Schema.Number)}::first_mood = 'glad'`
          const sad = Query.all(Schema.Int)`SELECT 3 WHERE ${param("mood", Schema.String)}::first_mood = 'glad'`
          assert.deepStrictEqual(yield* sad({ mood: "glad" }), [3])
          for (let use = 0; use < 2; use++) {
            const error = yield* Effect.flip(ask({ mood: 1 }))
            // the server itself refuses the text "1", where it is asked
            assert.include(["StatementMismatch", "DataException"], error.reason._tag)
          }
          yield* Query.script("DROP TYPE first_mood")
        })
      )

      it.effect("are compared anew when the result type of a statement changes", () =>
        Effect.gen(function* () {
          yield* Query.script(
            "DROP TABLE IF EXISTS changing; CREATE TABLE changing (n int4); INSERT INTO changing VALUES (1)"
          )
          const read = Query.all(Schema.Struct({ n: Schema.Number }))`SELECT n FROM changing`
          assert.deepStrictEqual(yield* read(), [{ n: 1 }])
          assert.deepStrictEqual(yield* read(), [{ n: 1 }])
          yield* Query.script("ALTER TABLE changing ALTER n TYPE float8")
          assert.deepStrictEqual(yield* read(), [{ n: 1 }])
          yield* Query.script("ALTER TABLE changing ALTER n TYPE timestamptz USING now()")
          const error = yield* Effect.flip(read())
          assert.match(findings(error)[0] ?? "", /^n: timestamptz cannot be read as Schema\.Number/)
          yield* Query.script("DROP TABLE changing")
        })
      )
    })

    layer(Live)("no value is ever said", (it) => {
      const text = Sql.unsafe(`'${canary}'`)
      it.effect("of a row that the Schema refuses", () =>
        Effect.gen(function* () {
          for (const field of [
            Schema.NumberFromString,
            Schema.Literal("a"),
            Schema.Trim.pipe(Schema.maxLength(3)),
            Schema.Date,
            Schema.UUID,
            Schema.Redacted(Schema.String.pipe(Schema.maxLength(3))),
            Schema.NullOr(Schema.Union(Schema.NumberFromString, Schema.Literal("b"))),
            Schema.parseJson(Schema.Struct({ a: Schema.Number })),
            Schema.String.pipe(Schema.filter((value) => `${value} is not good`)),
            Schema.String.pipe(Schema.maxLength(3, { message: (issue) => `bad: ${String(issue.actual)}` }))
          ]) {
            const query = Query.one(Schema.Struct({ c: field }))`SELECT ${text}::text AS c`
            for (let use = 0; use < 2; use++) {
              const error = yield* Effect.flip(query() as Effect.Effect<unknown, PostgresError, never>)
              assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "c", row: 1 })
              noCanary(error)
            }
          }
        })
      )

      it.effect("of a key or a value inside JSON", () =>
        Effect.gen(function* () {
          const sql = Sql.unsafe(`'{"${canary}": 1, "a": "${canary}", "constructor": {"name": "${canary}"}}'::jsonb`)
          for (const field of [
            Schema.Struct({ a: Schema.Number }),
            Schema.Number,
            Schema.Struct({ constructor: Schema.Number }),
            Schema.Record({ key: Schema.String, value: Schema.Boolean }),
            Schema.Record({ key: Schema.String, value: Schema.String.pipe(Schema.maxLength(3)) })
          ]) {
            const error = yield* Effect.flip(Query.one(Schema.Struct({ c: field }))`SELECT ${sql} AS c`())
            assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "c", row: 1 })
            noCanary(error)
          }
        })
      )

      it.effect("of a parameter that is refused", () =>
        Effect.gen(function* () {
          for (const [schema, value] of [
            [Schema.String.pipe(Schema.maxLength(3)), canary],
            [Schema.Redacted(Schema.String.pipe(Schema.maxLength(3))), Redacted.make(canary)],
            [Schema.String, `${canary}\u0000`],
            [Schema.Struct({ a: Schema.String.pipe(Schema.maxLength(3)) }), { a: canary }],
            [Schema.parseJson(Schema.String.pipe(Schema.maxLength(3))), canary]
          ] as const) {
            const query = Query.one(
              Schema.Unknown
            )`SELECT ${param("p", schema as Schema.Schema<unknown, unknown>)}::jsonb AS x`
            const error = yield* Effect.flip(query({ p: value }))
            assert.strictEqual(error.reason._tag, "InvalidParameter")
            assert.strictEqual(error.outcome, "NotSent")
            noCanary(error)
          }
        })
      )
    })
  })
}
