// The three fields that PostgreSQL keeps of an interval, and its text in IntervalStyle postgres. Months, days and microseconds are not
// convertible into one another, and their signs may differ.

/** As `interval` stores it. `microseconds` goes beyond a day. */
export interface Interval {
  readonly months: number
  readonly days: number
  readonly microseconds: bigint
}

export const isInterval = (value: unknown): value is Interval =>
  typeof value === "object" &&
  value !== null &&
  "months" in value &&
  typeof value.months === "number" &&
  "days" in value &&
  typeof value.days === "number" &&
  "microseconds" in value &&
  typeof value.microseconds === "bigint"

const syntax =
  /^(?:([+-]?\d{1,10}) years? ?)?(?:([+-]?\d{1,10}) mons? ?)?(?:([+-]?\d{1,10}) days? ?)?(?:([+-]?)(\d{2,10}):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/

/** The interval a text of the server spells, `undefined` for anything else. */
export const parseInterval = (text: string): Interval | undefined => {
  const match = syntax.exec(text)
  if (match === null || text === "" || text.endsWith(" ")) return undefined
  const months = Number(match[1] ?? 0) * 12 + Number(match[2] ?? 0)
  const seconds = BigInt(match[5] ?? 0) * 3600n + BigInt(match[6] ?? 0) * 60n + BigInt(match[7] ?? 0)
  const microseconds = seconds * 1_000_000n + BigInt((match[8] ?? "").padEnd(6, "0"))
  // -0 is a number of its own in JavaScript, and there is none in PostgreSQL
  return {
    months: months + 0,
    days: Number(match[3] ?? 0) + 0,
    microseconds: match[4] === "-" ? -microseconds : microseconds
  }
}

/** `1 year -2 mons +3 days -04:05:06.5`, as EncodeInterval writes it (src/backend/utils/adt/datetime.c, INTSTYLE_POSTGRES). */
export const intervalText = ({ months, days, microseconds }: Interval): string => {
  const parts: Array<string> = []
  let afterNegative = false
  const part = (value: number, unit: string): void => {
    if (value === 0) return
    // a plus sign marks a positive field behind a negative one, which is otherwise read as negative by the SQL standard
    parts.push(`${afterNegative && value > 0 ? "+" : ""}${value} ${unit}${value === 1 ? "" : "s"}`)
    afterNegative = value < 0
  }
  part(Math.trunc(months / 12), "year")
  part(months % 12, "mon")
  part(days, "day")
  if (parts.length === 0 || microseconds !== 0n) {
    const sign = microseconds < 0n ? "-" : afterNegative ? "+" : ""
    const absolute = microseconds < 0n ? -microseconds : microseconds
    const seconds = absolute / 1_000_000n
    const two = (value: bigint) => value.toString().padStart(2, "0")
    const fraction = (absolute % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "")
    const clock = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`
    parts.push(`${sign}${clock}${fraction === "" ? "" : `.${fraction}`}`)
  }
  return parts.join(" ")
}
