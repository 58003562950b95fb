// Reads the fields of one message (⚡ runs per message), never a byte beyond it: every read is checked, and what fails
// is a ProtocolViolation that names the message, the absolute offset, what was expected and what was there. It
// decides nothing about a message's meaning. Bytes it hands out are copies: they outlive the chunk they came in.
import { ProtocolViolation } from "./ProtocolViolation.ts"
import { decodeUtf8, decodeUtf8Lenient } from "./Utf8.ts"

const nothing = new Uint8Array(0)

/** Strings that end within so many bytes are measured by hand, which spares a call: 9 to 13 ns for 8 bytes against 11 to 17 (Node 20). */
const nearby = 24

/** Text fields in violations are cut to this many characters: enough to recognise, too little to flood a log. */
const shown = 40

/** One message's body. Reused from message to message by `open`. */
export class ByteReader {
  private bytes: Uint8Array = nothing
  private at = 0
  private end = 0
  /** what to add to an index of `bytes` to get the offset in the stream */
  private shift = 0
  private message = "message"

  /**
   * Reads from now on `bytes[start, end)`, the body of `message`; `streamOffset` is the offset of `bytes[start]`
   * since the stream began.
   */
  open(message: string, bytes: Uint8Array, start: number, end: number, streamOffset: number): void {
    this.message = message
    this.bytes = bytes
    this.at = start
    this.end = end
    this.shift = streamOffset - start
  }

  /** Lets go of the bytes. */
  release(): void {
    this.bytes = nothing
    this.at = 0
    this.end = 0
  }

  /** Bytes of the message not read yet. */
  get remaining(): number {
    return this.end - this.at
  }

  /** Says what was expected in place of the `width` bytes just read. */
  fail(expected: string, received: string, width = 0): never {
    throw new ProtocolViolation({
      during: this.message,
      offset: this.at - width + this.shift,
      expected,
      received
    })
  }

  private need(length: number, field: string): void {
    if (this.end - this.at < length) {
      this.fail(`${field}, ${length} bytes`, `${this.end - this.at} bytes before the end of the message`)
    }
  }

  /** The message ends here; what follows is not padding but a sign that the two sides disagree. */
  finish(): void {
    if (this.at !== this.end) this.fail("the end of the message", `${this.end - this.at} more bytes`)
  }

  uint8(field: string): number {
    this.need(1, field)
    return this.bytes[this.at++]!
  }

  int16(field: string): number {
    return (this.uint16(field) << 16) >> 16
  }

  uint16(field: string): number {
    this.need(2, field)
    const value = (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
    this.at += 2
    return value
  }

  int32(field: string): number {
    this.need(4, field)
    const { at, bytes } = this
    this.at = at + 4
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  uint32(field: string): number {
    return this.int32(field) >>> 0
  }

  /**
   * A 16-bit count of things that take at least `size` bytes each: bounded by what is left of the message, so that no
   * array is made for things that cannot be there.
   */
  count(field: string, size: number): number {
    const count = this.uint16(field)
    if (count * size > this.end - this.at) {
      this.fail(`${field} that fits the message`, `${count} with ${this.end - this.at} bytes left`, 2)
    }
    return count
  }

  /** A format code: 0 text, 1 binary. */
  format(field: string): 0 | 1 {
    const code = this.uint16(field)
    if (code === 0 || code === 1) return code
    return this.fail(`${field}, 0 or 1`, `${code}`, 2)
  }

  /** `length` bytes, copied. */
  take(length: number, field: string): Uint8Array {
    this.need(length, field)
    // not `slice`: a Node Buffer's would be a view, and its result a Buffer
    const copy = new Uint8Array(length)
    copy.set(this.bytes.subarray(this.at, this.at + length))
    this.at += length
    return copy
  }

  /** Everything left, copied. */
  rest(): Uint8Array {
    return this.take(this.end - this.at, "data")
  }

  /** An int32 length and as many bytes, copied; −1 is `null`. */
  value(field: string): Uint8Array | null {
    const length = this.int32(`length of ${field}`)
    if (length === -1) return null
    if (length < 0 || length > this.end - this.at) {
      this.fail(`length of ${field}, −1 or 0 to ${this.end - this.at}`, `${length}`, 4)
    }
    return this.take(length, field)
  }

  /** The index of the next NUL, which ends a string. */
  private terminator(field: string): number {
    const { bytes, end } = this
    const near = Math.min(end, this.at + nearby)
    let at = this.at
    while (at < near && bytes[at] !== 0) at++
    if (at < near) return at
    const found = at < end ? bytes.indexOf(0, at) : -1
    // indexOf knows nothing of the message's end: what lies behind it belongs to others
    if (found < 0 || found >= end) this.fail(`${field}, ended by NUL`, "the end of the message")
    return found
  }

  /** A NUL-terminated string, strictly UTF-8: names, parameters, payloads. */
  cString(field: string): string {
    const end = this.terminator(field)
    const text = decodeUtf8(this.bytes, this.at, end)
    if (text === undefined) {
      return this.fail(`${field} in UTF-8`, JSON.stringify(decodeUtf8Lenient(this.bytes, this.at, end).slice(0, shown)))
    }
    this.at = end + 1
    return text
  }

  /**
   * A NUL-terminated string for people: what is not UTF-8 becomes U+FFFD. For reports (before start-up ends the
   * server writes them in its own encoding) and for names of columns.
   */
  lenientCString(field: string): string {
    const end = this.terminator(field)
    const text = decodeUtf8Lenient(this.bytes, this.at, end)
    this.at = end + 1
    return text
  }
}
