// The kinds of values that settings have: one of some words, a whole number, a switch, a length of time. Each reader says
// what would do and never repeats what was written. Integers as `pqParseIntParam` in fe-connect.c reads them.
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { type AllGiven, type Given, wrongValue } from "./given.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

export type Read<A> = Either.Either<A, SettingsIssue>

const quotedList = (words: ReadonlyArray<string>): string => words.map((word) => `"${word}"`).join(", ")

/** Exactly one of `words`; an empty value is none of them, as in libpq. */
export const oneOf = <const Word extends string>(
  all: AllGiven,
  name: string,
  words: ReadonlyArray<Word>
): Read<Word | undefined> => {
  const given = all.get(name)
  if (given === undefined) return Either.right(undefined)
  const word = words.find((word) => word === given.value)
  return word === undefined ? wrongValue(given, `must be one of ${quotedList(words)}`) : Either.right(word)
}

const int32 = 2_147_483_647

/** A whole number in `[min, max]`; blanks around it and a sign are fine. */
export const parseWhole = (given: Given, text: string, min: number, max: number): Read<number> => {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]{1,15})[ \t\n\v\f\r]*$/.exec(text)?.[1]
  const number = Number(digits)
  if (digits !== undefined && number >= min && number <= max) return Either.right(number)
  // what is left of a URI whose password holds one
  const remedy = text.includes("@") ? '; an "@" in user or password is written %40' : ""
  const range = min === -int32 - 1 ? "" : ` from ${min} to ${max}`
  return wrongValue(given, `must be a whole number${range}${remedy}`)
}

export const wholeNumber = (all: AllGiven, name: string, min = -int32 - 1, max = int32): Read<number | undefined> => {
  const given = all.get(name)
  return given === undefined ? Either.right(undefined) : parseWhole(given, given.value, min, max)
}

/** libpq's switches are integers: 0 is off, any other is on. */
export const switched = (all: AllGiven, name: string): Read<boolean | undefined> =>
  Either.map(wholeNumber(all, name), (number) => (number === undefined ? undefined : number !== 0))

/** Seconds as a connection string says them; 0 and less mean "no limit" or "the default", which the caller decides. */
export const seconds = (all: AllGiven, name: string): Read<number | undefined> => wholeNumber(all, name)

export interface TimeLimits {
  /** default: zero is fine */
  readonly zero?: "refuse"
  readonly infinite?: "refuse"
}

/** A typed length of time. Duration itself turns negative numbers and NaN into zero, silently. */
export const time = (key: string, input: Duration.DurationInput, limits: TimeLimits = {}): Read<Duration.Duration> => {
  const wrong = (issue: string) => Either.left(settingsIssue(key, issue))
  const negative = typeof input === "string" ? input.trim().startsWith("-") : typeof input !== "object" && input < 0
  if (negative || Number.isNaN(input)) return wrong("must not be negative")
  const decoded = Option.getOrUndefined(Duration.decodeUnknown(input))
  if (decoded === undefined) return wrong('must be a Duration, such as "5 seconds" or a number of milliseconds')
  if (limits.zero === "refuse" && Duration.toMillis(decoded) <= 0) return wrong("must be longer than zero")
  if (limits.infinite === "refuse" && !Duration.isFinite(decoded)) return wrong("must be finite")
  return Either.right(decoded)
}

/** A typed whole number in `[min, max]`. */
export const whole = (key: string, value: number, min: number, max: number): Read<number> =>
  Number.isSafeInteger(value) && value >= min && value <= max
    ? Either.right(value)
    : Either.left(settingsIssue(key, `must be a whole number from ${min} to ${max}`))
