// An ErrorResponse becomes an error: its fields as a ServerReport, class and reason from the table (classify.ts), the outcome from what
// the exchange knows. Messages are translated and may hold values, so they are read in two places only, where nothing else tells cases
// apart: `poolerCondition` and `causeOfCancel`.
import type { ReportFields } from "@pgfx/protocol"
import { Broken, Permanent, PostgresError, Transient } from "../PostgresError.ts"
import type {
  BrokenReason,
  FailureOptions,
  ParameterInfo,
  PermanentReason,
  ServerReport,
  StatementInfo
} from "../PostgresError.ts"
import { type Classification, classify, type Phase, type TagOf } from "./classify.ts"

/**
 * PgBouncer gives 08P01 to whatever it says itself (src/proto.c, send_pooler_error), in English always. Two of its sentences tell of
 * a passing state; the text is the only thing that sets them apart.
 */
const poolerCondition = (report: ServerReport): Classification | undefined => {
  if (report.sqlState !== "08P01") return undefined
  if (/^(?:server login has been failing|pooler is shutting down|server shutting down)/.test(report.message)) {
    return { class: "Transient", reason: "CannotConnectNow" }
  }
  return /^(?:no more connections allowed|client connections exceeded)/.test(report.message)
    ? { class: "Transient", reason: "TooManyConnections" }
    : undefined
}

const severities = new Set(["ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "DEBUG", "INFO", "LOG"] as const)
const isSeverity = (text: string): text is ServerReport["severity"] => [...severities].some((known) => known === text)

/**
 * ErrorResponse or NoticeResponse as errors and notices carry it. Every field may be missing, the code too (a broken pooler).
 * Servers before 9.6 and some poolers send no `V`; `S` then counts if it is an English word, otherwise `fallback`.
 */
export const serverReport = (fields: ReportFields, fallback: "ERROR" | "NOTICE" = "ERROR"): ServerReport => {
  const severity = fields.severityNonLocalized ?? fields.severity ?? fallback
  return {
    severity: isSeverity(severity) ? severity : fallback,
    sqlState: fields.code ?? "",
    message: fields.message ?? "",
    ...(fields.detail === undefined ? {} : { detail: fields.detail }),
    ...(fields.hint === undefined ? {} : { hint: fields.hint }),
    ...(fields.position === undefined ? {} : { position: fields.position }),
    ...(fields.internalPosition === undefined ? {} : { internalPosition: fields.internalPosition }),
    ...(fields.internalQuery === undefined ? {} : { internalQuery: fields.internalQuery }),
    ...(fields.where === undefined ? {} : { where: fields.where }),
    ...(fields.schema === undefined ? {} : { schema: fields.schema }),
    ...(fields.table === undefined ? {} : { table: fields.table }),
    ...(fields.column === undefined ? {} : { column: fields.column }),
    ...(fields.dataType === undefined ? {} : { dataType: fields.dataType }),
    ...(fields.constraint === undefined ? {} : { constraint: fields.constraint }),
    ...(fields.file === undefined ? {} : { file: fields.file }),
    ...(fields.line === undefined ? {} : { line: fields.line }),
    ...(fields.routine === undefined ? {} : { routine: fields.routine })
  }
}

/** What the client knows about a cancel, and the server's 57014 does not tell. */
export interface CancelFacts {
  /** we sent a CancelRequest: for the caller, or because the statement's own deadline passed */
  readonly cancelSent?: "caller" | { readonly deadlineMillis: number } | undefined
  /** the settings of this session have a `statement_timeout` */
  readonly statementTimeoutSet?: boolean | undefined
}

/**
 * Who cancelled, in this order: our own CancelRequest, if we sent one; else the server's English sentence, if it is one of the known
 * three; else `statement_timeout`, if this client set it; else somebody (`pg_cancel_backend`, another program).
 *
 * statement_timeout and a cancel share code, routine and file: `ProcessInterrupts` of postgres.c (18.4 and 15.18), whose line numbers differ by
 * version. lock_timeout is 55P03 since 9.3 and comes here only from servers that are older or not PostgreSQL.
 */
const causeOfCancel = (report: ServerReport, facts: CancelFacts): PermanentReason => {
  const { cancelSent } = facts
  if (typeof cancelSent === "object") return { _tag: "StatementTimeout", afterMillis: cancelSent.deadlineMillis }
  const by = (who: "statement timeout" | "lock timeout" | "user request"): PermanentReason => ({
    _tag: "QueryCanceled",
    report,
    by: who
  })
  if (cancelSent === "caller") return by("user request")
  switch (report.message) {
    case "canceling statement due to statement timeout":
      return by("statement timeout")
    case "canceling statement due to lock timeout":
      return by("lock timeout")
    case "canceling statement due to user request":
      return by("user request")
    default:
      return by(facts.statementTimeoutSet === true ? "statement timeout" : "user request")
  }
}

/** What surrounds a report: facts of the exchange, and what an error shall tell. */
export interface ReportContext extends CancelFacts {
  readonly phase: Phase
  /**
   * What is true of the statement if the connection simply ends now. Counts for FATAL only: after an ERROR the server has undone the
   * statement, and during start-up nothing was sent.
   */
  readonly outcome: "NotSent" | "RolledBack" | "Unknown"
  /** it was the end of the session, whatever its severity says */
  readonly ended?: boolean | undefined
  /** the statement may have committed a part of its work before it failed: a procedure, a script with COMMIT in it */
  readonly partly?: boolean | undefined
  /** the error that failed the open transaction: a 25P02 takes its class and reason (engine.md §7) */
  readonly failedBy?: PostgresError | undefined
  readonly statement?: StatementInfo | undefined
  readonly parameters?: ReadonlyArray<ParameterInfo> | undefined
  readonly state?: string | undefined
  readonly showValues?: boolean | undefined
}

const brokenReason = (tag: TagOf<BrokenReason> | "ConnectionLost", report: ServerReport): BrokenReason =>
  tag === "ConnectionLost" ? { _tag: tag, cause: report, report } : { _tag: tag, report }

const permanentReason = (tag: TagOf<PermanentReason>, report: ServerReport, facts: CancelFacts): PermanentReason => {
  const table = report.table ?? ""
  const constraint = report.constraint ?? ""
  switch (tag) {
    case "UniqueViolation":
    case "ForeignKeyViolation":
    case "CheckViolation":
    case "ExclusionViolation":
      return { _tag: tag, report, constraint, table }
    case "NotNullViolation":
      return { _tag: tag, report, column: report.column ?? "", table }
    case "QueryCanceled":
      return causeOfCancel(report, facts)
    default:
      return { _tag: tag, report }
  }
}

/** The server was waiting for a command when it ended the session, so it did not run ours: 57P05 outside a transaction, 25P03 inside. */
const outcomeOfFatal = (sqlState: string, given: "NotSent" | "RolledBack" | "Unknown") => {
  if (sqlState === "57P05") return given === "RolledBack" ? given : "NotSent"
  return sqlState === "25P03" && given === "Unknown" ? "RolledBack" : given
}

/** The error that an ErrorResponse means. Total, whatever the fields say; an unknown severity counts as ERROR. */
export const errorFromReport = (fields: ReportFields, context: ReportContext): PostgresError => {
  const report = serverReport(fields)
  const isFatal = context.ended === true || report.severity === "FATAL" || report.severity === "PANIC"
  const classification =
    (context.phase === "startUp" ? poolerCondition(report) : undefined) ??
    classify(report.sqlState, { phase: context.phase, fatal: isFatal })
  const { statement, parameters, state, showValues } = context
  const told = { statement, parameters, state, showValues }
  if (classification.class === "Broken") {
    const outcome = context.phase === "startUp" ? "NotSent" : outcomeOfFatal(report.sqlState, context.outcome)
    return new Broken({ ...told, reason: brokenReason(classification.reason, report), outcome })
  }
  if (context.partly === true) {
    // Transient would say that nothing has happened.
    const reason = classification.class === "Permanent" ? classification.reason : "OtherServerError"
    return new Permanent({ ...told, reason: permanentReason(reason, report, context), outcome: "Unknown" })
  }
  const outcome = context.phase === "startUp" || context.outcome === "NotSent" ? "NotSent" : "RolledBack"
  if (classification.class === "Transient") {
    return new Transient({ ...told, reason: { _tag: classification.reason, report }, outcome })
  }
  if (classification.reason === "InFailedSqlTransaction" && context.failedBy !== undefined) {
    const inherited = inherit(context.failedBy, told)
    if (inherited !== undefined) return inherited
  }
  return new Permanent({ ...told, reason: permanentReason(classification.reason, report, context), outcome })
}

/** Parallel siblings fail together, and the 25P02 may be seen first: it must not hide the 40001 that a retry looks for. */
const inherit = (
  failedBy: PostgresError,
  told: Pick<FailureOptions<never, never>, "statement" | "parameters" | "state" | "showValues">
): PostgresError | undefined => {
  // the first failure, not the last one that inherited from it
  const first =
    PostgresError.is(failedBy.cause) && failedBy.cause.reason === failedBy.reason ? failedBy.cause : failedBy
  switch (first._tag) {
    case "Transient":
      return new Transient({ ...told, reason: first.reason, outcome: "RolledBack", cause: first })
    case "Permanent":
      return new Permanent({ ...told, reason: first.reason, outcome: "RolledBack", cause: first })
    case "Broken":
      return undefined
  }
}
