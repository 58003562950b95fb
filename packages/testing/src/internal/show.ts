// Messages in one short line, for transcripts and mismatches. Values of parameters and passwords are left out: a transcript ends up in
// the log of a build.
import type { BackendMessage, FrontendMessage } from "@pgfx/protocol"

const longest = 200

/** SQL on one line, and not more of it than a line holds. */
export const oneLine = (sql: string): string => {
  const line = sql.replace(/\s+/g, " ").trim()
  return line.length <= longest ? line : `${line.slice(0, longest)}…`
}

const quoted = (text: string): string => JSON.stringify(oneLine(text))

const named = (name: string): string => (name === "" ? "" : ` ${quoted(name)}`)

const version = (version: number): string => `${version >>> 16}.${version & 0xffff}`

export const showFrontend = (message: FrontendMessage): string => {
  switch (message._tag) {
    case "StartupMessage":
      return `StartupMessage ${version(message.protocolVersion)}`
    case "SASLInitialResponse":
      return `SASLInitialResponse ${message.mechanism}`
    case "Query":
      return `Query ${quoted(message.sql)}`
    case "Parse":
      return `Parse${named(message.statement)} ${quoted(message.sql)}`
    case "Bind":
      return `Bind${named(message.portal)}${named(message.statement)}, ${message.parameters.length} parameters`
    case "Describe":
    case "Close":
      return `${message._tag} ${message.target}${named(message.name)}`
    case "Execute":
      return `Execute${named(message.portal)}${message.maxRows === 0 ? "" : `, ${message.maxRows} rows`}`
    case "CopyData":
      return `CopyData, ${message.count} frames`
    case "CopyFail":
      return `CopyFail ${quoted(message.reason)}`
    default:
      return message._tag
  }
}

export const showBackend = (message: BackendMessage): string => {
  switch (message._tag) {
    case "AuthenticationSASL":
      return `AuthenticationSASL ${message.mechanisms.join(" ")}`
    case "ParameterStatus":
      return `ParameterStatus ${message.name}`
    case "ReadyForQuery":
      return `ReadyForQuery ${message.status}`
    case "RowDescription":
      return `RowDescription, ${message.columns.length} columns`
    case "Rows":
      return message.count === 1 ? "DataRow" : `DataRow × ${message.count}`
    case "CommandComplete":
      return `CommandComplete ${quoted(message.tag)}`
    case "CopyData":
      return message.count === 1 ? "CopyData" : `CopyData × ${message.count}`
    case "ErrorResponse":
    case "NoticeResponse": {
      const { code, message: text, severityNonLocalized } = message.fields
      return `${message._tag} ${severityNonLocalized ?? ""} ${code ?? ""} ${quoted(text ?? "")}`
    }
    case "NegotiateProtocolVersion":
      return `NegotiateProtocolVersion ${version(message.protocolVersion)}`
    case "NotificationResponse":
      return `NotificationResponse ${quoted(message.channel)}`
    default:
      return message._tag
  }
}
