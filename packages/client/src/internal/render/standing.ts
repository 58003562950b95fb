// What is true now: the outcome of the statement, then the state of the connection.
import type { FailureOptions, Outcome, Reason } from "../../PostgresError.ts"
import { oneLine } from "./plainText.ts"

const ofOutcome = (outcome: Outcome): string => {
  switch (outcome) {
    case "NotSent":
      return "nothing was sent"
    case "RolledBack":
      return "the statement was rolled back"
    case "Pending":
      return "the statement took effect, in a transaction that is still open"
    case "Committed":
      return "the statement was committed"
    case "Unknown":
      return "whether the statement took effect is not known"
  }
}

/** A failed statement that left no trace needs no mention beside a known connection: everybody expects it. */
export const standing = (options: FailureOptions<Reason, Outcome>): string => {
  const state = options.state === undefined ? undefined : oneLine(options.state, 500)
  if (state === undefined) return ofOutcome(options.outcome)
  return options.outcome === "RolledBack" ? state : `${ofOutcome(options.outcome)}; ${state}`
}
