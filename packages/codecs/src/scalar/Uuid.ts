// uuid. Forms: text (lower case, hyphens), bytes (16 of them, a copy).
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { bytesOfHex, copyOf, hexOf } from "../Bytes.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, wrongLength } from "../ValueError.ts"

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const readUuid = (bytes: Uint8Array, offset: number, length: number): string => {
  if (length !== 16) throw wrongLength("uuid", 16, length)
  return `${hexOf(bytes, offset, 4)}-${hexOf(bytes, offset + 4, 2)}-${hexOf(bytes, offset + 6, 2)}-${hexOf(bytes, offset + 8, 2)}-${hexOf(bytes, offset + 10, 6)}`
}

const parse = (text: string): string => {
  if (!canonical.test(text)) throw malformed("uuid", "32 hexadecimal digits with hyphens")
  return text.toLowerCase()
}

const bytesOf = (text: string): Uint8Array => {
  const bytes = bytesOfHex(text.replaceAll("-", ""), 0)
  if (bytes === undefined) throw malformed("uuid", "hexadecimal digits")
  return bytes
}

/** 16 bytes, or the string for the server to judge: it also reads upper case, braces and no hyphens. */
const valueOf = (value: unknown): Uint8Array | string => {
  if (typeof value === "string") {
    const text = checkText("uuid", value)
    return canonical.test(text) ? bytesOf(text) : text
  }
  if (!(value instanceof Uint8Array)) throw notTaken("uuid", value)
  if (value.length !== 16) throw refused("uuid", value, "not 16 bytes")
  return value
}

const writer: Writer = {
  format: (value) => (typeof valueOf(value) === "string" ? 0 : 1),
  text: (value) => {
    const uuid = valueOf(value)
    return typeof uuid === "string" ? uuid : readUuid(uuid, 0, 16)
  },
  binary: (value, out) => {
    const uuid = valueOf(value)
    out.bytes(typeof uuid === "string" ? bytesOf(uuid) : uuid)
  }
}

export const uuid: Codec = scalar({
  name: "uuid",
  defaultForm: "text",
  readers: {
    text: { format: 1, binary: readUuid, parse },
    bytes: {
      format: 1,
      binary: (bytes, offset, length) => {
        if (length !== 16) throw wrongLength("uuid", 16, length)
        return copyOf(bytes, offset, 16)
      },
      parse: (text) => bytesOf(parse(text))
    }
  },
  writer
})
