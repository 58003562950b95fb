// bool. Forms: boolean, text ("true"/"false"), number (0/1).
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused } from "../ValueError.ts"

const readBinary = (bytes: Uint8Array, offset: number, length: number): boolean => {
  if (length === 1) {
    const byte = bytes[offset]!
    if (byte === 1) return true
    if (byte === 0) return false
  }
  throw malformed("bool", "one byte, 0 or 1")
}

const parse = (text: string): boolean => {
  if (text === "t") return true
  if (text === "f") return false
  throw malformed("bool", "t or f")
}

/** The value, or `undefined` for a string that the server has to judge ("yes", "on"). */
const booleanOf = (value: unknown): boolean | undefined => {
  if (typeof value === "boolean") return value
  if (typeof value === "string") {
    const text = checkText("bool", value)
    return text === "true" || text === "t" ? true : text === "false" || text === "f" ? false : undefined
  }
  throw notTaken("bool", value)
}

const writer: Writer = {
  format: (value) => (booleanOf(value) === undefined ? 0 : 1),
  text: (value) => {
    const boolean = booleanOf(value)
    return boolean === undefined && typeof value === "string" ? value : boolean === true ? "t" : "f"
  },
  binary: (value, out) => out.uint8(booleanOf(value) ? 1 : 0)
}

const bit = (value: unknown): boolean => {
  if (value === 1) return true
  if (value === 0) return false
  if (typeof value === "number") throw refused("bool", value, "a number other than 0 and 1")
  throw notTaken("bool", value)
}

const fromNumber: Writer = {
  format: (value) => (bit(value), 1),
  text: (value) => (bit(value) ? "t" : "f"),
  binary: (value, out) => out.uint8(bit(value) ? 1 : 0)
}

export const bool: Codec = scalar({
  name: "bool",
  defaultForm: "boolean",
  readers: {
    boolean: { format: 1, binary: readBinary, parse },
    text: {
      format: 1,
      binary: (bytes, offset, length) => (readBinary(bytes, offset, length) ? "true" : "false"),
      parse: (text) => (parse(text) ? "true" : "false")
    },
    number: {
      format: 1,
      binary: (bytes, offset, length) => (readBinary(bytes, offset, length) ? 1 : 0),
      parse: (text) => (parse(text) ? 1 : 0)
    }
  },
  writer,
  writers: { number: fromNumber }
})
