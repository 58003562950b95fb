// Values by libpq keyword from the four places where they may be written, merged: the first place that names a keyword wins.
// The order is libpq's (`conninfo_add_defaults`): what the caller wrote, then the service file, then the environment.
import * as Either from "effect/Either"
import type { KeywordValues } from "./connectionUri.ts"
import { findKeyword, settingName } from "./keywords.ts"
import type { SettingsNote } from "./ResolvedSettings.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

export type Origin = "settings" | "url" | "service" | "environment"

/** A value and where it was written. May be a secret: it goes no further than `resolve`. */
export interface Given {
  readonly name: string
  readonly value: string
  readonly origin: Origin
}

export type AllGiven = ReadonlyMap<string, Given>

export const mergeGiven = (places: ReadonlyArray<readonly [origin: Origin, values: KeywordValues]>): AllGiven => {
  const all = new Map<string, Given>()
  for (const [origin, values] of places) {
    for (const [name, value] of values) if (!all.has(name)) all.set(name, { name, value, origin })
  }
  return all
}

/** The subject of a sentence: where the reader has to look. */
const placeOf = ({ name, origin }: Given): string => {
  switch (origin) {
    case "settings":
      return "its value"
    case "url":
      return `"${name}" in the connection string`
    case "service":
      return `"${name}" in the service file`
    case "environment":
      return `${findKeyword(name)?.variable ?? name} in the environment`
  }
}

/** `issue` continues a sentence whose subject is the value: "must be …". */
export const wrongValue = (given: Given, issue: string): Either.Either<never, SettingsIssue> =>
  Either.left(settingsIssue(settingName(given.name), `${placeOf(given)} ${issue}`))

/** The value, unless it is absent or empty and libpq takes empty for absent. */
export const nonEmpty = (all: AllGiven, name: string): Given | undefined => {
  const given = all.get(name)
  return given === undefined || given.value === "" ? undefined : given
}

/** Refuses what is not implemented and what no message could carry; answers with what is ignored. */
export const judgeSupport = (all: AllGiven): Either.Either<ReadonlyArray<SettingsNote>, SettingsIssue> => {
  const notes: Array<SettingsNote> = []
  for (const given of all.values()) {
    if (given.value.includes("\0")) return wrongValue(given, "has a NUL, which no value may contain")
    const support = findKeyword(given.name)?.support
    if (support === undefined || support._tag === "supported" || support.same.includes(given.value)) continue
    if (support._tag === "refused") return wrongValue(given, `is refused: ${support.because}`)
    notes.push({ key: given.name, because: support.because })
  }
  return Either.right(notes)
}
