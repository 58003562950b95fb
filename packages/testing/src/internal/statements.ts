// Statements, as opposed to the messages that carry them: which text a script means, and what a server that does as it is told would
// say to it.
import type { BackendMessage, TransactionStatus } from "@pgfx/protocol"

const collapse = (sql: string): string => sql.replace(/\s+/g, " ").trim()

/** A script's text is the beginning of the statement's, whatever the blanks between the words. */
export const isStatement = (sql: string, expected: string): boolean => collapse(sql).startsWith(collapse(expected))

/** The statements of a script of SQL. Semicolons in literals and quoted names do not count; dollar quotes are not known here. */
export const splitStatements = (sql: string): ReadonlyArray<string> => {
  const statements: Array<string> = []
  let start = 0
  for (const match of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|;/g)) {
    if (match[0] !== ";") continue
    statements.push(sql.slice(start, match.index))
    start = match.index + 1
  }
  statements.push(sql.slice(start))
  return statements.map(collapse).filter((statement) => statement !== "")
}

const wordsOf = (sql: string): readonly [first: string, second: string] => {
  const [first = "", second = ""] = collapse(sql).toUpperCase().split(" ")
  return [first, second]
}

/** Says that it returns rows: a description of no columns stands for those that the script does not care about. */
const isSelect = (sql: string): boolean => ["SELECT", "VALUES", "TABLE", "SHOW", "WITH"].includes(wordsOf(sql)[0])

/** The command tag of a statement that found one row to change and none to return. Source: "Message Formats", CommandComplete. */
export const tagOf = (sql: string): string => {
  const [first, second] = wordsOf(sql)
  switch (first) {
    case "INSERT":
      return "INSERT 0 1"
    case "UPDATE":
    case "DELETE":
    case "MERGE":
      return `${first} 1`
    case "SELECT":
    case "VALUES":
    case "TABLE":
    case "WITH":
      return "SELECT 0"
    case "START":
      return "START TRANSACTION"
    case "END":
      return "COMMIT"
    case "ABORT":
      return "ROLLBACK"
    case "CREATE":
    case "ALTER":
    case "DROP":
    case "DISCARD":
      return `${first} ${second}`
    default:
      return first
  }
}

/** The transaction status after a statement that succeeded. */
export const statusAfter = (sql: string, before: TransactionStatus): TransactionStatus => {
  const [first, second] = wordsOf(sql)
  switch (first) {
    case "BEGIN":
    case "START":
      return "T"
    case "COMMIT":
    case "END":
    case "ABORT":
      return "I"
    case "ROLLBACK":
      return second === "TO" ? "T" : "I"
    default:
      return before
  }
}

const ends = new Set(["COMMIT", "END", "ROLLBACK", "ABORT"])

const inFailedTransaction: BackendMessage = {
  _tag: "ErrorResponse",
  fields: {
    severity: "ERROR",
    severityNonLocalized: "ERROR",
    code: "25P02",
    message: "current transaction is aborted, commands ignored until end of transaction block"
  }
}

/**
 * What a server answers, without ReadyForQuery, to a statement that it has nothing against. In a failed transaction only its end goes
 * well, and COMMIT ends it as ROLLBACK does (measured).
 */
export const success = (sql: string, status: TransactionStatus): ReadonlyArray<BackendMessage> => {
  if (collapse(sql) === "") return [{ _tag: "EmptyQueryResponse" }]
  if (status === "E") {
    return ends.has(wordsOf(sql)[0]) ? [{ _tag: "CommandComplete", tag: "ROLLBACK" }] : [inFailedTransaction]
  }
  const complete: BackendMessage = { _tag: "CommandComplete", tag: tagOf(sql) }
  return isSelect(sql) ? [{ _tag: "RowDescription", columns: [] }, complete] : [complete]
}

/**
 * The client sweeps up between two users of a connection; a script is about what the users do. Source: the engine's design, §11.
 */
export const isSessionReset = (sql: string): boolean =>
  /^(CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT;|DISCARD ALL)/.test(collapse(sql))
