// P-11 to P-13 on real servers: what one borrower of a connection did to its session never reaches the next, by whatever way the connection
// was borrowed. With one connection in the pool, the next borrower has the same session or another one; either way it is a clean one.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Pool, type Postgres, type PostgresError, Query, Session, type Settings, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { backend, pooled, type Services, urlOf } from "../resilience/pooled.ts"

/** Everything of a session that its next borrower could stumble over. */
const snapshot = Query.one(
  Schema.Struct({
    search_path: Schema.String,
    time_zone: Schema.String,
    user: Schema.String,
    session_user: Schema.String,
    role: Schema.String,
    encoding: Schema.String,
    isolation: Schema.String,
    application: Schema.String,
    temp_tables: Schema.Number,
    locks: Schema.Number,
    listens: Schema.Number,
    cursors: Schema.Number,
    prepared: Schema.Number
  })
)`
  SELECT pg_catalog.current_setting('search_path') AS search_path, pg_catalog.current_setting('TimeZone') AS time_zone,
    current_user AS user, session_user, pg_catalog.current_setting('role') AS role,
    pg_catalog.current_setting('client_encoding') AS encoding,
    pg_catalog.current_setting('default_transaction_isolation') AS isolation,
    pg_catalog.current_setting('application_name') AS application,
    (SELECT count(*)::int4 FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()) AS temp_tables,
    (SELECT count(*)::int4 FROM pg_catalog.pg_locks
      WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()) AS locks,
    (SELECT count(*)::int4 FROM pg_catalog.pg_listening_channels()) AS listens,
    (SELECT count(*)::int4 FROM pg_catalog.pg_cursors WHERE name <> '') AS cursors,
    (SELECT count(*)::int4 FROM pg_catalog.pg_prepared_statements WHERE from_sql) AS prepared`

/** P-11's ten kinds, and what is akin to them. */
const poisons: Readonly<Record<string, string>> = {
  "SET search_path": "SET search_path TO pg_catalog",
  "SET ROLE": "SET ROLE pg_read_all_data",
  "SET SESSION AUTHORIZATION": "SET SESSION AUTHORIZATION pg_read_all_data",
  "a temporary table": "CREATE TEMPORARY TABLE poison (n int4)",
  "an advisory lock": "SELECT pg_advisory_lock(11)",
  LISTEN: "LISTEN poison",
  "an open cursor": "DECLARE poison CURSOR WITH HOLD FOR SELECT 1",
  "a prepared statement": "PREPARE poison AS SELECT 1",
  "SET LOCAL": "SET LOCAL TimeZone TO 'Asia/Tokyo'",
  "another reported setting": "SET TimeZone TO 'Asia/Tokyo'",
  "a setting that is not reported": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
  set_config: "SELECT set_config('search_path', 'pg_catalog', false)",
  "a block of PL/pgSQL": "DO $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Tokyo', false); END $$"
}

type Way = (sql: string) => Effect.Effect<unknown, PostgresError, Postgres>

const plain: Way = (sql) => Query.command`${Sql.unsafe(sql)}`()

const ways: Readonly<Record<string, Way>> = {
  "a statement": plain,
  "a transaction": (sql) => Transaction.run(plain(sql)),
  "a savepoint": (sql) => Transaction.run(Transaction.run(plain(sql))),
  "a transaction that fails": (sql) => Effect.ignore(Transaction.run(Effect.zipRight(plain(sql), Effect.fail("no")))),
  "a pin": (sql) => Session.pin(plain(sql)),
  "a script": (sql) => Query.script(`SELECT 1; ${sql}; SELECT 2`),
  "a script in a transaction": (sql) => Transaction.run(Query.script(`SELECT 1; ${sql}; SELECT 2`)),
  "a statement with a deadline": (sql) => Query.command({ timeout: "5 seconds" })`${Sql.unsafe(sql)}`()
}

/** A pool of one connection; what it logs is kept. */
const alone = (settings: Settings) =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void logged.push(String(message)))
    const context = yield* Layer.build(
      pooled({ ...settings, pool: { max: 1, ...settings.pool } }).pipe(
        Layer.provide(Logger.replace(Logger.defaultLogger, logger))
      )
    )
    return { logged, context }
  })

const within = <A, E>(
  settings: Settings,
  body: (logged: ReadonlyArray<string>) => Effect.Effect<A, E, Services>
): Effect.Effect<A, E | PostgresError, Scope.Scope> =>
  Effect.flatMap(alone(settings), ({ context, logged }) => Effect.provide(body(logged), context))

for (const server of inject("postgres")) {
  const url = urlOf(server)

  describe(`PostgreSQL ${server.majorVersion}: the next borrower of a connection`, () => {
    for (const [kind, sql] of Object.entries(poisons)) {
      it.live(`P-11: sees nothing of ${kind}`, () =>
        within({ url }, () =>
          Effect.gen(function* () {
            const clean = yield* snapshot()
            const pid = yield* backend()
            for (const [way, poison] of Object.entries(ways)) {
              yield* poison(sql)
              assert.deepStrictEqual(yield* snapshot(), clean, `by ${way}`)
              assert.strictEqual(yield* backend(), pid, `by ${way}: it is reset, not replaced`)
            }
          })
        ).pipe(Effect.scoped)
      )
    }

    it.live("P-11: gets another session after one had its client_encoding changed", () =>
      within({ url }, () =>
        Effect.gen(function* () {
          const clean = yield* snapshot()
          for (const way of ["a statement", "a pin"]) {
            const pid = yield* backend()
            const error = yield* Effect.flip(ways[way]?.("SET client_encoding TO 'LATIN1'") ?? Effect.void)
            assert.strictEqual(error.reason._tag, "ProtocolViolation")
            assert.deepStrictEqual(yield* snapshot(), clean)
            assert.notStrictEqual(yield* backend(), pid)
          }
        })
      ).pipe(Effect.scoped)
    )

    it.live("P-11: sees nothing of what a stream's statement did", () =>
      within({ url }, () =>
        Effect.gen(function* () {
          const clean = yield* snapshot()
          const lock = Query.stream(Schema.Struct({ locked: Schema.Any }))`SELECT pg_advisory_lock(11) AS locked`
          yield* Stream.runDrain(lock())
          assert.deepStrictEqual(yield* snapshot(), clean)
        })
      ).pipe(Effect.scoped)
    )

    it.live(
      "P-11: sees nothing of what a function changed by stealth, if the server reports it, and the culprit is named",
      () =>
        within({ url }, (logged) =>
          Effect.gen(function* () {
            yield* Query.script(`
            CREATE OR REPLACE FUNCTION pgfx_stealth() RETURNS int4 LANGUAGE plpgsql AS
              $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Tokyo', false); RETURN 1; END $$`)
            const clean = yield* snapshot()
            yield* Query.one(Schema.Number, { name: "stealth" })`SELECT pgfx_stealth()`()
            assert.deepStrictEqual(yield* snapshot(), clean)
            const told = logged.filter((line) => line.includes("SessionChanged"))
            assert.lengthOf(told, 1)
            assert.include(told[0], 'SessionChanged (a new TimeZone) behind "stealth", defined at ')
            // a transaction's own setting is none of the session's
            yield* Transaction.runWith({ settings: { TimeZone: "Asia/Tokyo" } })(Query.command`SELECT 1`())
            assert.lengthOf(
              logged.filter((line) => line.includes("SessionChanged")),
              1
            )
            yield* Query.command`DROP FUNCTION pgfx_stealth()`()
          })
        ).pipe(Effect.scoped)
    )

    it.live("P-11: has the parameters and initial statements of the settings again, the role included", () =>
      within(
        {
          url,
          parameters: { search_path: "pg_catalog", role: "pg_read_all_data" },
          initStatements: [
            "SET work_mem = '9MB'",
            "CREATE TEMPORARY TABLE at_the_start AS SELECT 7 AS n",
            "PREPARE seven AS SELECT 7 AS n"
          ]
        },
        () =>
          Effect.gen(function* () {
            const state = Effect.all([
              Effect.map(snapshot(), ({ role, search_path, user }) => [role, search_path, user]),
              Query.one(Schema.String)`SELECT current_setting('work_mem')`(),
              Query.one(Schema.Number)`SELECT n FROM at_the_start`(),
              Query.script("EXECUTE seven").pipe(Effect.map((results) => results[0]?.rows))
            ])
            const first = yield* state
            assert.deepStrictEqual(first, [
              ["pg_read_all_data", "pg_catalog", "pg_read_all_data"],
              "9MB",
              7,
              [{ n: 7 }]
            ])
            const pid = yield* backend()
            for (const sql of ["SET work_mem = '8MB'", "RESET ROLE", "DISCARD ALL", "PREPARE x AS SELECT 1"]) {
              for (const way of [plain, Session.pin<unknown, PostgresError, Postgres>]) {
                yield* way === plain ? plain(sql) : Session.pin(plain(sql))
                assert.deepStrictEqual(yield* state, first, sql)
              }
            }
            assert.strictEqual(yield* backend(), pid)
          })
      ).pipe(Effect.scoped)
    )

    it.live("rolls back what was left open in a pin, and says so", () =>
      within({ url }, (logged) =>
        Effect.gen(function* () {
          yield* Session.pin(Query.script("BEGIN; CREATE TABLE pgfx_left_open (n int4)"))
          assert.isFalse(yield* Query.one(Schema.Boolean)`SELECT to_regclass('pgfx_left_open') IS NOT NULL`())
          assert.lengthOf(
            logged.filter((line) => line.includes("TransactionLeftOpen")),
            1
          )
        })
      ).pipe(Effect.scoped)
    )

    it.live("P-12, P-13: hears nothing of a reset that failed: it has another session", () =>
      Effect.gen(function* () {
        const { context } = yield* alone({ url })
        yield* Effect.provide(
          Query.script("DROP TABLE IF EXISTS pgfx_once; CREATE TABLE pgfx_once (pid int4 PRIMARY KEY)"),
          context
        )
        // goes well once per session
        const initStatements = ["INSERT INTO pgfx_once VALUES (pg_backend_pid())"]
        yield* within({ url, initStatements }, () =>
          Effect.gen(function* () {
            for (let i = 0; i < 5; i++) {
              const pid = yield* backend()
              yield* Session.pin(Query.command`SELECT 1`())
              assert.notStrictEqual(yield* backend(), pid)
            }
          })
        )
        yield* Effect.provide(Query.command`DROP TABLE pgfx_once`(), context)
      }).pipe(Effect.scoped)
    )

    it.live("P-12, P-13: hears nothing of a reset that does not end: after its deadline it has another session", () =>
      Effect.gen(function* () {
        const { context } = yield* alone({ url })
        yield* Effect.provide(
          Query.script("DROP TABLE IF EXISTS pgfx_slow; CREATE TABLE pgfx_slow (pid int4)"),
          context
        )
        const initStatements = ["SELECT pg_sleep(30) FROM pgfx_slow WHERE pid = pg_backend_pid()"]
        yield* within({ url, initStatements, commitTimeout: "300 millis" }, () =>
          Effect.gen(function* () {
            const pid = yield* backend()
            yield* Session.pin(Query.command`INSERT INTO pgfx_slow VALUES (pg_backend_pid())`())
            assert.notStrictEqual(yield* backend(), pid)
          })
        )
        yield* Effect.provide(
          Query.script("SELECT pg_terminate_backend(pid) FROM pgfx_slow; DROP TABLE pgfx_slow"),
          context
        )
      }).pipe(Effect.scoped)
    )

    it.live("P-13: is behind the reset, not its holder: the pin ends without waiting for it", () =>
      within({ url, initStatements: ["SELECT pg_sleep(0.2)"] }, () =>
        Effect.gen(function* () {
          yield* backend()
          yield* Session.pin(Query.command`SELECT 1`())
          // read in the same turn of the event loop
          const { busy, idle } = yield* Effect.flatMap(Pool, (pool) => pool.stats)
          assert.deepStrictEqual([idle, busy], [0, 1])
          const before = performance.now()
          yield* backend()
          assert.isAtLeast(performance.now() - before, 150)
        })
      ).pipe(Effect.scoped)
    )
  })
}
