// Where it happened: the statement by name, and the line of the program that defined it.
import { hasProperty } from "effect/Predicate"
import type { FailureOptions, Outcome, Reason } from "../../PostgresError.ts"
import { oneLine } from "./plainText.ts"

type Options = FailureOptions<Reason, Outcome>

/** The failure that a 25P02 took its reason from: the very same reason stands in the cause. */
export const firstFailure = ({ cause, reason }: Options): Error | undefined =>
  cause instanceof Error && hasProperty(cause, "reason") && cause.reason === reason ? cause : undefined

const named = ({ statement }: Options): string | undefined => {
  if (statement === undefined) return undefined
  const at = statement.definedAt === "unknown" ? undefined : `defined at ${oneLine(statement.definedAt, 300)}`
  if (statement.name !== undefined) {
    return `in query "${oneLine(statement.name, 100)}"${at === undefined ? "" : `, ${at}`}`
  }
  return at === undefined ? undefined : `in the query ${at}`
}

/** `in query "countriesAbove", defined at src/Country.ts:14`; `undefined` if neither is known. */
export const place = (options: Options): string | undefined => {
  const text = named(options)
  return firstFailure(options) === undefined
    ? text
    : `${text ?? "in another query"}; it was not run: an earlier failure had ended the transaction`
}
