// ⚡ COPY's data to typed rows. Every format is brought into the shape of DataRow frames, in which a row's columns stand with their lengths, and
// read by the reader that queries have. Binary data needs next to nothing for it: a CopyData with one tuple is such a frame but for its first
// byte ("Messages sent from the backend will always correspond to single data rows", "COPY Operations").
import { type CopyData, type CopyResponse, ProtocolViolation } from "@pgfx/protocol"
import type * as Effect from "effect/Effect"
import type { RowProblem, RowReader } from "../rows/RowReader.ts"
import { payloadOf } from "./bytes.ts"
import type { CopyReader } from "./copyOut.ts"
import { binaryHeader } from "./layouts.ts"
import { countMismatch } from "./rowEncoder.ts"

/** What becomes rows; a violation is thrown, the connection is lost with it. */
export interface RowSource {
  readonly data: (run: CopyData) => void
  readonly end: () => void
}

const violation = (expected: string, received: string): ProtocolViolation =>
  new ProtocolViolation({ during: "COPY TO STDOUT", offset: -1, expected, received })

const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

const signature = binaryHeader.subarray(0, 11)
/** a frame whose tuple has -1 columns: the trailer */
const isTrailer = (bytes: Uint8Array, at: number, end: number): boolean =>
  end - at === 7 && bytes[at + 5] === 0xff && bytes[at + 6] === 0xff

export class BinaryRows implements RowSource {
  private headed = false
  private ended = false

  private readonly rows: (run: CopyData) => void
  constructor(rows: (run: CopyData) => void) {
    this.rows = rows
  }

  readonly data = (run: CopyData): void => {
    let { count, end, offset } = run
    const { bytes } = run
    if (!this.headed) {
      offset = this.header(run)
      this.headed = true
    }
    if (this.ended) throw violation("nothing behind the trailer of binary data", "more")
    if (end - offset >= 7 && isTrailer(bytes, end - 7, end) && this.lastFrame(run, offset) === end - 7) {
      this.ended = true
      end -= 7
      count--
    }
    if (count > 0) this.rows({ ...run, offset, end, count })
  }

  readonly end = (): void => {
    if (!this.ended) throw violation("the trailer of binary data", "CopyDone")
  }

  /** Its bytes may be the end of a value. */
  private lastFrame({ bytes, end }: CopyData, offset: number): number {
    let at = offset
    for (let next = at; next < end; next = at + 1 + int32(bytes, at + 1)) at = next
    return at
  }

  /** Makes of the first frame, which has the header in front of its tuple, one without; answers where that begins. */
  private header({ bytes, end, offset }: CopyData): number {
    const stop = Math.min(end, offset + 1 + int32(bytes, offset + 1))
    const at = offset + 5
    if (stop - at < binaryHeader.length || signature.some((byte, i) => bytes[at + i] !== byte))
      throw violation("the signature of binary data", "other bytes")
    const flags = int32(bytes, at + 11)
    if (flags >>> 16 !== 0 || flags < 0) throw violation("binary data without critical flags", `flags ${flags}`)
    const extension = int32(bytes, at + 15)
    const tuple = at + binaryHeader.length + extension
    if (extension < 0 || tuple + 2 > stop) throw violation("a tuple behind the header of binary data", "its end")
    const frame = tuple - 5
    const length = stop - frame - 1
    bytes[frame] = 0x64
    for (let i = 0; i < 4; i++) bytes[frame + 1 + i] = length >> (24 - 8 * i)
    return frame
  }
}

/** Frames of rows under construction. */
export class FrameBuilder {
  count = 0
  private bytes = new Uint8Array(64 * 1024)
  private at = 0
  private frame = 0
  private fields = 0

  beginRow(): void {
    this.room(7)
    this.frame = this.at
    this.at += 7
    this.fields = 0
  }

  /** `length` −1: NULL */
  field(from: Uint8Array, start: number, length: number): void {
    this.room(4 + Math.max(0, length))
    this.length(length)
    this.fields++
    if (length <= 0) return
    this.bytes.set(from.subarray(start, start + length), this.at)
    this.at += length
  }

  endRow(): void {
    const end = this.at
    const { bytes, frame } = this
    bytes[frame] = 0x44
    this.at = frame + 1
    this.length(end - frame - 1)
    bytes[this.at++] = this.fields >> 8
    bytes[this.at++] = this.fields
    this.at = end
    this.count++
  }

  /** What was built since the last time; belongs to the caller until the next row is begun. */
  take(): CopyData {
    const run: CopyData = { _tag: "CopyData", bytes: this.bytes, offset: 0, end: this.at, count: this.count }
    this.at = 0
    this.count = 0
    return run
  }

  private length(length: number): void {
    const { bytes } = this
    bytes[this.at++] = length >> 24
    bytes[this.at++] = length >> 16
    bytes[this.at++] = length >> 8
    bytes[this.at++] = length
  }

  private room(length: number): void {
    if (this.bytes.length - this.at >= length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + length))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
  }
}

/** Splits lines into rows; answers the offset of the first byte that belongs to a line which is not whole. */
export interface LineParser {
  readonly parse: (bytes: Uint8Array, into: FrameBuilder) => number
}

export class LineRows implements RowSource {
  private readonly builder = new FrameBuilder()
  private rest = new Uint8Array(0)

  private readonly parser: LineParser
  private readonly rows: (run: CopyData) => void
  constructor(parser: LineParser, rows: (run: CopyData) => void) {
    this.parser = parser
    this.rows = rows
  }

  readonly data = (run: CopyData): void => {
    const payload = payloadOf(run)
    let bytes = payload
    if (this.rest.length > 0) {
      bytes = new Uint8Array(this.rest.length + payload.length)
      bytes.set(this.rest)
      bytes.set(payload, this.rest.length)
    }
    const done = this.parser.parse(bytes, this.builder)
    this.rest = bytes.slice(done)
    if (this.builder.count > 0) this.rows(this.builder.take())
  }

  readonly end = (): void => {
    if (this.rest.length > 0) throw violation("a whole line", "the end of the data inside of one")
  }
}

/** A reader of queries behind a source of rows. */
export class TypedReader<A, R> implements CopyReader<A> {
  readonly data: (run: CopyData) => void
  readonly end: () => void
  private readonly columns: number
  private readonly reader: RowReader<A, R>
  constructor(columns: number, reader: RowReader<A, R>, source: RowSource) {
    this.columns = columns
    this.reader = reader
    this.data = source.data
    this.end = source.end
  }

  readonly begin = ({ columnFormats }: CopyResponse): RowProblem | undefined =>
    columnFormats.length === this.columns
      ? this.reader.problem
      : { _tag: "StatementMismatch", findings: [countMismatch(this.columns, columnFormats.length)] }

  readonly take = (): Effect.Effect<ReadonlyArray<A>, RowProblem, unknown> => this.reader.take()
}
