// time and timetz: microseconds since midnight, 24:00:00 included. Forms: text (six digits; timetz with its offset, "+05:30", to the second
// where there is one), and for time also interval, { months: 0, days: 0, microseconds }.
// Source of timetz's sign (seconds *west* of UTC) and its range: src/backend/utils/adt/date.c, timetz_send, timetz_recv.
import { int32, int64, int64AsNumber, isSafe64 } from "../BigEndian.ts"
import { fractionOf, microsecondsPerDay, timeText } from "../Calendar.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { isInterval } from "../Interval.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, wrongLength } from "../ValueError.ts"

const inRange = (type: string, microseconds: number): number => {
  if (microseconds >= 0 && microseconds <= microsecondsPerDay) return microseconds
  throw malformed(type, "00:00:00 to 24:00:00")
}

const microsecondsAt = (type: string, bytes: Uint8Array, at: number): number =>
  inRange(type, isSafe64(bytes, at) ? int64AsNumber(bytes, at) : Number(int64(bytes, at)))

const syntax = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** Microseconds since midnight of `HH:MM:SS[.ffffff]`, `undefined` for anything else. */
const microsecondsOf = (text: string): number | undefined => {
  const match = syntax.exec(text)
  if (match === null || Number(match[2]) > 59 || Number(match[3]) > 59) return undefined
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3])
  const microseconds = seconds * 1_000_000 + fractionOf(match[4])
  return microseconds <= microsecondsPerDay ? microseconds : undefined
}

const parseTime = (text: string): number => {
  const microseconds = microsecondsOf(text)
  if (microseconds === undefined) throw malformed("time", "HH:MM:SS in ISO style")
  return microseconds
}

const reader = (finish: (microseconds: number) => unknown) => ({
  format: 1 as const,
  binary: (bytes: Uint8Array, offset: number, length: number) => {
    if (length !== 8) throw wrongLength("time", 8, length)
    return finish(microsecondsAt("time", bytes, offset))
  },
  parse: (text: string) => finish(parseTime(text))
})

/** Microseconds, or the string for the server to judge. */
const timeOf = (value: unknown): number | string => {
  if (typeof value === "string") {
    const text = checkText("time", value)
    return microsecondsOf(text) ?? text
  }
  if (!isInterval(value)) throw notTaken("time", value)
  const { months, days, microseconds } = value
  if (months !== 0 || days !== 0 || microseconds < 0n || microseconds > BigInt(microsecondsPerDay)) {
    throw refused("time", value, "not between 0 and 24 hours")
  }
  return Number(microseconds)
}

const timeWriter: Writer = {
  format: (value) => (typeof timeOf(value) === "string" ? 0 : 1),
  text: (value) => {
    const time = timeOf(value)
    return typeof time === "string" ? time : timeText(time)
  },
  binary: (value, out) => out.int64(BigInt(timeOf(value)))
}

export const time: Codec = scalar({
  name: "time",
  defaultForm: "text",
  readers: {
    text: reader(timeText),
    interval: reader((microseconds) => ({ months: 0, days: 0, microseconds: BigInt(microseconds) }))
  },
  writer: timeWriter
})

/** MAX_TZDISP_HOUR is 15: offsets end a second before 16 hours. */
const maxOffset = 16 * 3600 - 1

/** `+05:30`, `-00:00:01`; `seconds` *east* of UTC, as people write it. */
const offsetText = (seconds: number): string => {
  const absolute = Math.abs(seconds)
  const two = (value: number) => String(value).padStart(2, "0")
  const minutes = `${two(Math.floor(absolute / 3600))}:${two(Math.floor(absolute / 60) % 60)}`
  return `${seconds < 0 ? "-" : "+"}${minutes}${absolute % 60 === 0 ? "" : `:${two(absolute % 60)}`}`
}

const zonedSyntax = /^([\d:.]+)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/

interface ZonedTime {
  readonly microseconds: number
  /** seconds east of UTC */
  readonly offset: number
}

const zonedOf = (text: string): ZonedTime | undefined => {
  const match = zonedSyntax.exec(text)
  const microseconds = match === null ? undefined : microsecondsOf(match[1] ?? "")
  if (match === null || microseconds === undefined) return undefined
  const minutes = Number(match[4] ?? 0)
  const seconds = Number(match[5] ?? 0)
  const offset = Number(match[3]) * 3600 + minutes * 60 + seconds
  if (minutes > 59 || seconds > 59 || offset > maxOffset) return undefined
  return { microseconds, offset: match[2] === "-" ? 0 - offset : offset }
}

const zonedText = ({ microseconds, offset }: ZonedTime): string => timeText(microseconds) + offsetText(offset)

const timetzOf = (value: unknown): ZonedTime | string => {
  if (typeof value !== "string") throw notTaken("timetz", value)
  const text = checkText("timetz", value)
  return zonedOf(text) ?? text
}

export const timetz: Codec = scalar({
  name: "timetz",
  defaultForm: "text",
  readers: {
    text: {
      format: 1,
      binary: (bytes, offset, length) => {
        if (length !== 12) throw wrongLength("timetz", 12, length)
        const west = int32(bytes, offset + 8)
        if (Math.abs(west) > maxOffset) throw malformed("timetz", "an offset below 16 hours")
        return zonedText({ microseconds: microsecondsAt("timetz", bytes, offset), offset: 0 - west })
      },
      parse: (text) => {
        const value = zonedOf(text)
        if (value === undefined) throw malformed("timetz", "HH:MM:SS and an offset")
        return zonedText(value)
      }
    }
  },
  writer: {
    format: (value) => (typeof timetzOf(value) === "string" ? 0 : 1),
    text: (value) => {
      const zoned = timetzOf(value)
      return typeof zoned === "string" ? zoned : zonedText(zoned)
    },
    binary: (value, out) => {
      const zoned = timetzOf(value)
      if (typeof zoned === "string") throw notTaken("timetz", value)
      out.int64(BigInt(zoned.microseconds))
      out.int32(0 - zoned.offset)
    }
  }
})
