// What kind of statement a text is, from its words alone, looked at once per statement. Not a parser: where words are not enough the
// answer errs on the side of more isolation. Values are never looked at, they are not in the text.

export type StatementKind =
  /** may share a connection */
  | "plain"
  /** changes the session beyond itself: runs alone, and the session is swept behind it */
  | "sessional"
  /** BEGIN and its kin: `Transaction` does that */
  | "transaction"
  /** `Copy` does that */
  | "copy"

export interface StatementWords {
  /** upper case, `""` for an empty statement */
  readonly first: string
  readonly kind: StatementKind
  /** may commit by itself, in parts, where no transaction is open: a procedure, a block of code */
  readonly mayCommit: boolean
}

const transactionWords = new Set(["BEGIN", "START", "COMMIT", "END", "ABORT", "ROLLBACK", "SAVEPOINT", "RELEASE"])
const sessionalWords = new Set([
  "SET",
  "RESET",
  "LISTEN",
  "UNLISTEN",
  "DECLARE",
  "PREPARE",
  "DEALLOCATE",
  "DISCARD",
  "LOAD",
  "CLOSE"
])

/** Anywhere in the text, also inside strings and comments: more isolation than needed is harmless. */
const sessionalAnywhere = /set_config|advisory|\btemp(?:orary)?\b|pg_temp/i

/** Blank space and comments; block comments nest in PostgreSQL. */
const skipBlank = (sql: string): number => {
  let at = 0
  let depth = 0
  while (at < sql.length) {
    const two = sql.slice(at, at + 2)
    if (two === "/*") {
      depth++
      at += 2
    } else if (depth > 0) {
      if (two === "*/") depth--
      at += two === "*/" ? 2 : 1
    } else if (two === "--") {
      const end = sql.indexOf("\n", at)
      at = end < 0 ? sql.length : end + 1
    } else if (/[\s;(]/.test(sql[at] ?? "")) at++
    else break
  }
  return at
}

/** What a block of code needs to end transactions: the command itself, of whatever language, or a procedure. */
const commitsAnywhere = /commit|\bcall\b/i

export const statementWords = (sql: string): StatementWords => {
  const rest = sql.slice(skipBlank(sql))
  const [first = "", second = ""] = (/^[A-Za-z_]+(?:\s+[A-Za-z_]+)?/.exec(rest)?.[0] ?? "").toUpperCase().split(/\s+/)
  const mayCommit = first === "CALL" || (first === "DO" && commitsAnywhere.test(sql))
  if (transactionWords.has(first) || (first === "PREPARE" && second === "TRANSACTION"))
    return { first, kind: "transaction", mayCommit }
  if (first === "COPY") return { first, kind: "copy", mayCommit }
  const local = first === "SET" && (second === "LOCAL" || second === "TRANSACTION" || second === "CONSTRAINTS")
  if ((sessionalWords.has(first) && !local) || sessionalAnywhere.test(sql))
    return { first, kind: "sessional", mayCommit }
  return { first, kind: "plain", mayCommit }
}
