// The full picture of an error, after style.md §6: what happened, where, with what, what now. Plain text, no colour.
import type { FailureOptions, Outcome, Reason } from "../../PostgresError.ts"
import { sentence } from "./sentence.ts"

export const renderErrorText = (tag: string, options: FailureOptions<Reason, Outcome>): string =>
  `${tag}  ${sentence(options.reason, options.showValues === true)}`
