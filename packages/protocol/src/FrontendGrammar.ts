// What a client sends: start-up packets without type byte, then typed frames. For test servers, proxies and captured
// sessions; caps are those of PostgreSQL's own server. Runs of CopyData point into the bytes that came; everything
// else is copied out.
import { ByteReader } from "./ByteReader.ts"
import { readFrontend } from "./decode.ts"
import {
  checkMaxMessageSize,
  frontendBounds,
  frontendNames,
  type FrontendPhase,
  frontendType,
  type LengthBounds,
  lengthLimit,
  showByte
} from "./Frame.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import type { Grammar } from "./Grammar.ts"
import type { ExpectedAuthentication } from "./messages/Authentication.ts"
import { readStartUpPacket } from "./messages/StartUp.ts"
import { ProtocolViolation } from "./ProtocolViolation.ts"

/** Settings of a frontend decoder. */
export interface FrontendDecoderOptions {
  /** cap on statements, parameters and COPY data, in bytes; 64 MiB if absent */
  readonly maxMessageSize?: number | undefined
}

const noBounds: LengthBounds = { min: new Float64Array(256), max: new Float64Array(256) }

export class FrontendGrammar implements Grammar<FrontendMessage> {
  /** What the next `p` frame answers; forgotten once it came. */
  expected: ExpectedAuthentication | undefined = undefined
  private readonly maxMessageSize: number
  private readonly reader = new ByteReader()
  private phase: FrontendPhase = "startUp"
  private bounds: LengthBounds = noBounds

  constructor(options: FrontendDecoderOptions) {
    this.maxMessageSize = checkMaxMessageSize(options.maxMessageSize ?? lengthLimit.maxMessageSize)
  }

  get headerSize(): number {
    if (this.phase === "startUp") return 4
    return this.phase === "closed" ? 1 : 5
  }

  judge(bytes: Uint8Array, at: number, streamOffset: number): number {
    if (this.phase === "startUp") return this.judgeStartUp(int32(bytes, at), streamOffset)
    const type = bytes[at]!
    if (this.phase === "closed") {
      throw new ProtocolViolation({
        during: "frame",
        offset: streamOffset,
        expected: "nothing more after Terminate or CancelRequest",
        received: showByte(type)
      })
    }
    const length = int32(bytes, at + 1)
    if (length < this.bounds.min[type]! || length > this.bounds.max[type]!) this.refuse(type, length, streamOffset)
    return length + 1
  }

  scan(bytes: Uint8Array, start: number, end: number, streamOffset: number, out: Array<FrontendMessage>): number {
    const shift = streamOffset - start
    let at = start
    while (end - at >= this.headerSize) {
      const size = this.judge(bytes, at, at + shift)
      if (size > end - at) break
      const type = bytes[at]!
      if (this.phase === "startUp") {
        this.reader.open("start-up packet", bytes, at + 4, at + size, at + 4 + shift)
        const packet = readStartUpPacket(this.reader)
        if (packet._tag === "StartupMessage") this.enter("authenticating")
        else if (packet._tag === "CancelRequest") this.enter("closed")
        out.push(packet)
        at += size
      } else if (type === frontendType.CopyData) {
        this.leaveAuthentication()
        at = this.scanCopyData(bytes, at, end, shift, out)
      } else {
        this.reader.open(frontendNames[type]!, bytes, at + 5, at + size, at + 5 + shift)
        const message = readFrontend(type, this.reader, this.expected)
        if (type === frontendType.AuthenticationResponse) this.expected = undefined
        else this.leaveAuthentication()
        if (type === frontendType.Terminate) this.enter("closed")
        out.push(message)
        at += size
      }
    }
    this.reader.release()
    return at
  }

  /** The run that begins with the frame at `start`, which is whole. */
  private scanCopyData(
    bytes: Uint8Array,
    start: number,
    end: number,
    shift: number,
    out: Array<FrontendMessage>
  ): number {
    const type = frontendType.CopyData
    const max = this.bounds.max[type]!
    let at = start
    let count = 0
    let next = start + 1 + int32(bytes, start + 1)
    // a header that is not legal ends the run; the outer loop refuses it, after the run was handed over
    do {
      at = next
      count++
      if (end - at < 5 || bytes[at] !== type) break
      const length = int32(bytes, at + 1)
      if (length < 4 || length > max) break
      next = at + 1 + length
    } while (next <= end)
    out.push({ _tag: "CopyData", bytes, offset: start, end: at, count, streamOffset: start + shift })
    return at
  }

  private leaveAuthentication(): void {
    if (this.phase === "authenticating") this.enter("ready")
  }

  private enter(phase: FrontendPhase): void {
    this.phase = phase
    if (phase === "authenticating" || phase === "ready") this.bounds = frontendBounds(phase, this.maxMessageSize)
  }

  private judgeStartUp(length: number, streamOffset: number): number {
    if (length >= 8 && length <= lengthLimit.startUp) return length
    throw new ProtocolViolation({
      during: "start-up packet",
      offset: streamOffset,
      expected: `length 8 to ${lengthLimit.startUp}`,
      received: `length ${length}`
    })
  }

  private refuse(type: number, length: number, streamOffset: number): never {
    const name = frontendNames[type]
    const least = this.bounds.min[type]!
    const most = this.bounds.max[type]!
    if (length >= 4 && most === 0) {
      throw new ProtocolViolation({
        during: "frame",
        offset: streamOffset,
        expected: this.phase === "ready" ? "a message that is legal after authentication" : "a message of a client",
        received: `${name ?? "type"} ${showByte(type)}`
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

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
