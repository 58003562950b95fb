// json and jsonb. Forms: json (parsed; whole numbers exact), jsonNumbers (parsed, every number as its digits), text (untouched).
// Source of jsonb's binary format: src/backend/utils/adt/jsonb.c, jsonb_send: version 1, then text.
import { type Codec, type ReadValue, type Writer, scalar } from "../Codec.ts"
import { parseJson, parseJsonNumbers, writeJson } from "../JsonText.ts"
import { checkText, readText } from "../Text.ts"
import { malformed } from "../ValueError.ts"

const writerOf = (version: boolean, textOf: (value: unknown) => string): Writer => ({
  format: (value) => (textOf(value), 1),
  text: textOf,
  binary: (value, out) => {
    if (version) out.uint8(1)
    out.utf8(textOf(value))
  }
})

const codec = (type: string, version: boolean): Codec => {
  const jsonOf = (value: unknown): string => writeJson(type, value)
  const reader = <A>(finish: (text: string) => A) => {
    const text: ReadValue = (bytes, offset, length) => finish(readText(type, bytes, offset, length))
    const binary: ReadValue = version
      ? (bytes, offset, length) => {
          if (length < 1 || bytes[offset] !== 1) throw malformed(type, "version 1")
          return finish(readText(type, bytes, offset + 1, length - 1))
        }
      : text
    return { format: 0 as const, parse: finish, text, binary }
  }
  return scalar({
    name: type,
    defaultForm: "json",
    arrays: true,
    readers: {
      json: reader((text) => parseJson(type, text)),
      jsonNumbers: reader((text) => parseJsonNumbers(type, text)),
      text: reader((text) => text)
    },
    // without a form a string *is* JSON text, the mirror of reading it as text; with one it is a JSON string
    writer: writerOf(version, (value) => (typeof value === "string" ? checkText(type, value) : jsonOf(value))),
    writers: { json: writerOf(version, jsonOf), jsonNumbers: writerOf(version, jsonOf) }
  })
}

export const json: Codec = codec("json", false)
export const jsonb: Codec = codec("jsonb", true)
