// ⚡ COPY data as it is: no rows, no options. What comes in is copied once, into messages of a bounded size; what goes out are the bytes that
// were read, without the headers between them.
import { type ByteWriter, type CopyData, frontendType } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { CopyPacker } from "./copyIn.ts"
import type { CopyReader } from "./copyOut.ts"

/** Bytes of one CopyData: one chunk of the writer, one system call. */
const messageBytes = 63 * 1024
/** Messages written before anybody looks whether the transport keeps up. */
const messagesPerWrite = 4

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
    let at = from
    let room = messageBytes
    writer.beginMessage(frontendType.CopyData, "CopyData")
    while (room > 0 && at < chunk.length) {
      const element = chunk[at]!
      const end = Math.min(element.length, this.offset + room)
      writer.bytes(this.offset === 0 && end === element.length ? element : element.subarray(this.offset, end))
      room -= end - this.offset
      if (end === element.length) {
        at++
        this.offset = 0
      } else this.offset = end
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
