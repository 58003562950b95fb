// What the pool says without being asked, as log lines: things that somebody ought to know and nobody waits for.
import type { StatementInfo } from "../../PostgresError.ts"

/** Its name, or its first line that says something. */
export const label = (statement: StatementInfo | undefined): string | undefined =>
  statement === undefined
    ? undefined
    : (statement.name ??
      statement.sql
        .split("\n")
        .find((line) => line.trim() !== "")
        ?.trim())

const named = (statement: StatementInfo | undefined): string => {
  if (statement === undefined) return "an unknown statement"
  const at = statement.definedAt === "unknown" ? "" : `, defined at ${statement.definedAt}`
  return `"${label(statement) ?? statement.sql}"${at}`
}

/** Event SessionChanged. `evidence` as SessionWatch puts it. */
export const sessionChanged = (evidence: string, statement: StatementInfo | undefined): string =>
  `pgfx: SessionChanged (${evidence}) behind ${named(statement)}: the connection is reset before anybody gets it; run it in Session.pin`

/** Event TransactionLeftOpen. */
export const transactionLeftOpen = (latest: StatementInfo | undefined): string =>
  `pgfx: TransactionLeftOpen behind ${named(latest)}: it is rolled back; use Transaction.run`

/** A lease that nobody uses while others wait. `site`: the span in which it was asked for. */
export const unusedLease = (lease: {
  readonly fiber: string
  readonly site: string | undefined
  readonly latest: StatementInfo | undefined
  readonly heldSeconds: number
  readonly unusedSeconds: number
  readonly waiting: number
}): string => {
  const { fiber, heldSeconds, latest, site, unusedSeconds, waiting } = lease
  const where = site === undefined ? "" : ` (span ${site})`
  const what = latest === undefined ? "and run nothing on it" : `its last statement was ${named(latest)}`
  return `pgfx: ${fiber}${where} has held a connection for ${heldSeconds} s without using it for ${unusedSeconds} s, while ${waiting} wait; ${what}`
}
