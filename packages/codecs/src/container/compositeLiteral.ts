// The text form of composites and records: `(1,"a ""quoted"" b",)`. Source: src/backend/utils/adt/rowtypes.c, record_out, record_in. Answers the
// fields as text, `null` for NULL; makes no values.
import { malformed } from "../ValueError.ts"

export const parseCompositeLiteral = (type: string, text: string): ReadonlyArray<string | null> => {
  const fields: Array<string | null> = []
  if (text === "()") return fields
  if (!text.startsWith("(")) throw malformed(type, "a composite literal")
  let value = ""
  let inQuotes = false
  let start = 1
  for (let at = 1; at < text.length; at++) {
    const character = text[at]!
    if (character === "\\") {
      if (++at >= text.length) break
      value += text[at]!
    } else if (character === '"') {
      if (inQuotes && text[at + 1] === '"') value += text[++at]!
      else inQuotes = !inQuotes
    } else if (!inQuotes && (character === "," || character === ")")) {
      // nothing at all is NULL; the empty string is written as ""
      fields.push(at === start ? null : value)
      if (character === ")") {
        if (at === text.length - 1) return fields
        break
      }
      value = ""
      start = at + 1
    } else value += character
  }
  throw malformed(type, "a composite literal")
}
