// What a server says, in short: constructors of the backend messages of @pgfx/protocol for scripts. They check nothing; a message that
// cannot be put into bytes fails where it is sent, and bytes that no server would send go through `Backend.sendBytes`.
import {
  type BackendMessage,
  type ColumnDescription,
  type CopyResponse,
  encodeRows,
  type ReportFields,
  type RowValues
} from "@pgfx/protocol"
import { rememberValues } from "./internal/rowValues.ts"

/** A column of RowDescription; what is left out is as for a computed column of type text. */
export type Column = string | ({ readonly name: string } & Partial<ColumnDescription>)

/** Fields of a report: SQLSTATE and text are needed, the severity is ERROR (NOTICE for a notice) unless said otherwise. */
export interface Report extends Omit<ReportFields, "code" | "severityNonLocalized" | "severity" | "message"> {
  readonly sqlState: string
  readonly message: string
  readonly severity?: "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "DEBUG" | "INFO" | "LOG"
}

/** OID of `text` in pg_type.dat */
const text = 25

const describe = (column: Column): ColumnDescription => ({
  tableOid: 0,
  tableColumn: 0,
  typeOid: text,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
  ...(typeof column === "string" ? { name: column } : column)
})

const fieldsOf = ({ severity, sqlState, ...rest }: Report, standard: string): ReportFields => ({
  ...rest,
  code: sqlState,
  severity: severity ?? standard,
  severityNonLocalized: severity ?? standard
})

const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data

const copy = (format: "text" | "binary", columns: number): CopyResponse => ({
  format: format === "text" ? 0 : 1,
  columnFormats: Array.from({ length: columns }, () => (format === "text" ? 0 : 1))
})

const statuses = { idle: "I", transaction: "T", failed: "E" } as const

/**
 * The messages of a server. Source: "Message Formats".
 *
 * @example
 * backend.send(Message.rowDescription("name"), Message.dataRow("Ísland"), Message.commandComplete("SELECT 1"), Message.readyForQuery("idle"))
 *
 * @since 0.1.0
 * @category messages
 */
export const Message = {
  // ---- authentication
  authenticationOk: (): BackendMessage => ({ _tag: "AuthenticationOk" }),
  authenticationCleartextPassword: (): BackendMessage => ({ _tag: "AuthenticationCleartextPassword" }),
  /** `salt`: 4 bytes */
  authenticationMD5Password: (salt: Uint8Array): BackendMessage => ({ _tag: "AuthenticationMD5Password", salt }),
  authenticationSASL: (...mechanisms: ReadonlyArray<string>): BackendMessage => ({
    _tag: "AuthenticationSASL",
    mechanisms
  }),
  authenticationSASLContinue: (data: Uint8Array | string): BackendMessage => ({
    _tag: "AuthenticationSASLContinue",
    data: bytesOf(data)
  }),
  authenticationSASLFinal: (data: Uint8Array | string): BackendMessage => ({
    _tag: "AuthenticationSASLFinal",
    data: bytesOf(data)
  }),

  // ---- session
  /** `secretKey`: 4 bytes in protocol 3.0, 4 to 256 in 3.2 */
  backendKeyData: (processId: number, secretKey: Uint8Array): BackendMessage => ({
    _tag: "BackendKeyData",
    processId,
    secretKey
  }),
  parameterStatus: (name: string, value: string): BackendMessage => ({ _tag: "ParameterStatus", name, value }),
  /** `minor`: 0 for 3.0, 2 for 3.2 */
  negotiateProtocolVersion: (minor: number, ...unrecognizedOptions: ReadonlyArray<string>): BackendMessage => ({
    _tag: "NegotiateProtocolVersion",
    protocolVersion: (3 << 16) | minor,
    unrecognizedOptions
  }),
  readyForQuery: (status: "idle" | "transaction" | "failed"): BackendMessage => ({
    _tag: "ReadyForQuery",
    status: statuses[status]
  }),

  // ---- answers
  rowDescription: (...columns: ReadonlyArray<Column>): BackendMessage => ({
    _tag: "RowDescription",
    columns: columns.map(describe)
  }),
  /** one row; text as UTF-8 (or in binary, where the client has asked for that), bytes as they are, `null` as NULL */
  dataRow: (...values: RowValues): BackendMessage => rememberValues(encodeRows([values]), values),
  parameterDescription: (...typeOids: ReadonlyArray<number>): BackendMessage => ({
    _tag: "ParameterDescription",
    typeOids
  }),
  parseComplete: (): BackendMessage => ({ _tag: "ParseComplete" }),
  bindComplete: (): BackendMessage => ({ _tag: "BindComplete" }),
  closeComplete: (): BackendMessage => ({ _tag: "CloseComplete" }),
  noData: (): BackendMessage => ({ _tag: "NoData" }),
  portalSuspended: (): BackendMessage => ({ _tag: "PortalSuspended" }),
  /** `tag`: `SELECT 1`, `INSERT 0 1`, `COMMIT` */
  commandComplete: (tag: string): BackendMessage => ({ _tag: "CommandComplete", tag }),
  emptyQueryResponse: (): BackendMessage => ({ _tag: "EmptyQueryResponse" }),
  functionCallResponse: (value: Uint8Array | null): BackendMessage => ({ _tag: "FunctionCallResponse", value }),

  // ---- COPY
  copyInResponse: (format: "text" | "binary", columns: number): BackendMessage => ({
    _tag: "CopyInResponse",
    ...copy(format, columns)
  }),
  copyOutResponse: (format: "text" | "binary", columns: number): BackendMessage => ({
    _tag: "CopyOutResponse",
    ...copy(format, columns)
  }),
  copyBothResponse: (format: "text" | "binary", columns: number): BackendMessage => ({
    _tag: "CopyBothResponse",
    ...copy(format, columns)
  }),
  /** one frame */
  copyData: (data: Uint8Array | string): BackendMessage => {
    const body = bytesOf(data)
    const bytes = new Uint8Array(body.length + 5)
    bytes[0] = 0x64
    new DataView(bytes.buffer).setInt32(1, body.length + 4)
    bytes.set(body, 5)
    return { _tag: "CopyData", bytes, offset: 0, end: bytes.length, count: 1 }
  },
  copyDone: (): BackendMessage => ({ _tag: "CopyDone" }),

  // ---- reports
  errorResponse: (report: Report): BackendMessage => ({ _tag: "ErrorResponse", fields: fieldsOf(report, "ERROR") }),
  noticeResponse: (report: Report): BackendMessage => ({ _tag: "NoticeResponse", fields: fieldsOf(report, "NOTICE") }),
  notificationResponse: (channel: string, payload = "", processId = 1): BackendMessage => ({
    _tag: "NotificationResponse",
    processId,
    channel,
    payload
  })
} as const
