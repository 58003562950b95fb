// What a server sends ⚡: frames by type byte, runs of DataRow and CopyData handed over as one message, and the phases
// of a session as far as the bytes themselves show them. Runs point into the bytes that came; everything else is
// copied out.
import type { BackendMessage } from "./BackendMessage.ts"
import { ByteReader } from "./ByteReader.ts"
import { readBackend } from "./decode.ts"
import {
  backendBounds,
  backendNames,
  type BackendPhase,
  backendType,
  checkMaxMessageSize,
  lengthLimit,
  showByte
} from "./Frame.ts"
import type { Grammar } from "./Grammar.ts"
import { ProtocolViolation } from "./ProtocolViolation.ts"

/** Settings of a backend decoder. */
export interface BackendDecoderOptions {
  /** cap on rows, COPY data, descriptions and reports, in bytes; 64 MiB if absent */
  readonly maxMessageSize?: number | undefined
  /**
   * The version the client asked for. Given, a cancel key is held to its length (4 bytes in 3.0) and a negotiated
   * version to be no higher; absent, anything legal in 3.0 to 3.2 is accepted.
   */
  readonly protocolVersion?: number | undefined
}

const legalNow: Readonly<Record<BackendPhase, string>> = {
  authenticating: "an authentication request, NegotiateProtocolVersion or a report, before AuthenticationOk",
  starting: "BackendKeyData (once), ParameterStatus, a report, a notification or ReadyForQuery, after AuthenticationOk",
  ready: "a message that is legal after the first ReadyForQuery"
}

export class BackendGrammar implements Grammar<BackendMessage> {
  readonly headerSize = 5
  private readonly maxMessageSize: number
  private protocolVersion: number | undefined
  private readonly reader = new ByteReader()
  private phase: BackendPhase = "authenticating"
  private min: Float64Array
  private max: Float64Array

  constructor(options: BackendDecoderOptions) {
    this.maxMessageSize = checkMaxMessageSize(options.maxMessageSize ?? lengthLimit.maxMessageSize)
    this.protocolVersion = options.protocolVersion
    const bounds = backendBounds(this.phase, this.maxMessageSize)
    this.min = bounds.min
    this.max = bounds.max
  }

  judge(bytes: Uint8Array, at: number, streamOffset: number): number {
    const type = bytes[at]!
    const length = int32(bytes, at + 1)
    if (length < this.min[type]! || length > this.max[type]!) this.refuse(bytes, at, streamOffset)
    return length + 1
  }

  scan(bytes: Uint8Array, start: number, end: number, streamOffset: number, out: Array<BackendMessage>): number {
    const shift = streamOffset - start
    let at = start
    while (end - at >= 5) {
      const type = bytes[at]!
      const size = this.judge(bytes, at, at + shift)
      if (size > end - at) break
      if (type === backendType.DataRow || type === backendType.CopyData) {
        const min = this.min[type]!
        const max = this.max[type]!
        const first = at
        let count = 0
        let next = at + size
        // a header that is not legal ends the run; the outer loop refuses it, after the run was handed over
        do {
          at = next
          count++
          if (end - at < 5 || bytes[at] !== type) break
          const length = int32(bytes, at + 1)
          if (length < min || length > max) break
          next = at + 1 + length
        } while (next <= end)
        out.push({
          _tag: type === backendType.DataRow ? "Rows" : "CopyData",
          bytes,
          offset: first,
          end: at,
          count,
          streamOffset: first + shift
        })
      } else {
        this.reader.open(backendNames[type]!, bytes, at + 5, at + size, at + 5 + shift)
        const message = readBackend(type, this.reader, this.protocolVersion)
        if (this.phase !== "ready") this.advance(message)
        out.push(message)
        at += size
      }
    }
    this.reader.release()
    return at
  }

  private enter(phase: BackendPhase): void {
    const bounds = backendBounds(phase, this.maxMessageSize)
    this.phase = phase
    this.min = bounds.min
    this.max = bounds.max
  }

  /** What a message of start-up makes legal or illegal. */
  private advance(message: BackendMessage): void {
    switch (message._tag) {
      case "AuthenticationOk":
        return this.enter("starting")
      case "ReadyForQuery":
        return this.enter("ready")
      case "NegotiateProtocolVersion":
        // libpq allows it once, but PgBouncer up to 1.25.2 with auth_query says it twice; the second may go no higher
        // than the first
        this.protocolVersion = message.protocolVersion
        return
      case "BackendKeyData":
        // once only: a second key would make the first one cancel nothing (faults-and-attacks H-25)
        this.max[backendType.BackendKeyData] = 0
        return
      default:
        return
    }
  }

  private refuse(bytes: Uint8Array, at: number, streamOffset: number): never {
    const type = bytes[at]!
    const length = int32(bytes, at + 1)
    const name = backendNames[type]
    const least = this.min[type]!
    const most = this.max[type]!
    if (length >= 4 && most === 0) {
      const foreign = this.phase === "authenticating" && streamOffset === 0 ? otherProtocol(bytes, at) : ""
      throw new ProtocolViolation({
        during: "frame",
        offset: streamOffset,
        expected: legalNow[this.phase],
        received: `${name ?? "type"} ${showByte(type)}${foreign}`
      })
    }
    throw new ProtocolViolation({
      during: name ?? "frame",
      offset: streamOffset,
      expected: length < 4 ? "length 4 or more" : `length ${least} to ${most}`,
      received: `length ${length}`
    })
  }
}

/** The first bytes of servers that people mistake for PostgreSQL, for the error's text only. */
const otherProtocol = (bytes: Uint8Array, at: number): string => {
  const starts = (...head: ReadonlyArray<number>) => head.every((byte, i) => bytes[at + i] === byte)
  if (starts(0x48, 0x54, 0x54, 0x50)) return ", the beginning of an HTTP answer"
  if (starts(0x53, 0x53, 0x48, 0x2d)) return ", the beginning of an SSH greeting"
  if (starts(0x15, 0x03) || starts(0x16, 0x03)) return ", the beginning of a TLS record"
  // a length of three bytes, packet number 0, protocol 10
  if (bytes[at + 3] === 0 && bytes[at + 4] === 0x0a) return ", the beginning of a MySQL greeting"
  return ""
}

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
