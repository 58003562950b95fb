// numeric, exactly. Forms: text (as the server writes it, scale kept), decimal, number (values.md §1, rule 1.1), bigint (whole values only).
// Source of the binary format: src/backend/utils/adt/numeric.c, numeric_send: base-10000 digits, weight of the first, sign, display scale.
import type { ByteWriter } from "@pgfx/protocol"
import { int16, uint16 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { type Decimal, decimalOf, decimalText, isDecimal, maxIntegerDigits, maxScale, wholeOf } from "../Decimal.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, unrepresentable } from "../ValueError.ts"

const positive = 0x0000
const negative = 0x4000
const nan = 0xc000
const positiveInfinity = 0xd000
const negativeInfinity = 0xf000

const group = (bytes: Uint8Array, at: number): number => {
  const value = uint16(bytes, at)
  if (value > 9999) throw malformed("numeric", "digits below 10000")
  return value
}

const padded = (value: number): string =>
  value >= 1000 ? String(value) : value >= 100 ? `0${value}` : value >= 10 ? `00${value}` : `000${value}`

const readNumeric = (bytes: Uint8Array, offset: number, length: number): string => {
  if (length < 8) throw malformed("numeric", "8 bytes or more")
  const count = uint16(bytes, offset)
  if (length !== 8 + count * 2) throw malformed("numeric", `${count} digits of 2 bytes`)
  const weight = int16(bytes, offset + 2)
  const sign = uint16(bytes, offset + 4)
  if (sign !== positive && sign !== negative) {
    if (sign === nan) return "NaN"
    if (sign === positiveInfinity) return "Infinity"
    if (sign === negativeInfinity) return "-Infinity"
    throw malformed("numeric", "a sign")
  }
  const scale = uint16(bytes, offset + 6)
  if (scale > maxScale) throw malformed("numeric", `a scale up to ${maxScale}`)

  const digits = offset + 8
  let text = sign === negative ? "-" : ""
  if (weight < 0) text += "0"
  else {
    text += count > 0 ? String(group(bytes, digits)) : "0"
    // groups behind the last are zeros that are not sent; the weight bounds them at 131,072 digits
    for (let i = 1; i <= weight; i++) text += i < count ? padded(group(bytes, digits + i * 2)) : "0000"
  }
  if (scale === 0) return text
  let fraction = ""
  for (let i = weight + 1; fraction.length < scale; i++) {
    fraction += i >= 0 && i < count ? padded(group(bytes, digits + i * 2)) : "0000"
  }
  return `${text}.${fraction.slice(0, scale)}`
}

const number = /^-?\d+(?:\.\d+)?$/

const parseNumeric = (text: string): string => {
  if (number.test(text) || text === "NaN" || text === "Infinity" || text === "-Infinity") return text
  throw malformed("numeric", "decimal digits")
}

const toDecimal = (text: string): Decimal => {
  const value = decimalOf(text)
  if (value === undefined)
    throw unrepresentable("numeric", "decimal", `${text} is no decimal number`, "read it as text")
  return value
}

const toNumber = (text: string): number => {
  const value = Number(text)
  // a double between ±(2^53 - 1) and the next may come from digits beyond: 9007199254740991.9 is refused as well
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER || !Number.isFinite(value)) {
    if (Number.isFinite(value) || text === "NaN" || text.endsWith("Infinity")) return value
  }
  throw unrepresentable("numeric", "number", "beyond ±(2^53 - 1)", "read it as text or decimal")
}

const toBigint = (text: string): bigint => {
  const decimal = decimalOf(text)
  const whole = decimal === undefined ? undefined : wholeOf(decimal)
  if (whole === undefined)
    throw unrepresentable("numeric", "bigint", "not a whole number", "read it as text or decimal")
  return whole
}

type Special = "NaN" | "Infinity" | "-Infinity"

/** A longer string is the server's to refuse: to make a bigint of it would cost more than to send it. */
const longestText = maxIntegerDigits + maxScale + 8

/** Below this nobody has to count digits. */
const smallUnscaled = 10n ** 100n

const isInRange = ({ unscaled, scale }: Decimal): boolean => {
  if (scale > maxScale || scale < -maxIntegerDigits) return false
  if (scale >= 0 && unscaled > -smallUnscaled && unscaled < smallUnscaled) return true
  return unscaled.toString().length - Math.max(scale, 0) - Math.min(scale, 0) <= maxIntegerDigits
}

/** A decimal, one of the three words, or the string for the server to judge. */
const valueOf = (value: unknown): Decimal | Special | { readonly text: string } => {
  switch (typeof value) {
    case "number":
      if (Number.isFinite(value)) return decimalOf(String(value))!
      return value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN"
    case "bigint":
      return checked({ unscaled: value, scale: 0 }, value)
    case "string": {
      const text = checkText("numeric", value)
      if (text === "NaN" || text === "Infinity" || text === "-Infinity") return text
      const decimal = text.length <= longestText ? decimalOf(text) : undefined
      return decimal !== undefined && isInRange(decimal) ? decimal : { text }
    }
    default:
      if (!isDecimal(value)) throw notTaken("numeric", value)
      return checked(value, value)
  }
}

const checked = (decimal: Decimal, value: unknown): Decimal => {
  if (!Number.isInteger(decimal.scale)) throw refused("numeric", value, "a scale that is no whole number")
  if (isInRange(decimal)) return decimal
  throw refused("numeric", value, `more than ${maxIntegerDigits} digits before the point, or ${maxScale} behind it`)
}

const writeHeader = (out: ByteWriter, count: number, weight: number, sign: number, scale: number): void => {
  out.uint16(count)
  out.int16(weight)
  out.uint16(sign)
  out.uint16(scale)
}

const writeDecimal = (decimal: Decimal, out: ByteWriter): void => {
  const scale = Math.max(decimal.scale, 0)
  const isNegative = decimal.unscaled < 0n
  const unsigned = (isNegative ? -decimal.unscaled : decimal.unscaled).toString()
  const digits = decimal.scale < 0 && unsigned !== "0" ? unsigned + "0".repeat(-decimal.scale) : unsigned
  const wholeLength = Math.max(digits.length - scale, 0)
  const wholeDigits = digits.slice(0, wholeLength)
  const fraction = digits.slice(wholeLength).padStart(scale, "0")
  const aligned =
    wholeDigits.padStart(Math.ceil(wholeLength / 4) * 4, "0") + fraction.padEnd(Math.ceil(scale / 4) * 4, "0")
  let weight = Math.ceil(wholeLength / 4) - 1
  let first = 0
  let last = aligned.length / 4
  while (first < last && aligned.startsWith("0000", first * 4)) {
    first++
    weight--
  }
  while (last > first && aligned.startsWith("0000", (last - 1) * 4)) last--
  writeHeader(out, last - first, first === last ? 0 : weight, isNegative ? negative : positive, scale)
  for (let i = first; i < last; i++) out.uint16(Number(aligned.slice(i * 4, i * 4 + 4)))
}

const writer: Writer = {
  format: (value) => {
    const numeric = valueOf(value)
    return typeof numeric === "object" && "text" in numeric ? 0 : 1
  },
  text: (value) => {
    const numeric = valueOf(value)
    if (typeof numeric === "string") return numeric
    return "text" in numeric ? numeric.text : decimalText(numeric)
  },
  binary: (value, out) => {
    const numeric = valueOf(value)
    if (numeric === "NaN") writeHeader(out, 0, 0, nan, 0)
    else if (numeric === "Infinity") writeHeader(out, 0, 0, positiveInfinity, 0)
    else if (numeric === "-Infinity") writeHeader(out, 0, 0, negativeInfinity, 0)
    else if ("unscaled" in numeric) writeDecimal(numeric, out)
    else throw notTaken("numeric", value)
  }
}

export const numeric: Codec = scalar({
  name: "numeric",
  defaultForm: "text",
  readers: {
    text: { format: 1, binary: readNumeric, parse: parseNumeric },
    decimal: {
      format: 1,
      binary: (bytes, offset, length) => toDecimal(readNumeric(bytes, offset, length)),
      parse: (text) => toDecimal(parseNumeric(text))
    },
    number: {
      format: 1,
      binary: (bytes, offset, length) => toNumber(readNumeric(bytes, offset, length)),
      parse: (text) => toNumber(parseNumeric(text))
    },
    bigint: {
      format: 1,
      binary: (bytes, offset, length) => toBigint(readNumeric(bytes, offset, length)),
      parse: (text) => toBigint(parseNumeric(text))
    }
  },
  writer
})
