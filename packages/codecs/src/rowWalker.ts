// ⚡ The loop over a run's frames, as closures: for runtimes that forbid code generation (CSP, --disallow-code-generation-from-strings), and as
// the reference for rowSource.ts, whose generated code must give identical results. Readers own nothing of the bytes they are shown.
import { ProtocolViolation } from "@pgfx/protocol"
import { int32 } from "./BigEndian.ts"
import type { ReadValue } from "./Codec.ts"
import { setOwn } from "./setOwn.ts"
import type { NullRule, RowShape } from "./RowDecoder.ts"
import { ValueError } from "./ValueError.ts"

/** What `finish` and a function for NULL answer if the row is to have no such key. Objects only, and only in optional columns. */
export const absent: unique symbol = Symbol("absent")

/** A column with everything decided. */
export interface ColumnReader {
  readonly name: string
  readonly type: string
  readonly key: string
  readonly ifNull: NullRule | (() => unknown)
  /** the value may be `absent` */
  readonly optional: boolean
  /** absent: the column is stepped over */
  readonly read: ReadValue | undefined
}

export interface RowPlan {
  readonly shape: RowShape
  readonly columns: ReadonlyArray<ColumnReader>
}

/** Appends `count` rows from the frames in `bytes[offset, end)` to `into`. */
export type RowWalker = (bytes: Uint8Array, offset: number, end: number, count: number, into: Array<unknown>) => void

export const violation = (expected: string, received: string): ProtocolViolation =>
  new ProtocolViolation({ during: "DataRow", offset: -1, expected, received })

/** NULL in a column that has no place for it. */
export const refusedNull = (type: string): ValueError =>
  new ValueError({
    type,
    form: "null",
    issue: "NULL where the row has no place for it",
    remedy: "accept NULL (NullOr), or exclude it in SQL"
  })

/** What is wrong with a row whose count or lengths do not add up. Only the message depends on it. */
export const badFrame = (columns: number, received: number): ProtocolViolation =>
  received === columns
    ? violation("values that fill the frame exactly", "lengths that do not add up")
    : violation(`${columns} columns`, `${received}`)

/** What stands for NULL while a row is being put together; `refuse` throws. */
export const nullOf = ({ ifNull, type }: ColumnReader, isObject: boolean): unknown => {
  switch (ifNull) {
    case "refuse":
      throw refusedNull(type)
    case "null":
      return null
    case "undefined":
      return undefined
    case "absent":
      return isObject ? absent : undefined
    default:
      return ifNull()
  }
}

/** Reads the columns of one row, in order, into `values`. */
const readRow = (
  columns: ReadonlyArray<ColumnReader>,
  bytes: Uint8Array,
  from: number,
  stop: number,
  values: Array<unknown>,
  isObject: boolean
): void => {
  const width = columns.length
  let at = from
  for (let i = 0; i < width; i++) {
    const column = columns[i]!
    const length = int32(bytes, at)
    at += 4
    if (length >= 0) {
      if (length > stop - at) throw badFrame(width, width)
      if (column.read !== undefined) values.push(column.read(bytes, at, length))
      at += length
    } else if (length !== -1) throw badFrame(width, width)
    else if (column.read !== undefined) values.push(nullOf(column, isObject))
  }
  if (at !== stop) throw badFrame(width, width)
}

/** Above this a spread gives V8's slow kind of object: 0.25 µs a value instead of 0.02 (Node 20, 128 columns). */
const widestTemplate = 100

/**
 * An object of all keys to be spread into rows, which keeps one hidden class for all of them. Parsed, because an object that grew key by key
 * is spread ten times slower from 15 keys on (Node 20), and because JSON.parse makes `__proto__` an own key like any other.
 */
const templateOf = (read: ReadonlyArray<ColumnReader>): object => {
  if (read.length > widestTemplate) return {}
  const parsed: unknown = JSON.parse(`{${read.map(({ key }) => `${JSON.stringify(key)}:null`).join(",")}}`)
  return typeof parsed === "object" && parsed !== null ? parsed : {}
}

/** Puts the values read, in the order of the columns, into an object. */
export type ObjectMaker = (values: ReadonlyArray<unknown>) => unknown

const objectMaker = (read: ReadonlyArray<ColumnReader>): ObjectMaker => {
  const required = read.filter((column) => !column.optional)
  const template = templateOf(required)
  const isTemplate = required.length <= widestTemplate
  const hasOptional = required.length < read.length
  return (values) => {
    const object: Record<string, unknown> = { ...template }
    for (let i = 0; i < read.length; i++) {
      const { key, optional } = read[i]!
      if (optional) continue
      // a key of the template is an own property already: assigning `__proto__` does not reach the prototype
      if (isTemplate) object[key] = values[i]
      else setOwn(object, key, values[i])
    }
    // keys that may be absent come last, as in generated code
    if (hasOptional) addOptional(read, values, object)
    return object
  }
}

const addOptional = (
  read: ReadonlyArray<ColumnReader>,
  values: ReadonlyArray<unknown>,
  object: Record<string, unknown>
): void => {
  for (let i = 0; i < read.length; i++) {
    if (read[i]!.optional && values[i] !== absent) setOwn(object, read[i]!.key, values[i])
  }
}

export const makeClosureWalker = (
  { shape, columns }: RowPlan,
  makeObject: ObjectMaker = objectMaker(columns.filter((column) => column.read !== undefined))
): RowWalker => {
  const width = columns.length
  const isObject = shape === "object"
  return (bytes, offset, end, count, into) => {
    let at = offset
    for (let i = 0; i < count; i++) {
      const stop = at + 1 + int32(bytes, at + 1)
      const received = (bytes[at + 5]! << 8) | bytes[at + 6]!
      if (received !== width || stop > end || stop < at + 7) throw badFrame(width, received)
      const values: Array<unknown> = []
      readRow(columns, bytes, at + 7, stop, values, isObject)
      into.push(isObject ? makeObject(values) : shape === "tuple" ? values : values[0])
      at = stop
    }
  }
}
