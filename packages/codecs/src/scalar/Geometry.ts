// point line lseg box path polygon circle. Forms: geometry (plain objects of numbers), text (as the server writes it, text format only).
// All are float8s behind one another; path and polygon have a count in front. Source: src/backend/utils/adt/geo_ops.c, *_send, *_out.
import type { ByteWriter } from "@pgfx/protocol"
import { float64, int32 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused } from "../ValueError.ts"
import { numberOf, numberText } from "./Float.ts"

export interface Point {
  readonly x: number
  readonly y: number
}
/** `ax + by + c = 0` */
export interface Line {
  readonly a: number
  readonly b: number
  readonly c: number
}
export interface Box {
  readonly high: Point
  readonly low: Point
}
export interface Path {
  readonly closed: boolean
  readonly points: ReadonlyArray<Point>
}
export interface Circle {
  readonly center: Point
  readonly radius: number
}

/** How one type is numbers. */
interface Geometry<A> {
  readonly name: string
  /** how many numbers; −1: a count of points stands in front */
  readonly numbers: number
  /** its text with `n` for every number */
  readonly text: RegExp
  readonly make: (numbers: ReadonlyArray<number>, closed: boolean) => A
  /** the numbers of a value of the right shape, `undefined` for another */
  readonly numbersOf: (value: unknown) => ReadonlyArray<number> | undefined
  /** the type keeps whether it is closed (path) */
  readonly closes?: boolean
  /** the text of its numbers */
  readonly print: (numbers: ReadonlyArray<string>, closed: boolean) => string
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const pointNumbers = (value: unknown): ReadonlyArray<number> | undefined =>
  isRecord(value) && typeof value["x"] === "number" && typeof value["y"] === "number"
    ? [value["x"], value["y"]]
    : undefined

const pointsNumbers = (values: unknown): ReadonlyArray<number> | undefined => {
  if (!Array.isArray(values)) return undefined
  const numbers: Array<number> = []
  for (const value of values) {
    const point = pointNumbers(value)
    if (point === undefined) return undefined
    numbers.push(...point)
  }
  return numbers
}

const pointAt = (numbers: ReadonlyArray<number>, at: number): Point => ({ x: numbers[at]!, y: numbers[at + 1]! })

const pointsOf = (numbers: ReadonlyArray<number>): Array<Point> => {
  const points: Array<Point> = []
  for (let i = 0; i < numbers.length; i += 2) points.push(pointAt(numbers, i))
  return points
}

const pairs = (numbers: ReadonlyArray<string>): string => {
  const texts: Array<string> = []
  for (let i = 0; i < numbers.length; i += 2) texts.push(`(${numbers[i]},${numbers[i + 1]})`)
  return texts.join(",")
}

const closedOf = (value: unknown): boolean => !(isRecord(value) && value["closed"] === false)

const readNumbers = <A>(geometry: Geometry<A>, bytes: Uint8Array, offset: number, length: number): A => {
  const { name } = geometry
  let at = offset
  const end = offset + length
  let closed = true
  if (geometry.closes === true) {
    if (length < 1 || bytes[at]! > 1) throw malformed(name, "0 or 1 for open or closed")
    closed = bytes[at++] === 1
  }
  let count = geometry.numbers
  if (count < 0) {
    // the count is not trusted: what it asks for has to be there, exactly
    count = end - at < 4 ? -1 : int32(bytes, at) * 2
    at += 4
  }
  if (count < 0 || count * 8 !== end - at) throw malformed(name, "as many numbers as it says")
  const numbers: Array<number> = []
  for (; at < end; at += 8) numbers.push(float64(bytes, at))
  return geometry.make(numbers, closed)
}

const parseNumbers = <A>(geometry: Geometry<A>, text: string): A => {
  const words = text.match(/[^(),<>[\]{}]+/g) ?? []
  const numbers = words.map((word) => numberOf(word))
  const isShape = geometry.text.test(text.replace(/[^(),<>[\]{}]+/g, "n"))
  if (!isShape || numbers.includes(undefined)) throw malformed(geometry.name, "its text form")
  return geometry.make(
    numbers.map((number) => number ?? NaN),
    !text.startsWith("[")
  )
}

const writerOf = <A>(geometry: Geometry<A>): Writer => {
  const numbersOf = (value: unknown): ReadonlyArray<number> => {
    const numbers = geometry.numbersOf(value)
    if (numbers === undefined) throw notTaken(geometry.name, value)
    // PostgreSQL refuses a path or a polygon of no points in text, and reads it back as garbage
    if (numbers.length === 0) throw refused(geometry.name, value, "no points")
    return numbers
  }
  const write = (value: unknown, out: ByteWriter): void => {
    const numbers = numbersOf(value)
    if (geometry.closes === true) out.uint8(closedOf(value) ? 1 : 0)
    if (geometry.numbers < 0) out.int32(numbers.length / 2)
    for (const number of numbers) out.float64(number)
  }
  return {
    format: (value) => (typeof value === "string" ? (checkText(geometry.name, value), 0) : (numbersOf(value), 1)),
    text: (value) =>
      typeof value === "string"
        ? checkText(geometry.name, value)
        : geometry.print(numbersOf(value).map(numberText), closedOf(value)),
    binary: write
  }
}

const codec = <A>(geometry: Geometry<A>): Codec =>
  scalar({
    name: geometry.name,
    defaultForm: "geometry",
    arrays: geometry.name === "lseg" || geometry.name === "polygon",
    readers: {
      geometry: {
        format: 1,
        binary: (bytes, offset, length) => readNumbers(geometry, bytes, offset, length),
        parse: (text) => parseNumbers(geometry, text)
      },
      text: { format: 0, parse: (text) => text }
    },
    writer: writerOf(geometry)
  })

export const point: Codec = codec<Point>({
  name: "point",
  numbers: 2,
  text: /^\(n,n\)$/,
  make: (numbers) => pointAt(numbers, 0),
  numbersOf: pointNumbers,
  print: pairs
})

export const line: Codec = codec<Line>({
  name: "line",
  numbers: 3,
  text: /^\{n,n,n\}$/,
  make: (numbers) => ({ a: numbers[0]!, b: numbers[1]!, c: numbers[2]! }),
  numbersOf: (value) => {
    if (!isRecord(value)) return undefined
    const { a, b, c } = value
    return typeof a === "number" && typeof b === "number" && typeof c === "number" ? [a, b, c] : undefined
  },
  print: (numbers) => `{${numbers.join(",")}}`
})

export const lseg: Codec = codec<ReadonlyArray<Point>>({
  name: "lseg",
  numbers: 4,
  text: /^\[\(n,n\),\(n,n\)\]$/,
  make: pointsOf,
  numbersOf: (value) => (Array.isArray(value) && value.length === 2 ? pointsNumbers(value) : undefined),
  print: (numbers) => `[${pairs(numbers)}]`
})

export const box: Codec = codec<Box>({
  name: "box",
  numbers: 4,
  text: /^\(n,n\),\(n,n\)$/,
  make: (numbers) => ({ high: pointAt(numbers, 0), low: pointAt(numbers, 2) }),
  numbersOf: (value) => (isRecord(value) ? pointsNumbers([value["high"], value["low"]]) : undefined),
  print: pairs
})

export const path: Codec = codec<Path>({
  name: "path",
  numbers: -1,
  text: /^(?:\(\(n,n\)(?:,\(n,n\))*\)|\[\(n,n\)(?:,\(n,n\))*\])$/,
  make: (numbers, closed) => ({ closed, points: pointsOf(numbers) }),
  numbersOf: (value) =>
    isRecord(value) && typeof value["closed"] === "boolean" ? pointsNumbers(value["points"]) : undefined,
  closes: true,
  print: (numbers, closed) => (closed ? `(${pairs(numbers)})` : `[${pairs(numbers)}]`)
})

export const polygon: Codec = codec<ReadonlyArray<Point>>({
  name: "polygon",
  numbers: -1,
  text: /^\(\(n,n\)(?:,\(n,n\))*\)$/,
  make: pointsOf,
  numbersOf: pointsNumbers,
  print: (numbers) => `(${pairs(numbers)})`
})

export const circle: Codec = codec<Circle>({
  name: "circle",
  numbers: 3,
  text: /^<\(n,n\),n>$/,
  make: (numbers) => ({ center: pointAt(numbers, 0), radius: numbers[2]! }),
  numbersOf: (value) => {
    if (!isRecord(value) || typeof value["radius"] !== "number") return undefined
    const center = pointNumbers(value["center"])
    return center === undefined ? undefined : [...center, value["radius"]]
  },
  print: ([x, y, radius]) => `<(${x},${y}),${radius}>`
})
