// Any number of rows into a table: one INSERT of arrays while they are few, COPY once they are many. Where COPY would do something else than
// INSERT does, it goes into a temporary table first, and one INSERT takes it from there: the number of rows changes nothing but the speed.
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { Postgres } from "../../Postgres.ts"
import type { PostgresError } from "../../PostgresError.ts"
import { Query } from "../../Query.ts"
import { type Fragment, Sql } from "../../Sql.ts"
import { Transaction } from "../../Transaction.ts"
import { CurrentHolder, databaseOf, type Holder, holderOf } from "../database.ts"
import { rowShape } from "../rows/shape.ts"
import { quoteIdentifier } from "../sql/template.ts"
import { quoteLiteral } from "./options.ts"

export interface InsertAllOptions {
  /** its name, or its path: `["audit", "log"]` */
  readonly table: string | readonly [string, ...ReadonlyArray<string>]
  /** what follows ON CONFLICT: `` Sql`(id) DO UPDATE SET price = excluded.price` ``. Rows in conflict with each other are the server's 21000. */
  readonly onConflict?: Fragment
  /** told how many rows have been taken from the source, before each piece of them is sent */
  readonly onProgress?: (rows: number) => Effect.Effect<void>
  /** more rows than these are copied; default 500 */
  readonly copyAbove?: number
}

/** What COPY does with rows of this Schema; `Copy.in` of a table and its columns. */
export type CopyInto<A, R> = (
  table: Fragment,
  columns: Fragment
) => Sink.Sink<number, A, never, PostgresError, Postgres | R>

const copyAboveByDefault = 500

const ColumnType = Schema.Struct({
  name: Schema.String,
  type: Schema.String,
  nested: Schema.Boolean,
  byInsert: Schema.Boolean
})

/**
 * Names of types as a cast takes them. `nested`: `unnest` would take apart what is one value. `byInsert`: COPY overrides GENERATED ALWAYS AS
 * IDENTITY, passes by rules, and is refused for views (which have a rule) and under row-level security (its page, "Notes").
 */
const columnTypes = (tableName: string) => Query.all(ColumnType)`
  SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, -1) AS type,
    t.typcategory OPERATOR(pg_catalog.=) 'A' OR t.typtype OPERATOR(pg_catalog.=) ANY ('{c,d}') AS nested,
    c.relhasrules OR a.attidentity OPERATOR(pg_catalog.=) 'a' OR pg_catalog.row_security_active(c.oid) AS "byInsert"
  FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
  WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(${Sql.unsafe(quoteLiteral(tableName))})::pg_catalog.oid
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped`

interface Target<A, I extends object, R> {
  readonly row: Schema.Schema<A, I, R>
  readonly table: Fragment
  /** as SQL reads it */
  readonly tableName: string
  readonly keys: ReadonlyArray<string>
  readonly columns: Fragment
  readonly onConflict: Fragment
  /** a key may be missing, which an array cannot say */
  readonly optional: boolean
}

const targetOf = <A, I extends object, R>(
  row: Schema.Schema<A, I, R>,
  { onConflict, table }: InsertAllOptions
): Target<A, I, R> => {
  const shape = rowShape(row.ast)
  if (shape._tag !== "Struct" || shape.fields.length === 0 || shape.rest !== undefined)
    throw new TypeError("Copy.insertAll needs a Schema that encodes to an object with known keys")
  const path: readonly [string, ...ReadonlyArray<string>] = typeof table === "string" ? [table] : table
  const keys = shape.fields.map(({ key }) => key)
  return {
    row,
    table: Sql.identifier(...path),
    tableName: path.map(quoteIdentifier).join("."),
    keys,
    columns: Sql.list(keys.map((key) => Sql.identifier(key))),
    onConflict: onConflict === undefined ? Sql`` : Sql`ON CONFLICT ${onConflict}`,
    optional: shape.fields.some(({ optional }) => optional)
  }
}

type Insert<A, R> = (args: { readonly rows: ReadonlyArray<A> }) => Effect.Effect<number, PostgresError, Postgres | R>

/** INSERT of arrays; `undefined` for what cannot be sent so. The text is the same every time, and so is its plan. */
const insertOf = <A, I extends object, R>(
  { columns, keys, onConflict, optional, row, table }: Target<A, I, R>,
  types: ReadonlyArray<typeof ColumnType.Type>
): Insert<A, R> | undefined => {
  const known = new Map(types.map((column) => [column.name, column]))
  const casts = keys.flatMap((key) => {
    const column = known.get(key)
    return column === undefined || column.nested ? [] : [[key, column.type] as const]
  })
  if (optional || casts.length < keys.length) return undefined
  // one entry per key of the encoded side, as `keys` are
  const byKey = Object.fromEntries(casts) as { readonly [K in keyof I]-?: string }
  const query = Query.command({ name: "insertAll" })`
    INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${Sql.rows("rows", row, byKey)} ${onConflict}`
  return (args) => Effect.map(query(args), ({ rows }) => rows)
}

interface Plan<A, R> {
  readonly insert: Insert<A, R> | undefined
  /** COPY alone would not do what INSERT does */
  readonly staged: boolean
}

/** What is to be done on this database. The statement for the same types is made once. */
const plansOf = <A, I extends object, R>(target: Target<A, I, R>) => {
  const made = new Map<string, Plan<A, R>>()
  const typesOf = columnTypes(target.tableName)
  return Effect.map(typesOf(), (types): Plan<A, R> => {
    const key = JSON.stringify(types)
    const known = made.get(key)
    if (known !== undefined) return known
    const staged = types.some(({ byInsert, name }) => byInsert && target.keys.includes(name))
    const plan = { insert: insertOf(target, types), staged }
    made.clear()
    made.set(key, plan)
    return plan
  })
}

let stagings = 0

/** Into a table of its own first, if there may be conflicts; only inside a transaction. */
const copied = <A, I extends object, R>(
  { columns, onConflict, table }: Target<A, I, R>,
  copy: CopyInto<A, R>,
  staged: boolean
): Sink.Sink<number, A, never, PostgresError, Postgres | R> => {
  if (!staged) return copy(table, columns)
  const name = `pgfx_staging_${++stagings}`
  const staging = Sql.identifier("pg_temp", name)
  const create = Query.command({ name: "insertAll" })`
    CREATE TEMP TABLE ${Sql.identifier(name)} ON COMMIT DROP AS SELECT ${columns} FROM ${table} WITH NO DATA`
  const move = Query.command({ name: "insertAll" })`
    INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${staging} ${onConflict}`
  const drop = Query.command({ name: "insertAll" })`DROP TABLE ${staging}`
  return Sink.unwrap(Effect.as(create(), copy(staging, columns))).pipe(
    Sink.mapEffect(() =>
      Effect.zipLeft(
        Effect.map(move(), ({ rows }) => rows),
        drop()
      )
    )
  )
}

/** Waits for more rows than fit into an INSERT before it decides. */
const choosing = <A, R>(
  limit: number,
  few: (rows: ReadonlyArray<A>) => Effect.Effect<number, PostgresError, Postgres | R>,
  many: Sink.Sink<number, A, never, PostgresError, Postgres | R>
): Sink.Sink<number, A, never, PostgresError, Postgres | R> => {
  type Loop = Channel.Channel<Chunk.Chunk<never>, Chunk.Chunk<A>, PostgresError, never, number, unknown, Postgres | R>
  const first = (rows: Chunk.Chunk<A>): Loop =>
    Channel.readWithCause({
      onInput: (chunk: Chunk.Chunk<A>): Loop => {
        const all = Chunk.appendAll(rows, chunk)
        if (all.length <= limit) return first(all)
        const whole = Channel.zipRight(Channel.write(all), Channel.identity<Chunk.Chunk<A>, never, unknown>())
        return Channel.pipeTo(whole, Sink.toChannel(many))
      },
      onFailure: (cause) => Channel.failCause(cause),
      onDone: () => Channel.fromEffect(few(Chunk.toReadonlyArray(rows)))
    })
  return Sink.fromChannel(Channel.suspend(() => first(Chunk.empty())))
}

/** Every piece of the source is told of before it goes on. */
const observed = <A, E, R>(
  rows: Stream.Stream<A, E, R>,
  onProgress: InsertAllOptions["onProgress"]
): Stream.Stream<A, E, R> => {
  if (onProgress === undefined) return rows
  return Stream.suspend(() => {
    let taken = 0
    return Stream.mapChunksEffect(rows, (chunk) => {
      taken += chunk.length
      return Effect.as(onProgress(taken), chunk)
    })
  })
}

export type InsertAll<A, R> = <E = never, R2 = never>(
  rows: Iterable<A> | Stream.Stream<A, E, R2>
) => Effect.Effect<number, E | PostgresError, Postgres | R | R2>

/** Whether it is a Stream is told by its own mark: Streams are no Iterables. */
const streamOf = <A, E, R>(rows: Iterable<A> | Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Symbol.iterator in rows ? Stream.fromIterable(rows) : rows

export const insertAll = <A, I extends object, R>(
  row: Schema.Schema<A, I, R>,
  options: InsertAllOptions,
  copy: CopyInto<A, R>
): InsertAll<A, R> => {
  const target = targetOf(row, options)
  const plans = plansOf(target)
  const limit = options.copyAbove ?? copyAboveByDefault
  const sinkOf = ({ insert }: Plan<A, R>, staged: boolean) => {
    const many = (): Sink.Sink<number, A, never, PostgresError, Postgres | R> => copied(target, copy, staged)
    const few = (rows: ReadonlyArray<A>): Effect.Effect<number, PostgresError, Postgres | R> => {
      if (rows.length === 0) return Effect.succeed(0)
      return insert === undefined ? Stream.run(Stream.fromIterable(rows), many()) : insert({ rows })
    }
    return Sink.suspend(() => choosing(limit, few, many()))
  }
  return <E, R2>(rows: Iterable<A> | Stream.Stream<A, E, R2>) => {
    const source = observed(streamOf(rows), options.onProgress)
    return Effect.flatMap(plans, (plan) => {
      const staged = plan.staged || options.onConflict !== undefined
      const sink = sinkOf(plan, staged)
      if (!staged) return Stream.run(source, sink)
      return Effect.flatMap(Postgres, (postgres) =>
        Effect.contextWithEffect((context: Context.Context<never>) => {
          // The source is not part of the transaction: it may query this database on a connection of its own. In a scope it has none.
          const isHeld = holderOf(context, databaseOf(postgres)) !== undefined
          const outer = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
          const apart = isHeld ? source : Stream.provideService(source, CurrentHolder, outer)
          return Transaction.run(Stream.run(apart, sink))
        })
      )
    })
  }
}
