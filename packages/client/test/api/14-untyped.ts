import { Effect, Schema } from "effect"
import { Postgres, PostgresError, Query, Row, type ScriptResult, Sql, Values } from "pgfx"

// rows without a promise: every column in its default representation (values.md §2)
export const settings = Query.all(Row)`SELECT name, setting FROM pg_settings WHERE name LIKE ${Sql.value("log%")}`()

// by position: duplicate names, computed columns
export const pairs = Query.all(Values)`SELECT 1, 1, now()`()

// a tuple is a row by position, anything but a struct or tuple is the only column
export const counts = Query.all(
  Schema.Tuple(Schema.String, Schema.BigIntFromSelf)
)`SELECT kind, count(*) FROM events GROUP BY kind`
export const names = Query.all(Schema.String)`SELECT name FROM region`

// text built elsewhere (a query builder, a console), with its values
export const run = (text: string, values: ReadonlyArray<string | number | null>) =>
  Query.all(Row, { prepare: false })`${Sql.unsafe(text, values)}`()

// ---- the types a user sees
export const t1: Effect.Effect<ReadonlyArray<Row>, PostgresError, Postgres> = settings
export const t2: Effect.Effect<ReadonlyArray<Values>, PostgresError, Postgres> = pairs
export const t3: Effect.Effect<ReadonlyArray<readonly [string, bigint]>, PostgresError, Postgres> = counts()
export const t4: Effect.Effect<ReadonlyArray<ScriptResult>, PostgresError, Postgres> = Query.script("VACUUM; ANALYZE")
// @ts-expect-error a column of an untyped row is unknown
export const t5 = Effect.map(settings, (rows) => rows[0]!["name"].length)
