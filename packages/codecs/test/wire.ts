// What the tests of this package share: values to bytes and back, through the same doors that Bind and DataRow use. Bytes are always read from
// the middle of a larger array, filled with ones: a reader that ignores its offset, or looks beyond its length, is found out.
import { ByteWriter, joinChunks } from "@pgfx/protocol"
import { expect } from "vitest"
import { type Codec, type Form, readFormat } from "../src/Codec.ts"
import { ValueError } from "../src/ValueError.ts"

export const bytesOf = (write: (out: ByteWriter) => void): Uint8Array => {
  const out = new ByteWriter()
  out.beginMessage(0x44, "test")
  write(out)
  out.endMessage()
  return joinChunks(out.take()).slice(5)
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const read = (codec: Codec, bytes: Uint8Array, format: 0 | 1, form: Form | undefined): unknown => {
  const reader = codec.reader(form)
  if (reader === undefined) throw new Error(`${codec.name} has no form ${JSON.stringify(form)}`)
  const readValue = readFormat(codec.name, reader, format)
  if (readValue === undefined) throw new Error(`${codec.name} is not read in format ${format}`)
  const padded = new Uint8Array(bytes.length + 24).fill(1)
  padded.set(bytes, 12)
  const value = readValue(padded, 12, bytes.length)
  // what was handed out must not look into the bytes
  const before = structuredClone(value)
  padded.fill(2)
  expect(value).toEqual(before)
  return value
}

export const readBinary = (codec: Codec, bytes: Uint8Array | ReadonlyArray<number>, form?: Form): unknown =>
  read(codec, Uint8Array.from(bytes), 1, form)

export const readText = (codec: Codec, text: string, form?: Form): unknown => read(codec, utf8(text), 0, form)

export const writerOf = (codec: Codec, form?: Form) => {
  const writer = codec.writer(form)
  if (writer === undefined) throw new Error(`${codec.name} is not written from ${JSON.stringify(form)}`)
  return writer
}

export const formatOf = (codec: Codec, value: unknown, form?: Form): 0 | 1 => writerOf(codec, form).format(value)

export const writeText = (codec: Codec, value: unknown, form?: Form): string => {
  const writer = writerOf(codec, form)
  writer.format(value)
  return writer.text(value)
}

export const writeBinary = (codec: Codec, value: unknown, form?: Form): Uint8Array => {
  const writer = writerOf(codec, form)
  expect(writer.format(value), "the value goes as binary").toBe(1)
  return bytesOf((out) => writer.binary(value, out))
}

/** decode ∘ encode = id, in both formats. */
export const roundTrip = (codec: Codec, value: unknown, form?: Form): void => {
  expect(readBinary(codec, writeBinary(codec, value, form), form)).toStrictEqual(value)
  expect(readText(codec, writeText(codec, value, form), form)).toStrictEqual(value)
}

/** Text and binary are the same value: `text` as the server prints it, `value` as we read it from both. */
export const sameInBoth = (
  codec: Codec,
  text: string,
  binary: Uint8Array | ReadonlyArray<number>,
  value: unknown,
  form?: Form
) => {
  expect(readText(codec, text, form)).toStrictEqual(value)
  expect(readBinary(codec, binary, form)).toStrictEqual(value)
}

export const issueOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof ValueError) return error.issue
    throw error
  }
  return "nothing was refused"
}

export const refusal = (codec: Codec, value: unknown, form?: Form): string =>
  issueOf(() => formatOf(codec, value, form))
