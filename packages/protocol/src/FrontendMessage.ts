// What a client may say, as data. Names and fields are those of the manual, "Message Formats"; `Frontend` side only.
// Encoders and decoders stand beside one another in messages/*.
import type { CopyData } from "./BackendMessage.ts"

/** Format code of a value on the wire: 0 is text, 1 is binary. */
export type FormatCode = 0 | 1

// ---- before the first typed frame
export interface SslRequest {
  readonly _tag: "SSLRequest"
}
export interface GssEncRequest {
  readonly _tag: "GSSENCRequest"
}
export interface CancelRequest {
  readonly _tag: "CancelRequest"
  readonly processId: number
  /** 4 bytes in protocol 3.0, 4 to 256 in 3.2. A secret. */
  readonly secretKey: Uint8Array
}
export interface StartupMessage {
  readonly _tag: "StartupMessage"
  /** `3 << 16 | minor`: 196608 is 3.0, 196610 is 3.2 */
  readonly protocolVersion: number
  /** `user`, `database`, `application_name`, `_pq_.…`, run-time parameters; in the order given */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

// ---- authentication: one type byte (`p`) for three messages, told apart by what the server asked
export interface PasswordMessage {
  readonly _tag: "PasswordMessage"
  readonly password: string
}
export interface SaslInitialResponse {
  readonly _tag: "SASLInitialResponse"
  readonly mechanism: string
  readonly data: Uint8Array | null
}
export interface SaslResponse {
  readonly _tag: "SASLResponse"
  readonly data: Uint8Array
}
/** A `p` frame whose meaning the decoder was not told. Never encoded by the client. */
export interface AuthenticationResponse {
  readonly _tag: "AuthenticationResponse"
  readonly data: Uint8Array
}

// ---- queries
export interface Query {
  readonly _tag: "Query"
  readonly sql: string
}
export interface Parse {
  readonly _tag: "Parse"
  readonly statement: string
  readonly sql: string
  /** 0 leaves the type to the server */
  readonly parameterTypes: ReadonlyArray<number>
}
export interface Bind {
  readonly _tag: "Bind"
  readonly portal: string
  readonly statement: string
  /** none: all text; one: for all; else one per value */
  readonly parameterFormats: ReadonlyArray<FormatCode>
  readonly parameters: ReadonlyArray<Uint8Array | null>
  /** none: all text; one: for all; else one per column */
  readonly resultFormats: ReadonlyArray<FormatCode>
}
export type DescribeTarget = "statement" | "portal"
export interface Describe {
  readonly _tag: "Describe"
  readonly target: DescribeTarget
  readonly name: string
}
export interface Execute {
  readonly _tag: "Execute"
  readonly portal: string
  /** 0: no limit */
  readonly maxRows: number
}
export interface Close {
  readonly _tag: "Close"
  readonly target: DescribeTarget
  readonly name: string
}
export interface Sync {
  readonly _tag: "Sync"
}
export interface Flush {
  readonly _tag: "Flush"
}
export interface FunctionCall {
  readonly _tag: "FunctionCall"
  readonly functionOid: number
  readonly argumentFormats: ReadonlyArray<FormatCode>
  readonly arguments: ReadonlyArray<Uint8Array | null>
  readonly resultFormat: FormatCode
}
export interface CopyDone {
  readonly _tag: "CopyDone"
}
export interface CopyFail {
  readonly _tag: "CopyFail"
  readonly reason: string
}
export interface Terminate {
  readonly _tag: "Terminate"
}

export type StartUpPacket = SslRequest | GssEncRequest | CancelRequest | StartupMessage

export type FrontendMessage =
  | StartUpPacket
  | PasswordMessage
  | SaslInitialResponse
  | SaslResponse
  | AuthenticationResponse
  | Query
  | Parse
  | Bind
  | Describe
  | Execute
  | Close
  | Sync
  | Flush
  | FunctionCall
  | CopyData
  | CopyDone
  | CopyFail
  | Terminate
