// Which parts of a server's report may be shown where values may not. PostgreSQL puts values of rows and parameters into its texts:
// "Key (email)=(…) already exists", "Failing row contains (…)", `invalid input syntax for type integer: "…"`, `COPY t, line 1: "…"`.
// It decides by SQLSTATE, routine and shape, never by words: the texts come in the language of lc_messages.
// Not covered: a RAISE whose author puts values into the primary message. That sentence is the program's own words to its caller.
import type { ServerReport } from "../../PostgresError.ts"
import { bounded } from "./plainText.ts"

const whereLimit = 3_000

// Classes whose details name objects, processes and limits. All others are withheld: 22, 23, 44 quote values; P0, 38, 39, HV, XX and
// those nobody knows can hold anything.
const detailWithoutData = new Set("08 0A 0B 25 26 28 2B 2D 34 3B 3D 3F 40 42 53 54 55 57 58".split(" "))
// src/pl/plpgsql/src/pl_exec.c: the texts, and the SQLSTATE, are those of a RAISE statement
const raised = "exec_stmt_raise"

const quotes = /["'«»„“”‘’‹›「」『』]/

/** From the first quotation mark to the last, because the server does not escape the marks inside a value. */
const withoutQuoted = (text: string): string => {
  const first = text.search(quotes)
  if (first < 0) return text
  let last = text.length - 1
  while (last > first && !quotes.test(text.charAt(last))) last--
  return last === first ? `${text.slice(0, first)}…` : `${text.slice(0, first + 1)}…${text.slice(last)}`
}

// "PL/pgSQL function f(integer) line 3 at RAISE", and its translations, all of which say PL/pgSQL, the function and the line.
const isCall = (line: string): boolean => line.includes("PL/pgSQL") && /\d/.test(line) && !quotes.test(line)
// The two harmless contexts that quote a name; in another language they are withheld, which is the safe side.
const quotesName =
  /^(?:SQL function "[\w.$]+" (?:statement \d+|during (?:startup|inlining))|while \w+ (?:index )?tuple \(\d+,\d+\) in relation "[\w.$]+")$/

/**
 * Lines that cannot hold data. Behind a line that was left out only calls are believed: others may be the rest of it, for
 * `SQL statement "…"` takes as many lines as the statement has.
 */
const withoutData = (where: ReadonlyArray<string>): ReadonlyArray<string> => {
  let complete = true
  return where.filter((line) => {
    const isShort = line.length <= 200 && !/[:=：]/.test(line)
    const shown = isShort && (isCall(line) || (complete && (quotesName.test(line) || !quotes.test(line))))
    complete &&= shown
    return shown
  })
}

// Comments and quoted names first, so that an apostrophe in them opens no literal; then E'…' with its escapes, '…', $tag$…$tag$ and
// numbers that are not part of a name or a parameter. A literal without an end runs to the end of the text.
const literals =
  /(--[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)|"[^"]*(?:"|$))|[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|'(?:[^']|'')*(?:'|$)|(?<![\w$])\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\2\$|$)|(?<![\w$.])\d[\w.]*/g

/** Literals of a statement that a function put together at run time; every character keeps its place, so that a caret still fits. */
const withoutLiterals = (sql: string): string =>
  sql.replace(literals, (text: string, kept: string | undefined) =>
    kept === undefined
      ? Array.from(text, (character) => (/[\r\n\t'$]/.test(character) ? character : "·")).join("")
      : text
  )

// With a position in our own text, a class 22 report is about a literal that stands there, for whoever reads the SQL to see. A position
// in a function's text proves nothing: EXECUTE format('… %L', value) puts values into it, and the parser quotes what it met (42601).
const quotesData = ({ internalQuery, position, sqlState }: ServerReport): boolean =>
  sqlState.startsWith("22") ? position === undefined : sqlState === "42601" && internalQuery !== undefined

export const shownMessage = (report: ServerReport, showValues: boolean): string =>
  showValues || report.routine === raised || !quotesData(report) ? report.message : withoutQuoted(report.message)

/** `undefined`: there is one, and it is withheld. Empty: there is none. */
export const shownDetail = (report: ServerReport, showValues: boolean): string | undefined => {
  const { detail = "", routine, sqlState } = report
  if (showValues || detail === "") return detail
  const isData = sqlState.startsWith("22") ? quotesData(report) : !detailWithoutData.has(sqlState.slice(0, 2))
  return isData || routine === raised ? undefined : detail
}

/** The context's first lines, and whether more follow that are withheld. */
export const shownWhere = (
  report: ServerReport,
  showValues: boolean
): { readonly lines: ReadonlyArray<string>; readonly withheld: boolean } => {
  const all = bounded(report.where ?? "", whereLimit).split(/\r\n|\n|\r/)
  const given = all.at(-1) === "" ? all.slice(0, -1) : all
  const lines = showValues ? given : withoutData(given)
  return { lines, withheld: lines.length < given.length }
}

export const shownInternalQuery = (report: ServerReport, showValues: boolean): string | undefined =>
  showValues || report.internalQuery === undefined ? report.internalQuery : withoutLiterals(report.internalQuery)
