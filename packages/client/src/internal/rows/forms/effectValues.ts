// The codecs' neutral forms as values of `effect`, and back: BigDecimal, DateTime, Duration. `to…` throws ValueError for what the value cannot
// hold. `from…` passes on whatever is not its own, so that unions need no order.
import { type Decimal, type Interval, isInterval, ValueError } from "@pgfx/codecs"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"

// What the codec's reader of that form made: the forms' table in Codec.ts is the proof of these casts.
const asDecimal = (value: unknown): Decimal => value as Decimal
const asMillis = (value: unknown): number => value as number

export const toBigDecimal = (value: unknown): BigDecimal.BigDecimal => {
  const { scale, unscaled } = asDecimal(value)
  return BigDecimal.make(unscaled, scale)
}

export const fromBigDecimal = (value: unknown): unknown =>
  BigDecimal.isBigDecimal(value) ? { unscaled: value.value, scale: value.scale } : value

export const toDateTimeUtc = (value: unknown): DateTime.Utc => DateTime.unsafeMake(asMillis(value))

/** Also milliseconds, where the Schema says that its numbers are instants. */
export const fromInstant = (value: unknown): unknown => {
  if (!DateTime.isDateTime(value)) return value
  if (DateTime.isUtc(value)) return DateTime.toDateUtc(value)
  throw new ValueError({
    type: "timestamptz",
    form: "DateTime.Zoned",
    issue: "the type stores no zone",
    remedy: "use DateTimeUtc"
  })
}

export const fromMillis = (value: unknown): unknown =>
  typeof value === "number" ? new Date(value) : fromInstant(value)

const dayMicroseconds = 86_400_000_000n

const noDuration = (issue: string): ValueError =>
  new ValueError({ type: "interval", form: "Duration", issue, remedy: "read it as { months, days, microseconds }" })

/** A day is 24 hours, as in PostgreSQL's own comparison of intervals (timestamp.c, interval_cmp_value). */
const microsecondsOf = ({ days, microseconds, months }: Interval): bigint => {
  if (months !== 0) throw noDuration("months have no fixed length")
  return BigInt(days) * dayMicroseconds + microseconds
}

export const toDuration = (value: unknown): Duration.Duration => {
  if (value === "infinity") return Duration.infinity
  if (!isInterval(value)) throw noDuration("a Duration is not negative")
  const microseconds = microsecondsOf(value)
  // Duration would make 0 of it, in silence
  if (microseconds < 0n) throw noDuration("a Duration is not negative")
  const milliseconds = microseconds / 1000n
  return microseconds % 1000n === 0n && milliseconds <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Duration.millis(Number(milliseconds))
    : Duration.nanos(microseconds * 1000n)
}

const nanosOf = (value: Duration.Duration): bigint => {
  const { value: duration } = value
  switch (duration._tag) {
    case "Millis":
      return BigInt(duration.millis) * 1_000_000n
    case "Nanos":
      return duration.nanos
    case "Infinity":
      throw noDuration("infinity")
  }
}

export const fromDuration = (value: unknown): unknown => {
  if (!Duration.isDuration(value)) return value
  if (!Duration.isFinite(value)) return "infinity"
  const nanos = nanosOf(value)
  if (nanos % 1000n !== 0n) {
    throw new ValueError({
      type: "interval",
      form: "Duration",
      issue: "a fraction of a microsecond",
      remedy: "round it: PostgreSQL keeps microseconds"
    })
  }
  return { months: 0, days: 0, microseconds: nanos / 1000n }
}
