// date: days since 2000-01-01. Forms: text ("2024-02-29"), and its midnight in UTC as utcText, date, millis. Never the machine's zone.
// Source of the range: src/include/utils/date.h; November 4714 BC (Julian day 0) to 5874897 AD.
import { int32 } from "../BigEndian.ts"
import { civilDay, dayNumber, dayText, epochDays, millisecondsPerDay } from "../Calendar.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, unrepresentable, wrongLength } from "../ValueError.ts"

/** DATEVAL_NOEND and DATEVAL_NOBEGIN. */
const infinity = 0x7fff_ffff
const negativeInfinity = -0x8000_0000

const minDay = -2_451_545
const endDay = 2_145_031_949

const readDays = (bytes: Uint8Array, offset: number, length: number): number => {
  if (length !== 4) throw wrongLength("date", 4, length)
  return int32(bytes, offset)
}

const serverSyntax = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/

const parseDays = (text: string): number => {
  if (text === "infinity") return infinity
  if (text === "-infinity") return negativeInfinity
  const match = serverSyntax.exec(text)
  const year = match === null ? 0 : match[4] === undefined ? Number(match[1]) : 1 - Number(match[1])
  const days = match === null ? undefined : dayNumber(year, Number(match[2]), Number(match[3]))
  if (days === undefined) throw malformed("date", "a date in ISO style")
  return days
}

const textOfDays = (days: number): string =>
  days === infinity ? "infinity" : days === negativeInfinity ? "-infinity" : dayText(days)

const utcTextOfDays = (days: number): string =>
  days === infinity || days === negativeInfinity ? textOfDays(days) : `${dayText(days)}T00:00:00.000000Z`

const millisOf = (form: string, days: number): number => {
  if (days === infinity || days === negativeInfinity) {
    throw unrepresentable("date", form, "infinity is no point in time", "read it as text")
  }
  const millis = (days + epochDays) * millisecondsPerDay
  if (Math.abs(millis) > 8.64e15) throw unrepresentable("date", form, "year beyond ±275,760", "read it as text")
  return millis
}

const reader = (finish: (days: number) => unknown) => ({
  format: 1 as const,
  binary: (bytes: Uint8Array, offset: number, length: number) => finish(readDays(bytes, offset, length)),
  parse: (text: string) => finish(parseDays(text))
})

// our own text, and what it becomes with utcText
const isoSyntax = /^([+-]\d{6,7}|\d{4})-(\d\d)-(\d\d)(?:T00:00:00(?:\.0{1,6})?Z)?$/

/** Days, or the string for the server to judge. */
const valueOf = (value: unknown): number | string => {
  if (typeof value === "string") {
    const text = checkText("date", value)
    if (text === "infinity" || text === "-infinity") return parseDays(text)
    const match = isoSyntax.exec(text)
    const days = match === null ? undefined : dayNumber(Number(match[1]), Number(match[2]), Number(match[3]))
    return days === undefined || days < minDay || days >= endDay ? text : days
  }
  if (!(value instanceof Date)) throw notTaken("date", value)
  return daysOfMillis(value.getTime(), value)
}

const daysOfMillis = (millis: number, value: unknown): number => {
  if (!Number.isFinite(millis)) throw refused("date", value, "not a point in time")
  const days = millis / millisecondsPerDay - epochDays
  if (!Number.isInteger(days)) throw refused("date", value, "a time of day, which date would drop", "take midnight UTC")
  if (days < minDay) throw refused("date", value, "out of range: from November 4714 BC")
  return days
}

/** As PostgreSQL's input reads it: `0044-03-15 BC`. */
const serverText = (days: number): string => {
  if (days === infinity || days === negativeInfinity) return textOfDays(days)
  const { year, month, day } = civilDay(days)
  const two = (value: number) => String(value).padStart(2, "0")
  return `${String(year > 0 ? year : 1 - year).padStart(4, "0")}-${two(month)}-${two(day)}${year > 0 ? "" : " BC"}`
}

const writerOf = (valueOf: (value: unknown) => number | string): Writer => ({
  format: (value) => (typeof valueOf(value) === "string" ? 0 : 1),
  text: (value) => {
    const days = valueOf(value)
    return typeof days === "string" ? days : serverText(days)
  },
  binary: (value, out) => out.int32(Number(valueOf(value)))
})

export const date: Codec = scalar({
  name: "date",
  defaultForm: "text",
  readers: {
    text: reader(textOfDays),
    utcText: reader(utcTextOfDays),
    date: reader((days) => new Date(millisOf("Date", days))),
    millis: reader((days) => millisOf("millis", days))
  },
  writer: writerOf(valueOf),
  writers: {
    millis: writerOf((value) => {
      if (typeof value !== "number") throw notTaken("date", value)
      return daysOfMillis(value, value)
    })
  }
})
