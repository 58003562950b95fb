// The envelope of every message: one type byte, four bytes of length, and which of them are legal when. A header is
// judged from its five bytes alone, before a single byte of the body is kept: length at least 4, type legal in this
// phase, length within the bounds of type and phase. Which message may answer which request is not known here: that
// is the exchange's business.

/** Type bytes of messages a server sends. Source: "Message Formats" and `include/libpq/protocol.h`. */
export const backendType = {
  ParseComplete: 0x31, // 1
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  NotificationResponse: 0x41, // A
  CommandComplete: 0x43, // C
  DataRow: 0x44, // D
  ErrorResponse: 0x45, // E
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  EmptyQueryResponse: 0x49, // I
  BackendKeyData: 0x4b, // K
  NoticeResponse: 0x4e, // N
  Authentication: 0x52, // R
  ParameterStatus: 0x53, // S
  RowDescription: 0x54, // T
  FunctionCallResponse: 0x56, // V
  CopyBothResponse: 0x57, // W
  ReadyForQuery: 0x5a, // Z
  CopyDone: 0x63, // c
  CopyData: 0x64, // d
  NoData: 0x6e, // n
  PortalSuspended: 0x73, // s
  ParameterDescription: 0x74, // t
  NegotiateProtocolVersion: 0x76 // v
} as const

/** Type bytes of messages a client sends. Start-up packets have none. */
export const frontendType = {
  Bind: 0x42, // B
  Close: 0x43, // C
  Describe: 0x44, // D
  Execute: 0x45, // E
  FunctionCall: 0x46, // F
  Flush: 0x48, // H
  Parse: 0x50, // P
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
  CopyDone: 0x63, // c
  CopyData: 0x64, // d
  CopyFail: 0x66, // f
  AuthenticationResponse: 0x70 // p: PasswordMessage, SASLInitialResponse, SASLResponse
} as const

/** Codes that stand where StartupMessage has its protocol version. Source: `include/libpq/pqcomm.h`. */
export const startUpCode = {
  CancelRequest: (1234 << 16) | 5678,
  SSLRequest: (1234 << 16) | 5679,
  GSSENCRequest: (1234 << 16) | 5680
} as const

/** `3 << 16 | minor`: what servers up to 17 speak. */
export const protocol30 = 3 << 16
/** PostgreSQL 18: cancel keys of variable length. */
export const protocol32 = (3 << 16) | 2

/** Caps on the length field, which counts itself. Bytes. */
export const lengthLimit = {
  /**
   * a start-up packet: MAX_STARTUP_PACKET_LENGTH of `include/libpq/pqcomm.h`, which does not count the length itself
   * (`tcop/backend_startup.c` ProcessStartupPacket); above it the server closes without a word (measured on 14 and 18)
   */
  startUp: 10_000 + 4,
  /**
   * a cancel key, not counting what stands before it. Source: "Message Formats", BackendKeyData; PostgreSQL 18 sends
   * 32
   */
  cancelKey: 256,
  /** PasswordMessage, SASL and GSS answers: PG_MAX_AUTH_TOKEN_LENGTH, `include/libpq/auth.h` */
  authenticationResponse: 65_535,
  /**
   * frontend messages without user data: PQ_SMALL_MESSAGE_LIMIT, `include/libpq/libpq.h`, applied in
   * `tcop/postgres.c` SocketBackend; above it the server closes
   */
  smallFrontend: 10_000,
  /** Authentication and NegotiateProtocolVersion: `fe-connect.c` PQconnectPoll */
  authentication: 2_000,
  /** ErrorResponse before authentication: MAX_ERRLEN, `fe-connect.c` PQconnectPoll */
  earlyReport: 30_000,
  /** backend messages not of VALID_LONG_MESSAGE_TYPE: `fe-protocol3.c` pqParseInput3 */
  shortBackend: 30_000,
  /** 65,535 parameters: longer than libpq's 30,000 allow, so of a cap of its own */
  parameterDescription: 4 + 2 + 4 * 65_535,
  /** a setting; ten hostile connections at this cap fit in 1 GiB (design: engine.md §14) */
  maxMessageSize: 64 * 1024 * 1024
} as const

/** Bounds of the length field by type byte; `max` 0 is a type that is not legal in this phase. */
export interface LengthBounds {
  readonly min: Float64Array
  readonly max: Float64Array
}

type Row = readonly [type: number, min: number, max: number]

const bounds = (rows: ReadonlyArray<Row>): LengthBounds => {
  // 4 for types that are not legal too: every header is then refused by one of two comparisons
  const min = new Float64Array(256).fill(4)
  const max = new Float64Array(256)
  for (const [type, least, most] of rows) {
    min[type] = least
    max[type] = most
  }
  return { min, max }
}

/**
 * What a server may have sent so far: `authenticating` until AuthenticationOk, `starting` until the first
 * ReadyForQuery, `ready` from then on.
 */
export type BackendPhase = "authenticating" | "starting" | "ready"

const b = backendType

/** Bounds of backend frames in `phase`; long types are capped by `maxMessageSize`. */
export const backendBounds = (phase: BackendPhase, maxMessageSize: number): LengthBounds => {
  const { authentication, earlyReport, parameterDescription, shortBackend } = lengthLimit
  switch (phase) {
    case "authenticating":
      return bounds([
        [b.Authentication, 8, authentication],
        [b.NegotiateProtocolVersion, 12, authentication],
        [b.ErrorResponse, 5, earlyReport],
        // libpq refuses notices here; poolers send them, and skipping one harms nobody (faults-and-attacks F-21)
        [b.NoticeResponse, 5, earlyReport]
      ])
    case "starting":
      return bounds([
        [b.ParameterStatus, 6, shortBackend],
        [b.BackendKeyData, 12, 8 + lengthLimit.cancelKey],
        [b.ErrorResponse, 5, maxMessageSize],
        [b.NoticeResponse, 5, maxMessageSize],
        // a login event trigger (PostgreSQL 17) may LISTEN and NOTIFY
        [b.NotificationResponse, 10, maxMessageSize],
        [b.ReadyForQuery, 5, 5]
      ])
    case "ready":
      return bounds([
        // VALID_LONG_MESSAGE_TYPE of fe-protocol3.c
        [b.RowDescription, 6, maxMessageSize],
        [b.DataRow, 6, maxMessageSize],
        [b.CopyData, 4, maxMessageSize],
        [b.FunctionCallResponse, 8, maxMessageSize],
        [b.ErrorResponse, 5, maxMessageSize],
        [b.NoticeResponse, 5, maxMessageSize],
        [b.NotificationResponse, 10, maxMessageSize],
        // short ones
        [b.ParameterDescription, 6, Math.min(parameterDescription, maxMessageSize)],
        [b.ParameterStatus, 6, shortBackend],
        [b.CommandComplete, 5, shortBackend],
        [b.CopyInResponse, 7, shortBackend],
        [b.CopyOutResponse, 7, shortBackend],
        [b.CopyBothResponse, 7, shortBackend],
        [b.ReadyForQuery, 5, 5],
        [b.ParseComplete, 4, 4],
        [b.BindComplete, 4, 4],
        [b.CloseComplete, 4, 4],
        [b.NoData, 4, 4],
        [b.PortalSuspended, 4, 4],
        [b.EmptyQueryResponse, 4, 4],
        [b.CopyDone, 4, 4]
      ])
  }
}

/**
 * What a client may have sent so far: untyped `startUp` packets, `authenticating` after StartupMessage (until the
 * first frame that is not a `p`: a server may ask for nothing), `ready`, and `closed` after CancelRequest or
 * Terminate.
 */
export type FrontendPhase = "startUp" | "authenticating" | "ready" | "closed"

const f = frontendType

/** Bounds of typed frontend frames in `phase`. */
export const frontendBounds = (phase: "authenticating" | "ready", maxMessageSize: number): LengthBounds => {
  const { authenticationResponse, smallFrontend } = lengthLimit
  const rows: Array<Row> = [
    [f.Query, 5, maxMessageSize],
    [f.Parse, 8, maxMessageSize],
    [f.Bind, 12, maxMessageSize],
    [f.FunctionCall, 14, maxMessageSize],
    [f.CopyData, 4, maxMessageSize],
    [f.Describe, 6, smallFrontend],
    [f.Close, 6, smallFrontend],
    [f.Execute, 9, smallFrontend],
    [f.CopyFail, 5, smallFrontend],
    [f.Sync, 4, 4],
    [f.Flush, 4, 4],
    [f.CopyDone, 4, 4],
    [f.Terminate, 4, 4]
  ]
  if (phase === "authenticating") rows.push([f.AuthenticationResponse, 4, authenticationResponse])
  return bounds(rows)
}

/** A setting of this package that is not a size in bytes is a mistake of the program, not of the peer. */
export const checkMaxMessageSize = (size: number): number => {
  // a NaN would compare as "no limit"
  if (!Number.isInteger(size) || size < 4) throw new RangeError(`maxMessageSize: ${size} is not a number of bytes`)
  return size
}

const namesOf = (types: Readonly<Record<string, number>>): ReadonlyArray<string | undefined> => {
  const names: Array<string | undefined> = Array.from({ length: 256 }, () => undefined)
  for (const [name, type] of Object.entries(types)) names[type] = name
  return names
}

/** Message names by type byte; `undefined` where the protocol knows none. */
export const backendNames = namesOf(backendType)
/** Message names by type byte; `undefined` where the protocol knows none. */
export const frontendNames = namesOf(frontendType)

/** A byte for people: `'D' (0x44)`, `0x07`. */
export const showByte = (byte: number): string => {
  const hex = `0x${byte.toString(16).padStart(2, "0")}`
  return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}' (${hex})` : hex
}

/**
 * Where the frame of `type` that begins at `at` ends, or −1 if there is no whole frame of that type in `bytes[at,
 * end)`. For walking runs, whose frames may have been made by hand.
 */
export const frameEnd = (bytes: Uint8Array, at: number, end: number, type: number): number => {
  if (end > bytes.length || end - at < 5 || bytes[at] !== type) return -1
  const length = (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!
  return length < 4 || length > end - at - 1 ? -1 : at + 1 + length
}
