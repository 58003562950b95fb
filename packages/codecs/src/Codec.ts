// What a codec is: one PostgreSQL type, the neutral forms its values can take in JavaScript, and for each form a reader and a writer in
// both wire formats where the type has them. Knows no type by itself (scalar/*, container/*) and no OID (TypeRegistry). A value that a reader
// hands out belongs to the caller: it keeps no view of the bytes it was read from.
import type { ByteWriter, FormatCode } from "@pgfx/protocol"
import { readText } from "./Text.ts"

/**
 * A form of a single value. What each looks like:
 *
 * - `number`, `bigint`, `boolean`: those; whole numbers exact or refused
 * - `text`: `string`; for instants ISO 8601 as in the package's README, else as the server writes it
 * - `utcText`: an instant as ISO text that ends in `Z`, also for types without a zone (they are read as UTC)
 * - `bytes`: `Uint8Array`, a copy
 * - `date`: `Date`, rounded down to the millisecond; `millis`: the same as a number since 1970-01-01 UTC
 * - `decimal`: `{ unscaled: bigint, scale: number }`
 * - `interval`: `{ months: number, days: number, microseconds: bigint }`, or `"infinity"`, `"-infinity"`
 * - `json`: the parsed value; `jsonNumbers`: the same with every number as a `JsonNumber` (its digits)
 * - `geometry`: the plain objects of the geometric types
 * - `map`: an object of `string | null` (hstore)
 * - `fields`: for composites an object by attribute name, for ranges `{ lower, upper, bounds }`
 * - `array`, `tuple`: JavaScript arrays, by element and by position
 */
export type ScalarForm =
  | "number"
  | "bigint"
  | "text"
  | "utcText"
  | "boolean"
  | "bytes"
  | "date"
  | "millis"
  | "decimal"
  | "interval"
  | "json"
  | "jsonNumbers"
  | "geometry"
  | "map"

/** A form with forms inside. An absent inner form is the default of the inner type. */
export type ContainerForm =
  | {
      readonly _tag: "array"
      /** of the elements, whatever the number of dimensions */
      readonly element?: Form | undefined
      /** keep lower bounds other than 1 at the symbol `lowerBounds`; the default form does */
      readonly bounds?: boolean | undefined
      /** when written: how many levels of nesting are dimensions; absent: all, unless the elements may be arrays themselves (json): 1 */
      readonly dimensions?: number | undefined
    }
  | { readonly _tag: "tuple"; readonly elements?: ReadonlyArray<Form | undefined> | undefined }
  | {
      readonly _tag: "fields"
      /** by attribute name; attributes that are not named are read in their default form */
      readonly fields?: ReadonlyMap<string, Form> | undefined
    }
  | { readonly _tag: "range"; readonly bound?: Form | undefined }
  | { readonly _tag: "multirange"; readonly bound?: Form | undefined }

export type Form = ScalarForm | ContainerForm

/** Reads one value from `bytes[offset, offset + length)`, all of it. Throws ValueError. */
export type ReadValue = (bytes: Uint8Array, offset: number, length: number) => unknown

/** How a type becomes one form. At least one of `binary` and `parse` is there. */
export interface Reader {
  /** the result format to ask the server for: 0 text, 1 binary */
  readonly format: FormatCode
  /** from the binary format */
  readonly binary?: ReadValue | undefined
  /** from the text format, already decoded from UTF-8 */
  readonly parse?: ((text: string) => unknown) | undefined
  /** from the bytes of the text format, where that is faster than through `parse`; gives the same value */
  readonly text?: ReadValue | undefined
}

/**
 * How JavaScript values become values of a type. `format` is asked first, for every value of a message, before a byte of it is written:
 * Bind announces the formats ahead of the values, and a refusal must find nothing sent.
 */
export interface Writer {
  /**
   * 1: `binary` will take the value. 0: it goes as text, because the type has no binary input or because the server has to parse it
   * (strings that are not in the type's canonical form). Throws ValueError for what the type does not take.
   */
  readonly format: (value: unknown) => FormatCode
  /** The text format, of any value that `format` let through. */
  readonly text: (value: unknown) => string
  /** Appends the binary format, without its length, of a value for which `format` said 1. */
  readonly binary: (value: unknown, out: ByteWriter) => void
}

/** What a codec is made of, for whoever chooses forms. */
export type Shape =
  | {
      readonly _tag: "Scalar"
      /** values may be JavaScript arrays (json, polygon): in an array of them, nesting does not tell dimensions from values */
      readonly arrays: boolean
    }
  | { readonly _tag: "Enum"; readonly labels: ReadonlyArray<string> }
  | { readonly _tag: "Array"; readonly element: Codec }
  | { readonly _tag: "Range"; readonly subtype: Codec }
  | { readonly _tag: "Multirange"; readonly subtype: Codec }
  | { readonly _tag: "Composite"; readonly attributes: ReadonlyArray<{ readonly name: string; readonly codec: Codec }> }
  /** the anonymous composite */
  | { readonly _tag: "Record" }

/** One type of PostgreSQL. */
export interface Codec {
  /** the type's name, `"int4"`; user types as `"schema.name"` where they come from the catalogue */
  readonly name: string
  readonly shape: Shape
  /** what `reader()` and `writer()` use */
  readonly defaultForm: Form
  /** single-value forms on offer; container forms follow from `shape` */
  readonly forms: ReadonlyArray<ScalarForm>
  /** `undefined`: the type has no such form */
  readonly reader: (form?: Form) => Reader | undefined
  /** `undefined`: the type cannot be written from such a form */
  readonly writer: (form?: Form) => Writer | undefined
}

/** What `scalar` needs to know of a type. */
export interface ScalarOptions {
  readonly name: string
  readonly defaultForm: ScalarForm
  readonly readers: { readonly [F in ScalarForm]?: Reader }
  /** takes every JavaScript value that is not ambiguous */
  readonly writer: Writer
  /** forms whose values need a writer of their own, because the plain one would refuse or misunderstand them (`millis`) */
  readonly writers?: { readonly [F in ScalarForm]?: Writer }
  /** values may be JavaScript arrays */
  readonly arrays?: boolean
}

/** A codec of a type without parts. Users register their own through it. */
export const scalar = (options: ScalarOptions): Codec => {
  const readers = new Map<Form, Reader>()
  const forms: Array<ScalarForm> = []
  for (const [form, reader] of Object.entries(options.readers)) {
    // Object.entries forgets the key's type
    readers.set(form as ScalarForm, reader)
    forms.push(form as ScalarForm)
  }
  return {
    name: options.name,
    shape: { _tag: "Scalar", arrays: options.arrays === true },
    defaultForm: options.defaultForm,
    forms,
    reader: (form = options.defaultForm) => readers.get(form),
    writer: (form) => {
      if (form === undefined) return options.writer
      if (typeof form !== "string") return undefined
      return options.writers?.[form] ?? (readers.has(form) ? options.writer : undefined)
    }
  }
}

/** The same type under another name (`varchar` is `text` on the wire). */
export const rename = (codec: Codec, name: string): Codec => ({ ...codec, name })

/** The reader of a column that arrives in `format`, `undefined` if the form cannot be read from it. */
export const readFormat = (type: string, reader: Reader, format: FormatCode): ReadValue | undefined => {
  if (format === 1) return reader.binary
  if (reader.text !== undefined) return reader.text
  const { parse } = reader
  return parse === undefined ? undefined : (bytes, offset, length) => parse(readText(type, bytes, offset, length))
}
