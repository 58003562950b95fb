// bytea. Form: bytes, a copy. There is no text form: hex, base64 and UTF-8 are all strings, and the column does not say which.
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { bytesOfHex, copyOf, hexOf } from "../Bytes.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"

// bytea_output is hex: the escape form is refused, it could not be told from text. Source: manual, "Binary Data Types".
const parse = (text: string): Uint8Array => {
  const bytes = text.startsWith("\\x") ? bytesOfHex(text, 2) : undefined
  if (bytes === undefined) throw malformed("bytea", "\\x and hexadecimal digits in pairs")
  return bytes
}

const textOf = (value: unknown): string => {
  if (typeof value === "string") return checkText("bytea", value)
  if (value instanceof Uint8Array) return `\\x${hexOf(value, 0, value.length)}`
  throw notTaken("bytea", value)
}

const writer: Writer = {
  format: (value) => (value instanceof Uint8Array ? 1 : (textOf(value), 0)),
  text: textOf,
  binary: (value, out) => {
    if (!(value instanceof Uint8Array)) throw notTaken("bytea", value)
    out.bytes(value)
  }
}

export const bytea: Codec = scalar({
  name: "bytea",
  defaultForm: "bytes",
  readers: {
    bytes: {
      format: 1,
      binary: copyOf,
      parse
    }
  },
  writer
})
