// Which parts of a server's report may be shown where values may not. PostgreSQL puts values of rows and parameters into its texts:
// "Key (email)=(…) already exists", "Failing row contains (…)", `invalid input syntax for type integer: "…"`, `COPY t, line 1: "…"`.
// It decides by SQLSTATE, routine and shape, never by words: the texts come in the language of lc_messages.
// Not covered: a RAISE whose author puts values into the primary message. That sentence is the program's own words to its caller.
import type { ServerReport } from "../../PostgresError.ts"

/** A report as a reader may see it; `withheld` names the fields, or parts of them, that were left out. */
export interface ShownReport {
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly where: ReadonlyArray<string>
  readonly internalQuery: string | undefined
  readonly withheld: ReadonlyArray<"message" | "detail" | "where" | "internalQuery">
}

// Classes whose details name objects, processes and limits, not data (errdetail calls of PostgreSQL 18). All others are withheld:
// 22, 23, 44 quote values; P0, 38, 39, HV, XX and unknown ones can hold anything.
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

/** Up to the first line that quotes something: what follows may be the rest of it. `PL/pgSQL function f(integer) line 3 at RAISE` stays. */
const withoutData = (where: ReadonlyArray<string>): ReadonlyArray<string> => {
  const first = where.findIndex(
    (line) => line.length > 200 || line.includes(":") || line.includes("=") || quotes.test(line)
  )
  return first < 0 ? where : where.slice(0, first)
}

// Comments and quoted names first, so that an apostrophe in them opens no literal; then E'…' with its escapes, '…', $tag$…$tag$ and
// numbers that are not part of a name or a parameter. A literal without an end runs to the end of the text.
const literals =
  /(--[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)|"[^"]*(?:"|$))|[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|'(?:[^']|'')*(?:'|$)|(?<![\w$])\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\2\$|$)|(?<![\w$.])\d[\w.]*/g

/** Literals of a statement that a function put together at run time; every character keeps its place, so that a caret still fits. */
const withoutLiterals = (sql: string): string =>
  sql.replace(literals, (text: string, kept: string | undefined) =>
    kept === undefined
      ? Array.from(text, (character) => (/[\r\n\t '$]/.test(character) ? character : "·")).join("")
      : text
  )

export const shownReport = (report: ServerReport, showValues: boolean): ShownReport => {
  const where = report.where === undefined ? [] : report.where.split(/\r\n|\n|\r/)
  const whole = {
    message: report.message,
    detail: report.detail,
    hint: report.hint,
    where,
    internalQuery: report.internalQuery
  }
  if (showValues) return { ...whole, withheld: [] }

  const sqlClass = report.sqlState.slice(0, 2)
  // With a position the quoted text stands in the SQL itself (a literal), without one it is data.
  const message =
    sqlClass === "22" &&
    report.routine !== raised &&
    report.position === undefined &&
    report.internalPosition === undefined
      ? withoutQuoted(report.message)
      : report.message
  const detail = detailWithoutData.has(sqlClass) && report.routine !== raised ? report.detail : undefined
  const shownWhere = withoutData(where)
  const internalQuery = report.internalQuery === undefined ? undefined : withoutLiterals(report.internalQuery)
  return {
    message,
    detail,
    hint: report.hint,
    where: shownWhere,
    internalQuery,
    withheld: [
      ...(message === report.message ? [] : ["message" as const]),
      ...(detail === report.detail ? [] : ["detail" as const]),
      ...(shownWhere.length === where.length ? [] : ["where" as const]),
      ...(internalQuery === report.internalQuery ? [] : ["internalQuery" as const])
    ]
  }
}
