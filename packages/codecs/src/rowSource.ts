// ⚡ The loop over a run's frames as generated straight-line code: 0.15 µs for a row of six columns where closures take 0.22 (Node 20). Column
// names are data from a server: they reach the code only as JSON-encoded keys of object literals; readers and types are passed as values.
import { setOwn } from "./setOwn.ts"
import {
  absent,
  badFrame,
  type ColumnReader,
  makeClosureWalker,
  type ObjectMaker,
  refusedNull,
  type RowPlan,
  type RowWalker
} from "./rowWalker.ts"

/**
 * Wider rows are read by the loop of closures, and only their objects are made by a literal. The wider a function, the later V8 optimizes it: a
 * row of 32 columns takes 67 ns a value over the first million where the loop takes 6, one of 1,600 always 390 and 89; of 6 columns it is 17 and
 * 21, and 3 and 8 in the end (Node 20).
 */
const widestFunction = 16

const generation = (() => {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- the probe: does this runtime allow generated code?
    return new Function("return true")() === true
  } catch {
    return false
  }
})()

/** Whether this runtime compiles text to code. Asked once. */
export const canGenerate = (): boolean => generation

const length = "(b[p] << 24) | (b[p + 1] << 16) | (b[p + 2] << 8) | b[p + 3]"

/** What stands for NULL: an expression. `A` is `absent`, `n0` … the functions that make a value. */
const nullSource = ({ ifNull }: ColumnReader, index: number, isObject: boolean): string => {
  if (typeof ifNull === "function") return `n${index}()`
  if (ifNull === "absent") return isObject ? "A" : "undefined"
  return ifNull === "null" ? "null" : "undefined"
}

/** Reads one column at `p` into `target`. `N` is the number of columns, `T` the types. */
const columnSource = (column: ColumnReader, index: number, target: string, isObject: boolean): string => {
  const { read, ifNull } = column
  const next = `l = ${length}; p += 4\n`
  if (read === undefined) {
    return `${next}if (l >= 0) { if (l > stop - p) throw bad(N, N); p += l } else if (l !== -1) throw bad(N, N)`
  }
  const none = ifNull === "refuse" ? `throw refuse(T[${index}])` : `${target} = ${nullSource(column, index, isObject)}`
  return `${next}if (l >= 0) { if (l > stop - p) throw bad(N, N); ${target} = r${index}(b, p, l); p += l } else if (l !== -1) throw bad(N, N); else ${none}`
}

/** The row as an expression over the values' names, and what is to be done to it afterwards. */
const rowSource = (
  plan: RowPlan,
  nameOf: (index: number) => string
): { readonly row: string; readonly after: string } => {
  const read = plan.columns.flatMap((column, i) => (column.read === undefined ? [] : [{ ...column, value: nameOf(i) }]))
  if (plan.shape === "tuple") return { row: `[${read.map(({ value }) => value).join(", ")}]`, after: "" }
  if (plan.shape === "single") return { row: read[0]?.value ?? "undefined", after: "" }
  const members: Array<string> = []
  const after: Array<string> = []
  for (const { key, optional, value } of read) {
    const encoded = JSON.stringify(key)
    if (optional) after.push(`if (${value} !== A) own(row, ${encoded}, ${value})`)
    // in a literal `"__proto__": x` would set the prototype; in brackets it is a key. Brackets cost V8 its fast literals, so only there
    else members.push(`${key === "__proto__" ? `[${encoded}]` : encoded}: ${value}`)
  }
  return { row: `{ ${members.join(", ")} }`, after: after.join("\n") }
}

/** The source of a function that makes a RowWalker of its readers. */
const walkerSource = (plan: RowPlan): string => {
  const { columns } = plan
  const nameOf = (index: number): string => `v${index}`
  const sources = columns.map((column, i) => columnSource(column, i, nameOf(i), plan.shape === "object"))
  const { row, after } = rowSource(plan, nameOf)
  const names = columns.flatMap(({ read }, i) => (read === undefined ? [] : [nameOf(i)]))
  return `const N = ${columns.length}
return (b, offset, end, count, into) => {
let p = offset, l = 0
for (let i = 0; i < count; i++) {
const stop = p + 1 + ((b[p + 1] << 24) | (b[p + 2] << 16) | (b[p + 3] << 8) | b[p + 4])
const n = (b[p + 5] << 8) | b[p + 6]
if (n !== N || stop > end || stop < p + 7) throw bad(N, n)
p += 7
${names.length === 0 ? "" : `let ${names.join(", ")}`}
${sources.join("\n")}
if (p !== stop) throw bad(N, N)
const row = ${row}
${after}
into.push(row)
}
}`
}

const makeWideWalker = (plan: RowPlan): RowWalker => {
  if (plan.shape !== "object") return makeClosureWalker(plan)
  const read = plan.columns.filter((column) => column.read !== undefined)
  const { row, after } = rowSource({ shape: "object", columns: read }, (index) => `v[${index}]`)
  // oxlint-disable-next-line typescript/no-implied-eval -- as below
  const make = new Function("own", "A", `return (v) => {\nconst row = ${row}\n${after}\nreturn row\n}`)
  // new Function answers `Function`: rowSource is what makes it an ObjectMaker
  return makeClosureWalker(plan, make(setOwn, absent) as ObjectMaker)
}

/** `undefined` where the runtime does not generate code. */
export const makeGeneratedWalker = (plan: RowPlan): RowWalker | undefined => {
  if (!generation) return undefined
  if (plan.columns.length > widestFunction) return makeWideWalker(plan)
  const readers = plan.columns.map((_column, i) => `r${i}`)
  const nulls = plan.columns.map((_column, i) => `n${i}`)
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the source only as JSON-encoded own keys
  const make = new Function("bad", "refuse", "own", "T", "A", ...readers, ...nulls, walkerSource(plan))
  const types = plan.columns.map((column) => column.type)
  const reads = plan.columns.map((column) => column.read)
  const makers = plan.columns.map(({ ifNull }) => (typeof ifNull === "function" ? ifNull : undefined))
  // new Function answers `Function`: walkerSource is what makes it a RowWalker
  return make(badFrame, refusedNull, setOwn, types, absent, ...reads, ...makers) as RowWalker
}
