// What commits by itself and then fails: scripts with COMMIT in them, procedures, blocks of code. It is never said to have left no trace,
// and never repeated; what cannot have committed is told as it is.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { type Postgres, type PostgresError, Query, Retry, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { healthy, single } from "./session.ts"

const prepared = Query.script(`
  DROP TABLE IF EXISTS partly;
  CREATE UNLOGGED TABLE partly (n int4 PRIMARY KEY);
  CREATE OR REPLACE PROCEDURE half_way(reason text) LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO partly VALUES (1);
      COMMIT;
      INSERT INTO partly VALUES (2);
      RAISE EXCEPTION USING ERRCODE = reason;
    END $$;
`)
const found = Query.all(Schema.Number)`SELECT n FROM partly ORDER BY n`
const clear = Query.command`DELETE FROM partly`

type Work = Effect.Effect<unknown, PostgresError, Postgres>

/** Its SQL, how it is run, and what is there when it has failed. */
const kept: ReadonlyArray<readonly [what: string, work: Work]> = [
  ["a script that has committed", Query.script("INSERT INTO partly VALUES (1); COMMIT; SELECT 1 / 0")],
  [
    "a script with a transaction of its own",
    Query.script("BEGIN; INSERT INTO partly VALUES (1); END; INSERT INTO partly VALUES (2); SELECT 1 / 0")
  ],
  ["a procedure", Query.command`CALL half_way('40001')`()],
  ["a procedure, by a script", Query.script("CALL half_way('40001')")],
  ["a procedure in a pin", Session.pin(Query.command`CALL half_way('40001')`())],
  [
    "a block of code",
    Query.command`DO $$ BEGIN INSERT INTO partly VALUES (1); COMMIT; RAISE EXCEPTION USING ERRCODE = '40001'; END $$`()
  ],
  ["a block of code that calls a procedure", Query.command`DO $$ BEGIN CALL half_way('40001'); END $$`()]
]

const undone: ReadonlyArray<readonly [what: string, work: Work]> = [
  ["a script", Query.script("INSERT INTO partly VALUES (1); SELECT 1 / 0; COMMIT")],
  ["a script that has rolled back", Query.script("BEGIN; INSERT INTO partly VALUES (1); ROLLBACK; SELECT 1 / 0")],
  [
    "a block of code that ends no transaction",
    Query.command`DO $$ BEGIN INSERT INTO partly VALUES (1); RAISE 'no'; END $$`()
  ],
  ["a procedure that is not there", Query.command`CALL no_such_procedure()`()],
  ["a procedure in a transaction, where it cannot commit", Transaction.run(Query.command`CALL half_way('40001')`())]
]

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}: after a failure, the work of`, () => {
    const live = (name: string, body: Effect.Effect<unknown, unknown, Postgres>) =>
      it.live(name, () => Effect.provide(Effect.zipRight(prepared, Effect.zipLeft(body, healthy)), single(server)))

    live(
      "what commits by itself is Unknown, is in part there, and is not repeated",
      Effect.gen(function* () {
        for (const [what, work] of kept) {
          yield* clear()
          let runs = 0
          const counted = Effect.zipRight(
            Effect.sync(() => runs++),
            work
          )
          const error = yield* counted.pipe(
            Retry.transient,
            Effect.provide(Retry.layer(Schedule.recurs(3))),
            Effect.flip
          )
          assert.deepStrictEqual([error._tag, error.outcome, runs], ["Permanent", "Unknown", 1], what)
          assert.include(String(error), "stays", what)
          assert.deepStrictEqual(yield* found(), [1], what)
        }
      })
    )

    live(
      "what cannot have committed is RolledBack, and not there",
      Effect.gen(function* () {
        for (const [what, work] of undone) {
          yield* clear()
          const error = yield* Effect.flip(work)
          assert.strictEqual(error.outcome, "RolledBack", what)
          assert.deepStrictEqual(yield* found(), [], what)
        }
      })
    )

    live(
      "a transaction that a script inside it has committed is not said to be rolled back",
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Transaction.run(Query.script("INSERT INTO partly VALUES (1); COMMIT; SELECT 1 / 0"))
        )
        assert.strictEqual(error.outcome, "Unknown")
        assert.deepStrictEqual(yield* Effect.provide(found(), single(server)), [1])
      }).pipe(Effect.provide(single(server)))
    )
  })
}
