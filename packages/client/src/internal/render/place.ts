// Where it happened: the statement by name, and the line of the program that defined it.
import type { StatementInfo } from "../../PostgresError.ts"
import { oneLine } from "./plainText.ts"

/** `in query "countriesAbove", defined at src/Country.ts:14`; `undefined` if neither is known. */
export const place = (statement: StatementInfo | undefined): string | undefined => {
  if (statement === undefined) return undefined
  const at = statement.definedAt === "unknown" ? undefined : `defined at ${oneLine(statement.definedAt, 300)}`
  if (statement.name !== undefined) {
    return `in query "${oneLine(statement.name, 100)}"${at === undefined ? "" : `, ${at}`}`
  }
  return at === undefined ? undefined : `in the query ${at}`
}
