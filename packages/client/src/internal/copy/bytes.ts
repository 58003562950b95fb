// ⚡ COPY data as it is: no rows, no options. What comes in goes into messages of a bounded size, small pieces copied once, large ones as they are:
// they stay their maker's, who writes into them no more. What goes out are the bytes that were read, without the headers between them.
import { type ByteWriter, type CopyData, frontendType } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { CopyPacker } from "./copyIn.ts"
import type { CopyReader } from "./copyOut.ts"

/** Copied bytes of one CopyData: one chunk of the writer, one system call. */
const copiedBytes = 63 * 1024
/** Bytes of one CopyData, but for its last element. */
const messageBytes = 256 * 1024
/** Messages written before anybody looks whether the transport keeps up. */
const messagesPerWrite = 4
/**
 * From here on an element is sent as it is: the memory of a copy lies outside of the heap, where V8 collects it by full collections. In elements
 * of 50 kB a MB took 1,300 µs of CPU time copied and 340 as it is, and the process grew by 44 and 2 MiB (Node 20); a system call more costs as much
 * as the copy of 16 KiB.
 */
const referenceFrom = 16 * 1024

class BytesPacker implements CopyPacker<Uint8Array> {
  /** of the element that is being written */
  private offset = 0

  readonly begin = () => Effect.void
  readonly end = (): void => undefined

  readonly pack = (
    chunk: ReadonlyArray<Uint8Array>,
    from: number,
    write: (encode: (writer: ByteWriter) => void) => void
  ): number => {
    let at = from
    write((writer) => {
      for (let i = 0; i < messagesPerWrite && at < chunk.length; i++) at = this.writeMessage(chunk, at, writer)
    })
    return at
  }

  private writeMessage(chunk: ReadonlyArray<Uint8Array>, from: number, writer: ByteWriter): number {
    const before = writer.size
    let at = from
    let room = copiedBytes
    writer.beginMessage(frontendType.CopyData, "CopyData")
    while (room > 0 && at < chunk.length && writer.size - before < messageBytes) {
      const element = chunk[at]!
      const rest = element.length - this.offset
      const isReferenced = rest >= referenceFrom
      const end = this.offset + Math.min(rest, isReferenced ? messageBytes : room)
      const part = this.offset === 0 && end === element.length ? element : element.subarray(this.offset, end)
      if (isReferenced) writer.reference(part)
      else {
        writer.bytes(part)
        room -= part.length
      }
      this.offset = end
      if (end < element.length) continue
      at++
      this.offset = 0
    }
    writer.endMessage()
    return at
  }
}

export const bytesPacker = (): CopyPacker<Uint8Array> => new BytesPacker()

/** The payloads of a run behind one another, in the run's own bytes. */
export const payloadOf = ({ bytes, end, offset }: CopyData): Uint8Array => {
  let to = offset
  for (let at = offset; at < end;) {
    // a whole frame, as the decoder has found
    const stop = at + 1 + ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!)
    if (at === offset && stop === end) return plain(bytes, at + 5, stop)
    bytes.copyWithin(to, at + 5, stop)
    to += stop - at - 5
    at = stop
  }
  return plain(bytes, offset, to)
}

/** Not whatever subclass a platform reads into. */
const plain = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)

class BytesReader implements CopyReader<Uint8Array> {
  private pieces: Array<Uint8Array> = []

  readonly begin = () => undefined
  readonly end = (): void => undefined
  readonly data = (run: CopyData): void => {
    const payload = payloadOf(run)
    if (payload.length > 0) this.pieces.push(payload)
  }
  readonly take = () => {
    const { pieces } = this
    this.pieces = []
    return Effect.succeed(pieces)
  }
}

export const bytesReader = (): CopyReader<Uint8Array> => new BytesReader()
