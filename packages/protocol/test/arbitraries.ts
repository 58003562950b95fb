// Any message of either side, legal by construction, and whole sessions in an order the decoder's phases allow. For
// properties only.
import * as fc from "fast-check"
import {
  type BackendMessage,
  type ColumnDescription,
  encodeCopyData,
  encodeRows,
  type FormatCode,
  type FrontendMessage,
  protocol30,
  protocol32,
  type ReportFields,
  type TransactionStatus
} from "../src/index.ts"

// ---- fields

/**
 * Well-formed text without NUL: what PostgreSQL's text can hold. Beyond the BMP and above the short paths of reader
 * and writer.
 */
export const text = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ maxLength: 12 }) },
    { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 20, maxLength: 70 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("", "\uFEFFbyte order mark", "x".repeat(49), "å".repeat(48), "😀".repeat(30))
    }
  )
  .map((value) => value.replaceAll("\0", ""))

const someText = text.map((value) => (value === "" ? "x" : value))
export const bytes = fc.uint8Array({ maxLength: 40 })
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const int16 = fc.integer({ min: -0x8000, max: 0x7fff })
const oid = fc.integer({ min: 0, max: 0xffffffff })
const format = fc.constantFrom<FormatCode>(0, 1)
const value = fc.option(bytes)
const key = fc.uint8Array({ minLength: 4, maxLength: 256 })

/** Values with formats that go with them: none, one for all, or one each. */
const formatted = fc.array(value, { maxLength: 5 }).chain((values) =>
  fc.record({
    values: fc.constant(values),
    formats: fc.oneof(
      fc.constant<ReadonlyArray<FormatCode>>([]),
      fc.tuple(format),
      fc.array(format, { minLength: values.length, maxLength: values.length })
    )
  })
)

const target = fc.constantFrom<"statement" | "portal">("statement", "portal")

// ---- frontend

const sslRequest: fc.Arbitrary<FrontendMessage> = fc.constant({ _tag: "SSLRequest" })
const gssEncRequest: fc.Arbitrary<FrontendMessage> = fc.constant({ _tag: "GSSENCRequest" })
const cancelRequest: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("CancelRequest" as const),
  processId: int32,
  secretKey: key
})
const startupMessage: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("StartupMessage" as const),
  protocolVersion: fc.constantFrom(protocol30, protocol32, (3 << 16) | 9999),
  parameters: fc.array(fc.tuple(someText, text), { maxLength: 5 })
})

const authenticationResponse: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("AuthenticationResponse" as const),
  data: bytes
})
export const passwordMessage: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("PasswordMessage" as const),
  password: text
})
export const saslInitialResponse: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("SASLInitialResponse" as const),
  mechanism: text,
  data: value
})
export const saslResponse: fc.Arbitrary<FrontendMessage> = fc.record({
  _tag: fc.constant("SASLResponse" as const),
  data: bytes
})

const bind: fc.Arbitrary<FrontendMessage> = fc
  .record({ portal: text, statement: text, parameters: formatted, resultFormats: fc.array(format, { maxLength: 4 }) })
  .map(({ parameters, portal, resultFormats, statement }) => ({
    _tag: "Bind" as const,
    portal,
    statement,
    parameterFormats: parameters.formats,
    parameters: parameters.values,
    resultFormats
  }))

const functionCall: fc.Arbitrary<FrontendMessage> = fc
  .record({ functionOid: oid, values: formatted, resultFormat: format })
  .map(({ functionOid, resultFormat, values }) => ({
    _tag: "FunctionCall" as const,
    functionOid,
    argumentFormats: values.formats,
    arguments: values.values,
    resultFormat
  }))

export const copyData = fc.array(bytes, { minLength: 1, maxLength: 4 }).map(encodeCopyData)

/** Frontend messages that are legal once authentication is over, by name. */
export const frontendReady: Readonly<Record<string, fc.Arbitrary<FrontendMessage>>> = {
  Query: fc.record({ _tag: fc.constant("Query" as const), sql: text }),
  Parse: fc.record({
    _tag: fc.constant("Parse" as const),
    statement: text,
    sql: text,
    parameterTypes: fc.array(oid, { maxLength: 5 })
  }),
  Bind: bind,
  Describe: fc.record({ _tag: fc.constant("Describe" as const), target, name: text }),
  Execute: fc.record({
    _tag: fc.constant("Execute" as const),
    portal: text,
    maxRows: fc.integer({ min: 0, max: 0x7fffffff })
  }),
  Close: fc.record({ _tag: fc.constant("Close" as const), target, name: text }),
  Sync: fc.constant({ _tag: "Sync" }),
  Flush: fc.constant({ _tag: "Flush" }),
  FunctionCall: functionCall,
  CopyData: copyData,
  CopyDone: fc.constant({ _tag: "CopyDone" }),
  CopyFail: fc.record({ _tag: fc.constant("CopyFail" as const), reason: text })
}

/** What a client says on one connection, in an order the phases allow. */
export const frontendSession: fc.Arbitrary<ReadonlyArray<FrontendMessage>> = fc
  .tuple(
    fc.array(fc.oneof(sslRequest, gssEncRequest), { maxLength: 2 }),
    fc.oneof(
      { weight: 1, arbitrary: cancelRequest.map((message) => [message]) },
      {
        weight: 9,
        arbitrary: fc
          .tuple(
            startupMessage,
            fc.array(authenticationResponse, { maxLength: 2 }),
            fc.array(fc.oneof(...Object.values(frontendReady)), { maxLength: 8 }),
            fc.constantFrom<ReadonlyArray<FrontendMessage>>([], [{ _tag: "Terminate" }])
          )
          .map(([start, answers, messages, end]) => [start, ...answers, ...messages, ...end])
      }
    )
  )
  .map(([requests, rest]) => [...requests, ...rest])

// ---- backend

const authentication: Readonly<Record<string, fc.Arbitrary<BackendMessage>>> = {
  AuthenticationCleartextPassword: fc.constant({ _tag: "AuthenticationCleartextPassword" }),
  AuthenticationMD5Password: fc.record({
    _tag: fc.constant("AuthenticationMD5Password" as const),
    salt: fc.uint8Array({ minLength: 4, maxLength: 4 })
  }),
  AuthenticationSASL: fc.record({
    _tag: fc.constant("AuthenticationSASL" as const),
    mechanisms: fc.array(someText, { minLength: 1, maxLength: 3 })
  }),
  AuthenticationSASLContinue: fc.record({ _tag: fc.constant("AuthenticationSASLContinue" as const), data: bytes }),
  AuthenticationSASLFinal: fc.record({ _tag: fc.constant("AuthenticationSASLFinal" as const), data: bytes }),
  AuthenticationUnsupported: fc.oneof(
    fc.constantFrom(
      ...(
        [
          [2, "KerberosV5"],
          [6, "SCMCredential"],
          [7, "GSS"],
          [9, "SSPI"]
        ] as const
      ).map(([code, method]) => ({
        _tag: "AuthenticationUnsupported" as const,
        code,
        method,
        data: new Uint8Array(0)
      }))
    ),
    fc
      .tuple(fc.constantFrom([8, "GSSContinue"] as const, [13, "unknown"] as const, [-1, "unknown"] as const), bytes)
      .map(([[code, method], data]) => ({ _tag: "AuthenticationUnsupported" as const, code, method, data }))
  )
}

const reportFields: fc.Arbitrary<ReportFields> = fc.record(
  {
    severity: text,
    severityNonLocalized: text,
    code: text,
    message: text,
    detail: text,
    hint: text,
    position: fc.nat(),
    internalPosition: fc.nat(),
    internalQuery: text,
    where: text,
    schema: text,
    table: text,
    column: text,
    dataType: text,
    constraint: text,
    file: text,
    line: fc.nat(),
    routine: text,
    unknown: fc.dictionary(fc.constantFrom("X", "z", "1", "\u00ff"), text, { minKeys: 1, maxKeys: 3 })
  },
  { requiredKeys: [] }
)

const anywhere: Readonly<Record<string, fc.Arbitrary<BackendMessage>>> = {
  ErrorResponse: fc.record({ _tag: fc.constant("ErrorResponse" as const), fields: reportFields }),
  NoticeResponse: fc.record({ _tag: fc.constant("NoticeResponse" as const), fields: reportFields })
}

const negotiate: fc.Arbitrary<BackendMessage> = fc.record({
  _tag: fc.constant("NegotiateProtocolVersion" as const),
  protocolVersion: fc.constantFrom(protocol30, protocol32),
  unrecognizedOptions: fc.array(
    text.map((name) => `_pq_.${name}`),
    { maxLength: 3 }
  )
})

const keyData: fc.Arbitrary<BackendMessage> = fc.record({
  _tag: fc.constant("BackendKeyData" as const),
  processId: int32,
  secretKey: key
})

const parameterStatus: fc.Arbitrary<BackendMessage> = fc.record({
  _tag: fc.constant("ParameterStatus" as const),
  name: text,
  value: text
})

const notification: fc.Arbitrary<BackendMessage> = fc.record({
  _tag: fc.constant("NotificationResponse" as const),
  processId: int32,
  channel: text,
  payload: text
})

const ready: fc.Arbitrary<BackendMessage> = fc.record({
  _tag: fc.constant("ReadyForQuery" as const),
  status: fc.constantFrom<TransactionStatus>("I", "T", "E")
})

const column: fc.Arbitrary<ColumnDescription> = fc.record({
  name: text,
  tableOid: oid,
  tableColumn: int16,
  typeOid: oid,
  typeSize: int16,
  typeModifier: int32,
  format
})

export const rowValues = fc.array(fc.array(value, { maxLength: 4 }), { minLength: 1, maxLength: 4 })

const copyResponse = <Tag extends "CopyInResponse" | "CopyOutResponse" | "CopyBothResponse">(tag: Tag) =>
  fc.record({ _tag: fc.constant(tag), format, columnFormats: fc.array(format, { maxLength: 4 }) })

const bare = (
  tag:
    | "ParseComplete"
    | "BindComplete"
    | "CloseComplete"
    | "NoData"
    | "PortalSuspended"
    | "EmptyQueryResponse"
    | "CopyDone"
): fc.Arbitrary<BackendMessage> => fc.constant({ _tag: tag })

/** Backend messages that are legal after the first ReadyForQuery, by name. */
export const backendReady: Readonly<Record<string, fc.Arbitrary<BackendMessage>>> = {
  ...anywhere,
  ParameterStatus: parameterStatus,
  NotificationResponse: notification,
  ReadyForQuery: ready,
  RowDescription: fc.record({
    _tag: fc.constant("RowDescription" as const),
    columns: fc.array(column, { maxLength: 4 })
  }),
  Rows: rowValues.map(encodeRows),
  ParameterDescription: fc.record({
    _tag: fc.constant("ParameterDescription" as const),
    typeOids: fc.array(oid, { maxLength: 5 })
  }),
  ParseComplete: bare("ParseComplete"),
  BindComplete: bare("BindComplete"),
  CloseComplete: bare("CloseComplete"),
  NoData: bare("NoData"),
  PortalSuspended: bare("PortalSuspended"),
  CommandComplete: fc.record({ _tag: fc.constant("CommandComplete" as const), tag: text }),
  EmptyQueryResponse: bare("EmptyQueryResponse"),
  FunctionCallResponse: fc.record({ _tag: fc.constant("FunctionCallResponse" as const), value }),
  CopyInResponse: copyResponse("CopyInResponse"),
  CopyOutResponse: copyResponse("CopyOutResponse"),
  CopyBothResponse: copyResponse("CopyBothResponse"),
  CopyData: copyData,
  CopyDone: bare("CopyDone")
}

/** Backend messages that are legal before AuthenticationOk, by name. */
export const backendAuthenticating: Readonly<Record<string, fc.Arbitrary<BackendMessage>>> = {
  ...anywhere,
  ...authentication,
  NegotiateProtocolVersion: negotiate
}

/**
 * Backend messages that are legal between AuthenticationOk and ReadyForQuery any number of times, and BackendKeyData.
 */
export const backendStarting: Readonly<Record<string, fc.Arbitrary<BackendMessage>>> = {
  ...anywhere,
  ParameterStatus: parameterStatus,
  NotificationResponse: notification,
  BackendKeyData: keyData
}

const atMost = (maxLength: number) => ({ maxLength, size: "max" as const })

const isVersion30 = (message: BackendMessage | null): boolean =>
  message?._tag === "NegotiateProtocolVersion" && message.protocolVersion === protocol30
const isShortKey = (message: BackendMessage): boolean =>
  message._tag === "BackendKeyData" && message.secretKey.length === 4

/** What a server says on one connection, in an order the phases allow. */
export const backendSession: fc.Arbitrary<ReadonlyArray<BackendMessage>> = fc
  .tuple(
    fc.option(negotiate),
    fc.array(fc.oneof(...Object.values({ ...anywhere, ...authentication })), atMost(3)),
    fc.array(fc.oneof(parameterStatus, notification, ...Object.values(anywhere)), atMost(3)),
    fc.option(keyData),
    ready,
    fc.array(fc.oneof(...Object.values(backendReady)), atMost(12))
  )
  // a session that settled on 3.0 has a key of 4 bytes, and the decoder holds it to that
  .filter(([version, , , secret]) => !isVersion30(version) || secret === null || isShortKey(secret))
  .map(([version, asked, statuses, secret, first, messages]) => [
    ...(version === null ? [] : [version]),
    ...asked,
    { _tag: "AuthenticationOk" as const },
    ...statuses,
    ...(secret === null ? [] : [secret]),
    first,
    ...messages
  ])
