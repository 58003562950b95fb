// ⚡ The lines that a server sends in COPY's text and CSV formats, split into the bytes of their fields. Rules: CopyReadAttributesText and
// CopyReadAttributesCSV of copyfromparse.c, the counterpart of what copyto.c writes; lines end with a line feed in the protocol. Bytes are
// UTF-8, so a byte below 128 is that character wherever it stands.
import type { FrameBuilder, LineParser } from "./rowReaders.ts"
import type { CopyDialect } from "./statement.ts"

const lineFeed = 0x0a
const backslash = 0x5c

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const byteOf = (text: string): number => bytesOf(text)[0] ?? 0

const equals = (bytes: Uint8Array, from: number, to: number, other: Uint8Array): boolean => {
  if (to - from !== other.length) return false
  for (let i = 0; i < other.length; i++) if (bytes[from + i] !== other[i]) return false
  return true
}

const isOctal = (byte: number): boolean => byte >= 0x30 && byte <= 0x37

const hexDigit = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

const letters = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b]
])

/** Takes the escapes out of `bytes[from, to)`, in place; answers the length of what is left. */
export const unescapeText = (bytes: Uint8Array, from: number, to: number): number => {
  let out = from
  for (let at = from; at < to;) {
    let byte = bytes[at++]!
    if (byte === backslash && at < to) {
      byte = bytes[at++]!
      if (isOctal(byte)) {
        byte -= 0x30
        for (let digits = 1; digits < 3 && at < to && isOctal(bytes[at]!); digits++)
          byte = byte * 8 + bytes[at++]! - 0x30
      } else if (byte === 0x78 && at < to && hexDigit(bytes[at]!) >= 0) {
        byte = hexDigit(bytes[at++]!)
        if (at < to && hexDigit(bytes[at]!) >= 0) byte = byte * 16 + hexDigit(bytes[at++]!)
      } else byte = letters.get(byte) ?? byte
    }
    bytes[out++] = byte
  }
  return out - from
}

/** `columns` 0: a line is a row without fields. */
export const textParser = (dialect: CopyDialect, columns: number): LineParser => {
  const delimiter = byteOf(dialect.delimiter)
  const none = bytesOf(dialect.null)
  let skip = dialect.headerLines
  const field = (bytes: Uint8Array, from: number, to: number, escaped: boolean, into: FrameBuilder): void => {
    if (equals(bytes, from, to, none)) into.field(bytes, 0, -1)
    else into.field(bytes, from, escaped ? unescapeText(bytes, from, to) : to - from)
  }
  const row = (bytes: Uint8Array, from: number, end: number, into: FrameBuilder): void => {
    into.beginRow()
    let start = from
    let escaped = false
    for (let at = from; at < end; at++) {
      const byte = bytes[at]
      if (byte === backslash) {
        escaped = true
        at++
      } else if (byte === delimiter) {
        field(bytes, start, at, escaped, into)
        start = at + 1
        escaped = false
      }
    }
    if (columns > 0 || end > from) field(bytes, start, end, escaped, into)
    into.endRow()
  }
  return {
    parse: (bytes, into) => {
      let from = 0
      // a line feed that is data is written as \n
      for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
        if (skip > 0) skip--
        else row(bytes, from, end, into)
        from = end + 1
      }
      return from
    }
  }
}

/** Where the line that begins at `from` ends, quoted line feeds passed over; −1: not here. */
const endOfCsvLine = (bytes: Uint8Array, from: number, quote: number, escape: number): number => {
  let quoted = false
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === lineFeed && !quoted) return at
    if (quoted && byte === escape && escape !== quote && (bytes[at + 1] === quote || bytes[at + 1] === escape)) at++
    else if (byte === quote) quoted = !quoted
  }
  return -1
}

export const csvParser = (dialect: CopyDialect, columns: number): LineParser => {
  const delimiter = byteOf(dialect.delimiter)
  const quote = byteOf(dialect.quote)
  const escape = byteOf(dialect.escape)
  const none = bytesOf(dialect.null)
  let skip = dialect.headerLines
  /** One field, its quotes taken out in place; answers where it ends. */
  const field = (bytes: Uint8Array, from: number, end: number, into: FrameBuilder): number => {
    let quoted = false
    let sawQuote = false
    let out = from
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (!quoted && byte === delimiter) break
      if (quoted && byte === escape && at + 1 < end && (bytes[at + 1] === quote || bytes[at + 1] === escape)) {
        bytes[out++] = bytes[++at]!
      } else if (byte === quote) {
        quoted = !quoted
        sawQuote = true
      } else bytes[out++] = byte
    }
    if (!sawQuote && equals(bytes, from, at, none)) into.field(bytes, 0, -1)
    else into.field(bytes, from, out - from)
    return at
  }
  const row = (bytes: Uint8Array, from: number, end: number, into: FrameBuilder): void => {
    into.beginRow()
    if (columns > 0 || end > from) {
      let at = field(bytes, from, end, into)
      while (at < end) at = field(bytes, at + 1, end, into)
    }
    into.endRow()
  }
  return {
    parse: (bytes, into) => {
      let from = 0
      for (let end = endOfCsvLine(bytes, 0, quote, escape); end >= 0; end = endOfCsvLine(bytes, from, quote, escape)) {
        if (skip > 0) skip--
        else row(bytes, from, end, into)
        from = end + 1
      }
      return from
    }
  }
}
