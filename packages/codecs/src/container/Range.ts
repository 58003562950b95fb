// Ranges over any type: `{ lower, upper, bounds: "[)" }`, where a `null` bound is unbounded, or `{ empty: true }`.
// Source: src/backend/utils/adt/rangetypes.c, range_send, range_deparse; src/include/utils/rangetypes.h for the flags.
import type { ByteWriter } from "@pgfx/protocol"
import type { Codec, Form, ReadValue, Reader, Writer } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused } from "../ValueError.ts"
import { binaryOf, parseOf, partFormat, partLength, quoted, wholeReader, writePart } from "./nested.ts"

export type Bounds = "[]" | "[)" | "(]" | "()"

/** A range as a value. `A` is the subtype's. */
export type RangeValue<A> =
  | { readonly empty: true }
  | { readonly lower: A | null; readonly upper: A | null; readonly bounds: Bounds }

const emptyFlag = 0x01
const lowerInclusive = 0x02
const upperInclusive = 0x04
const lowerInfinite = 0x08
const upperInfinite = 0x10
/** The two flags of the system's own use are not sent. */
const knownFlags = 0x1f

const boundsOf = (lower: boolean, upper: boolean): Bounds => (lower ? (upper ? "[]" : "[)") : upper ? "(]" : "()")

/** Reads what range_send writes. */
export const readRange =
  (type: string, read: ReadValue): ReadValue =>
  (bytes, offset, length): RangeValue<unknown> => {
    const end = offset + length
    const flags = length < 1 ? -1 : bytes[offset]!
    if (flags < 0 || (flags & ~knownFlags) !== 0) throw malformed(type, "the flags of a range")
    let at = offset + 1
    const bound = (isInfinite: boolean): unknown => {
      if (isInfinite) return null
      const size = partLength(type, bytes, at, end)
      if (size < 0) throw malformed(type, "a bound")
      at += 4 + size
      return read(bytes, at - size, size)
    }
    const isEmpty = (flags & emptyFlag) !== 0
    const lower = bound(isEmpty || (flags & lowerInfinite) !== 0)
    const upper = bound(isEmpty || (flags & upperInfinite) !== 0)
    if (at !== end) throw malformed(type, "nothing behind its bounds")
    if (isEmpty) return { empty: true }
    return { lower, upper, bounds: boundsOf((flags & lowerInclusive) !== 0, (flags & upperInclusive) !== 0) }
  }

/** A bound of a literal from `at`: its text (`null`: none) and where it ends. Quotes double inside, backslashes escape. */
const parseBound = (
  type: string,
  text: string,
  start: number
): { readonly value: string | null; readonly end: number } => {
  let value = ""
  let inQuotes = false
  let at = start
  for (; at < text.length; at++) {
    const character = text[at]!
    if (character === "\\") {
      if (++at >= text.length) break
      value += text[at]!
    } else if (character === '"') {
      if (inQuotes && text[at + 1] === '"') value += text[++at]!
      else inQuotes = !inQuotes
    } else if (!inQuotes && (character === "," || character === ")" || character === "]")) {
      return { value: at === start ? null : value, end: at }
    } else value += character
  }
  throw malformed(type, "a range literal")
}

/** Reads one range literal of `text` from `start`; answers the value and where it ends. */
export const parseRangeAt = (
  type: string,
  parse: (text: string) => unknown,
  text: string,
  start: number
): { readonly value: RangeValue<unknown>; readonly end: number } => {
  if (text.startsWith("empty", start)) return { value: { empty: true }, end: start + 5 }
  const open = text[start]
  const lower = parseBound(type, text, start + 1)
  if ((open !== "[" && open !== "(") || text[lower.end] !== ",") throw malformed(type, "a range literal")
  const upper = parseBound(type, text, lower.end + 1)
  const close = text[upper.end]
  if (close !== "]" && close !== ")") throw malformed(type, "a range literal")
  return {
    value: {
      lower: lower.value === null ? null : parse(lower.value),
      upper: upper.value === null ? null : parse(upper.value),
      bounds: boundsOf(open === "[", close === "]")
    },
    end: upper.end + 1
  }
}

const isBounds = (value: unknown): value is Bounds =>
  value === "[]" || value === "[)" || value === "(]" || value === "()"

/** A range of the right shape; a missing bound is refused, it could mean NULL, unbounded or a mistake. */
export const rangeValue = (type: string, value: unknown): RangeValue<unknown> => {
  if (typeof value !== "object" || value === null) throw notTaken(type, value, "make it { lower, upper, bounds }")
  if ("empty" in value && value.empty === true) return { empty: true }
  const isRange = "lower" in value && "upper" in value && "bounds" in value && isBounds(value.bounds)
  if (!isRange) throw notTaken(type, value, 'make it { lower, upper, bounds: "[)" } or { empty: true }')
  const { lower, upper, bounds } = value
  if (lower === undefined || upper === undefined) {
    throw refused(type, value, "an undefined bound", "use null for an unbounded side")
  }
  return { lower, upper, bounds: bounds as Bounds } // narrowed by isRange, which TypeScript does not follow into destructuring
}

/** A writer of ranges from a writer of bounds. */
export const rangeWriter = (type: string, inner: Writer): Writer => ({
  format: (value) => {
    if (typeof value === "string") return (checkText(type, value), 0)
    const range = rangeValue(type, value)
    if ("empty" in range) return 1
    const lower = partFormat(inner, range.lower)
    return partFormat(inner, range.upper) === 1 ? lower : 0
  },
  text: (value) => {
    if (typeof value === "string") return checkText(type, value)
    const range = rangeValue(type, value)
    if ("empty" in range) return "empty"
    const bound = (part: unknown): string => (part === null ? "" : quoted(inner.text(part)))
    return `${range.bounds[0]}${bound(range.lower)},${bound(range.upper)}${range.bounds[1]}`
  },
  binary: (value, out) => writeRange(rangeValue(type, value), inner, out)
})

const writeRange = (range: RangeValue<unknown>, inner: Writer, out: ByteWriter): void => {
  if ("empty" in range) return out.uint8(emptyFlag)
  const { lower, upper, bounds } = range
  // an unbounded side is never inclusive: range_serialize would say so
  out.uint8(
    (lower === null ? lowerInfinite : bounds.startsWith("[") ? lowerInclusive : 0) |
      (upper === null ? upperInfinite : bounds.endsWith("]") ? upperInclusive : 0)
  )
  if (lower !== null) writePart(inner, lower, out)
  if (upper !== null) writePart(inner, upper, out)
}

const boundForm = (form: Form | undefined): { readonly form: Form | undefined } | undefined =>
  form === undefined
    ? { form: undefined }
    : typeof form === "object" && form._tag === "range"
      ? { form: form.bound }
      : undefined

const readerOf = (name: string, subtype: Codec, form: Form | undefined): Reader | undefined => {
  const bound = boundForm(form)
  const inner = bound === undefined ? undefined : subtype.reader(bound.form)
  if (inner === undefined) return undefined
  return wholeReader(
    [inner],
    () => readRange(name, binaryOf(name, inner)),
    () => {
      const parse = parseOf(name, inner)
      return (text) => {
        const { value, end } = parseRangeAt(name, parse, text, 0)
        if (end !== text.length) throw malformed(name, "a range literal")
        return value
      }
    }
  )
}

/** The codec of a range type over `subtype`. */
export const rangeOf = (name: string, subtype: Codec): Codec => ({
  name,
  shape: { _tag: "Range", subtype },
  defaultForm: { _tag: "range" },
  forms: [],
  reader: (form) => readerOf(name, subtype, form),
  writer: (form) => {
    const bound = boundForm(form)
    const inner = bound === undefined ? undefined : subtype.writer(bound.form)
    return inner === undefined ? undefined : rangeWriter(name, inner)
  }
})
