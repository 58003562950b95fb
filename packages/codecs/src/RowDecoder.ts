// ⚡ Runs of DataRow to rows, by a decoder that is fixed per statement. Decides nothing: which codec, which form, which key and what becomes of
// NULL is in the plan. Every count and length is checked before it is used. Rows own their values; nothing points into the run's bytes.
import type { FormatCode, Rows } from "@pgfx/protocol"
import { type Codec, type Form, type ReadValue, readFormat } from "./Codec.ts"
import { makeGeneratedWalker } from "./rowSource.ts"
import { type ColumnReader, type RowPlan, makeClosureWalker, nullOf } from "./rowWalker.ts"
import { ValueError } from "./ValueError.ts"

/** What becomes of a NULL: itself, `undefined`, no key at all (objects only; elsewhere `undefined`), or the row fails. */
export type NullRule = "null" | "undefined" | "absent" | "refuse"

export { absent } from "./rowWalker.ts"

/** One column of the result, in the order of the RowDescription. */
export interface RowColumn {
  /** as described; stands in errors */
  readonly name: string
  /** of the result, as asked for in Bind (0 for simple queries) */
  readonly format: FormatCode
  readonly codec: Codec
  /** absent: the codec's default */
  readonly form?: Form | undefined
  /** key in the row, for objects; absent: `name` */
  readonly key?: string | undefined
  /** the column is not read at all; its bytes are stepped over */
  readonly skip?: boolean | undefined
  /** absent: `"null"`. A function makes the value, for every NULL anew */
  readonly ifNull?: NullRule | (() => unknown) | undefined
  /** the key may be missing: what the functions make may be `absent` */
  readonly optional?: boolean | undefined
  /** runs on every value that is not NULL; what it throws fails the row */
  readonly finish?: ((value: unknown) => unknown) | undefined
}

/** `object`: by key, own properties and the ordinary prototype. `tuple`: an array of the columns read. `single`: the only column read. */
export type RowShape = "object" | "tuple" | "single"

export interface RowDecoderOptions {
  readonly shape: RowShape
  readonly columns: ReadonlyArray<RowColumn>
  /** `false`: never generate code. Absent: where the runtime allows it. */
  readonly generate?: boolean | undefined
}

export interface RowDecoder {
  /**
   * Appends the rows of a run to `into`. On failure the rows before the failing one have been appended.
   *
   * *Errors:* ProtocolViolation if a frame is not a DataRow of the described columns (the connection is lost); ValueError, with column
   * and row, if a value does not decode; what `finish` throws, as it is.
   *
   * @param firstRow number of the run's first row in the result, from 1
   */
  readonly decode: (rows: Rows, into: Array<unknown>, firstRow?: number) => void
}

/** Refuses what can be refused before the first row: a form that the type or the wire format does not have, one key for two columns. */
export const makeRowDecoder = (options: RowDecoderOptions): RowDecoder => {
  const columns = options.columns.map(columnReader)
  if (options.shape === "object") refuseDuplicates(columns)
  const read = columns.filter((column) => column.read !== undefined).length
  if (options.shape === "single" && read !== 1) {
    throw new ValueError({ type: "record", issue: `${read} columns are read where a row is a single value` })
  }
  const plan: RowPlan = { shape: options.shape, columns }
  const walk = (options.generate === false ? undefined : makeGeneratedWalker(plan)) ?? makeClosureWalker(plan)
  return {
    decode: (rows, into, firstRow = 1) => {
      const before = into.length
      try {
        walk(rows.bytes, rows.offset, rows.end, rows.count, into)
      } catch (error) {
        if (!(error instanceof ValueError)) throw error
        const done = into.length - before
        throw error.at({ column: failedColumn(columns, rows, done), row: firstRow + done })
      }
    }
  }
}

const columnReader = (column: RowColumn): ColumnReader => {
  const key = column.key ?? column.name
  const ifNull = column.ifNull ?? "null"
  const optional = ifNull === "absent" || column.optional === true
  const shared = { name: column.name, type: column.codec.name, key, ifNull, optional }
  if (column.skip === true) return { ...shared, read: undefined }
  const reader = column.codec.reader(column.form)
  const read = reader === undefined ? undefined : readFormat(column.codec.name, reader, column.format)
  if (read === undefined) {
    const form = column.form ?? column.codec.defaultForm
    throw new ValueError({
      type: column.codec.name,
      form: typeof form === "string" ? form : form._tag,
      issue:
        reader === undefined ? "the type has no such form" : `not in ${column.format === 1 ? "binary" : "text"} format`,
      column: column.name
    })
  }
  const { finish } = column
  return { ...shared, read: finish === undefined ? read : finished(read, finish) }
}

const finished =
  (read: ReadValue, finish: (value: unknown) => unknown): ReadValue =>
  (bytes, offset, length) =>
    finish(read(bytes, offset, length))

const refuseDuplicates = (columns: ReadonlyArray<ColumnReader>): void => {
  const seen = new Set<string>()
  for (const { key, name, read, type } of columns) {
    if (read === undefined) continue
    if (seen.has(key)) {
      throw new ValueError({ type, issue: "two columns of this name", remedy: "name them apart with AS", column: name })
    }
    seen.add(key)
  }
}

/** Walks to the failed row again and reads it column by column: the fast path keeps no note of where it is. */
const failedColumn = (columns: ReadonlyArray<ColumnReader>, rows: Rows, index: number): string | undefined => {
  const { bytes } = rows
  const int32 = (at: number) => (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  let at = rows.offset
  for (let i = 0; i < index; i++) at += 1 + int32(at + 1)
  at += 7
  for (const column of columns) {
    const length = int32(at)
    at += 4
    try {
      if (length >= 0) column.read?.(bytes, at, length)
      else if (column.read !== undefined) nullOf(column, false)
    } catch {
      return column.name
    }
    if (length > 0) at += length
  }
  return undefined
}
