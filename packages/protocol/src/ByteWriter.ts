// Where every message of this package becomes bytes (⚡ runs per parameter). Chunks are filled one after another and
// never copied again; a value that does not fit opens a chunk of its own size. `endMessage` is the one exit at which
// a length is checked and written: there is no other way to finish a message. An EncodeError takes the open message
// back, so that no byte of it is left. The writer owns its chunks until `take` hands them over; it never writes into
// bytes it has handed over.
import { EncodeError } from "./EncodeError.ts"
import { encodeUtf8Into, isWellFormed } from "./Utf8.ts"

/**
 * The largest length field the server takes: PQ_LARGE_MESSAGE_LIMIT, `MaxAllocSize - 1`. The length counts itself.
 * Source: PostgreSQL `include/libpq/libpq.h`, `include/utils/memutils.h`, `libpq/pqcomm.c` pq_getmessage.
 */
export const maxMessageLength = 0x3fffffff - 1

/** Counts travel as 16 bits; the server reads those of parameters unsigned. Source: "Message Formats", `Bind`. */
export const maxCount = 0xffff

/**
 * One system call's worth (design: engine.md §14). What `take` leaves of a chunk is used on, so a small flush
 * allocates nothing.
 */
const defaultChunkSize = 64 * 1024

/**
 * Up to here a loop over the characters costs less than the checks and a call into TextEncoder: 18 ns for 8, 44 for
 * 24, 52 for 32 against 66 to 72 (Node 20). They cross at about 42.
 */
const shortText = 40

/** A place between two messages in the stream of written bytes. Valid until the bytes before it are taken. */
export type Mark = number

const nothing = new Uint8Array(0)

/** Collects messages as bytes. Methods that take a value also take the name of its field, for errors. */
export class ByteWriter {
  private readonly chunkSize: number
  private readonly chunks: Array<Uint8Array> = []
  private chunk: Uint8Array = nothing
  private view: DataView = new DataView(nothing.buffer)
  /** first byte of `chunk` that was not handed over */
  private from = 0
  /** next byte of `chunk` to write */
  private at = 0
  /** position of `chunk[0]` in the stream of all bytes ever written; a position is `base + at` */
  private base = 0
  /** position up to which bytes were handed over */
  private taken = 0

  private message = ""
  private limit = maxMessageLength
  /** position of the open message's first byte, −1 if none is open */
  private messageStart = -1
  /** position of its length field, and where that field lies */
  private lengthStart = 0
  private lengthChunk: Uint8Array = nothing
  private lengthAt = 0

  // open length-prefixed values, the innermost last. The arrays are reused, `depth` says how much of them is alive.
  private readonly valueChunk: Array<Uint8Array> = []
  private readonly valueAt: Array<number> = []
  private readonly valueStart: Array<number> = []
  private depth = 0
  private values = 0
  private valuesExpected = 0

  /** `chunkSize` in bytes; 64 KiB if absent. */
  constructor(options: { readonly chunkSize?: number } = {}) {
    this.chunkSize = options.chunkSize ?? defaultChunkSize
  }

  /** Bytes written and not yet taken. */
  get size(): number {
    return this.base + this.at - this.taken
  }

  // ---- messages

  /**
   * Opens a message: its type byte (0: none, as in start-up packets) and room for its length. `name` stands in
   * errors; `limit` is the largest value the length field may have.
   */
  beginMessage(type: number, name: string, limit: number = maxMessageLength): void {
    if (this.messageStart >= 0) throw new Error(`${name} begun inside ${this.message}: a bug of the encoder`)
    this.ensure(5)
    this.message = name
    this.limit = limit
    this.messageStart = this.base + this.at
    if (type !== 0) this.chunk[this.at++] = type
    this.lengthStart = this.base + this.at
    this.lengthChunk = this.chunk
    this.lengthAt = this.at
    this.at += 4
    this.depth = 0
    this.values = 0
    this.valuesExpected = 0
  }

  /** Closes the message: checks its length and writes it down. */
  endMessage(): void {
    if (this.messageStart < 0) throw new Error("endMessage without beginMessage: a bug of the encoder")
    if (this.depth !== 0) throw new Error(`${this.message} ended inside a value: a bug of the encoder`)
    const length = this.base + this.at - this.lengthStart
    if (length > this.limit) this.tooLong(length)
    patch(this.lengthChunk, this.lengthAt, length)
    this.messageStart = -1
    this.lengthChunk = nothing
  }

  /**
   * Throws EncodeError if a message with `length` more bytes would be above the limit. To be asked before large
   * things are allocated.
   */
  reserve(length: number): void {
    if (this.messageStart < 0) return
    const total = this.base + this.at - this.lengthStart + length
    if (total > this.limit) this.tooLong(total)
  }

  /** Throws EncodeError in the name of the open message, which is taken back. */
  fail(field: string, issue: string): never {
    const during = this.messageStart < 0 ? "message" : this.message
    if (this.messageStart >= 0) this.rewind(this.messageStart)
    throw new EncodeError({ during, field, issue })
  }

  private tooLong(length: number): never {
    return this.fail("length", `${length} bytes, the limit is ${this.limit}`)
  }

  // ---- numbers

  int8(value: number, field = "value"): void {
    if ((value << 24) >> 24 !== value) this.fail(field, `${value} is not an int8`)
    this.ensure(1)
    this.chunk[this.at++] = value
  }

  uint8(value: number, field = "value"): void {
    if ((value & 0xff) !== value) this.fail(field, `${value} is not a byte`)
    this.ensure(1)
    this.chunk[this.at++] = value
  }

  int16(value: number, field = "value"): void {
    if ((value << 16) >> 16 !== value) this.fail(field, `${value} is not an int16`)
    this.ensure(2)
    this.chunk[this.at++] = value >> 8
    this.chunk[this.at++] = value
  }

  uint16(value: number, field = "value"): void {
    if ((value & 0xffff) !== value) this.fail(field, `${value} is not a uint16`)
    this.ensure(2)
    this.chunk[this.at++] = value >> 8
    this.chunk[this.at++] = value
  }

  int32(value: number, field = "value"): void {
    if ((value | 0) !== value) this.fail(field, `${value} is not an int32`)
    this.ensure(4)
    patch(this.chunk, this.at, value)
    this.at += 4
  }

  uint32(value: number, field = "value"): void {
    if (value >>> 0 !== value) this.fail(field, `${value} is not a uint32`)
    this.ensure(4)
    patch(this.chunk, this.at, value)
    this.at += 4
  }

  int64(value: bigint, field = "value"): void {
    if (BigInt.asIntN(64, value) !== value) this.fail(field, `${value} is not an int64`)
    this.ensure(8)
    this.view.setBigInt64(this.at, value)
    this.at += 8
  }

  float32(value: number): void {
    this.ensure(4)
    this.view.setFloat32(this.at, value)
    this.at += 4
  }

  float64(value: number): void {
    this.ensure(8)
    this.view.setFloat64(this.at, value)
    this.at += 8
  }

  /** A count of `what` as 16 bits, 65,535 at most. */
  count(value: number, what: string): void {
    if (value > maxCount) this.fail(what, `${value} of them, the limit is ${maxCount}`)
    this.uint16(value, what)
  }

  // ---- bytes and text

  /** Copies `value` once. */
  bytes(value: Uint8Array): void {
    this.ensure(value.length)
    this.chunk.set(value, this.at)
    this.at += value.length
  }

  /**
   * Hands over `value` itself, without a copy: whoever made it does not write into it any more. For large values: it is a chunk of its own
   * among those that `take` answers, and what follows it goes on in the chunk before.
   */
  reference(value: Uint8Array): void {
    this.reserve(value.length)
    this.close()
    this.from = this.at
    this.chunks.push(value)
    this.base += value.length
  }

  /**
   * Text as UTF-8, without length or terminator. PostgreSQL's text holds neither NUL nor lone surrogates:
   * EncodeError. `index`, if any, stands behind `field` there.
   */
  utf8(value: string, field = "text", index = -1): void {
    const length = value.length
    if (length > shortText) return this.longUtf8(value, field, index)
    this.ensure(length)
    const chunk = this.chunk
    let at = this.at
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      // NUL and everything beyond ASCII go the careful way, from the beginning: `this.at` has not moved
      if (unit === 0 || unit > 0x7f) return this.longUtf8(value, field, index)
      chunk[at++] = unit
    }
    this.at = at
  }

  private longUtf8(value: string, field: string, index: number): void {
    const name = index < 0 ? field : `${field} ${index}`
    if (value.includes("\0")) this.fail(name, "holds a NUL character, which PostgreSQL's text cannot")
    if (!isWellFormed(value)) this.fail(name, "holds a lone surrogate, which has no UTF-8 form")
    let rest = value
    for (;;) {
      // encodeInto stops before a character that does not fit whole, at most 3 bytes before the end
      const { read, written } = encodeUtf8Into(rest, this.chunk.subarray(this.at))
      this.at += written
      if (read === rest.length) return
      rest = rest.slice(read)
      // at least one byte per UTF-16 unit of a character that took at most 3: a lower bound, so that no legal message
      // is refused
      this.reserve(rest.length)
      this.allocate(Math.max(rest.length, 4))
    }
  }

  /** Text as UTF-8 and a NUL. */
  cString(value: string, field = "text"): void {
    this.utf8(value, field)
    this.ensure(1)
    this.chunk[this.at++] = 0
  }

  // ---- length-prefixed values

  /**
   * Announces `count` values as 16 bits. Each is then written by `value`, `nullValue` or `beginValue … endValue`, and
   * `endValues` checks that there were as many.
   */
  beginValues(count: number, what: string): void {
    this.count(count, what)
    this.values = 0
    this.valuesExpected = count
  }

  endValues(): void {
    if (this.values === this.valuesExpected) return
    throw new Error(
      `${this.message}: ${this.valuesExpected} values announced, ${this.values} written: a bug of the encoder`
    )
  }

  /** A NULL: length −1 and no bytes. Inside a value it is an element's NULL. */
  nullValue(): void {
    this.ensure(4)
    patch(this.chunk, this.at, -1)
    this.at += 4
    if (this.depth === 0) this.values++
  }

  /**
   * Opens a value: what is written until `endValue` is preceded by its length. Values nest, as elements of arrays do.
   */
  beginValue(): void {
    this.ensure(4)
    const depth = this.depth++
    this.valueChunk[depth] = this.chunk
    this.valueAt[depth] = this.at
    this.at += 4
    this.valueStart[depth] = this.base + this.at
  }

  endValue(): void {
    if (this.depth === 0) throw new Error("endValue without beginValue: a bug of the encoder")
    const depth = --this.depth
    const length = this.base + this.at - this.valueStart[depth]!
    if (length > this.limit) this.tooLong(length)
    patch(this.valueChunk[depth]!, this.valueAt[depth]!, length)
    this.valueChunk[depth] = nothing
    if (depth === 0) this.values++
  }

  /**
   * A whole value: bytes as they are, text as UTF-8, `null` as NULL. `index`, if any, stands behind `field` in
   * errors.
   */
  value(value: Uint8Array | string | null, field = "value", index = -1): void {
    if (value === null) return this.nullValue()
    if (typeof value === "string") {
      this.beginValue()
      this.utf8(value, field, index)
      return this.endValue()
    }
    this.reserve(value.length + 4)
    this.ensure(4)
    patch(this.chunk, this.at, value.length)
    this.at += 4
    this.bytes(value)
    if (this.depth === 0) this.values++
  }

  // ---- what was written

  /** Where the next message will begin. Only between messages. */
  mark(): Mark {
    if (this.messageStart >= 0) throw new Error(`mark inside ${this.message}: a bug of the encoder`)
    return this.base + this.at
  }

  /** Forgets everything written since `mark`, an unfinished message included. */
  rewind(mark: Mark): void {
    if (mark < this.taken || mark > this.base + this.at)
      throw new Error("rewind to bytes that are gone: a bug of the encoder")
    this.messageStart = -1
    this.lengthChunk = nothing
    this.depth = 0
    let end = this.base + this.from
    if (mark >= end) {
      this.at = mark - this.base
      return
    }
    while (mark < end) {
      const last = this.chunks.pop()!
      end -= last.length
      if (end < mark) this.chunks.push(last.subarray(0, mark - end))
    }
    // the current chunk goes on from the mark; one that was sized for a large value is not worth keeping
    if (this.chunk.length > this.chunkSize) this.open(nothing)
    this.at = this.from
    this.base = mark - this.at
  }

  /**
   * Hands over everything written, in order, and starts anew. The arrays are the receiver's to read; several may be
   * views of one ArrayBuffer, so it must not be transferred or detached.
   */
  take(): ReadonlyArray<Uint8Array> {
    if (this.messageStart >= 0) throw new Error(`take inside ${this.message}: a bug of the encoder`)
    this.close()
    this.from = this.at
    this.taken = this.base + this.at
    return this.chunks.splice(0)
  }

  /** Puts the written part of the current chunk among the finished ones. */
  private close(): void {
    if (this.at > this.from) this.chunks.push(this.chunk.subarray(this.from, this.at))
  }

  private open(chunk: Uint8Array): void {
    this.chunk = chunk
    this.view = new DataView(chunk.buffer)
    this.from = 0
    this.at = 0
  }

  private ensure(length: number): void {
    if (this.chunk.length - this.at < length) this.grow(length)
  }

  private grow(length: number): void {
    // before the allocation: a size nobody checked must not become one
    this.reserve(length)
    this.allocate(length)
  }

  private allocate(length: number): void {
    const base = this.base + this.at
    this.close()
    this.open(new Uint8Array(Math.max(this.chunkSize, length)))
    this.base = base
  }
}

/**
 * Big-endian 32 bits; −1 becomes all ones. By hand: one DataView per chunk is not enough, a length may lie in an
 * earlier chunk.
 */
const patch = (chunk: Uint8Array, at: number, value: number): void => {
  chunk[at] = value >> 24
  chunk[at + 1] = value >> 16
  chunk[at + 2] = value >> 8
  chunk[at + 3] = value
}

/** The bytes of `chunks` as one array; a single chunk is returned as it is. */
export const joinChunks = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (chunks.length === 1) return chunks[0]!
  let length = 0
  for (const chunk of chunks) length += chunk.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}
