// Types whose value is text and whose two formats are the same bytes: text varchar bpchar name citext xml refcursor unknown cstring … and, apart,
// "char", a single byte. Form: text.
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText, readText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"

/** A writer that takes strings only, the same bytes in both formats. */
export const textWriter = (name: string): Writer => {
  const textOf = (value: unknown): string => {
    if (typeof value === "string") return checkText(name, value)
    throw notTaken(name, value, typeof value === "number" ? "make it a string, or cast in SQL" : undefined)
  }
  return {
    format: (value) => (textOf(value), 1),
    text: textOf,
    binary: (value, out) => out.utf8(textOf(value))
  }
}

/** A type that is text in both formats. Asked for as text, which is what a server spares no effort on. */
export const textual = (name: string): Codec =>
  scalar({
    name,
    defaultForm: "text",
    readers: {
      text: {
        format: 0,
        parse: (text) => text,
        text: (bytes, offset, length) => readText(name, bytes, offset, length),
        binary: (bytes, offset, length) => readText(name, bytes, offset, length)
      }
    },
    writer: textWriter(name)
  })

/** A type that only the server can parse and print: text in, text out, its binary format is not read. */
export const textOnly = (name: string): Codec =>
  scalar({
    name,
    defaultForm: "text",
    readers: {
      text: {
        format: 0,
        parse: (text) => text,
        text: (bytes, offset, length) => readText(name, bytes, offset, length)
      }
    },
    writer: { ...textWriter(name), format: (value) => (textWriter(name).format(value), 0) }
  })

export const text: Codec = textual("text")

// The byte 0 is the empty string, bytes above 0x7f print as \ooo. Source: src/backend/utils/adt/char.c, charout, charsend. Binary is asked
// for because servers before 15 send the raw byte as text, which need not be UTF-8.
const readChar = (bytes: Uint8Array, offset: number, length: number): string => {
  if (length !== 1) throw malformed("char", "one byte")
  const byte = bytes[offset]!
  if (byte === 0) return ""
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`
}

const charWriter = textWriter("char")

/** The byte a string stands for, `undefined` if the server has to make something of it (it takes the first byte of longer text). */
const charByte = (value: unknown): number | undefined => {
  const text = charWriter.text(value)
  if (text === "") return 0
  if (text.length === 1 && text < "\u0080") return text.charCodeAt(0)
  return /^\\[2-3][0-7]{2}$/.test(text) ? Number.parseInt(text.slice(1), 8) : undefined
}

export const char: Codec = scalar({
  name: "char",
  defaultForm: "text",
  readers: { text: { format: 1, binary: readChar, parse: (text) => text } },
  writer: {
    format: (value) => (charByte(value) === undefined ? 0 : 1),
    text: charWriter.text,
    binary: (value, out) => out.uint8(charByte(value) ?? 0)
  }
})
