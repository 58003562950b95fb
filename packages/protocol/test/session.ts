// Bytes for tests: frames made by hand, sessions brought to a phase, and streams cut into pieces. Runs are compared
// frame by frame, because where a run ends depends on where the bytes were cut.
import * as fc from "fast-check"
import {
  type BackendDecoderOptions,
  type BackendMessage,
  encodeBackend,
  type FrontendMessage,
  joinChunks,
  makeBackendDecoder,
  type MessageDecoder,
  ProtocolViolation
} from "../src/index.ts"

/** A frame with the right length. */
export const frame = (type: string, ...body: ReadonlyArray<string | number | Uint8Array>): Uint8Array => {
  const bytes = body.flatMap((part) =>
    typeof part === "number" ? [part] : [...(typeof part === "string" ? new TextEncoder().encode(part) : part)]
  )
  return withLength(type, bytes.length + 4, bytes)
}

/** A frame whose length field says what it is told. */
export const withLength = (type: string, length: number, body: Iterable<number> = []): Uint8Array =>
  Uint8Array.of(type.charCodeAt(0), ...int32(length), ...body)

/** Big-endian. */
export const int32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

/** Big-endian. */
export const int16 = (value: number): Uint8Array => int32(value).slice(2)

const authenticated = encodeBackend({ _tag: "AuthenticationOk" })
const ready = encodeBackend({ _tag: "ReadyForQuery", status: "I" })

export type Phase = "authenticating" | "starting" | "ready"
export const phases: ReadonlyArray<Phase> = ["authenticating", "starting", "ready"]

/** What brings a fresh backend decoder into `phase`. */
export const prelude = (phase: Phase): Uint8Array => {
  if (phase === "authenticating") return new Uint8Array(0)
  return phase === "starting" ? authenticated : joinChunks([authenticated, ready])
}

/** A backend decoder in `phase`. */
export const backendIn = (phase: Phase, options?: BackendDecoderOptions) => {
  const decoder = makeBackendDecoder(options)
  decoder.push(prelude(phase))
  return decoder
}

/** What `f` threw, which must be a ProtocolViolation. */
export const violationOf = (f: () => unknown): ProtocolViolation => {
  try {
    f()
  } catch (error) {
    if (error instanceof ProtocolViolation) return error
    throw error
  }
  throw new Error("no violation")
}

/** A message, with runs taken apart into frames. */
export const flatten = (messages: ReadonlyArray<BackendMessage | FrontendMessage>): ReadonlyArray<unknown> =>
  messages.flatMap((message) => {
    if (message._tag !== "Rows" && message._tag !== "CopyData") return [message]
    const frames: Array<unknown> = []
    const view = new DataView(message.bytes.buffer, message.bytes.byteOffset)
    let at = message.offset
    while (at < message.end) {
      const end = at + 1 + view.getInt32(at + 1)
      frames.push({ _tag: message._tag, frame: message.bytes.slice(at, end) })
      at = end
    }
    if (frames.length !== message.count) throw new Error(`${message.count} frames announced, ${frames.length} found`)
    return frames
  })

/** `bytes` cut at `cuts`, in order; empty pieces included. Each piece is an array of its own. */
export const cutAt = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.slice(at[i], end))
}

export const cuts = fc.array(fc.nat(), { maxLength: 12 })

/** Everything a decoder makes of the pieces; a violation is the last element. */
export const decodeAll = <M extends BackendMessage | FrontendMessage>(
  decoder: MessageDecoder<M>,
  pieces: ReadonlyArray<Uint8Array>
): ReadonlyArray<unknown> => {
  const out: Array<unknown> = []
  try {
    for (const piece of pieces) out.push(...flatten(decoder.push(piece)))
    decoder.finish()
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error
    out.push(error.message)
  }
  return out
}

/** One byte at a time. */
export const bytewise = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(bytes, (byte) => Uint8Array.of(byte))
