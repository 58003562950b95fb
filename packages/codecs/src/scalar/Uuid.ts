// uuid. Forms: text (lower case, hyphens), bytes (16 of them, a copy).
import { type Codec, type Writer, scalar } from "../Codec.ts"
import type { ByteWriter } from "@pgfx/protocol"
import { bytesOfHex, copyOf, hexDigit, hexOf } from "../Bytes.ts"
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

/** Of a canonical text. */
const bytesOf = (text: string): Uint8Array => {
  const bytes = bytesOfHex(text.replaceAll("-", ""), 0)
  if (bytes === undefined) throw malformed("uuid", "hexadecimal digits")
  return bytes
}

/** Refuses what is no uuid; a string that is not canonical is the server's to judge: it also reads braces and no hyphens. */
const check = (value: unknown): Uint8Array | string => {
  if (typeof value === "string") return checkText("uuid", value)
  if (!(value instanceof Uint8Array)) throw notTaken("uuid", value)
  if (value.length !== 16) throw refused("uuid", value, "not 16 bytes")
  return value
}

const writeHex = (text: string, out: ByteWriter): void => {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit !== 0x2d) out.uint8(hexDigit(unit) * 16 + hexDigit(text.charCodeAt(++i)))
  }
}

const writer: Writer = {
  format: (value) => {
    const uuid = check(value)
    return typeof uuid !== "string" || canonical.test(uuid) ? 1 : 0
  },
  text: (value) => {
    const uuid = check(value)
    if (typeof uuid !== "string") return readUuid(uuid, 0, 16)
    return canonical.test(uuid) ? uuid.toLowerCase() : uuid
  },
  binary: (value, out) => {
    const uuid = check(value)
    if (typeof uuid === "string") writeHex(uuid, out)
    else out.bytes(uuid)
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
