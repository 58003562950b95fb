// Composite types, by name or by position, and the anonymous `record`. Source: src/backend/utils/adt/rowtypes.c, record_send, record_recv.
// What the attributes are is known from the catalogue (TypeCatalog); a value that does not have them is refused, not guessed at.
import type { ByteWriter } from "@pgfx/protocol"
import { int32, uint32 } from "../BigEndian.ts"
import type { Codec, Form, ReadValue, Reader, Writer } from "../Codec.ts"
import { setOwn } from "../setOwn.ts"
import { checkText } from "../Text.ts"
import { ValueError, malformed, notTaken, refused } from "../ValueError.ts"
import { parseCompositeLiteral } from "./compositeLiteral.ts"
import { binaryOf, maxDepth, parseOf, partFormat, partLength, quoted, wholeReader, writePart } from "./nested.ts"

export interface Attribute {
  readonly name: string
  readonly oid: number
  readonly codec: Codec
}

export interface CompositeOptions {
  readonly name: string
  /** in order, dropped ones absent */
  readonly attributes: ReadonlyArray<Attribute>
}

/** Walks the fields of a binary composite; every length is checked before `visit` sees it, −1 is NULL. */
const walk = (
  type: string,
  bytes: Uint8Array,
  offset: number,
  length: number,
  visit: (index: number, oid: number, at: number, size: number) => void
): number => {
  const end = offset + length
  const count = length < 4 ? -1 : int32(bytes, offset)
  let at = offset + 4
  // a field takes 8 bytes at least
  if (count < 0 || count * 8 > end - at) throw malformed(type, "as many fields as it says")
  for (let i = 0; i < count; i++) {
    if (end - at < 8) throw malformed(type, "a field")
    const size = partLength(type, bytes, at + 4, end)
    visit(i, uint32(bytes, at), at + 8, size)
    at += 8 + Math.max(size, 0)
  }
  if (at !== end) throw malformed(type, "nothing behind its fields")
  return count
}

const changed = (type: string, issue: string): ValueError =>
  new ValueError({ type, issue, remedy: "the type was changed: its description has to be read again" })

type Make = (values: ReadonlyArray<unknown>) => unknown

const readFields =
  ({ name, attributes }: CompositeOptions, reads: ReadonlyArray<ReadValue>, make: Make): ReadValue =>
  (bytes, offset, length) => {
    const values: Array<unknown> = []
    const count = walk(name, bytes, offset, length, (i, oid, at, size) => {
      const attribute = attributes[i]
      if (attribute === undefined || attribute.oid !== oid) throw changed(name, "fields other than the described ones")
      values.push(size < 0 ? null : reads[i]!(bytes, at, size))
    })
    if (count !== attributes.length) throw changed(name, `${count} fields where ${attributes.length} are described`)
    return make(values)
  }

const parseFields = (
  { name, attributes }: CompositeOptions,
  parses: ReadonlyArray<(text: string) => unknown>,
  make: Make
) => {
  return (text: string): unknown => {
    const fields = parseCompositeLiteral(name, text)
    // a single NULL column prints as `()`, as no columns do
    const isNull = fields.length === 0 && attributes.length === 1
    const texts = isNull ? [null] : fields
    if (texts.length !== attributes.length) {
      throw changed(name, `${texts.length} fields where ${attributes.length} are described`)
    }
    return make(texts.map((field, i) => (field === null ? null : parses[i]!(field))))
  }
}

/** The form of each attribute, and how the values are put together. `undefined`: not a form of composites. */
const plan = (
  { attributes }: CompositeOptions,
  form: Form | undefined
): { readonly forms: ReadonlyArray<Form | undefined>; readonly make: Make } | undefined => {
  if (form === undefined || (typeof form === "object" && form._tag === "fields")) {
    const fields = form?.fields
    return {
      forms: attributes.map(({ name }) => fields?.get(name)),
      make: (values) => {
        const object: Record<string, unknown> = {}
        for (let i = 0; i < attributes.length; i++) setOwn(object, attributes[i]!.name, values[i])
        return object
      }
    }
  }
  if (typeof form !== "object" || form._tag !== "tuple") return undefined
  return { forms: attributes.map((_attribute, i) => form.elements?.[i]), make: (values) => values }
}

const readerOf = (options: CompositeOptions, form: Form | undefined): Reader | undefined => {
  const planned = plan(options, form)
  if (planned === undefined) return undefined
  const readers: Array<Reader> = []
  for (let i = 0; i < options.attributes.length; i++) {
    const reader = options.attributes[i]!.codec.reader(planned.forms[i])
    if (reader === undefined) return undefined
    readers.push(reader)
  }
  const { name } = options
  return wholeReader(
    readers,
    () =>
      readFields(
        options,
        readers.map((reader) => binaryOf(name, reader)),
        planned.make
      ),
    () =>
      parseFields(
        options,
        readers.map((reader) => parseOf(name, reader)),
        planned.make
      )
  )
}

/** The attributes' values in order, from an object by name or an array by position. */
const valuesOf = ({ name, attributes }: CompositeOptions, value: unknown): ReadonlyArray<unknown> => {
  if (typeof value !== "object" || value === null) throw notTaken(name, value)
  if (Array.isArray(value)) {
    if (value.length !== attributes.length) {
      throw refused(name, value, `${value.length} elements for ${attributes.length} attributes`)
    }
    return Array.from(value, (item) => defined(name, item))
  }
  const known = new Set(attributes.map((attribute) => attribute.name))
  for (const key of Object.keys(value)) {
    if (!known.has(key)) throw refused(name, value, `a member ${JSON.stringify(key)} that the type does not have`)
  }
  return attributes.map((attribute) => {
    if (!Object.hasOwn(value, attribute.name)) {
      throw refused(name, value, `no member ${JSON.stringify(attribute.name)}`, "use null for NULL")
    }
    return defined(name, Reflect.get(value, attribute.name))
  })
}

const defined = (type: string, value: unknown): unknown => {
  if (value === undefined) throw notTaken(type, value)
  return value
}

const writerOf = (options: CompositeOptions, form: Form | undefined): Writer | undefined => {
  const planned = plan(options, form)
  if (planned === undefined) return undefined
  const { name, attributes } = options
  const writers: Array<Writer> = []
  for (let i = 0; i < attributes.length; i++) {
    const writer = attributes[i]!.codec.writer(planned.forms[i])
    if (writer === undefined) return undefined
    writers.push(writer)
  }
  return {
    format: (value) => {
      if (typeof value === "string") return (checkText(name, value), 0)
      let format: 0 | 1 = 1
      const values = valuesOf(options, value)
      for (let i = 0; i < values.length; i++) if (partFormat(writers[i]!, values[i]) === 0) format = 0
      return format
    },
    text: (value) => {
      if (typeof value === "string") return checkText(name, value)
      const texts = valuesOf(options, value).map((item, i) => (item === null ? "" : quoted(writers[i]!.text(item))))
      return `(${texts.join(",")})`
    },
    binary: (value, out) => writeFields(valuesOf(options, value), attributes, writers, out)
  }
}

const writeFields = (
  values: ReadonlyArray<unknown>,
  attributes: ReadonlyArray<Attribute>,
  writers: ReadonlyArray<Writer>,
  out: ByteWriter
): void => {
  out.int32(values.length)
  for (let i = 0; i < values.length; i++) {
    out.uint32(attributes[i]!.oid)
    writePart(writers[i]!, values[i], out)
  }
}

/** The codec of a named composite type (and of a table's rows). */
export const compositeOf = (options: CompositeOptions): Codec => ({
  name: options.name,
  shape: { _tag: "Composite", attributes: options.attributes },
  defaultForm: { _tag: "fields" },
  forms: [],
  reader: (form) => readerOf(options, form),
  writer: (form) => writerOf(options, form)
})

let depth = 0

/**
 * The codec of `record`: an array by position. Binary carries the fields' types, so it is what the server is asked for; fields of types
 * that are not known come as bytes. Text (simple queries) carries none: its fields are strings. The server takes no record as input.
 */
export const recordOf = (codecOf: (oid: number) => Codec | undefined): Codec => {
  // a reader is made once per type, not once per field: containers build theirs
  const fields = new Map<number, ReadValue | undefined>()
  const readField = (oid: number): ReadValue | undefined => {
    if (!fields.has(oid)) fields.set(oid, codecOf(oid)?.reader()?.binary)
    return fields.get(oid)
  }
  const reader: Reader = {
    format: 1,
    binary: (bytes, offset, length) => {
      if (depth >= maxDepth) throw malformed("record", `no more than ${maxDepth} levels`)
      depth++
      try {
        const values: Array<unknown> = []
        walk("record", bytes, offset, length, (_i, oid, at, size) => {
          const read = readField(oid)
          values.push(
            size < 0 ? null : read === undefined ? new Uint8Array(bytes.subarray(at, at + size)) : read(bytes, at, size)
          )
        })
        return values
      } finally {
        depth--
      }
    },
    parse: (text) => parseCompositeLiteral("record", text)
  }
  return {
    name: "record",
    shape: { _tag: "Record" },
    defaultForm: { _tag: "tuple" },
    forms: [],
    reader: (form) => (form === undefined || (typeof form === "object" && form._tag === "tuple") ? reader : undefined),
    writer: () => undefined
  }
}
