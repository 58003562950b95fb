// Statements on a real server, over TCP with SCRAM-SHA-256.
import { assert, describe, it, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Query, Row, Session, Sql, Transaction, Values } from "pgfx"
import { inject } from "vitest"

const one = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4 + 1`
const healthy = Effect.map(one({ n: 1 }), (n) => assert.strictEqual(n, 2))

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("queries", (it) => {
      it.effect("reads one column as the row", () => healthy)

      it.effect("tells zero rows from one with option", () =>
        Effect.gen(function* () {
          const find = Query.option(
            Schema.Struct({ n: Schema.Number })
          )`SELECT n FROM generate_series(1, 3) n WHERE n = ${param("n", Schema.Int)}`
          assert.deepStrictEqual(yield* find({ n: 2 }), Option.some({ n: 2 }))
          assert.deepStrictEqual(yield* find({ n: 9 }), Option.none())
        })
      )

      it.effect("refuses a second row where at most one was promised, and stays healthy", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(Query.option(Schema.Number)`SELECT 1 UNION ALL SELECT 2`())
          assert.strictEqual(error.reason._tag, "UnexpectedRowCount")
          assert.strictEqual(error.outcome, "Committed")
          yield* healthy
        })
      )

      it.effect("gives every column its default representation in Row and Values", () =>
        Effect.gen(function* () {
          const row = yield* Query.one(Row)`SELECT 1 AS a, 2::int8 AS b, 'x' AS c, null AS d, true AS e, 1.50 AS f`()
          assert.deepStrictEqual(row, { a: 1, b: 2n, c: "x", d: null, e: true, f: "1.50" })
          const values = yield* Query.one(Values)`SELECT 1, 1`()
          assert.deepStrictEqual(values, [1, 1])
        })
      )

      it.effect("reports what a command did", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS t")
          const create = Query.command`CREATE TABLE t (n int4)`
          assert.deepStrictEqual(yield* create(), { command: "CREATE TABLE", rows: 0 })
          const insert = Query.command`INSERT INTO t SELECT generate_series(1, ${param("n", Schema.Int)})`
          assert.deepStrictEqual(yield* insert({ n: 3 }), { command: "INSERT", rows: 3 })
          assert.deepStrictEqual(yield* Query.command`DROP TABLE t`(), { command: "DROP TABLE", rows: 0 })
        })
      )

      it.effect("pipelines concurrent statements and crosses no answers", () =>
        Effect.gen(function* () {
          const numbers = Array.from({ length: 500 }, (_, n) => n)
          const answers = yield* Effect.forEach(numbers, (n) => one({ n }), { concurrency: "unbounded" })
          assert.deepStrictEqual(
            answers,
            numbers.map((n) => n + 1)
          )
        })
      )

      it.effect("keeps the errors of concurrent statements apart", () =>
        Effect.gen(function* () {
          const divide = Query.one(Schema.Number)`SELECT 10 / ${param("n", Schema.Int)}::int4`
          const results = yield* Effect.forEach([1, 0, 2, 0, 5], (n) => Effect.either(divide({ n })), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            results.map((r) => (r._tag === "Right" ? r.right : r.left.outcome)),
            [10, "RolledBack", 5, "RolledBack", 2]
          )
          yield* healthy
        })
      )

      it.effect("composes conditions without a value in the text", () =>
        Effect.gen(function* () {
          const search = (min: number | undefined, odd: boolean) =>
            Query.all(Schema.Number)`
              SELECT n FROM generate_series(1, 6) n
              WHERE ${Sql.and([min !== undefined && Sql`n >= ${Sql.value(min)}`, odd && Sql`n % 2 = 1`])}
            `()
          assert.deepStrictEqual(yield* search(3, true), [3, 5])
          assert.deepStrictEqual(yield* search(undefined, false), [1, 2, 3, 4, 5, 6])
        })
      )

      it.effect("runs a script and gives each statement its result", () =>
        Effect.gen(function* () {
          const results = yield* Query.script(
            "CREATE TEMPORARY TABLE s (n int4); INSERT INTO s VALUES (1), (2); SELECT n FROM s; DROP TABLE s"
          )
          assert.deepStrictEqual(
            results.map((r) => [r.tag.command, r.tag.rows, r.rows]),
            [
              ["CREATE TABLE", 0, []],
              ["INSERT", 2, []],
              ["SELECT", 2, [{ n: 1 }, { n: 2 }]],
              ["DROP TABLE", 0, []]
            ]
          )
        })
      )

      it.effect("does not decode what a Schema refuses, says where, and stays healthy", () =>
        Effect.gen(function* () {
          const Adult = Schema.Struct({ age: Schema.Int.pipe(Schema.greaterThan(17)) })
          const error = yield* Effect.flip(Query.all(Adult)`SELECT * FROM (VALUES (20), (12)) AS v(age)`())
          assert.deepInclude(error.reason, { _tag: "InvalidRow", column: "age", row: 2 })
          assert.notInclude(String(error), "12")
          yield* healthy
        })
      )

      it.effect("sends arrays in the type the server infers", () =>
        Effect.gen(function* () {
          const among = Query.all(Schema.Number)`
            SELECT n FROM generate_series(1, 9) n WHERE n = ANY(${param("some", Schema.Array(Schema.Int))}) ORDER BY n
          `
          for (const some of [[2, 4], [], [9]]) assert.deepStrictEqual(yield* among({ some }), some)
          yield* healthy
        })
      )

      it.effect("inserts any number of rows as one statement", () =>
        Effect.gen(function* () {
          const Pair = Schema.Struct({ id: Schema.Int, name: Schema.NullOr(Schema.String) })
          const echo = Query.all(
            Pair
          )`SELECT id, name FROM ${Sql.rows("pairs", Pair, { id: "int4", name: "text" })} ORDER BY id`
          const pairs = Array.from({ length: 1000 }, (_, id) => ({
            id,
            name: id % 3 === 0 ? null : `a "quoted" {name}, ${id}`
          }))
          assert.deepStrictEqual(yield* echo({ pairs }), pairs)
        })
      )

      it.effect("gives the same values on first use (text) and later (binary)", () =>
        Effect.gen(function* () {
          const many = Query.one(Row)`
            SELECT 1::int2 a, 2.5::float8 b, '1e400'::numeric c, 'x'::text d, '\\x00ff'::bytea e, '2024-02-29 13:45:00.123456+00'::timestamptz f,
                   '{1,NULL,3}'::int4[] g, '{"a": [1, 2]}'::jsonb h, 'infinity'::date i, '1 mon 2 days 3.5 sec'::interval j,
                   '8f14e45f-ceea-467f-a2d4-4d1f5c7a9b10'::uuid k, ${param("n", Schema.Int)}::int4 l
          `
          const first = yield* many({ n: 1 })
          assert.deepStrictEqual(yield* many({ n: 1 }), first)
          assert.deepStrictEqual(yield* many({ n: 1 }), first)
        })
      )

      it.effect("Q-11: a table that changed under a statement costs a second look, not an error", () =>
        Effect.gen(function* () {
          yield* Query.script(
            "DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int4); INSERT INTO changing VALUES (1)"
          )
          const read = Query.all(Row)`SELECT * FROM changing`
          assert.deepStrictEqual(yield* read(), [{ a: 1 }])
          assert.deepStrictEqual(yield* read(), [{ a: 1 }])
          yield* Query.command`ALTER TABLE changing ADD b text DEFAULT 'x'`()
          assert.deepStrictEqual(yield* read(), [{ a: 1, b: "x" }])
          yield* Query.command`DROP TABLE changing`()
        })
      )

      it.effect("Q-12: a statement that vanished is prepared again", () =>
        Effect.gen(function* () {
          for (let i = 0; i < 3; i++) assert.strictEqual(yield* one({ n: i }), i + 1)
          yield* Session.pin(Query.script("DEALLOCATE ALL"))
          assert.strictEqual(yield* one({ n: 5 }), 6)
          yield* Session.pin(Query.command`DISCARD ALL`())
          assert.strictEqual(yield* one({ n: 6 }), 7)
        })
      )

      it.effect("Q-14: the server never holds more statements than the cache", () =>
        Effect.gen(function* () {
          for (let i = 0; i < 600; i++) {
            assert.strictEqual(yield* Query.one(Schema.Number)`SELECT ${Sql.unsafe(String(i))}::int4`(), i)
          }
          const held = yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM pg_prepared_statements`()
          assert.isAtMost(Number(held), 257)
          assert.isAbove(Number(held), 200)
        })
      )

      it.effect("finds a mismatch of Schema and statement before anything runs", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS mismatched; CREATE TABLE mismatched (n int4)")
          const insert = Query.one(Schema.Struct({ m: Schema.Number }))`INSERT INTO mismatched VALUES (1) RETURNING n`
          const error = yield* Effect.flip(insert())
          assert.strictEqual(error.reason._tag, "StatementMismatch")
          assert.strictEqual(error.outcome, "NotSent")
          assert.strictEqual(yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM mismatched`(), 0n)
          yield* Query.command`DROP TABLE mismatched`()
        })
      )

      it.effect("sweeps up what a statement did to its session", () =>
        Effect.gen(function* () {
          yield* Query.command`SET work_mem = '7MB'`()
          assert.notStrictEqual(yield* Query.one(Schema.String)`SELECT current_setting('work_mem')`(), "7MB")
        })
      )

      it.effect("refuses an argument that does not encode before anything is sent", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(one({ n: 1.5 }))
          assert.deepInclude(error.reason, { _tag: "InvalidParameter", parameter: "n" })
          assert.strictEqual(error.outcome, "NotSent")
          yield* healthy
        })
      )

      it.effect("Q-10: refuses COPY by an ordinary query and stays healthy", () =>
        Effect.gen(function* () {
          for (const sql of [Query.command`COPY pg_class TO STDOUT`, Query.command`/* in */ copy t FROM STDIN`]) {
            const error = yield* Effect.flip(sql())
            assert.strictEqual(error.reason._tag, "UseCopy")
            assert.strictEqual(error.outcome, "NotSent")
          }
          // what no word tells: COPY in the middle of a script
          for (const text of [
            "SELECT 1; COPY pg_class TO STDOUT",
            "CREATE TEMP TABLE c (n int4); COPY c FROM STDIN; SELECT 2"
          ]) {
            const error = yield* Effect.flip(Query.script(text))
            assert.strictEqual(error.reason._tag, "UseCopy")
          }
          yield* healthy
        })
      )
    })

    layer(Live)("transactions", (it) => {
      const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM account`
      const add = Query.command`INSERT INTO account VALUES (${param("id", Schema.Int)})`
      const prepare = Query.script(
        "DROP TABLE IF EXISTS account; CREATE UNLOGGED TABLE account (id int4 PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"
      )

      it.effect("keep what succeeded and undo what failed", () =>
        Effect.gen(function* () {
          yield* prepare
          yield* Transaction.run(add({ id: 1 }))
          yield* Effect.flip(Transaction.run(Effect.zipRight(add({ id: 2 }), Effect.fail("no"))))
          assert.strictEqual(yield* count(), 1n)
          yield* healthy
        })
      )

      it.effect("inside a transaction are savepoints", () =>
        Effect.gen(function* () {
          yield* prepare
          yield* Effect.gen(function* () {
            yield* add({ id: 1 })
            yield* Effect.flip(Transaction.run(Effect.zipRight(add({ id: 2 }), Effect.fail("no"))))
            yield* Transaction.run(add({ id: 3 }))
          }).pipe(Transaction.run)
          assert.strictEqual(yield* count(), 2n)
        })
      )

      it.effect("keep a sibling's work out of a savepoint that is undone", () =>
        Effect.gen(function* () {
          yield* prepare
          const undone = Effect.flip(
            Transaction.run(
              Effect.gen(function* () {
                yield* add({ id: 1 })
                yield* Effect.yieldNow()
                yield* add({ id: 2 })
                return yield* Effect.fail("no")
              })
            )
          )
          yield* Effect.all([undone, add({ id: 10 }), undone, add({ id: 11 })], { concurrency: "unbounded" }).pipe(
            Transaction.run
          )
          assert.strictEqual(yield* count(), 2n)
          yield* healthy
        })
      )

      it.effect("may be empty, or begin with a savepoint, a refusal or a stream", () =>
        Effect.gen(function* () {
          yield* prepare
          yield* Transaction.run(Effect.void)
          yield* Transaction.run(Transaction.run(Effect.void))
          yield* Transaction.run(Transaction.run(add({ id: 1 })))
          yield* Transaction.run(Effect.zipRight(Effect.flip(one({ n: 1.5 })), add({ id: 2 })))
          const rows = Query.stream(Schema.Number)`SELECT 1`
          yield* Transaction.run(Effect.zipRight(Stream.runDrain(rows()), add({ id: 3 })))
          yield* Transaction.run(Effect.zipRight(Query.script("SELECT 1"), add({ id: 4 })))
          assert.strictEqual(yield* count(), 4n)
        })
      )

      it.effect("are not committed twice by a COMMIT in a script", () =>
        Effect.gen(function* () {
          yield* prepare
          const error = yield* Effect.flip(
            Transaction.run(Effect.zipRight(add({ id: 1 }), Query.script("SELECT 1; COMMIT")))
          )
          assert.strictEqual(error.outcome, "Unknown")
        }).pipe(Effect.provide(Live))
      )

      it.effect("fail at COMMIT with the deferred constraint, rolled back", () =>
        Effect.gen(function* () {
          yield* prepare
          const error = yield* Effect.flip(Transaction.run(Effect.zipRight(add({ id: 1 }), add({ id: 1 }))))
          assert.strictEqual(error.reason._tag, "UniqueViolation")
          assert.strictEqual(error.outcome, "RolledBack")
          assert.strictEqual(yield* count(), 0n)
        })
      )

      it.effect("that swallowed an error do not pretend to have committed", () =>
        Effect.gen(function* () {
          yield* prepare
          const error = yield* Effect.flip(
            Transaction.run(Effect.zipRight(add({ id: 1 }), Effect.ignore(Query.command`SELECT 1 / 0`())))
          )
          assert.strictEqual(error.reason._tag, "CommitRolledBack")
          yield* healthy
        })
      )

      it.effect("roll back when their fiber is interrupted", () =>
        Effect.gen(function* () {
          yield* prepare
          yield* Effect.raceFirst(
            Transaction.run(Effect.zipRight(add({ id: 1 }), Effect.never)),
            Effect.zipRight(
              Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50))),
              Effect.void
            )
          )
          assert.strictEqual(yield* count(), 0n)
          yield* healthy
        })
      )

      it.effect("refuse BEGIN and COMMIT by hand, inside and outside", () =>
        Effect.gen(function* () {
          for (const place of [<A, E, R>(self: Effect.Effect<A, E, R>) => self, Transaction.run]) {
            for (const sql of [Query.command`BEGIN`, Query.command`COMMIT`, Query.command`savepoint a`]) {
              const error = yield* Effect.flip(place(sql()))
              assert.strictEqual(error.reason._tag, "UseTransaction")
              assert.strictEqual(error.outcome, "NotSent")
            }
          }
          yield* healthy
        })
      )

      it.effect("tell every statement behind a failed one why the transaction failed", () =>
        Effect.gen(function* () {
          const errors = yield* Transaction.dryRun(
            Effect.gen(function* () {
              const first = yield* Effect.flip(Query.command`SELECT 1 / 0`())
              const second = yield* Effect.flip(healthy)
              return [first.reason._tag, second.reason._tag]
            })
          )
          assert.deepStrictEqual(errors, ["DataException", "DataException"])
          yield* healthy
        })
      )

      it.effect("take their settings as parameters", () =>
        Effect.gen(function* () {
          const tenant = Query.one(Schema.String)`SELECT current_setting('app.tenant', true)`
          const inside = yield* tenant().pipe(
            Transaction.runWith({ isolation: "serializable", settings: { "app.tenant": "it's \\ me" } })
          )
          assert.strictEqual(inside, "it's \\ me")
        })
      )
    })
  })
}

it("runs on at least one server", () => assert.isAbove(inject("postgres").length, 0))
