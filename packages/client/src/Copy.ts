// COPY as Sinks and Streams: the one place where PostgreSQL itself streams. The SQL is the user's; what the bytes mean is read from it. How a
// COPY runs on a connection is `internal/copy/copyIn` and `copyOut`, its messages `internal/exchange`.
import { builtinTypes } from "@pgfx/codecs"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { bytesPacker, bytesReader } from "./internal/copy/bytes.ts"
import { copyInSink, type CopyPacker } from "./internal/copy/copyIn.ts"
import { copyOutStream, type CopyReader } from "./internal/copy/copyOut.ts"
import type { CopyLine } from "./internal/copy/line.ts"
import { type CopyOptions, copyOptionsSql } from "./internal/copy/options.ts"
import { insertAll as insertRows, type InsertAll, type InsertAllOptions } from "./internal/copy/insertAll.ts"
import { RowEncoding } from "./internal/copy/rowEncoder.ts"
import { type CopyTemplate, readTemplate, typedPacker, typedReader } from "./internal/copy/typed.ts"
import { type Database, databaseOf } from "./internal/database.ts"
import { definedAt } from "./internal/origin.ts"
import { RowPlan } from "./internal/rows/RowPlan.ts"
import { compileTemplate } from "./internal/sql/template.ts"
import { Postgres } from "./Postgres.ts"
import { type Permanent, PostgresError } from "./PostgresError.ts"
import { type Fragment, piecesOfTemplate, Sql } from "./Sql.ts"

export type { InsertAll, InsertAllOptions } from "./internal/copy/insertAll.ts"
export type {
  CopyBinaryOptions,
  CopyCsvOptions,
  CopyOptions,
  CopySharedOptions,
  CopyTextOptions
} from "./internal/copy/options.ts"

/** COPY takes no parameters, hence no `param` slots. */
export type CopyInTemplate<A, R> = (
  strings: TemplateStringsArray,
  ...slots: ReadonlyArray<Fragment>
) => Sink.Sink<number, A, never, PostgresError, Postgres | R>
/** COPY takes no parameters, hence no `param` slots. */
export type CopyOutTemplate<A, R> = (
  strings: TemplateStringsArray,
  ...slots: ReadonlyArray<Fragment>
) => Stream.Stream<A, PostgresError, Postgres | R>

const templateOf = (
  strings: TemplateStringsArray,
  slots: ReadonlyArray<Fragment>,
  direction: "in" | "out"
): CopyTemplate | Permanent => {
  const { placeholders, text } = compileTemplate(piecesOfTemplate(strings, slots))
  return readTemplate({ name: undefined, sql: text, definedAt: definedAt(strings) }, direction, placeholders.length)
}

/** What makes a packer or a reader, once the connection is there. */
type Make<B> = (database: Database, template: CopyTemplate) => (line: CopyLine) => Effect.Effect<B, PostgresError>

const into =
  <A, R>(make: Make<CopyPacker<A>>): CopyInTemplate<A, R> =>
  (strings, ...slots) => {
    const template = templateOf(strings, slots, "in")
    const sink = PostgresError.is(template)
      ? Sink.fail(template)
      : Sink.unwrap(
          Effect.map(Postgres, (postgres) => {
            const database = databaseOf(postgres)
            return copyInSink(database, template.info, make(database, template))
          })
        )
    // What the packer needs is what its Schema needs.
    return sink as Sink.Sink<number, A, never, PostgresError, Postgres | R>
  }

const outOf =
  <A, R>(make: Make<CopyReader<A>>): CopyOutTemplate<A, R> =>
  (strings, ...slots) => {
    const template = templateOf(strings, slots, "out")
    const stream = PostgresError.is(template)
      ? Stream.fail(template)
      : Stream.unwrap(
          Effect.map(Postgres, (postgres) => {
            const database = databaseOf(postgres)
            return copyOutStream(database, template.info, make(database, template))
          })
        )
    // What the reader needs is what its Schema needs.
    return stream as Stream.Stream<A, PostgresError, Postgres | R>
  }

const copyIn = <A, I, R>(row: Schema.Schema<A, I, R>): CopyInTemplate<A, R> => {
  const encoding = new RowEncoding(row)
  return into((database, template) => typedPacker(database, template, encoding))
}

const copyOut = <A, I, R>(row: Schema.Schema<A, I, R>): CopyOutTemplate<A, R> => {
  const plan = new RowPlan(row, builtinTypes)
  return outOf((database, template) => typedReader(database, template, plan))
}

/** In text format: what INSERT would take of a value, COPY takes then, too. */
const insertAll = <A, I extends object, R>(row: Schema.Schema<A, I, R>, options: InsertAllOptions): InsertAll<A, R> => {
  const copy = copyIn(row)
  return insertRows(row, options, (table, columns) => copy`COPY ${table} (${columns}) FROM STDIN`)
}

const inBytes: CopyInTemplate<Uint8Array, never> = into(() => () => Effect.succeed(bytesPacker()))
const outBytes: CopyOutTemplate<Uint8Array, never> = outOf(() => () => Effect.succeed(bytesReader()))

/**
 * COPY in both directions, on a connection of its own or on that of the `Transaction` or `Session.pin` around it, where no other statement
 * may run meanwhile (`CopyInProgress`).
 *
 * `in` and `inBytes`: a Sink whose result is the number of rows stored. A failure or interruption of the source sends CopyFail: nothing is
 * stored, in a transaction the transaction has failed. What the server refuses ends the source, even one that has nothing to give, and is
 * the Sink's error: outcome `RolledBack`; `report.where` names line and column. At most 1 MiB waits to be sent. Large pieces of `inBytes` are sent as
 * they are, without a copy: a source makes new ones, and does not write into those it has given. While the server waits for data, its
 * `statement_timeout` does not run out: a source that may fall silent needs a time-out of its own.
 *
 * `out` and `outBytes`: a Stream. Whoever stops early has the server cancelled; the connection is healthy afterwards, and a transaction goes
 * on as if the COPY had not been. At most 256 KiB and one row wait to be taken. Pieces of `outBytes` begin and end with rows, and are the
 * consumer's own.
 *
 * Rows have the columns of the COPY: a struct by name, a tuple by position, anything else the only one. The format is the one the SQL names;
 * binary is the fastest. A Schema that does not fit is a `StatementMismatch` before anything is copied; a row that does not encode or decode is
 * an `InvalidRow` with its number.
 *
 * @example
 * const load = Copy.in(Reading)`COPY readings (sensor, at, celsius) FROM STDIN (FORMAT binary)`
 * const stored: Effect.Effect<number, PostgresError, Postgres> = Stream.run(readings, load)
 *
 * @since 0.1.0
 * @category statements
 */
export const Copy: {
  readonly in: <A, I, R>(row: Schema.Schema<A, I, R>) => CopyInTemplate<A, R>
  readonly out: <A, I, R>(row: Schema.Schema<A, I, R>) => CopyOutTemplate<A, R>
  readonly inBytes: CopyInTemplate<Uint8Array, never>
  readonly outBytes: CopyOutTemplate<Uint8Array, never>
  /**
   * Options as SQL, quoted: `` Copy.outBytes`COPY t TO STDOUT ${Copy.options({ format: "csv", header: true })}` ``. Throws TypeError for what no
   * server takes, when the program starts.
   */
  readonly options: (options: CopyOptions) => Fragment
  /**
   * Rows into a table, any number of them, from a Stream or an Iterable: one INSERT while they are few, COPY once they are many. All or none are
   * stored. Columns are the keys that the Schema encodes to; a key that is missing is NULL. The result is the number of rows that were inserted
   * or, ON CONFLICT, updated.
   *
   * How many rows there are decides nothing but the speed: where COPY is not what INSERT is (ON CONFLICT, views, rules, row-level security,
   * GENERATED ALWAYS AS IDENTITY), it goes through a temporary table, for which the role needs TEMPORARY on the database and SELECT on the table.
   *
   * @example
   * const store = Copy.insertAll(Product, { table: "products", onConflict: Sql`(id) DO UPDATE SET price = excluded.price` })
   * const stored: Effect.Effect<number, PostgresError, Postgres> = store(products)
   */
  readonly insertAll: <A, I extends object, R>(
    row: Schema.Schema<A, I, R>,
    options: InsertAllOptions
  ) => InsertAll<A, R>
} = {
  in: copyIn,
  out: copyOut,
  inBytes,
  outBytes,
  insertAll,
  options: (options) => Sql.unsafe(copyOptionsSql(options))
}
