// "Extended Query": Parse, Bind, Describe, Execute, Close, Sync and Flush, and the answers that carry nothing else.
// The writers are ⚡: they run per query and take no message object. Decoded parameters are copies.
import type {
  BindComplete,
  CloseComplete,
  NoData,
  ParameterDescription,
  ParseComplete,
  PortalSuspended
} from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, frontendType, lengthLimit, showByte } from "../Frame.ts"
import type {
  Bind,
  Close,
  Describe,
  DescribeTarget,
  Execute,
  Flush,
  FormatCode,
  Parse,
  Sync
} from "../FrontendMessage.ts"

// ---- Parse

/** Writes `Parse`. A parameter type 0 is left to the server; there may be fewer types than parameters. */
export const writeParse = (
  w: ByteWriter,
  statement: string,
  sql: string,
  parameterTypes: ReadonlyArray<number>
): void => {
  w.beginMessage(frontendType.Parse, "Parse")
  w.cString(statement, "statement")
  w.cString(sql, "sql")
  w.count(parameterTypes.length, "parameterTypes")
  for (let i = 0; i < parameterTypes.length; i++) w.uint32(parameterTypes[i]!, "parameterTypes")
  w.endMessage()
}

/** Reads the body of `Parse`. */
export const readParse = (r: ByteReader): Parse => {
  const statement = r.cString("statement")
  const sql = r.cString("sql")
  const parameterTypes = readOids(r, "parameterTypes")
  r.finish()
  return { _tag: "Parse", statement, sql, parameterTypes }
}

const readOids = (r: ByteReader, field: string): ReadonlyArray<number> => {
  const count = r.count(`count of ${field}`, 4)
  const oids: Array<number> = []
  for (let i = 0; i < count; i++) oids.push(r.uint32(field))
  return oids
}

// ---- Bind

/** What stands before the parameters of a `Bind`. */
export interface BindHead {
  readonly portal: string
  readonly statement: string
  /** none: all text; one: for all; else one per parameter */
  readonly parameterFormats: ReadonlyArray<FormatCode>
  readonly parameterCount: number
}

/** A `Bind` whose parameters are ready: bytes as they are, text as UTF-8, `null` as NULL. */
export interface BindParts {
  readonly portal: string
  readonly statement: string
  readonly parameterFormats: ReadonlyArray<FormatCode>
  readonly parameters: ReadonlyArray<Uint8Array | string | null>
  readonly resultFormats: ReadonlyArray<FormatCode>
}

/** A count and as many format codes. */
export const writeFormats = (w: ByteWriter, formats: ReadonlyArray<FormatCode>, field: string): void => {
  w.count(formats.length, field)
  for (let i = 0; i < formats.length; i++) {
    const format = formats[i]!
    if (format !== 0 && format !== 1) w.fail(field, `format ${String(format)}, only 0 and 1 exist`)
    w.int16(format)
  }
}

/** A count and as many format codes. */
export const readFormats = (r: ByteReader, field: string): ReadonlyArray<FormatCode> => {
  const count = r.count(`count of ${field}`, 2)
  const formats: Array<FormatCode> = []
  for (let i = 0; i < count; i++) formats.push(r.format(field))
  return formats
}

/** None, one for all, or one each: anything else is refused by the server, so it is not sent. */
export const checkFormatCount = (w: ByteWriter, formats: number, values: number, field: string): void => {
  if (formats > 1 && formats !== values) w.fail(field, `${formats} formats for ${values} values`)
}

/**
 * Begins a `Bind` up to its parameters. Each is then written by the caller with `value`, `nullValue` or `beginValue …
 * endValue` of the writer; `endBind` completes the message. Whoever's codec throws in between rewinds the writer to a
 * mark taken before.
 */
export const beginBind = (w: ByteWriter, head: BindHead): void => {
  const { parameterCount, parameterFormats } = head
  w.beginMessage(frontendType.Bind, "Bind")
  w.cString(head.portal, "portal")
  w.cString(head.statement, "statement")
  checkFormatCount(w, parameterFormats.length, parameterCount, "parameterFormats")
  writeFormats(w, parameterFormats, "parameterFormats")
  w.beginValues(parameterCount, "parameters")
}

/** Completes a `Bind` after its parameters. */
export const endBind = (w: ByteWriter, resultFormats: ReadonlyArray<FormatCode>): void => {
  w.endValues()
  writeFormats(w, resultFormats, "resultFormats")
  w.endMessage()
}

/**
 * Throws before anything is allocated if the values alone are above the limit. Sums are JavaScript numbers, exact to
 * 2^53: a sum of 32-bit lengths that wrapped was CVE-2024-32655 and CVE-2024-27304.
 */
export const reserveValues = (w: ByteWriter, values: ReadonlyArray<Uint8Array | string | null>): void => {
  let total = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    // a string has at least as many bytes as UTF-16 units
    total += 4 + (value === null ? 0 : value.length)
  }
  w.reserve(total)
}

/** Writes `Bind`. */
export const writeBind = (w: ByteWriter, parts: BindParts): void => {
  const { parameters } = parts
  beginBind(w, {
    portal: parts.portal,
    statement: parts.statement,
    parameterFormats: parts.parameterFormats,
    parameterCount: parameters.length
  })
  reserveValues(w, parameters)
  for (let i = 0; i < parameters.length; i++) w.value(parameters[i]!, "parameter", i + 1)
  endBind(w, parts.resultFormats)
}

/** A count and as many values; formats must agree with them. */
export const readValues = (r: ByteReader, formats: number, field: string): ReadonlyArray<Uint8Array | null> => {
  const count = r.count(`count of ${field}`, 4)
  if (formats > 1 && formats !== count) r.fail(`${formats} ${field}, one per format`, `${count}`, 2)
  const values: Array<Uint8Array | null> = []
  for (let i = 0; i < count; i++) values.push(r.value(field))
  return values
}

/** Reads the body of `Bind`. */
export const readBind = (r: ByteReader): Bind => {
  const portal = r.cString("portal")
  const statement = r.cString("statement")
  const parameterFormats = readFormats(r, "parameterFormats")
  const parameters = readValues(r, parameterFormats.length, "parameters")
  const resultFormats = readFormats(r, "resultFormats")
  r.finish()
  return { _tag: "Bind", portal, statement, parameterFormats, parameters, resultFormats }
}

// ---- Describe and Close

const writeTarget = (w: ByteWriter, type: number, message: string, target: DescribeTarget, name: string): void => {
  w.beginMessage(type, message, lengthLimit.smallFrontend)
  w.uint8(target === "statement" ? 0x53 : 0x50) // S, P
  w.cString(name, "name")
  w.endMessage()
}

const readTarget = (r: ByteReader): DescribeTarget => {
  const target = r.uint8("target")
  if (target === 0x53) return "statement"
  if (target === 0x50) return "portal"
  return r.fail("target S or P", showByte(target), 1)
}

/** Writes `Describe`. */
export const writeDescribe = (w: ByteWriter, target: DescribeTarget, name: string): void =>
  writeTarget(w, frontendType.Describe, "Describe", target, name)

/** Reads the body of `Describe`. */
export const readDescribe = (r: ByteReader): Describe => {
  const target = readTarget(r)
  const name = r.cString("name")
  r.finish()
  return { _tag: "Describe", target, name }
}

/** Writes `Close`. */
export const writeClose = (w: ByteWriter, target: DescribeTarget, name: string): void =>
  writeTarget(w, frontendType.Close, "Close", target, name)

/** Reads the body of `Close`. */
export const readClose = (r: ByteReader): Close => {
  const target = readTarget(r)
  const name = r.cString("name")
  r.finish()
  return { _tag: "Close", target, name }
}

// ---- Execute

/** Writes `Execute`. `maxRows` 0 is no limit. */
export const writeExecute = (w: ByteWriter, portal: string, maxRows: number): void => {
  w.beginMessage(frontendType.Execute, "Execute", lengthLimit.smallFrontend)
  w.cString(portal, "portal")
  // the server takes a negative number for no limit (PortalRun), which nobody can have meant
  if (maxRows < 0) w.fail("maxRows", `${maxRows} is negative`)
  w.int32(maxRows, "maxRows")
  w.endMessage()
}

/** Reads the body of `Execute`. */
export const readExecute = (r: ByteReader): Execute => {
  const portal = r.cString("portal")
  const maxRows = r.int32("maxRows")
  if (maxRows < 0) r.fail("maxRows of 0 or more", `${maxRows}`, 4)
  r.finish()
  return { _tag: "Execute", portal, maxRows }
}

// ---- Sync and Flush

/** Writes `Sync`. */
export const writeSync = (w: ByteWriter): void => {
  w.beginMessage(frontendType.Sync, "Sync")
  w.endMessage()
}

/** Reads the body of `Sync`. */
export const readSync = (r: ByteReader): Sync => {
  r.finish()
  return { _tag: "Sync" }
}

/** Writes `Flush`. */
export const writeFlush = (w: ByteWriter): void => {
  w.beginMessage(frontendType.Flush, "Flush")
  w.endMessage()
}

/** Reads the body of `Flush`. */
export const readFlush = (r: ByteReader): Flush => {
  r.finish()
  return { _tag: "Flush" }
}

// ---- answers

// answers without content are one object each: a message per query costs nothing
const parseComplete: ParseComplete = { _tag: "ParseComplete" }
const bindComplete: BindComplete = { _tag: "BindComplete" }
const closeComplete: CloseComplete = { _tag: "CloseComplete" }
const noData: NoData = { _tag: "NoData" }
const portalSuspended: PortalSuspended = { _tag: "PortalSuspended" }

/** An answer that is nothing but its type byte. */
export type BareAnswer = ParseComplete | BindComplete | CloseComplete | NoData | PortalSuspended

/** Writes an answer that is nothing but its type byte. */
export const writeBareAnswer = (w: ByteWriter, tag: BareAnswer["_tag"]): void => {
  w.beginMessage(backendType[tag], tag)
  w.endMessage()
}

const readBare =
  <A>(answer: A) =>
  (r: ByteReader): A => {
    r.finish()
    return answer
  }

/** Reads the body of `ParseComplete`. */
export const readParseComplete = readBare(parseComplete)
/** Reads the body of `BindComplete`. */
export const readBindComplete = readBare(bindComplete)
/** Reads the body of `CloseComplete`. */
export const readCloseComplete = readBare(closeComplete)
/** Reads the body of `NoData`. */
export const readNoData = readBare(noData)
/** Reads the body of `PortalSuspended`. */
export const readPortalSuspended = readBare(portalSuspended)

/** Writes `ParameterDescription`. */
export const writeParameterDescription = (w: ByteWriter, typeOids: ReadonlyArray<number>): void => {
  w.beginMessage(backendType.ParameterDescription, "ParameterDescription", lengthLimit.parameterDescription)
  w.count(typeOids.length, "typeOids")
  for (let i = 0; i < typeOids.length; i++) w.uint32(typeOids[i]!, "typeOids")
  w.endMessage()
}

/** Reads the body of `ParameterDescription`. */
export const readParameterDescription = (r: ByteReader): ParameterDescription => {
  const typeOids = readOids(r, "typeOids")
  r.finish()
  return { _tag: "ParameterDescription", typeOids }
}
