// Equality of decoded values that does not mind what `effect`'s classes cache, and minds everything else: prototypes, own keys, -0, NaN.
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

const sameKeys = (a: object, b: object): boolean => {
  const keys = Reflect.ownKeys(a)
  return (
    Object.getPrototypeOf(a) === Object.getPrototypeOf(b) &&
    keys.length === Reflect.ownKeys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(Reflect.get(a, key), Reflect.get(b, key)))
  )
}

/** Exactly: Duration's own comparison rounds milliseconds beyond 2^53 nanoseconds (3.22.4). */
const nanos = ({ value }: Duration.Duration): bigint | undefined =>
  value._tag === "Infinity" ? undefined : value._tag === "Nanos" ? value.nanos : BigInt(value.millis) * 1_000_000n

export const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Redacted.isRedacted(a)) return Redacted.isRedacted(b) && same(Redacted.value(a), Redacted.value(b))
  if (Option.isOption(a)) return Option.isOption(b) && same(Option.toArray(a), Option.toArray(b))
  if (BigDecimal.isBigDecimal(a)) return BigDecimal.isBigDecimal(b) && a.value === b.value && a.scale === b.scale
  if (Duration.isDuration(a)) return Duration.isDuration(b) && nanos(a) === nanos(b)
  if (DateTime.isDateTime(a)) return DateTime.isDateTime(b) && a._tag === b._tag && a.epochMillis === b.epochMillis
  if (Chunk.isChunk(a)) return Chunk.isChunk(b) && same(Chunk.toReadonlyArray(a), Chunk.toReadonlyArray(b))
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime())
  if (a instanceof Set) return b instanceof Set && same([...a], [...b])
  if (a instanceof Map) return b instanceof Map && same([...a], [...b])
  return sameKeys(a, b)
}
