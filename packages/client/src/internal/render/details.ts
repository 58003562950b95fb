// The error as keys and values, for log annotations and span attributes. Names are OpenTelemetry's where it has one (stable database
// and code conventions), `pgfx.*` otherwise. No SQL text: whether that is recorded is Tracing's decision. No values, ever.
import type { FailureOptions, Outcome, Reason, ServerReport } from "../../PostgresError.ts"
import { conditionName } from "@pgfx/protocol/SqlState"
import { oneLine } from "./plainText.ts"

type Details = Record<string, string | number | boolean>

const ofReport = (report: ServerReport): Details => {
  const details: Details = {}
  const put = (key: string, value: string | undefined) => {
    if (value !== undefined && value !== "") details[key] = oneLine(value, 300)
  }
  put("db.response.status_code", report.sqlState)
  put("pgfx.condition", conditionName(report.sqlState))
  put("pgfx.severity", report.severity)
  put("pgfx.schema", report.schema)
  put("db.collection.name", report.table)
  put("pgfx.column", report.column)
  put("pgfx.data_type", report.dataType)
  put("pgfx.constraint", report.constraint)
  put("pgfx.routine", report.routine)
  if (report.position !== undefined) details["pgfx.position"] = report.position
  return details
}

const ofReason = (reason: Reason): Details => {
  switch (reason._tag) {
    case "ConnectFailed":
      return { "server.address": oneLine(reason.address, 300) }
    case "TlsFailed":
      return { "pgfx.check": oneLine(reason.check, 300) }
    case "Unresponsive":
      return { "pgfx.during": oneLine(reason.during, 300) }
    case "ProtocolViolation":
      return {
        "pgfx.during": oneLine(reason.during, 300),
        "pgfx.expected": oneLine(reason.expected, 300),
        "pgfx.received": oneLine(reason.received, 300)
      }
    case "PoolTimeout":
      return {
        "pgfx.pool.waited_ms": reason.waitedMillis,
        "pgfx.pool.busy": reason.busy,
        "pgfx.pool.max": reason.max,
        "pgfx.pool.waiting": reason.waiting,
        ...(reason.longest === undefined ? {} : { "pgfx.pool.longest": oneLine(reason.longest, 300) })
      }
    case "PoolSaturated":
      return { "pgfx.pool.waiting": reason.waiting }
    case "PoolOverloaded":
      return { "pgfx.pool.waited_ms": reason.waitedMillis, "pgfx.pool.target_ms": reason.targetMillis }
    case "QueryCanceled":
      return { "pgfx.by": reason.by }
    case "StatementTimeout":
      return { "pgfx.after_ms": reason.afterMillis }
    case "UnexpectedRowCount":
      return { "pgfx.rows": reason.actual }
    case "StatementMismatch":
      return { "pgfx.findings": reason.findings.length }
    case "InvalidParameter":
      return { "pgfx.parameter": oneLine(reason.parameter, 300) }
    case "InvalidRow":
      return {
        "pgfx.row": reason.row,
        ...(reason.column === undefined ? {} : { "pgfx.column": oneLine(reason.column, 300) })
      }
    case "SubscriberBehind":
      return { "pgfx.channel": oneLine(reason.channel, 100), "pgfx.undelivered": reason.undelivered }
    case "InvalidNotification":
      return { "pgfx.channel": oneLine(reason.channel, 100) }
    case "InvalidSettings":
      return { "pgfx.setting": oneLine(reason.key, 300) }
    case "AuthenticationRefused":
      return { "pgfx.method": oneLine(reason.method, 100) }
    case "UseTransaction":
      return { "pgfx.command": oneLine(reason.command, 50) }
    default:
      return {}
  }
}

export const renderDetails = (tag: string, options: FailureOptions<Reason, Outcome>): Readonly<Details> => {
  const { reason, statement } = options
  const report = "report" in reason ? reason.report : undefined
  const line = statement === undefined ? undefined : /^(.*?):(\d+)(?::\d+)?$/.exec(statement.definedAt)
  return {
    // semantic conventions: the status code if there is one, else the name of the failure
    "error.type": report === undefined || report.sqlState === "" ? reason._tag : oneLine(report.sqlState, 16),
    "pgfx.class": tag,
    "pgfx.reason": reason._tag,
    "pgfx.outcome": options.outcome,
    ...(statement?.name === undefined ? {} : { "pgfx.statement": oneLine(statement.name, 100) }),
    ...(line === undefined || line === null
      ? {}
      : { "code.file.path": oneLine(line[1] ?? "", 300), "code.line.number": Number(line[2]) }),
    ...(report === undefined ? {} : ofReport(report)),
    ...ofReason(reason)
  }
}
