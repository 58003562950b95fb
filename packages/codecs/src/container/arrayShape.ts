// A nested JavaScript array as PostgreSQL sees one: elements in order, sizes and lower bounds per dimension. Refuses what PostgreSQL could not
// hold. Writes the text form; the binary one is Array.ts's.
import type { Writer } from "../Codec.ts"
import { notTaken, refused } from "../ValueError.ts"
import type { ArrayOptions } from "./Array.ts"
import { maxDimensions } from "./arrayLiteral.ts"
import { quoted } from "./nested.ts"

/**
 * Where an array keeps its lower bounds, one per dimension, if one of them is not 1. Not enumerable. Also there if the array has several
 * dimensions and its elements may be arrays themselves (json): nothing else would tell the two apart.
 */
export const lowerBounds: unique symbol = Symbol.for("pgfx/lowerBounds")

/** What `shapeOf` makes of a nested array. */
export interface Shaped {
  readonly sizes: ReadonlyArray<number>
  readonly bounds: ReadonlyArray<number>
  readonly elements: ReadonlyArray<unknown>
}

export const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const boundsOf = (value: ReadonlyArray<unknown>): ReadonlyArray<number> | undefined => {
  // a symbol is no index: arrays have no type for it
  const bounds: unknown = Reflect.get(value, lowerBounds)
  return isArray(bounds) && bounds.length > 0 && bounds.every((bound): bound is number => typeof bound === "number")
    ? bounds
    : undefined
}

/** Both ends of a dimension are 32-bit numbers. Source: src/backend/utils/adt/arrayutils.c, ArrayCheckBounds. */
const isInRange = (bound: number | undefined, size: number): boolean =>
  bound !== undefined && bound === (bound | 0) && bound + size - 1 <= 0x7fff_ffff

/** Elements and dimensions of a nested array; refuses what PostgreSQL could not hold: ragged nesting, holes, empty arrays inside arrays. */
export const shapeOf = (
  options: ArrayOptions,
  value: ReadonlyArray<unknown>,
  depth: number | undefined,
  single: boolean
): Shaped => {
  const { name, vector } = options
  const noted = boundsOf(value)
  const sizes: Array<number> = []
  const dimensions = noted?.length ?? depth ?? (single ? 1 : Infinity)
  // one level too many is enough to know: an array inside itself has no last one
  const deepest = Math.min(dimensions, maxDimensions + 1)
  for (let level: unknown = value; isArray(level) && sizes.length < deepest; level = level[0]) {
    sizes.push(level.length)
    if (level.length === 0) break
  }
  if (value.length === 0) return { sizes: [], bounds: [], elements: [] }
  if (sizes.length > maxDimensions) throw refused(name, value, `more than ${maxDimensions} dimensions`)
  if (sizes.includes(0)) throw refused(name, value, "an empty array inside an array")
  if (vector === true && sizes.length !== 1) throw refused(name, value, "more than one dimension")
  const bounds = vector === true ? [0] : (noted ?? sizes.map(() => 1))
  if (!sizes.every((size, i) => isInRange(bounds[i], size))) throw refused(name, value, "lower bounds out of range")
  const elements: Array<unknown> = []
  collect(name, value, sizes, 0, elements, !single && depth === undefined && noted === undefined)
  return { sizes, bounds, elements }
}

const collect = (
  name: string,
  value: ReadonlyArray<unknown>,
  sizes: ReadonlyArray<number>,
  dimension: number,
  into: Array<unknown>,
  noArrays: boolean
): void => {
  if (value.length !== sizes[dimension]) throw refused(name, value, "nested arrays of different lengths")
  const isLast = dimension === sizes.length - 1
  // an index loop: `forEach` would step over holes
  for (let i = 0; i < value.length; i++) {
    const item = value[i]
    if (item === undefined) throw notTaken(name, item)
    if (!isLast) {
      if (!isArray(item)) throw refused(name, value, "arrays and elements side by side")
      collect(name, item, sizes, dimension + 1, into, noArrays)
    } else if (noArrays && isArray(item)) throw refused(name, value, "arrays and elements side by side")
    else into.push(item)
  }
}

/** `[2:3]={"1",NULL}`; a vector's numbers with spaces. */
export const literalOf = (
  { delimiter = ",", vector }: ArrayOptions,
  { sizes, bounds, elements }: Shaped,
  writer: Writer
): string => {
  const items = elements.map((item) =>
    item === null ? "NULL" : vector === true ? writer.text(item) : quoted(writer.text(item))
  )
  if (vector === true) return items.join(" ")
  if (sizes.length === 0) return "{}"
  let level = items
  for (let dimension = sizes.length - 1; dimension >= 0; dimension--) {
    const size = sizes[dimension]!
    const outer: Array<string> = []
    for (let i = 0; i < level.length; i += size) outer.push(`{${level.slice(i, i + size).join(delimiter)}}`)
    level = outer
  }
  const prefix = bounds.some((bound) => bound !== 1)
    ? `${bounds.map((bound, i) => `[${bound}:${bound + sizes[i]! - 1}]`).join("")}=`
    : ""
  return prefix + (level[0] ?? "{}")
}
