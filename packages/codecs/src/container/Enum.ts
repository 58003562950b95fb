// Enums: their label, as text in both formats. Source: src/backend/utils/adt/enum.c, enum_send.
import { type Codec, scalar } from "../Codec.ts"
import { readText } from "../Text.ts"
import { refused } from "../ValueError.ts"
import { textWriter } from "../scalar/Text.ts"

/** The codec of an enum. Reading takes any label: ALTER TYPE … ADD VALUE may have come after the description. Writing knows the list. */
export const enumOf = (name: string, labels: ReadonlyArray<string>): Codec => {
  const known = new Set(labels)
  const writer = textWriter(name)
  const codec = scalar({
    name,
    defaultForm: "text",
    readers: {
      text: {
        format: 0,
        parse: (text) => text,
        binary: (bytes, offset, length) => readText(name, bytes, offset, length)
      }
    },
    writer: {
      ...writer,
      format: (value) => {
        const label = writer.text(value)
        if (!known.has(label)) throw refused(name, value, "not one of the enum's labels", `they are ${list(labels)}`)
        return 1
      }
    }
  })
  return { ...codec, shape: { _tag: "Enum", labels } }
}

/** The first labels, for a message. */
const list = (labels: ReadonlyArray<string>): string =>
  labels.slice(0, 8).join(", ") + (labels.length > 8 ? `, and ${labels.length - 8} more` : "")
