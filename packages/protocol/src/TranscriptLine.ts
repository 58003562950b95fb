// One message as one line of text, in the form of libpq's `PQtrace` (fe-trace.c, PostgreSQL 18): direction, length, name, fields, without timestamps.
// It departs from libpq where that would do harm: secrets never appear, control characters are escaped in text too, and a line has an end.
// The lines are strings of their own; nothing of the message is kept.
import type { BackendMessage, CopyData, Rows } from "./BackendMessage.ts"
import { ByteWriter } from "./ByteWriter.ts"
import { writeBackend, writeFrontend } from "./encode.ts"
import { EncodeError } from "./EncodeError.ts"
import { backendType, frameEnd, startUpCode } from "./Frame.ts"
import type { FormatCode, FrontendMessage } from "./FrontendMessage.ts"
import { reportEntries } from "./messages/Report.ts"
import { TraceLine } from "./TraceLine.ts"

/** Who says it: `F` frontend, the client; `B` backend, the server. */
export type Direction = "F" | "B"

/** What a transcript shows. Passwords, SASL data and cancel keys are not a matter of options: they never appear. */
export interface TranscriptOptions {
  /**
   * `elide`, the default: parameters, columns, COPY data and the payloads of notifications appear as `'BBBB'` behind their length, and so do the
   * parts of a report that quote rows (detail, context, internal query). `show`: all of them in full. Statements and a report's primary message
   * appear either way.
   */
  readonly values?: "elide" | "show" | undefined
  /** as PQTRACE_REGRESS_MODE: OIDs, process ids, and a report's length and place in the server's source are blanked. Default: false */
  readonly regress?: boolean | undefined
  /** A longer line is cut and ends in `…`; in UTF-16 units, 32 at least. Default: 2,000 */
  readonly maxLineLength?: number | undefined
}

type AnyMessage = FrontendMessage | BackendMessage

const frontendTags: Readonly<Record<Exclude<FrontendMessage["_tag"], BackendMessage["_tag"]>, true>> = {
  SSLRequest: true,
  GSSENCRequest: true,
  CancelRequest: true,
  StartupMessage: true,
  PasswordMessage: true,
  SASLInitialResponse: true,
  SASLResponse: true,
  AuthenticationResponse: true,
  Query: true,
  Parse: true,
  Bind: true,
  Describe: true,
  Execute: true,
  Close: true,
  Sync: true,
  Flush: true,
  FunctionCall: true,
  CopyFail: true,
  Terminate: true
}

const isFrontend = (message: AnyMessage): message is FrontendMessage => Object.hasOwn(frontendTags, message._tag)

const untyped: ReadonlySet<string> = new Set(["SSLRequest", "GSSENCRequest", "CancelRequest", "StartupMessage"])

/**
 * The length field of a message: what this package writes for it. That is what came, but for text that was not UTF-8. `?` for a message that
 * cannot be written.
 */
const lengthOf = (message: AnyMessage): string => {
  const w = new ByteWriter({ chunkSize: 1024 })
  try {
    if (isFrontend(message)) writeFrontend(w, message)
    else writeBackend(w, message)
  } catch (error) {
    if (error instanceof EncodeError) return "?"
    throw error
  }
  return String(untyped.has(message._tag) ? w.size : w.size - 1)
}

/** These lengths say how long a password is. */
const secretLength: ReadonlySet<string> = new Set(["PasswordMessage", "AuthenticationResponse"])

const begin = (direction: Direction, length: string, options: TranscriptOptions): TraceLine =>
  new TraceLine(`${direction}\t${length}\t`, options.maxLineLength)

/** One line for one message; a run of frames is not one message, see `runLines`. */
export const messageLine = (direction: Direction, message: AnyMessage, options: TranscriptOptions = {}): string => {
  if (message._tag === "Rows" || message._tag === "CopyData") {
    const [first] = runLines(direction, message, options, 1)
    const more = message.count - 1
    return first === undefined
      ? `${direction}\t?\t${frameName(message)}`
      : more > 0
        ? `${first} … and ${more} more`
        : first
  }
  const isReport = message._tag === "ErrorResponse" || message._tag === "NoticeResponse"
  const hidden = secretLength.has(message._tag) || (isReport && options.regress === true)
  const line = begin(direction, hidden ? "NN" : lengthOf(message), options)
  line.name(names[message._tag] ?? message._tag)
  fields(line, message, options)
  return line.end()
}

/** Names that fe-trace.c gives to what it cannot tell apart. */
const names: Readonly<Record<string, string>> = {
  AuthenticationResponse: "UnknownAuthenticationResponse"
}

const frameName = (run: Rows | CopyData): string => (run._tag === "Rows" ? "DataRow" : "CopyData")

/** One line for each frame of a run, `most` at most. Stops at what is no whole frame. */
export const runLines = (
  direction: Direction,
  run: Rows | CopyData,
  options: TranscriptOptions = {},
  most = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const { bytes } = run
  const type = run._tag === "Rows" ? backendType.DataRow : backendType.CopyData
  let at = run.offset
  while (at < run.end && lines.length < most) {
    const end = frameEnd(bytes, at, run.end, type)
    if (end < 0) break
    const line = begin(direction, String(end - at - 1), options)
    line.name(frameName(run))
    if (run._tag === "Rows") columns(line, bytes, at + 5, end, options)
    else line.bytes(shown(options, bytes.subarray(at + 5, end)))
    lines.push(line.end())
    at = end
  }
  return lines
}

/** `undefined` stands for bytes that are not shown. */
const shown = (options: TranscriptOptions, bytes: Uint8Array): Uint8Array | undefined =>
  options.values === "show" ? bytes : undefined

const shownText = (options: TranscriptOptions, text: string): string | undefined =>
  options.values === "show" ? text : undefined

/** The columns of a frame whose inside nobody has checked yet. */
const columns = (line: TraceLine, bytes: Uint8Array, start: number, end: number, options: TranscriptOptions): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (end - start < 2) return line.note("malformed")
  const count = view.getUint16(start)
  line.number(count)
  let at = start + 2
  for (let i = 0; i < count && !line.full; i++) {
    const length = end - at < 4 ? -2 : view.getInt32(at)
    at += 4
    if (length < -1 || length > end - at) return line.note("malformed")
    line.number(length)
    if (length < 0) continue
    line.bytes(shown(options, bytes.subarray(at, at + length)))
    at += length
  }
  if (at !== end && !line.full) line.note("malformed")
}

const values = (line: TraceLine, list: ReadonlyArray<Uint8Array | null>, options: TranscriptOptions): void => {
  line.number(list.length)
  for (const value of list) {
    if (line.full) return
    line.number(value === null ? -1 : value.length)
    if (value !== null) line.bytes(shown(options, value))
  }
}

const formats = (line: TraceLine, codes: ReadonlyArray<FormatCode>): void => {
  line.number(codes.length)
  for (const code of codes) {
    if (line.full) return
    line.number(code)
  }
}

/** A 32-bit code as fe-trace.c shows it: two halves. */
const version = (line: TraceLine, code: number): void => {
  line.number(code >>> 16)
  line.number(code & 0xffff)
}

const target = (line: TraceLine, of: "statement" | "portal"): void => line.byte(of === "statement" ? 0x53 : 0x50)

/** Fields of a report that change with the server's source, and those that quote rows. */
const sourceFields = "FLR"
const quotingFields = "DWq"

const fields = (line: TraceLine, m: Exclude<AnyMessage, Rows | CopyData>, options: TranscriptOptions): void => {
  const regress = options.regress === true
  /** a number that differs from run to run */
  const varying = (value: number) => (regress ? line.blankNumber() : line.number(value))
  switch (m._tag) {
    case "StartupMessage":
      version(line, m.protocolVersion)
      for (const [name, value] of m.parameters) {
        if (line.full) return
        line.text(name)
        line.text(value)
      }
      return
    case "SSLRequest":
    case "GSSENCRequest":
      return version(line, startUpCode[m._tag])
    case "CancelRequest":
      version(line, startUpCode.CancelRequest)
      varying(m.processId)
      return line.blankNumber()
    case "PasswordMessage":
      return line.text(undefined)
    case "SASLInitialResponse":
      line.text(m.mechanism)
      line.number(m.data === null ? -1 : m.data.length)
      return m.data === null ? undefined : line.bytes(undefined)
    case "SASLResponse":
    case "AuthenticationSASLContinue":
    case "AuthenticationSASLFinal":
      return line.bytes(undefined)
    case "AuthenticationSASL":
      for (const mechanism of m.mechanisms) line.text(mechanism)
      return line.text("")
    case "AuthenticationUnsupported":
      line.number(m.code)
      return line.note(m.method)
    case "Query":
      return line.text(m.sql)
    case "Parse":
      line.text(m.statement)
      line.text(m.sql)
      line.number(m.parameterTypes.length)
      return m.parameterTypes.forEach(varying)
    case "Bind":
      line.text(m.portal)
      line.text(m.statement)
      formats(line, m.parameterFormats)
      values(line, m.parameters, options)
      return formats(line, m.resultFormats)
    case "Describe":
    case "Close":
      target(line, m.target)
      return line.text(m.name)
    case "Execute":
      line.text(m.portal)
      return line.number(m.maxRows)
    case "FunctionCall":
      varying(m.functionOid)
      formats(line, m.argumentFormats)
      values(line, m.arguments, options)
      return line.number(m.resultFormat)
    case "CopyFail":
      return line.text(m.reason)
    case "BackendKeyData":
      varying(m.processId)
      return line.blankNumber()
    case "NegotiateProtocolVersion":
      line.number(m.protocolVersion)
      line.number(m.unrecognizedOptions.length)
      return m.unrecognizedOptions.forEach((option) => line.text(option))
    case "ParameterStatus":
      line.text(m.name)
      return line.text(m.value)
    case "ReadyForQuery":
      return line.byte(m.status.charCodeAt(0))
    case "RowDescription":
      line.number(m.columns.length)
      for (const column of m.columns) {
        if (line.full) return
        line.text(column.name)
        // fe-trace.c shows 16 bits without sign: a type of variable width has size 65535
        varying(column.tableOid)
        line.number(column.tableColumn & 0xffff)
        varying(column.typeOid)
        line.number(column.typeSize & 0xffff)
        line.number(column.typeModifier)
        line.number(column.format)
      }
      return
    case "ParameterDescription":
      line.number(m.typeOids.length)
      return m.typeOids.forEach(varying)
    case "CommandComplete":
      return line.text(m.tag)
    case "FunctionCallResponse":
      line.number(m.value === null ? -1 : m.value.length)
      return m.value === null ? undefined : line.bytes(shown(options, m.value))
    case "CopyInResponse":
    case "CopyOutResponse":
    case "CopyBothResponse":
      line.byte(m.format)
      return formats(line, m.columnFormats)
    case "ErrorResponse":
    case "NoticeResponse":
      for (const [letter, value] of reportEntries(m.fields)) {
        if (line.full) return
        line.byte(letter.charCodeAt(0))
        const hidden =
          (regress && sourceFields.includes(letter)) || (quotingFields.includes(letter) && options.values !== "show")
        line.text(hidden ? undefined : value)
      }
      return line.byte(0)
    case "NotificationResponse":
      varying(m.processId)
      line.text(m.channel)
      return line.text(shownText(options, m.payload))
    case "AuthenticationOk":
    case "AuthenticationCleartextPassword":
    case "AuthenticationMD5Password":
    case "AuthenticationResponse":
    case "Sync":
    case "Flush":
    case "Terminate":
    case "CopyDone":
    case "ParseComplete":
    case "BindComplete":
    case "CloseComplete":
    case "NoData":
    case "PortalSuspended":
    case "EmptyQueryResponse":
      return
  }
}
