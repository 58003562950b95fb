// T-2: with `commitProbe` another connection finds out what became of a COMMIT whose answer was lost. The connection ends at every byte of
// the COMMIT and of its answer; what is told is what is there, and nothing is Unknown any more.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import type { Direction } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { param, type Postgres, Query, Retry, type Settings, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "./profile.ts"
import { behind, eventually, faultProxy, healthy, latest, single, trustingServer } from "./session.ts"

const table = Query.script(`
  DROP TABLE IF EXISTS probed;
  CREATE TABLE probed (id int4 PRIMARY KEY);
  CREATE OR REPLACE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$;
  DROP TABLE IF EXISTS probed_slowly;
  CREATE TABLE probed_slowly (id int4);
  CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON probed_slowly DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION take_time();
`)
const insert = Query.command`INSERT INTO probed VALUES (${param("id", Schema.Int)})`
const insertSlowly = Query.command`INSERT INTO probed_slowly VALUES (1)`
const present = Query.all(Schema.Number)`SELECT id FROM probed`
const committing = Query.one(Schema.Boolean)`
  SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT')`
const slow = Query.one(Schema.Number)`SELECT count(*)::int4 FROM probed_slowly`

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}: T-2, a COMMIT whose answer is lost`, () => {
    const server = trustingServer(majorVersion)
    const observe = <A, E>(self: Effect.Effect<A, E, Postgres>) => Effect.provide(self, single(server()))
    const probing = (url: string, settings: Settings = {}) =>
      NodePostgres.layer({ url: Redacted.make(url), commitProbe: true, pool: { max: 1 }, ...settings })

    it.live(
      "is told as it is, whatever byte the connection ends at, and is never Unknown",
      () =>
        Effect.gen(function* () {
          yield* observe(table)
          const proxy = yield* faultProxy(server())
          const { url } = behind(server(), proxy)
          const told = new Map<number, string>()
          let id = 0
          /** Answers how many bytes there were to cut. */
          const cutAt = (direction: Direction, at: number) =>
            Effect.gen(function* () {
              const mine = ++id
              yield* healthy
              const connection = latest(proxy)
              let before = 0
              const arm = Effect.sync(() => {
                before = connection.passed(direction)
                connection.arm(direction, at, "cut")
              })
              const result = yield* Effect.either(Transaction.run(Effect.zipLeft(insert({ id: mine }), arm)))
              const bytes = connection.passed(direction) - before
              connection.disarm(direction)
              told.set(mine, Either.isRight(result) ? "committed" : result.left.outcome)
              yield* healthy
              return bytes
            }).pipe(Effect.provide(Layer.fresh(probing(url))))
          for (const direction of ["toServer", "toClient"] as const) {
            const bytes = yield* cutAt(direction, Infinity)
            // COMMIT and the answer to it are cut at every byte, what goes before them here and there
            const commit = bytes - 20
            for (let at = 0; at < commit; at += amount(40, 1)) yield* cutAt(direction, at)
            for (let at = commit; at < bytes; at++) yield* cutAt(direction, at)
          }
          const found = new Set(yield* observe(present()))
          const lies = [...told].filter(([n, what]) => what !== (found.has(n) ? "committed" : "RolledBack"))
          assert.deepStrictEqual(lies, [])
          assert.includeMembers([...told.values()], ["committed", "RolledBack"])
          assert.isAbove(told.size, 40)
        }).pipe(Effect.scoped),
      withinMinutes(1, 10)
    )

    it.live("but which is still going on, is waited for", () =>
      Effect.gen(function* () {
        yield* observe(table)
        const proxy = yield* faultProxy(server())
        yield* Effect.gen(function* () {
          yield* healthy
          const connection = latest(proxy)
          const fiber = yield* Effect.fork(Transaction.run(insertSlowly()))
          yield* observe(eventually("COMMIT runs", committing(), 10_000))
          connection.reset()
          yield* Fiber.join(fiber)
          yield* healthy
        }).pipe(Effect.provide(Layer.fresh(probing(behind(server(), proxy).url))))
        assert.strictEqual(yield* observe(slow()), 1)
      }).pipe(Effect.scoped)
    )

    it.live("of a transaction that has changed nothing is RolledBack, and repeated", () =>
      Effect.gen(function* () {
        yield* observe(table)
        const proxy = yield* faultProxy(server())
        let runs = 0
        yield* Effect.gen(function* () {
          yield* healthy
          const connection = latest(proxy)
          const found = yield* Transaction.run(
            Effect.zipLeft(
              present(),
              Effect.sync(() => {
                // the id of the transaction is asked for in one flight, COMMIT goes in the next
                if (runs++ === 0) connection.arm("toClient", 1, "cut")
              })
            )
          ).pipe(Retry.transient, Effect.provide(Retry.layer(Schedule.recurs(3))))
          assert.deepStrictEqual(found, [])
          assert.strictEqual(runs, 2)
        }).pipe(Effect.provide(Layer.fresh(probing(behind(server(), proxy).url))))
      }).pipe(Effect.scoped)
    )

    it.live("is Unknown where nobody can be asked, after commitTimeout", () =>
      Effect.gen(function* () {
        yield* observe(table)
        const proxy = yield* faultProxy(server())
        yield* Effect.gen(function* () {
          yield* healthy
          const connection = latest(proxy)
          const fiber = yield* Effect.fork(Effect.flip(Transaction.run(insertSlowly())))
          yield* observe(eventually("COMMIT runs", committing(), 10_000))
          proxy.refuse()
          connection.reset()
          const error = yield* Fiber.join(fiber)
          assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "Unknown"])
        }).pipe(Effect.provide(Layer.fresh(probing(behind(server(), proxy).url, { commitTimeout: "2 seconds" }))))
      }).pipe(Effect.scoped)
    )
  })
}
