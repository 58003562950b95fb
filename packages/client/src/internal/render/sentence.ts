// What happened, as one sentence per reason: the server's words behind the condition name, or ours behind the reason's.
// It says nothing about where it happened or what to do now (errorText.ts, advice.ts).
import type { Reason, ServerReport } from "../../PostgresError.ts"
import { conditionName } from "@pgfx/protocol/SqlState"
import { oneLine } from "./plainText.ts"
import { shownMessage } from "./shown.ts"

const messageLimit = 1_000

/** `undefined_column (42703): column "popsulation" does not exist` */
const reported = (report: ServerReport, showValues: boolean): string => {
  const name = conditionName(report.sqlState)
  const code = oneLine(report.sqlState, 16)
  const condition = name === undefined ? code || "server error" : `${name} (${code})`
  return `${condition}: ${oneLine(shownMessage(report, showValues), messageLimit) || "(the server gave no message)"}`
}

/** The one line of a cause that helps: an Error's message, in front of it the code of the system call if the message lacks it. */
export const causeSentence = (cause: unknown): string | undefined => {
  if (typeof cause === "string") return oneLine(cause, messageLimit) || undefined
  if (!(cause instanceof Error)) return undefined
  // Node's net tries several addresses and then says nothing itself
  if ("errors" in cause && Array.isArray(cause.errors) && cause.errors.length > 0) {
    const each = cause.errors.slice(0, 8).flatMap((one: unknown) => causeSentence(one) ?? [])
    if (each.length > 0) return each.join("; ")
  }
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const message = oneLine(cause.message, messageLimit)
  if (code === undefined || message.includes(code)) return message || oneLine(cause.name, 100) || undefined
  return message === "" ? oneLine(code, 100) : `${oneLine(code, 100)}: ${message}`
}

const because = (sentence: string, cause: unknown): string => {
  const why = causeSentence(cause)
  return why === undefined ? sentence : `${sentence}: ${why}`
}

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`

/** Milliseconds as a person says them: `850 ms`, `5 s`, `61.2 s`, `12 min`. */
export const duration = (millis: number): string => {
  if (!Number.isFinite(millis)) return "an unknown time"
  if (millis < 1_000) return `${Math.max(0, Math.round(millis))} ms`
  if (millis < 120_000) return `${Number((millis / 1_000).toFixed(1))} s`
  return `${Math.round(millis / 60_000)} min`
}

const own = (reason: Exclude<Reason, { readonly report: ServerReport }>, showValues: boolean): string => {
  switch (reason._tag) {
    case "ConnectFailed":
      return because(`could not connect to ${oneLine(reason.address, 300)}`, reason.cause)
    case "TlsFailed":
      return because(`TLS was not established; what failed is ${oneLine(reason.check, 300)}`, reason.cause)
    case "ConnectionLost":
      return reason.report === undefined
        ? because("the connection was lost", reason.cause)
        : `the server ended the connection: ${reported(reason.report, showValues)}`
    case "Unresponsive":
      return `the server did not answer in time, during ${oneLine(reason.during, 300)}`
    case "ProtocolViolation":
      return `during ${oneLine(reason.during, 200)}: expected ${oneLine(reason.expected, 300)}, received ${oneLine(reason.received, 300)}`
    case "SessionLost":
      return `the session was replaced, and what it held cannot be rebuilt${reason.lost.length === 0 ? "" : `: ${oneLine(reason.lost.join(", "), 300)}`}`
    case "SubscriberBehind":
      return `a subscriber of channel "${oneLine(reason.channel, 100)}" is too slow: ${count(reason.undelivered, "notification waits", "notifications wait")} for it, and no more are kept`
    case "PoolTimeout": {
      const longest = reason.longest === undefined ? "" : `; the longest runs ${oneLine(reason.longest, 200)}`
      return `no connection after ${duration(reason.waitedMillis)}: ${reason.busy} of ${reason.max} busy, ${count(reason.waiting, "request", "requests")} waiting${longest}`
    }
    case "PoolSaturated":
      return `the queue for connections is full: ${count(reason.waiting, "request", "requests")} waiting`
    case "PoolOverloaded":
      return `gave up after ${duration(reason.waitedMillis)} in the queue for connections, whose target is ${duration(reason.targetMillis)}`
    case "AuthenticationRefused":
      return `${oneLine(reason.method, 100)} was refused by this client: ${oneLine(reason.issue, 500)}`
    case "StatementTimeout":
      return `cancelled after ${duration(reason.afterMillis)}, the statement's own timeout`
    case "CommitRolledBack":
      return "COMMIT was answered by ROLLBACK: an earlier statement of the transaction had failed"
    case "UnexpectedRowCount":
      return `expected ${reason.expected === "exactly one" ? "exactly one row" : "at most one row"}, received ${count(reason.actual, "row", "rows")}`
    case "StatementMismatch":
      return `the statement and its Schemas disagree: ${count(reason.findings.length, "finding", "findings")}`
    case "InvalidParameter":
      return `${reason.parameter === "" ? "the parameters" : `parameter "${oneLine(reason.parameter, 100)}"`}: ${oneLine(reason.issue, 500)}`
    case "InvalidRow":
      return `${reason.column === undefined ? "" : `column "${oneLine(reason.column, 100)}" of `}row ${reason.row}: ${oneLine(reason.issue, 500)}`
    case "InvalidNotification":
      return `a notification of channel "${oneLine(reason.channel, 100)}": ${oneLine(reason.issue, 500)}`
    case "InvalidSettings":
      return `setting "${oneLine(reason.key, 100)}": ${oneLine(reason.issue, 500)}`
    case "PoolDeadlock":
      return "every connection is held by a fiber that waits for another one here"
    case "PoolClosed":
      return "the pool is closed"
    case "TransactionFinished":
      return "the transaction that this statement belongs to has ended"
    case "UseTransaction":
      return `${oneLine(reason.command, 50)} is not sent as a statement: transactions are opened and closed by Transaction`
    case "UseCopy":
      return "COPY is not sent as a statement: it changes the meaning of the bytes that follow"
    case "CopyInProgress":
      return "a COPY has this connection to itself until it ends"
    case "InvalidCopy":
      return `expected ${oneLine(reason.expected, 100)}: ${oneLine(reason.issue, 500)}`
    case "StreamInProgress":
      return "a stream that has not ended has the connection of this Session.pin to itself"
    case "ListenUnsupported":
      return `notifications are not delivered here: one that was sent to prove it has not come within ${duration(reason.waitedMillis)}`
  }
}

export const sentence = (reason: Reason, showValues: boolean): string =>
  // ConnectionLost speaks in our words even when it carries the server's last report
  reason._tag !== "ConnectionLost" && "report" in reason
    ? reported(reason.report, showValues)
    : `${reason._tag}: ${own(reason, showValues)}`
