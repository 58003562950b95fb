// interval. Forms: interval ({ months, days, microseconds }, from PostgreSQL 17 on also "infinity" and "-infinity"), text (PostgreSQL's own).
// Source of the wire form and of infinity: src/backend/utils/adt/timestamp.c, interval_send; src/include/datatype/timestamp.h.
import { int32, int64 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { type Interval, intervalText, isInterval, parseInterval } from "../Interval.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, wrongLength } from "../ValueError.ts"

type Infinite = "infinity" | "-infinity"

const maxInt32 = 0x7fff_ffff
const minInt32 = -0x8000_0000
const maxInt64 = 0x7fff_ffff_ffff_ffffn
const minInt64 = -0x8000_0000_0000_0000n

const isInfinite = (value: unknown): value is Infinite => value === "infinity" || value === "-infinity"

const read = (bytes: Uint8Array, offset: number, length: number): Interval | Infinite => {
  if (length !== 16) throw wrongLength("interval", 16, length)
  const microseconds = int64(bytes, offset)
  const days = int32(bytes, offset + 8)
  const months = int32(bytes, offset + 12)
  // before 17 these were finite, and 178,956,970 years long
  if (months === maxInt32 && days === maxInt32 && microseconds === maxInt64) return "infinity"
  if (months === minInt32 && days === minInt32 && microseconds === minInt64) return "-infinity"
  return { months, days, microseconds }
}

const parse = (text: string): Interval | Infinite => {
  if (isInfinite(text)) return text
  const interval = parseInterval(text)
  if (interval === undefined) throw malformed("interval", "IntervalStyle postgres")
  return interval
}

const textOf = (value: Interval | Infinite): string => (typeof value === "string" ? value : intervalText(value))

const fits = ({ months, days, microseconds }: Interval): boolean =>
  months === (months | 0) && days === (days | 0) && microseconds >= minInt64 && microseconds <= maxInt64

/** An interval, an infinity, or the string for the server to judge. */
const valueOf = (value: unknown): Interval | string => {
  if (typeof value === "string") {
    const text = checkText("interval", value)
    if (isInfinite(text)) return text
    const interval = parseInterval(text)
    return interval !== undefined && fits(interval) ? interval : text
  }
  if (!isInterval(value)) throw notTaken("interval", value, "make it { months, days, microseconds }")
  if (!fits(value)) throw refused("interval", value, "months and days are whole numbers of 32 bits, microseconds of 64")
  return value
}

const writer: Writer = {
  format: (value) => {
    const interval = valueOf(value)
    return typeof interval === "string" && !isInfinite(interval) ? 0 : 1
  },
  text: (value) => {
    const interval = valueOf(value)
    return typeof interval === "string" ? interval : intervalText(interval)
  },
  binary: (value, out) => {
    const interval = valueOf(value)
    const finite = typeof interval !== "string"
    const most = interval === "infinity"
    out.int64(finite ? interval.microseconds : most ? maxInt64 : minInt64)
    out.int32(finite ? interval.days : most ? maxInt32 : minInt32)
    out.int32(finite ? interval.months : most ? maxInt32 : minInt32)
  }
}

export const interval: Codec = scalar({
  name: "interval",
  defaultForm: "interval",
  readers: {
    interval: { format: 1, binary: read, parse },
    text: {
      format: 1,
      binary: (bytes, offset, length) => textOf(read(bytes, offset, length)),
      parse: (text) => textOf(parse(text))
    }
  },
  writer
})
