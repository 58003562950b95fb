// What a server may say, as data. Names and fields are those of the manual, "Message Formats"; `Backend` side only.
// Rows and COPY data come as runs of frames: their bytes stay where the socket put them, no object per row is made.
// Whoever keeps a run beyond its dispatch keeps the chunk it points into.
import type { CopyDone, FormatCode } from "./FrontendMessage.ts"

// ---- authentication
export interface AuthenticationOk {
  readonly _tag: "AuthenticationOk"
}
export interface AuthenticationCleartextPassword {
  readonly _tag: "AuthenticationCleartextPassword"
}
export interface AuthenticationMd5Password {
  readonly _tag: "AuthenticationMD5Password"
  /** 4 bytes */
  readonly salt: Uint8Array
}
export interface AuthenticationSasl {
  readonly _tag: "AuthenticationSASL"
  readonly mechanisms: ReadonlyArray<string>
}
export interface AuthenticationSaslContinue {
  readonly _tag: "AuthenticationSASLContinue"
  readonly data: Uint8Array
}
export interface AuthenticationSaslFinal {
  readonly _tag: "AuthenticationSASLFinal"
  readonly data: Uint8Array
}
/** A method the protocol names and pgfx does not speak. `data` is what follows the code. */
export interface AuthenticationUnsupported {
  readonly _tag: "AuthenticationUnsupported"
  readonly code: number
  readonly method: "KerberosV5" | "SCMCredential" | "GSS" | "GSSContinue" | "SSPI" | "unknown"
  readonly data: Uint8Array
}
export type AuthenticationMessage =
  | AuthenticationOk
  | AuthenticationCleartextPassword
  | AuthenticationMd5Password
  | AuthenticationSasl
  | AuthenticationSaslContinue
  | AuthenticationSaslFinal
  | AuthenticationUnsupported

// ---- session
export interface BackendKeyData {
  readonly _tag: "BackendKeyData"
  readonly processId: number
  /** 4 bytes in protocol 3.0, 4 to 256 in 3.2. A secret. */
  readonly secretKey: Uint8Array
}
export interface NegotiateProtocolVersion {
  readonly _tag: "NegotiateProtocolVersion"
  /** the newest version the server speaks, as in StartupMessage */
  readonly protocolVersion: number
  readonly unrecognizedOptions: ReadonlyArray<string>
}
export interface ParameterStatus {
  readonly _tag: "ParameterStatus"
  readonly name: string
  readonly value: string
}
/** `I` idle, `T` in a transaction, `E` in a failed transaction. */
export type TransactionStatus = "I" | "T" | "E"
export interface ReadyForQuery {
  readonly _tag: "ReadyForQuery"
  readonly status: TransactionStatus
}

// ---- answers
export interface ColumnDescription {
  readonly name: string
  /** 0 if the column is not a table's */
  readonly tableOid: number
  /** attribute number within the table, 0 if the column is not a table's */
  readonly tableColumn: number
  readonly typeOid: number
  /** pg_type.typlen: negative for variable width */
  readonly typeSize: number
  /** pg_attribute.atttypmod, −1 if the type has none */
  readonly typeModifier: number
  readonly format: FormatCode
}
export interface RowDescription {
  readonly _tag: "RowDescription"
  readonly columns: ReadonlyArray<ColumnDescription>
}
/**
 * `count` consecutive DataRow frames, headers included, in `bytes[offset, end)`. Frame lengths are checked; column
 * counts and lengths are checked by whoever walks them.
 */
export interface Rows {
  readonly _tag: "Rows"
  readonly bytes: Uint8Array
  readonly offset: number
  readonly end: number
  readonly count: number
  /** offset of the first frame in the stream, for errors; absent or −1 where no stream is involved */
  readonly streamOffset?: number
}
export interface ParameterDescription {
  readonly _tag: "ParameterDescription"
  readonly typeOids: ReadonlyArray<number>
}
export interface ParseComplete {
  readonly _tag: "ParseComplete"
}
export interface BindComplete {
  readonly _tag: "BindComplete"
}
export interface CloseComplete {
  readonly _tag: "CloseComplete"
}
export interface NoData {
  readonly _tag: "NoData"
}
export interface PortalSuspended {
  readonly _tag: "PortalSuspended"
}
export interface CommandComplete {
  readonly _tag: "CommandComplete"
  /** as sent: `INSERT 0 1`, `SELECT 5`, `CREATE TABLE` */
  readonly tag: string
}
export interface EmptyQueryResponse {
  readonly _tag: "EmptyQueryResponse"
}
export interface FunctionCallResponse {
  readonly _tag: "FunctionCallResponse"
  readonly value: Uint8Array | null
}

// ---- COPY
export interface CopyResponse {
  readonly format: FormatCode
  readonly columnFormats: ReadonlyArray<FormatCode>
}
export interface CopyInResponse extends CopyResponse {
  readonly _tag: "CopyInResponse"
}
export interface CopyOutResponse extends CopyResponse {
  readonly _tag: "CopyOutResponse"
}
/** streaming replication; what follows is opaque CopyData in both directions */
export interface CopyBothResponse extends CopyResponse {
  readonly _tag: "CopyBothResponse"
}
/** `count` consecutive CopyData frames, headers included, in `bytes[offset, end)`. */
export interface CopyData {
  readonly _tag: "CopyData"
  readonly bytes: Uint8Array
  readonly offset: number
  readonly end: number
  readonly count: number
  /** offset of the first frame in the stream, for errors; absent or −1 where no stream is involved */
  readonly streamOffset?: number
}

// ---- reports
/** ErrorResponse and NoticeResponse, field by field ("Error and Notice Message Fields"). Every field may be missing. */
export interface ReportFields {
  /** `S`: in the language of the server's messages */
  readonly severity?: string
  /** `V`: never translated */
  readonly severityNonLocalized?: string
  /** `C`: SQLSTATE */
  readonly code?: string
  /** `M` */
  readonly message?: string
  /** `D` */
  readonly detail?: string
  /** `H` */
  readonly hint?: string
  /** `P`: characters of the statement, from 1 */
  readonly position?: number
  /** `p`: characters of `internalQuery`, from 1 */
  readonly internalPosition?: number
  /** `q` */
  readonly internalQuery?: string
  /** `W` */
  readonly where?: string
  /** `s` */
  readonly schema?: string
  /** `t` */
  readonly table?: string
  /** `c` */
  readonly column?: string
  /** `d` */
  readonly dataType?: string
  /** `n` */
  readonly constraint?: string
  /** `F` */
  readonly file?: string
  /** `L` */
  readonly line?: number
  /** `R` */
  readonly routine?: string
  /** fields this version does not know, by their letter */
  readonly unknown?: Readonly<Record<string, string>>
}
export interface ErrorResponse {
  readonly _tag: "ErrorResponse"
  readonly fields: ReportFields
}
export interface NoticeResponse {
  readonly _tag: "NoticeResponse"
  readonly fields: ReportFields
}
export interface NotificationResponse {
  readonly _tag: "NotificationResponse"
  readonly processId: number
  readonly channel: string
  readonly payload: string
}

export type BackendMessage =
  | AuthenticationMessage
  | BackendKeyData
  | NegotiateProtocolVersion
  | ParameterStatus
  | ReadyForQuery
  | RowDescription
  | Rows
  | ParameterDescription
  | ParseComplete
  | BindComplete
  | CloseComplete
  | NoData
  | PortalSuspended
  | CommandComplete
  | EmptyQueryResponse
  | FunctionCallResponse
  | CopyInResponse
  | CopyOutResponse
  | CopyBothResponse
  | CopyData
  | CopyDone
  | ErrorResponse
  | NoticeResponse
  | NotificationResponse
