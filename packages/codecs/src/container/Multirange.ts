// Multiranges: arrays of ranges. Source: src/backend/utils/adt/multirangetypes.c, multirange_send, multirange_out.
import { int32 } from "../BigEndian.ts"
import type { Codec, Form, ReadValue, Reader, Writer } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"
import { binaryOf, parseOf, partFormat, partLength, wholeReader, writePart } from "./nested.ts"
import { parseRangeAt, rangeWriter, readRange } from "./Range.ts"

const readMultirange =
  (type: string, readBound: ReadValue): ReadValue =>
  (bytes, offset, length) => {
    const end = offset + length
    const read = readRange(type, readBound)
    const count = length < 4 ? -1 : int32(bytes, offset)
    let at = offset + 4
    // a range takes 5 bytes at least
    if (count < 0 || count * 5 > end - at) throw malformed(type, "as many ranges as it says")
    const ranges: Array<unknown> = []
    for (let i = 0; i < count; i++) {
      const size = partLength(type, bytes, at, end)
      if (size < 0) throw malformed(type, "a range")
      at += 4
      ranges.push(read(bytes, at, size))
      at += size
    }
    if (at !== end) throw malformed(type, "nothing behind its ranges")
    return ranges
  }

const parseMultirange = (type: string, parse: (text: string) => unknown) => (text: string) => {
  const ranges: Array<unknown> = []
  if (text === "{}") return ranges
  let at = 0
  do {
    // the first time this stands at the brace, later at a comma
    const { value, end } = parseRangeAt(type, parse, text, at + 1)
    ranges.push(value)
    at = end
  } while (text[at] === ",")
  if (text[0] !== "{" || text[at] !== "}" || at !== text.length - 1) throw malformed(type, "a multirange literal")
  return ranges
}

const boundForm = (form: Form | undefined): { readonly form: Form | undefined } | undefined =>
  form === undefined
    ? { form: undefined }
    : typeof form === "object" && form._tag === "multirange"
      ? { form: form.bound }
      : undefined

const readerOf = (name: string, subtype: Codec, form: Form | undefined): Reader | undefined => {
  const bound = boundForm(form)
  const inner = bound === undefined ? undefined : subtype.reader(bound.form)
  if (inner === undefined) return undefined
  return wholeReader(
    [inner],
    () => readMultirange(name, binaryOf(name, inner)),
    () => parseMultirange(name, parseOf(name, inner))
  )
}

const writerOf = (name: string, subtype: Codec, form: Form | undefined): Writer | undefined => {
  const bound = boundForm(form)
  const inner = bound === undefined ? undefined : subtype.writer(bound.form)
  if (inner === undefined) return undefined
  const range = rangeWriter(name, inner)
  const rangesOf = (value: unknown): ReadonlyArray<unknown> => {
    if (!Array.isArray(value)) throw notTaken(name, value, "make it an array of ranges")
    return value
  }
  return {
    format: (value) => {
      if (typeof value === "string") return (checkText(name, value), 0)
      let format: 0 | 1 = 1
      for (const item of rangesOf(value)) {
        // NULL is no range: a multirange has none
        if (item === null) throw notTaken(name, item)
        if (partFormat(range, item) === 0) format = 0
      }
      return format
    },
    text: (value) =>
      typeof value === "string" ? checkText(name, value) : `{${rangesOf(value).map(range.text).join(",")}}`,
    binary: (value, out) => {
      const ranges = rangesOf(value)
      out.int32(ranges.length)
      for (const item of ranges) writePart(range, item, out)
    }
  }
}

/** The codec of a multirange type over the ranges' `subtype`. */
export const multirangeOf = (name: string, subtype: Codec): Codec => ({
  name,
  shape: { _tag: "Multirange", subtype },
  defaultForm: { _tag: "multirange" },
  forms: [],
  reader: (form) => readerOf(name, subtype, form),
  writer: (form) => writerOf(name, subtype, form)
})
