// What the engine says about a request becomes the error its caller sees: class, reason, outcome, and what is true of the connection.
// The table of the engine's design, §7, row by row.
import { EncodeError, ProtocolViolation, type ReportFields } from "@pgfx/protocol"
import {
  Broken,
  type BrokenReason,
  type ParameterInfo,
  Permanent,
  PostgresError,
  type StatementInfo,
  Transient
} from "../PostgresError.ts"
import { type CancelFacts, errorFromReport, serverReport } from "./errorFromReport.ts"
import type { CloseReason, ExchangeFailure } from "./exchange/Exchange.ts"

/** What surrounds the request. */
export interface FailureContext {
  readonly inTransaction: boolean
  /** the request is a COMMIT: with no answer, nobody knows */
  readonly commit?: boolean
  readonly starting?: boolean
  /** where the session was to be opened, while it is starting */
  readonly place?: string
  /** the statement may commit by itself, in parts: a procedure, a script */
  readonly mayCommit?: boolean | undefined
  /** the error that failed the open transaction */
  readonly failedBy?: PostgresError | undefined
  /** what the client did to the statement; filled in while it runs */
  readonly cancel?: CancelFacts | undefined
  readonly statement?: StatementInfo | undefined
  readonly parameters?: ReadonlyArray<ParameterInfo> | undefined
}

const healthy = (inTransaction: boolean): string =>
  inTransaction
    ? "the connection is healthy; the transaction is to be rolled back"
    : "the connection is healthy; no transaction was open"

const notOpened = ({ place }: FailureContext): string =>
  place === undefined ? "the connection is closed" : `no session was opened at ${place}`

/** What became of a request that got no answer. Sent means handed over: a byte that left may have been carried out. */
const outcomeWithoutAnswer = (context: FailureContext, sent: boolean): "NotSent" | "RolledBack" | "Unknown" => {
  if (context.starting === true) return "NotSent"
  if (context.inTransaction) return context.commit === true && sent ? "Unknown" : "RolledBack"
  return sent ? "Unknown" : "NotSent"
}

const brokenReason = (reason: CloseReason): BrokenReason => {
  switch (reason._tag) {
    case "Lost":
      return {
        _tag: "ConnectionLost",
        cause: reason.cause,
        ...(reason.report === undefined ? {} : { report: serverReport(reason.report) })
      }
    case "Violation": {
      const { during, expected, received } = reason.violation
      return { _tag: "ProtocolViolation", during, expected, received, transcript: reason.transcript }
    }
    case "Unresponsive":
      return { _tag: "Unresponsive", during: reason.during }
    case "Closed":
      return { _tag: "ConnectionLost", cause: "the connection was closed by this program" }
  }
}

const closed = (
  { ran, reason, sent }: Extract<ExchangeFailure, { readonly _tag: "ConnectionClosed" }>,
  context: FailureContext
): PostgresError => {
  const known = outcomeWithoutAnswer(context, sent)
  // Its bytes left, so it is not NotSent; but what would have run it did not.
  const outcome = ran === "none" && known === "Unknown" ? "RolledBack" : known
  const { parameters, statement } = context
  // The server's last word tells more than the end of the socket behind it: 57P01, 25P03, 57P05, a refusal.
  if (reason._tag === "Lost" && reason.report !== undefined) {
    return errorFromReport(reason.report, {
      phase: context.starting === true ? "startUp" : "session",
      ended: true,
      outcome,
      statement,
      parameters,
      state: notOpened(context)
    })
  }
  return new Broken({
    reason: brokenReason(reason),
    outcome,
    statement,
    parameters,
    state: "the connection is closed",
    cause: reason._tag === "Lost" ? reason.cause : reason._tag === "Violation" ? reason.violation : undefined
  })
}

/** An error that came before the statement had anything to do with it. */
const ofStatement = (error: PostgresError, { parameters, statement }: FailureContext): PostgresError => {
  if (statement === undefined) return error
  const { cause, state } = error
  switch (error._tag) {
    case "Broken":
      return new Broken({ reason: error.reason, outcome: error.outcome, statement, parameters, state, cause })
    case "Transient":
      return new Transient({ reason: error.reason, outcome: error.outcome, statement, parameters, state, cause })
    case "Permanent":
      return new Permanent({ reason: error.reason, outcome: error.outcome, statement, parameters, state, cause })
  }
}

const notEncoded = (error: unknown, context: FailureContext): PostgresError => {
  if (PostgresError.is(error)) return error
  const { parameters, statement } = context
  const reason =
    error instanceof EncodeError
      ? ({ _tag: "InvalidParameter", parameter: error.field, issue: error.issue } as const)
      : ({ _tag: "InvalidParameter", parameter: "", issue: "the request could not be encoded" } as const)
  return new Permanent({
    reason,
    outcome: "NotSent",
    statement,
    parameters,
    state: "the connection is healthy",
    cause: error
  })
}

/** The error of a request that did not succeed. */
export const errorOfFailure = (failure: ExchangeFailure, context: FailureContext): PostgresError => {
  const { parameters, statement } = context
  switch (failure._tag) {
    case "Reported": {
      const partly =
        failure.ran === "part" || (failure.ran === undefined && context.mayCommit === true && !context.inTransaction)
      return errorFromReport(failure.fields, {
        phase: context.starting === true ? "startUp" : "session",
        outcome: outcomeWithoutAnswer(context, true),
        partly,
        ...context.cancel,
        failedBy: context.failedBy,
        statement,
        parameters,
        state:
          context.starting === true || failure.closed === true
            ? notOpened(context)
            : partly
              ? "the connection is healthy; what it committed by itself before the error stays"
              : healthy(context.inTransaction)
      })
    }
    case "UnexpectedCopy":
      return new Permanent({
        reason: { _tag: "UseCopy" },
        outcome: "RolledBack",
        statement,
        parameters,
        state: healthy(context.inTransaction)
      })
    case "Unfit": {
      const { error, status } = failure
      if (error._tag !== "Permanent") return error
      return new Permanent({
        reason: error.reason,
        outcome: status === "I" ? "Committed" : "Pending",
        statement,
        parameters,
        state: healthy(context.inTransaction)
      })
    }
    case "Abandoned":
      // Nobody is there to see it: the fiber that asked was interrupted.
      return new Broken({
        reason: { _tag: "ConnectionLost", cause: "interrupted" },
        outcome: "NotSent",
        statement,
        parameters
      })
    case "Refused":
      return new Permanent({
        reason: failure.reason,
        outcome: "NotSent",
        statement,
        parameters,
        state: "the connection is healthy"
      })
    case "NotEncoded":
      return notEncoded(failure.error, context)
    case "AuthenticationRefused": {
      const { issue, method, setting } = failure
      const reason = { _tag: "AuthenticationRefused", method, issue, setting } as const
      return new Permanent({ reason, outcome: "NotSent", state: notOpened(context) })
    }
    case "ConnectionClosed":
      return closed(failure, context)
    case "NotLeased":
      return ofStatement(failure.error, context)
  }
}

/** How a reader that stopped tells the requests: a violation with what came before it, or the loss of the connection. */
export const closeReasonOf = (
  error: unknown,
  seen: { readonly lastReport: ReportFields | undefined; readonly recent: ReadonlyArray<string> }
): CloseReason =>
  error instanceof ProtocolViolation && !error.incomplete
    ? { _tag: "Violation", violation: error, transcript: seen.recent }
    : { _tag: "Lost", cause: error, report: seen.lastReport }
