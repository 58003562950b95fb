// Group T's table of numbers, one to a row, the tests that begin with it empty, and the statements that fail or last. Each test file has a table of its own: files run side by
// side on one server.
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { YieldWrap } from "effect/Utils"
import { param, type Postgres, Query, Sql } from "pgfx"
import { healthy, type Place, single } from "./session.ts"

export const undone = Effect.fail("undone" as const)

export const fail = Query.command`SELECT 1 / 0`
export const sleep = Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`

type Steps = () => Generator<YieldWrap<Effect.Effect<unknown, unknown, Postgres>>, void, never>

export const numbersTable = (name: string) => {
  const table = Sql.identifier(name)
  const empty = Query.script(`DROP TABLE IF EXISTS ${name}; CREATE UNLOGGED TABLE ${name} (n int4)`)
  return {
    empty,
    add: Query.command`INSERT INTO ${table} VALUES (${param("n", Schema.Int)})`,
    numbers: Query.all(Schema.Number)`SELECT n FROM ${table} ORDER BY n`,
    /** A test on the empty table; whatever happens there, the connection is healthy afterwards. */
    onTable: (server: Place) => (title: string, steps: Steps) =>
      it.live(title, () =>
        Effect.provide(Effect.zipRight(empty, Effect.zipLeft(Effect.gen(steps), healthy)), single(server))
      )
  }
}
