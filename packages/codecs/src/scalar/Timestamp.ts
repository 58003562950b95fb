// ⚡ timestamp and timestamptz: microseconds since 2000-01-01 00:00 (UTC for timestamptz, no zone for timestamp). Forms: text (ISO 8601, six
// digits; timestamptz ends in Z), utcText (both end in Z), date and millis (a timestamp is read as UTC). The machine's zone plays no part.
// Source of ranges: src/include/datatype/timestamp.h.
import type { ByteWriter } from "@pgfx/protocol"
import { int32, int64, int64AsNumber, isSafe64, uint32 } from "../BigEndian.ts"
import {
  civilDay,
  dayNumber,
  epochDays,
  fractionOf,
  instantText,
  microsecondsPerDay,
  millisecondsPerDay,
  timeText
} from "../Calendar.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText, readText } from "../Text.ts"
import { malformed, notTaken, refused, unrepresentable, wrongLength } from "../ValueError.ts"

type Zone = "" | "Z"
type Infinite = "infinity" | "-infinity"

/** DT_NOBEGIN and DT_NOEND: the least and the greatest of 64 bits. */
const infiniteAt = (bytes: Uint8Array, at: number): Infinite | undefined => {
  const top = int32(bytes, at)
  if (top === 0x7fff_ffff) return uint32(bytes, at + 4) === 0xffff_ffff ? "infinity" : undefined
  if (top === -0x8000_0000) return uint32(bytes, at + 4) === 0 ? "-infinity" : undefined
  return undefined
}

// The two halves of the timestamp read last: a pair per value would be an allocation per value.
let days = 0
let microseconds = 0

const split = (bytes: Uint8Array, at: number): void => {
  if (isSafe64(bytes, at)) {
    const value = int64AsNumber(bytes, at)
    // exact: below 2^17 days doubles are 1.5e-11 apart, and a microsecond is 1.2e-11 of a day, more than half of that
    days = Math.floor(value / microsecondsPerDay)
    microseconds = value - days * microsecondsPerDay
    return
  }
  const value = int64(bytes, at)
  const perDay = BigInt(microsecondsPerDay)
  const remainder = ((value % perDay) + perDay) % perDay
  days = Number((value - remainder) / perDay)
  microseconds = Number(remainder)
}

const serverSyntax =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

/** Reads what the server writes with DateStyle ISO into `days` and `microseconds`. Zones have offsets to the second before 1900 or so. */
const splitText = (type: string, text: string): void => {
  const match = serverSyntax.exec(text)
  const year = match === null ? 0 : match[12] === undefined ? Number(match[1]) : 1 - Number(match[1])
  const day = match === null ? undefined : dayNumber(year, Number(match[2]), Number(match[3]))
  if (match === null || day === undefined) throw malformed(type, "a date and a time in ISO style")
  const seconds = Number(match[4]) * 3600 + Number(match[5]) * 60 + Number(match[6])
  const offset = Number(match[9] ?? 0) * 3600 + Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0)
  const local = seconds * 1_000_000 + fractionOf(match[7])
  const utc = local - (match[8] === "-" ? -offset : offset) * 1_000_000
  const carry = Math.floor(utc / microsecondsPerDay)
  days = day + carry
  microseconds = utc - carry * microsecondsPerDay
}

/** Two digits at `at`, or something below 0 or above 99. */
const pair = (bytes: Uint8Array, at: number): number => {
  const tens = bytes[at]! - 0x30
  const ones = bytes[at + 1]! - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** `2024-02-29 13:45:00` and what follows: a fraction, then nothing or an offset of whole hours. `false`: not this plain, see `splitText`. */
const splitPlain = (bytes: Uint8Array, at: number, length: number): boolean => {
  const end = at + length
  if (length < 19 || bytes[at + 4] !== 0x2d || bytes[at + 10] !== 0x20 || bytes[at + 13] !== 0x3a) return false
  const year = pair(bytes, at) * 100 + pair(bytes, at + 2)
  const hour = pair(bytes, at + 11)
  const minute = pair(bytes, at + 14)
  const second = pair(bytes, at + 17)
  if (year < 1 || pair(bytes, at + 2) < 0 || hour < 0 || minute < 0 || second < 0) return false
  const day = dayNumber(year, pair(bytes, at + 5), pair(bytes, at + 8))
  if (day === undefined || bytes[at + 7] !== 0x2d || bytes[at + 16] !== 0x3a) return false
  let next = at + 19
  let fraction = 0
  if (next < end && bytes[next] === 0x2e) {
    let unit = 100_000
    for (next++; next < end; next++) {
      const digit = bytes[next]! - 0x30
      if (digit < 0 || digit > 9) break
      fraction += digit * unit
      unit /= 10
    }
    // no digit at all, or more than six
    if (unit === 100_000 || unit < 0.1) return false
  }
  let offset = 0
  if (next < end) {
    const hours = pair(bytes, next + 1)
    const sign = bytes[next]
    if (next + 3 !== end || hours < 0 || (sign !== 0x2b && sign !== 0x2d)) return false
    offset = sign === 0x2b ? hours : -hours
  }
  const utc = ((hour - offset) * 3600 + minute * 60 + second) * 1_000_000 + fraction
  const carry = Math.floor(utc / microsecondsPerDay)
  days = day + carry
  microseconds = utc - carry * microsecondsPerDay
  return true
}

const isInfinite = (text: string): text is Infinite => text === "infinity" || text === "-infinity"

/** ECMAScript, "Time Values and Time Range". */
const maxMillis = 8.64e15

const millisOf = (type: string, form: string): number => {
  const millis = (days + epochDays) * millisecondsPerDay + Math.floor(microseconds / 1000)
  if (Math.abs(millis) > maxMillis) throw unrepresentable(type, form, "year beyond ±275,760", "read it as text")
  return millis
}

const noInfinity = (type: string, form: string) =>
  unrepresentable(type, form, "infinity is no point in time", "read it as text")

/** Readers of one form, from how it is made of `days` and `microseconds`. */
const readers = <A>(type: string, finish: () => A, infinite: (value: Infinite) => A) => {
  const parse = (text: string): A => {
    if (isInfinite(text)) return infinite(text)
    splitText(type, text)
    return finish()
  }
  return {
    format: 1 as const,
    binary: (bytes: Uint8Array, offset: number, length: number): A => {
      if (length !== 8) throw wrongLength(type, 8, length)
      const edge = infiniteAt(bytes, offset)
      if (edge !== undefined) return infinite(edge)
      split(bytes, offset)
      return finish()
    },
    parse,
    // byte by byte: 0.12 µs, through an expression 0.5
    text: (bytes: Uint8Array, offset: number, length: number): A =>
      splitPlain(bytes, offset, length) ? finish() : parse(readText(type, bytes, offset, length))
  }
}

const minDay = -2_451_545
const endDay = 106_751_983

const isoSyntax = /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z?)$/

/** Into `days` and `microseconds`, if `text` is our own ISO form (or JavaScript's). `false`: the server has to read it. */
const splitIso = (text: string, zone: Zone): boolean => {
  const match = isoSyntax.exec(text)
  // a timestamp ignores a zone in its text, as PostgreSQL does; a timestamptz without one would take the session's
  if (match === null || (zone === "Z" && match[8] === "")) return false
  const day = dayNumber(Number(match[1]), Number(match[2]), Number(match[3]))
  const hour = Number(match[4])
  const minute = Number(match[5])
  const second = Number(match[6])
  if (day === undefined || hour > 23 || minute > 59 || second > 59) return false
  days = day
  microseconds = (hour * 3600 + minute * 60 + second) * 1_000_000 + fractionOf(match[7])
  return days >= minDay && days < endDay
}

/** As PostgreSQL's input reads it: `0044-03-15 00:00:00.000000+00 BC`. Years beyond four digits have no sign there. */
const serverText = (zone: Zone): string => {
  const { year, month, day } = civilDay(days)
  const two = (value: number) => String(value).padStart(2, "0")
  const date = `${String(year > 0 ? year : 1 - year).padStart(4, "0")}-${two(month)}-${two(day)}`
  return `${date} ${timeText(microseconds)}${zone === "" ? "" : "+00"}${year > 0 ? "" : " BC"}`
}

const splitMillis = (type: string, millis: number, value: unknown): void => {
  if (!Number.isFinite(millis)) throw refused(type, value, "not a point in time")
  const whole = Math.floor(millis / millisecondsPerDay)
  days = whole - epochDays
  // a fraction of a millisecond is kept to the microsecond
  microseconds = Math.floor((millis - whole * millisecondsPerDay) * 1000)
  if (days < minDay || days >= endDay) throw refused(type, value, "out of range: November 4714 BC to 294276 AD")
}

/** Fills `days` and `microseconds`, or answers a string: an infinity, or text for the server to judge. */
const splitValue = (type: string, zone: Zone, value: unknown): string | undefined => {
  if (typeof value === "string") {
    const text = checkText(type, value)
    return !isInfinite(text) && splitIso(text, zone) ? undefined : text
  }
  if (!(value instanceof Date)) throw notTaken(type, value)
  splitMillis(type, value.getTime(), value)
  return undefined
}

const writeSplit = (out: ByteWriter): void => out.int64(BigInt(days) * 86_400_000_000n + BigInt(microseconds))

const writerOf = (type: string, zone: Zone): Writer => ({
  format: (value) => {
    const text = splitValue(type, zone, value)
    return text === undefined || isInfinite(text) ? 1 : 0
  },
  text: (value) => splitValue(type, zone, value) ?? serverText(zone),
  binary: (value, out) => {
    const text = splitValue(type, zone, value)
    if (text === undefined) writeSplit(out)
    else out.int64(text === "infinity" ? 0x7fff_ffff_ffff_ffffn : -0x8000_0000_0000_0000n)
  }
})

const millisWriterOf = (type: string, zone: Zone): Writer => {
  const splitNumber = (value: unknown): void => {
    if (typeof value !== "number") throw notTaken(type, value)
    splitMillis(type, value, value)
  }
  return {
    format: (value) => (splitNumber(value), 1),
    text: (value) => (splitNumber(value), serverText(zone)),
    binary: (value, out) => {
      splitNumber(value)
      writeSplit(out)
    }
  }
}

const same = (value: Infinite): string => value

const instant = (type: string, zone: Zone): Codec => {
  const utcText = readers(type, () => instantText(days, microseconds, "Z"), same)
  return scalar({
    name: type,
    defaultForm: "text",
    readers: {
      text: zone === "Z" ? utcText : readers(type, () => instantText(days, microseconds, ""), same),
      utcText,
      date: readers(
        type,
        () => new Date(millisOf(type, "Date")),
        () => {
          throw noInfinity(type, "Date")
        }
      ),
      millis: readers(
        type,
        () => millisOf(type, "millis"),
        () => {
          throw noInfinity(type, "millis")
        }
      )
    },
    writer: writerOf(type, zone),
    writers: { millis: millisWriterOf(type, zone) }
  })
}

export const timestamptz: Codec = instant("timestamptz", "Z")
export const timestamp: Codec = instant("timestamp", "")

/** The text of a `Date` that means the same instant whatever type the server infers for it. */
export const dateText = (value: Date): string => {
  splitMillis("timestamptz", value.getTime(), value)
  const { year } = civilDay(days)
  return year >= 1 && year <= 9999 ? value.toISOString() : serverText("Z")
}
