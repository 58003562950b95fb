// ⚡ The values of a Bind message, by an encoder that is fixed per statement: from the types the server inferred, never from `typeof`. Refuses
// before a byte is written. Also the text form that needs no type, for the first use of a statement in one flight.
import { type ByteWriter, type FormatCode, maxCount } from "@pgfx/protocol"
import type { Codec, Form, Writer } from "./Codec.ts"
import { hexOf } from "./Bytes.ts"
import { dateText } from "./scalar/Timestamp.ts"
import { checkText } from "./Text.ts"
import { ValueError, notTaken, refused } from "./ValueError.ts"

/** One parameter, in the order of `$1`, `$2`, … */
export interface Parameter {
  readonly codec: Codec
  /** absent: whatever the value is, if the type takes it without ambiguity */
  readonly form?: Form | undefined
}

export interface ParameterEncoder {
  /**
   * The format of each value: binary if the codec takes it so, text otherwise. Throws ValueError, with the parameter's number, for values
   * that the types do not take. To be called before the message is begun.
   */
  readonly formats: (values: ReadonlyArray<unknown>) => ReadonlyArray<FormatCode>
  /** Writes the middle of a Bind message: format codes, then values. `formats` is what the method of that name answered for them. */
  readonly write: (values: ReadonlyArray<unknown>, formats: ReadonlyArray<FormatCode>, out: ByteWriter) => void
}

const placed = (error: unknown, index: number): unknown =>
  error instanceof ValueError ? error.at({ parameter: index + 1 }) : error

export const makeParameterEncoder = (parameters: ReadonlyArray<Parameter>): ParameterEncoder => {
  if (parameters.length > maxCount) {
    throw new ValueError({
      type: "parameters",
      issue: `${parameters.length} of them, Bind counts up to ${maxCount}`,
      remedy: "send arrays (Sql.rows, = ANY), or COPY"
    })
  }
  const writers = parameters.map(({ codec, form }, index): Writer => {
    const writer = codec.writer(form)
    if (writer !== undefined) return writer
    throw new ValueError({
      type: codec.name,
      form: typeof form === "object" ? form._tag : form,
      issue: "the type is not written from this form",
      parameter: index + 1
    })
  })
  return {
    formats: (values) => {
      if (values.length !== writers.length) {
        throw new ValueError({
          type: "parameters",
          issue: `${values.length} values for ${writers.length} parameters`
        })
      }
      const formats: Array<FormatCode> = []
      for (let i = 0; i < writers.length; i++) {
        const value = values[i]
        try {
          formats.push(value === null ? 1 : writers[i]!.format(value))
        } catch (error) {
          throw placed(error, i)
        }
      }
      return formats
    },
    write: (values, formats, out) => {
      out.count(formats.length, "parameter formats")
      for (let i = 0; i < formats.length; i++) out.int16(formats[i]!)
      out.beginValues(values.length, "parameters")
      for (let i = 0; i < writers.length; i++) writeValue(writers[i]!, values[i], formats[i]!, out)
      out.endValues()
    }
  }
}

const writeValue = (writer: Writer, value: unknown, format: FormatCode, out: ByteWriter): void => {
  if (value === null) return out.nullValue()
  if (format === 0) return out.value(writer.text(value))
  out.beginValue()
  writer.binary(value, out)
  out.endValue()
}

/**
 * The text of a value that means the same whatever type the server infers for it, `null` for NULL; `undefined` if there is none, because the
 * text depends on the type (arrays, objects): the statement has to be described first. Throws ValueError for values that no type takes.
 */
export const textOf = (value: unknown): string | null | undefined => {
  switch (typeof value) {
    case "string":
      return checkText("parameter", value)
    case "number":
      if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value)
      // float and numeric read these words, text and others do not mean them
      return undefined
    case "bigint":
      return value.toString()
    case "boolean":
      return value ? "true" : "false"
    case "object":
      if (value === null) return null
      if (value instanceof Date) return dateText(value)
      if (value instanceof Uint8Array) return `\\x${hexOf(value, 0, value.length)}`
      return undefined
    case "undefined":
      throw notTaken("parameter", value)
    default:
      throw refused("parameter", value, "no type takes it")
  }
}
