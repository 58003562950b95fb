// "Start-up", "Canceling Requests in Progress", "SSL Session Encryption", "GSSAPI Session Encryption": the packets a
// client sends before any typed frame, and what a server says of the session before it is ready. Authentication:
// Authentication.ts. The single byte that answers SSLRequest and GSSENCRequest is no message: whoever owns the socket
// reads it, alone.
import type { BackendKeyData, NegotiateProtocolVersion } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, lengthLimit, protocol30, startUpCode } from "../Frame.ts"
import type { CancelRequest, StartUpPacket, StartupMessage } from "../FrontendMessage.ts"

// ---- packets without a type byte

/** Writes `SSLRequest`. */
export const writeSslRequest = (w: ByteWriter): void => {
  w.beginMessage(0, "SSLRequest", lengthLimit.startUp)
  w.int32(startUpCode.SSLRequest)
  w.endMessage()
}

/** Writes `GSSENCRequest`. */
export const writeGssEncRequest = (w: ByteWriter): void => {
  w.beginMessage(0, "GSSENCRequest", lengthLimit.startUp)
  w.int32(startUpCode.GSSENCRequest)
  w.endMessage()
}

const checkKey = (w: ByteWriter, key: Uint8Array): void => {
  if (key.length < 4 || key.length > lengthLimit.cancelKey) {
    w.fail("secretKey", `${key.length} bytes, 4 to ${lengthLimit.cancelKey} are allowed`)
  }
}

/** Writes `CancelRequest` with the key of BackendKeyData: 4 bytes in protocol 3.0, 4 to 256 in 3.2. */
export const writeCancelRequest = (w: ByteWriter, processId: number, secretKey: Uint8Array): void => {
  w.beginMessage(0, "CancelRequest", lengthLimit.startUp)
  w.int32(startUpCode.CancelRequest)
  w.int32(processId, "processId")
  checkKey(w, secretKey)
  w.bytes(secretKey)
  w.endMessage()
}

const readCancelRequest = (r: ByteReader): CancelRequest => {
  const processId = r.int32("processId")
  const secretKey = readKey(r, 4, lengthLimit.cancelKey)
  return { _tag: "CancelRequest", processId, secretKey }
}

const readKey = (r: ByteReader, min: number, max: number): Uint8Array => {
  const length = r.remaining
  if (length < min || length > max) {
    r.fail(min === max ? `secretKey of ${min} bytes` : `secretKey of ${min} to ${max} bytes`, `${length}`)
  }
  return r.take(length, "secretKey")
}

/**
 * Writes `StartupMessage`. A name or value with a NUL would end itself early and let the rest pass for another
 * parameter; an empty name would end the list. Both are EncodeErrors, and so is a packet above 10,004 bytes, on which
 * the server closes without a word.
 */
export const writeStartupMessage = (
  w: ByteWriter,
  protocolVersion: number,
  parameters: ReadonlyArray<readonly [name: string, value: string]>
): void => {
  w.beginMessage(0, "StartupMessage", lengthLimit.startUp)
  if (protocolVersion >> 16 !== 3) w.fail("protocolVersion", `${protocolVersion} is not a version 3.x`)
  w.int32(protocolVersion, "protocolVersion")
  for (const [name, value] of parameters) {
    if (name === "") w.fail("parameters", "a name is empty")
    w.cString(name, "parameter name")
    w.cString(value, `parameter ${name}`)
  }
  w.uint8(0)
  w.endMessage()
}

const readStartupMessage = (r: ByteReader, protocolVersion: number): StartupMessage => {
  const parameters: Array<readonly [string, string]> = []
  for (;;) {
    const name = r.cString("parameter name")
    if (name === "") break
    parameters.push([name, r.cString("parameter value")])
  }
  return { _tag: "StartupMessage", protocolVersion, parameters }
}

/** Reads the body of a packet without type byte: what it is stands in its first four bytes. */
export const readStartUpPacket = (r: ByteReader): StartUpPacket => {
  const code = r.int32("protocol version or request code")
  const packet = readByCode(r, code)
  r.finish()
  return packet
}

const readByCode = (r: ByteReader, code: number): StartUpPacket => {
  switch (code) {
    case startUpCode.SSLRequest:
      return { _tag: "SSLRequest" }
    case startUpCode.GSSENCRequest:
      return { _tag: "GSSENCRequest" }
    case startUpCode.CancelRequest:
      return readCancelRequest(r)
    default:
      if (code >> 16 === 3) return readStartupMessage(r, code)
      return r.fail("protocol version 3.x or a request code", `${code >>> 16}.${code & 0xffff}`, 4)
  }
}

// ---- what a server says before it is ready

/** Writes `BackendKeyData`. */
export const writeBackendKeyData = (w: ByteWriter, message: BackendKeyData): void => {
  w.beginMessage(backendType.BackendKeyData, "BackendKeyData")
  w.int32(message.processId, "processId")
  checkKey(w, message.secretKey)
  w.bytes(message.secretKey)
  w.endMessage()
}

/**
 * Reads the body of `BackendKeyData`. Under protocol 3.0 the key has exactly 4 bytes; where the version is not known
 * (`undefined`) and under 3.2 it has 4 to 256.
 */
export const readBackendKeyData = (r: ByteReader, protocolVersion: number | undefined): BackendKeyData => {
  const processId = r.int32("processId")
  const secretKey = readKey(r, 4, protocolVersion === protocol30 ? 4 : lengthLimit.cancelKey)
  return { _tag: "BackendKeyData", processId, secretKey }
}

/** Names of protocol options begin so. Source: "Message Formats", StartupMessage. */
const optionPrefix = "_pq_."

/** Writes `NegotiateProtocolVersion`. */
export const writeNegotiateProtocolVersion = (w: ByteWriter, message: NegotiateProtocolVersion): void => {
  w.beginMessage(backendType.NegotiateProtocolVersion, "NegotiateProtocolVersion", lengthLimit.authentication)
  if (message.protocolVersion >> 16 !== 3) w.fail("protocolVersion", `${message.protocolVersion} is not a version 3.x`)
  w.int32(message.protocolVersion, "protocolVersion")
  w.int32(message.unrecognizedOptions.length, "unrecognizedOptions")
  for (const option of message.unrecognizedOptions) {
    if (!option.startsWith(optionPrefix)) w.fail("unrecognizedOptions", `a name does not begin with ${optionPrefix}`)
    w.cString(option, "unrecognizedOptions")
  }
  w.endMessage()
}

/**
 * Reads the body of `NegotiateProtocolVersion`. `asked` is the version the client asked for, if known: a server may
 * only go down from it, and not to 3.1, which was never one. Source: `fe-protocol3.c` pqGetNegotiateProtocolVersion3.
 */
export const readNegotiateProtocolVersion = (r: ByteReader, asked: number | undefined): NegotiateProtocolVersion => {
  const protocolVersion = r.int32("protocolVersion")
  const shown = `${protocolVersion >>> 16}.${protocolVersion & 0xffff}`
  if (protocolVersion >> 16 !== 3 || protocolVersion === protocol30 + 1) {
    r.fail("protocolVersion 3.0, 3.2 or later 3.x", shown, 4)
  }
  if (asked !== undefined && protocolVersion > asked) r.fail("protocolVersion no higher than asked", shown, 4)
  const count = r.int32("count of unrecognizedOptions")
  // each has a name and a NUL, so the count is bounded by what is left
  if (count < 0 || count * (optionPrefix.length + 1) > r.remaining) {
    r.fail("count of unrecognizedOptions that fits the message", `${count}`, 4)
  }
  const unrecognizedOptions: Array<string> = []
  for (let i = 0; i < count; i++) {
    const option = r.cString("unrecognizedOptions")
    if (!option.startsWith(optionPrefix)) r.fail(`an option that begins with ${optionPrefix}`, "another name")
    unrecognizedOptions.push(option)
  }
  r.finish()
  return { _tag: "NegotiateProtocolVersion", protocolVersion, unrecognizedOptions }
}
