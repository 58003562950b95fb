// bit and varbit. Form: text of 0 and 1, leading zeros included. Source: src/backend/utils/adt/varbit.c, bit_send: count, then bytes.
import { int32 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"

const byteText: Array<string> = []
for (let i = 0; i < 256; i++) byteText.push(i.toString(2).padStart(8, "0"))

const digits = /^[01]*$/

const codec = (type: string): Codec => {
  const textOf = (value: unknown): string => {
    if (typeof value === "string") return checkText(type, value)
    throw notTaken(type, value, "make it a string of 0 and 1")
  }
  const writer: Writer = {
    // the server also reads hexadecimal (X…)
    format: (value) => (digits.test(textOf(value)) ? 1 : 0),
    text: textOf,
    binary: (value, out) => {
      const text = textOf(value)
      out.int32(text.length)
      for (let i = 0; i < text.length; i += 8) out.uint8(Number.parseInt(text.slice(i, i + 8).padEnd(8, "0"), 2))
    }
  }
  return scalar({
    name: type,
    defaultForm: "text",
    readers: {
      text: {
        format: 1,
        binary: (bytes, offset, length) => {
          const count = length < 4 ? -1 : int32(bytes, offset)
          if (count < 0 || Math.ceil(count / 8) !== length - 4) throw malformed(type, "a count and its bits")
          let text = ""
          for (let i = offset + 4; i < offset + length; i++) text += byteText[bytes[i]!]!
          return text.slice(0, count)
        },
        parse: (text) => {
          if (!digits.test(text)) throw malformed(type, "0 and 1")
          return text
        }
      }
    },
    writer
  })
}

export const bit: Codec = codec("bit")
export const varbit: Codec = codec("varbit")
