// Text on the wire: UTF-8 to string and the checks that a string must pass before it may become a value. Encoding itself is
// protocol's (ByteWriter); this file only knows what makes text a *value*: no U+0000, no lone surrogate, nothing replaced.
import { decodeUtf8, isWellFormed } from "@pgfx/protocol/Utf8"
import { malformed, refused, unrepresentable } from "./ValueError.ts"

/** V8's longest string; PostgreSQL's values may be twice as long. Source: v8 `include/v8-primitive.h`, String::kMaxLength. */
const longestString = 0x1fffffe8

/** What Node's Buffer, which its sockets deliver, has beyond Uint8Array: a decoder that replaces what is not UTF-8. */
interface MaybeBuffer {
  readonly utf8Slice?: (start: number, end: number) => string
}

/** Up to here `decodeUtf8` goes byte by byte, which is fastest. */
const shortText = 24

/** `bytes[offset, offset + length)` as text. Throws ValueError for bytes that are not UTF-8 (an SQL_ASCII database): never U+FFFD. */
export const readText = (type: string, bytes: Uint8Array, offset: number, length: number): string => {
  if (length > shortText && length <= longestString) {
    // 0.065 µs where TextDecoder takes 0.11 (40 bytes, Node 20). Text with a U+FFFD in it, genuine or not, is decoded again, strictly.
    const buffer: Uint8Array & MaybeBuffer = bytes
    if (buffer.utf8Slice !== undefined) {
      const text = buffer.utf8Slice(offset, offset + length)
      if (!text.includes("\ufffd")) return text
    }
  }
  const text = decodeUtf8(bytes, offset, offset + length)
  if (text !== undefined) return text
  if (length > longestString)
    throw unrepresentable(type, "text", "longer than a JavaScript string can be", "read it as bytes")
  throw malformed(type, "UTF-8")
}

/**
 * A string that may become a value. Refused: U+0000, which PostgreSQL's text cannot hold (22021), and lone surrogates, which have no UTF-8
 * form and which encoders replace by U+FFFD in silence.
 */
export const checkText = (type: string, text: string): string => {
  if (text.includes("\0")) throw refused(type, text, "contains U+0000, which PostgreSQL's text cannot hold")
  if (!isWellFormed(text))
    throw refused(type, text, "contains a surrogate without its partner, which has no UTF-8 form")
  return text
}
