// ⚡ The loop over a run's frames, twice with identical results: as generated straight-line code, and as closures for runtimes that forbid code
// generation (CSP, --disallow-code-generation-from-strings). Column names are data from the server: they reach generated code only as
// JSON-encoded keys in brackets, never as syntax; types and readers are passed as values.
import { ProtocolViolation } from "@pgfx/protocol"
import type { ReadValue } from "./Codec.ts"
import { setOwn } from "./JsonText.ts"
import type { NullRule, RowShape } from "./RowDecoder.ts"
import { ValueError } from "./ValueError.ts"

export interface ColumnReader {
  readonly name: string
  readonly type: string
  readonly key: string
  readonly ifNull: NullRule
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

const refusedNull = (type: string): ValueError =>
  new ValueError({
    type,
    form: "null",
    issue: "NULL where the row has no place for it",
    remedy: "accept NULL (NullOr), or exclude it in SQL"
  })

/** What is wrong with a row whose lengths do not add up. Only the message depends on it. */
const badFrame = (columns: number, received: number): ProtocolViolation =>
  received === columns
    ? violation("values that fill the frame exactly", "lengths that do not add up")
    : violation(`${columns} columns`, `${received}`)

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

// ---- closures

export const makeClosureWalker = ({ shape, columns }: RowPlan): RowWalker => {
  const width = columns.length
  const read = columns.filter((column) => column.read !== undefined)
  // spreading a template keeps one hidden class for all rows and makes `__proto__` an own key like any other
  const template: Record<string, unknown> = {}
  for (const { key, ifNull } of read) if (ifNull !== "absent") setOwn(template, key, null)

  const fill = (bytes: Uint8Array, from: number, stop: number, put: (column: ColumnReader, value: unknown) => void) => {
    let at = from
    for (let i = 0; i < width; i++) {
      const column = columns[i]!
      const length = int32(bytes, at)
      at += 4
      if (length >= 0) {
        if (length > stop - at) throw badFrame(width, width)
        if (column.read !== undefined) put(column, column.read(bytes, at, length))
        at += length
      } else if (length !== -1) throw badFrame(width, width)
      else if (column.read !== undefined) {
        if (column.ifNull === "refuse") throw refusedNull(column.type)
        if (column.ifNull !== "absent" || shape !== "object") put(column, column.ifNull === "null" ? null : undefined)
      }
    }
    if (at !== stop) throw badFrame(width, width)
  }

  const row = (bytes: Uint8Array, at: number, stop: number): unknown => {
    if (shape === "object") {
      const object = { ...template }
      fill(bytes, at, stop, (column, value) => {
        if (column.ifNull === "absent") setOwn(object, column.key, value)
        else object[column.key] = value
      })
      return object
    }
    const tuple: Array<unknown> = []
    fill(bytes, at, stop, (_column, value) => tuple.push(value))
    return shape === "single" ? tuple[0] : tuple
  }

  return (bytes, offset, end, count, into) => {
    let at = offset
    for (let i = 0; i < count; i++) {
      const stop = at + 1 + int32(bytes, at + 1)
      const received = (bytes[at + 5]! << 8) | bytes[at + 6]!
      if (received !== width || stop > end || stop < at + 7) throw badFrame(width, received)
      into.push(row(bytes, at + 7, stop))
      at = stop
    }
  }
}

// ---- generated code

/** Column counts beyond this are walked by closures: the generated function would be too large for the optimizing compiler. */
const widest = 400

const generation = (() => {
  try {
    return new Function("return true")() === true
  } catch {
    return false
  }
})()

/** Whether this runtime compiles text to code. */
export const canGenerate = (): boolean => generation

const lengthAt = "(b[p] << 24) | (b[p + 1] << 16) | (b[p + 2] << 8) | b[p + 3]"

export const rowSource = ({ shape, columns }: RowPlan): string => {
  const lines: Array<string> = []
  const members: Array<string> = []
  const later: Array<string> = []
  const values: Array<string> = []
  columns.forEach((column, i) => {
    lines.push(`l = ${lengthAt}; p += 4`)
    if (column.read === undefined) {
      lines.push("if (l >= 0) { if (l > stop - p) throw bad(N, N); p += l } else if (l !== -1) throw bad(N, N)")
      return
    }
    const none =
      column.ifNull === "refuse"
        ? `else throw refuse(${JSON.stringify(column.type)})`
        : column.ifNull === "null"
          ? ""
          : `else v${i} = undefined`
    lines.push(
      `let v${i} = null`,
      `if (l >= 0) { if (l > stop - p) throw bad(N, N); v${i} = r${i}(b, p, l); p += l } else if (l !== -1) throw bad(N, N); ${none}`
    )
    values.push(`v${i}`)
    // in brackets: `"__proto__": x` without them would set the prototype
    const key = JSON.stringify(column.key)
    if (column.ifNull === "absent") later.push(`if (v${i} !== undefined) own(row, ${key}, v${i})`)
    else members.push(`[${key}]: v${i}`)
  })
  const value =
    shape === "tuple"
      ? `[${values.join(", ")}]`
      : shape === "single"
        ? (values[0] ?? "undefined")
        : `{ ${members.join(", ")} }`
  return `return (b, offset, end, count, into) => {
const N = ${columns.length}
let p = offset, l = 0
for (let i = 0; i < count; i++) {
const stop = p + 1 + ((b[p + 1] << 24) | (b[p + 2] << 16) | (b[p + 3] << 8) | b[p + 4])
const n = (b[p + 5] << 8) | b[p + 6]
if (n !== N || stop > end || stop < p + 7) throw bad(N, n)
p += 7
${lines.join("\n")}
if (p !== stop) throw bad(N, N)
const row = ${value}
${shape === "object" ? later.join("\n") : ""}
into.push(row)
}
}`
}

/** `undefined` where code cannot or should not be generated. */
export const makeGeneratedWalker = (plan: RowPlan): RowWalker | undefined => {
  if (!generation || plan.columns.length > widest) return undefined
  const names = plan.columns.map((_column, i) => `r${i}`)
  const make = new Function("bad", "refuse", "own", ...names, rowSource(plan))
  // new Function answers `Function`; rowSource is what makes it a RowWalker
  return make(badFrame, refusedNull, setOwn, ...plan.columns.map((column) => column.read)) as RowWalker
}
