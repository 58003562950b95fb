// What all containers share: lengths inside a value, checked against what is left of it; quoting inside text literals.
import type { ByteWriter } from "@pgfx/protocol"
import { int32 } from "../BigEndian.ts"
import type { Codec, Form, Reader, Writer } from "../Codec.ts"
import { ValueError, malformed } from "../ValueError.ts"

/** Values inside values: anonymous records nest without a declared depth, so the depth is counted. */
export const maxDepth = 200

/** The length of the part at `at`, −1 for NULL: its four bytes and what they promise lie before `end`, or the value is refused. */
export const partLength = (type: string, bytes: Uint8Array, at: number, end: number): number => {
  if (end - at < 4) throw malformed(type, "a length")
  const length = int32(bytes, at)
  if (length < -1 || length > end - at - 4) throw malformed(type, "a length within the value")
  return length
}

/** Appends a part with its length, `null` as NULL. */
export const writePart = (writer: Writer, value: unknown, out: ByteWriter): void => {
  if (value === null) return out.nullValue()
  out.beginValue()
  writer.binary(value, out)
  out.endValue()
}

/** The format in which a part can go: NULL goes in any. */
export const partFormat = (writer: Writer, value: unknown): 0 | 1 => (value === null ? 1 : writer.format(value))

/** A part of an array or composite literal: always in quotes, so that no rule about what needs them can be missed. */
export const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`

/**
 * A reader of a whole out of readers of its parts: binary only if every part has it, else the whole is asked for as text. `undefined` if
 * neither is left.
 */
export const wholeReader = (
  parts: ReadonlyArray<Reader>,
  binary: () => NonNullable<Reader["binary"]>,
  parse: () => NonNullable<Reader["parse"]>
): Reader | undefined => {
  const hasBinary = parts.every((part) => part.binary !== undefined)
  const hasText = parts.every((part) => part.parse !== undefined)
  if (!hasBinary && !hasText) return undefined
  return {
    format: hasBinary ? 1 : 0,
    binary: hasBinary ? binary() : undefined,
    parse: hasText ? parse() : undefined
  }
}

/** The reader's binary part, where the caller has made sure that there is one. */
export const binaryOf = (type: string, reader: Reader): NonNullable<Reader["binary"]> => {
  if (reader.binary === undefined) throw new ValueError({ type, issue: "no binary reader: a bug of the codec" })
  return reader.binary
}

/** The reader's text part, where the caller has made sure that there is one. */
export const parseOf = (type: string, reader: Reader): NonNullable<Reader["parse"]> => {
  if (reader.parse === undefined) throw new ValueError({ type, issue: "no text reader: a bug of the codec" })
  return reader.parse
}

/** Whether values of the codec, in this form, may be JavaScript arrays themselves. */
export const mayBeArray = ({ shape }: Codec, form: Form | undefined): boolean => {
  if (shape._tag === "Scalar") return shape.arrays
  if (form !== undefined && typeof form === "object") return form._tag !== "fields" && form._tag !== "range"
  return shape._tag !== "Enum" && shape._tag !== "Range"
}
