// The fields of a Settings that have a libpq keyword, in libpq's own notation, so that one reader judges a value wherever it
// was written. Secrets and lengths of time are not among them: those stay typed.
import type { Settings } from "../../../Settings.ts"
import type { KeywordValues } from "./connectionUri.ts"
import { keywords } from "./keywords.ts"

/** Read from the object itself: Redacted values, an Effect, Durations in units other than libpq's. */
const keptTyped: ReadonlySet<keyof Settings> = new Set<keyof Settings>([
  "password",
  "sslpassword",
  "connectTimeout",
  "keepalivesIdle",
  "keepalivesInterval"
])

const notation = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "string":
      return value
    case "number":
      return String(value)
    case "boolean":
      return value ? "1" : "0"
    default:
      return Array.isArray(value) ? value.join(",") : undefined
  }
}

/** A Redacted `sslkey` is not a path and has no notation. */
export const typedValues = (settings: Settings): KeywordValues => {
  const values = new Map<string, string>()
  for (const { name, setting } of keywords) {
    if (setting === undefined || keptTyped.has(setting)) continue
    const value = notation(settings[setting])
    if (value !== undefined) values.set(name, value)
  }
  return values
}
