// The error in one paragraph: for log lines, spans and whoever prints `error.message`.
import type { FailureOptions, Outcome, Reason } from "../../PostgresError.ts"
import { advice } from "./advice.ts"
import { place } from "./place.ts"
import { sentence } from "./sentence.ts"
import { standing } from "./standing.ts"

const ended = (text: string): string => (/[.!?…)]$/.test(text) ? text : `${text}.`)

export const renderMessage = (options: FailureOptions<Reason, Outcome>): string => {
  const where = place(options.statement)
  const state = standing(options)
  return [
    ended(
      where === undefined
        ? sentence(options.reason, options.showValues === true)
        : `${sentence(options.reason, options.showValues === true)}, ${where}`
    ),
    ...advice(options.reason, options.showValues === true)
      .slice(0, 1)
      .map((hint) => ended(`Hint: ${hint}`)),
    ended(state.charAt(0).toUpperCase() + state.slice(1))
  ].join(" ")
}
