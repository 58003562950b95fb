// json and jsonb. Forms: json (parsed; whole numbers exact), jsonNumbers (parsed, every number as its digits), text (untouched).
// Source of jsonb's binary format: src/backend/utils/adt/jsonb.c, jsonb_send: version 1, then text.
import { type Codec, type ReadValue, type Writer, scalar } from "../Codec.ts"
import { parseJson, parseJsonNumbers } from "../JsonText.ts"
import { checkJson, writeJson } from "../writeJson.ts"
import { checkText, readText } from "../Text.ts"
import { malformed } from "../ValueError.ts"

const writerOf = (type: string, version: boolean, stringIsJson: boolean): Writer => {
  const textOf = (value: unknown): string =>
    stringIsJson && typeof value === "string" ? checkText(type, value) : writeJson(type, value)
  return {
    format: (value) => {
      if (stringIsJson && typeof value === "string") checkText(type, value)
      else checkJson(type, value)
      return 1
    },
    text: textOf,
    binary: (value, out) => {
      if (version) out.uint8(1)
      out.utf8(textOf(value))
    }
  }
}

const codec = (type: string, version: boolean): Codec => {
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
    writer: writerOf(type, version, true),
    writers: { json: writerOf(type, version, false), jsonNumbers: writerOf(type, version, false) }
  })
}

export const json: Codec = codec("json", false)
export const jsonb: Codec = codec("jsonb", true)
