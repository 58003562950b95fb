// What a reason proves itself with, where one sentence does not hold it: who holds the connections, the last messages of a
// conversation, the differences between a statement and its Schemas. Bounded, whatever the length of the lists.
import type { Finding, PoolHolder, Reason } from "../../PostgresError.ts"
import { cellsOf } from "./columns.ts"
import { oneLine } from "./plainText.ts"
import { duration } from "./sentence.ts"

type Block = ReadonlyArray<string>

const mostHolders = 16
const mostFindings = 50
const mostInBrief = 3
const mostMessages = 20

const more = (all: ReadonlyArray<unknown>, shown: number): Block =>
  all.length <= shown ? [] : [`… (${all.length - shown} more)`]

const holder = ({ doing, fiber, heldMillis, own }: PoolHolder): string =>
  `  ${oneLine(fiber, 100)} for ${duration(heldMillis)}, ${doing === undefined ? "running nothing" : `running ${oneLine(doing, 200)}`}${own ? "; this is the fiber that waits" : ""}`

const widthOf = (text: string): number => cellsOf(text).reduce((width, cell) => width + cell.width, 0)
const padded = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - widthOf(text)))

const placeOf = ({ at }: Finding): string => {
  if ("parameter" in at) return `parameter "${oneLine(at.parameter, 63)}"`
  return at.column === "" ? "" : `column "${oneLine(at.column, 63)}"`
}

/** The worst of them in one line; the table is for those who print the whole error. */
export const findingsInBrief = (all: ReadonlyArray<Finding>): string => {
  const errors = all.filter(({ severity }) => severity === "error")
  const shown = [...errors, ...all.filter((finding) => !errors.includes(finding))].slice(0, mostInBrief)
  const told = shown.map((finding) => `${placeOf(finding)} ${oneLine(finding.message, 200)}`.trim())
  return [...told, ...more(all, told.length)].join("; ")
}

const findings = (all: ReadonlyArray<Finding>): Block => {
  const rows = all.slice(0, mostFindings).map((finding) => ({
    severity: finding.severity,
    at: placeOf(finding),
    message: oneLine(finding.message, 300)
  }))
  const severityWidth = Math.max(...rows.map((row) => row.severity.length))
  const atWidth = Math.max(...rows.map((row) => widthOf(row.at)))
  return [
    ...rows.map((row) => `${padded(row.severity, severityWidth)}  ${padded(row.at, atWidth)}  ${row.message}`),
    ...more(all, mostFindings)
  ]
}

export const evidence = (reason: Reason): Block => {
  switch (reason._tag) {
    case "PoolTimeout":
      return reason.holders.length === 0
        ? []
        : [
            "connections are held by",
            ...reason.holders.slice(0, mostHolders).map(holder),
            ...more(reason.holders, mostHolders)
          ]
    case "PoolDeadlock":
      return reason.chain.length === 0
        ? []
        : [
            "who waits for whom",
            ...reason.chain.slice(0, mostHolders).map((link) => `  ${oneLine(link, 300)}`),
            ...more(reason.chain, mostHolders)
          ]
    case "ProtocolViolation":
      return reason.transcript.length === 0
        ? []
        : [
            "the last messages, oldest first",
            ...reason.transcript.slice(-mostMessages).map((line) => `  ${oneLine(line, 200)}`)
          ]
    case "StatementMismatch":
      return reason.findings.length === 0 ? [] : findings(reason.findings)
    default:
      return []
  }
}
