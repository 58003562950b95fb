// uuid. Forms: text (lower case, hyphens), bytes (16 of them, a copy).
import { type Codec, type Writer, scalar } from "../Codec.ts"
import type { ByteWriter } from "@pgfx/protocol"
import { bytesOfHex, copyOf, hexDigit, highDigit, lowDigit } from "../Bytes.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, wrongLength } from "../ValueError.ts"

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const dash = 0x2d
const { fromCharCode } = String
const H = highDigit
const L = lowDigit

/** One string in one call: joined from pieces it would stay a tree of them (see `instantText`). */
const readUuid = (bytes: Uint8Array, at: number, length: number): string => {
  if (length !== 16) throw wrongLength("uuid", 16, length)
  const a = bytes[at]!
  const b = bytes[at + 1]!
  const c = bytes[at + 2]!
  const d = bytes[at + 3]!
  const e = bytes[at + 4]!
  const f = bytes[at + 5]!
  const g = bytes[at + 6]!
  const h = bytes[at + 7]!
  const i = bytes[at + 8]!
  const j = bytes[at + 9]!
  const k = bytes[at + 10]!
  const l = bytes[at + 11]!
  const m = bytes[at + 12]!
  const n = bytes[at + 13]!
  const o = bytes[at + 14]!
  const p = bytes[at + 15]!
  // prettier-ignore
  return fromCharCode(H[a]!, L[a]!, H[b]!, L[b]!, H[c]!, L[c]!, H[d]!, L[d]!, dash, H[e]!, L[e]!, H[f]!, L[f]!, dash, H[g]!, L[g]!, H[h]!, L[h]!, dash, H[i]!, L[i]!, H[j]!, L[j]!, dash, H[k]!, L[k]!, H[l]!, L[l]!, H[m]!, L[m]!, H[n]!, L[n]!, H[o]!, L[o]!, H[p]!, L[p]!)
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
