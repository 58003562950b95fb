// The error in one paragraph: for log lines, spans and whoever prints `error.message`.
import type { FailureOptions, Outcome, Reason } from "../../PostgresError.ts"
import { advice } from "./advice.ts"
import { findingsInBrief } from "./evidence.ts"
import { place } from "./place.ts"
import { sentence } from "./sentence.ts"
import { standing } from "./standing.ts"

const ended = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`)

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** `undefined_column (42703): column "popsulation" does not exist, in query "countriesAbove", defined at …. Hint: …. The connection is …` */
export const renderMessage = (options: FailureOptions<Reason, Outcome>): string => {
  const showValues = options.showValues === true
  const { reason } = options
  const said = sentence(reason, showValues)
  const what = reason._tag === "StatementMismatch" ? `${said}: ${findingsInBrief(reason.findings)}` : said
  const where = place(options)
  const [hint] = advice(options)
  return [
    ended(where === undefined ? what : `${what}, ${where}`),
    ...(hint === undefined ? [] : [ended(`Hint: ${hint}`)]),
    ended(capitalized(standing(options)))
  ].join(" ")
}
