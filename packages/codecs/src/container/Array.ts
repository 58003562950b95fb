// Arrays of any type: JavaScript arrays, nested by dimension, NULL as null. Lower bounds other than 1 stand at a symbol of the outermost
// array and are written back from it. Source: src/backend/utils/adt/arrayfuncs.c, array_send, array_recv, array_out.
import type { ByteWriter } from "@pgfx/protocol"
import { int32, uint32 } from "../BigEndian.ts"
import type { Codec, Form, ReadValue, Reader, Writer } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"
import { maxDimensions, parseArrayLiteral } from "./arrayLiteral.ts"
import { isArray, literalOf, lowerBounds, type Shaped, shapeOf } from "./arrayShape.ts"
import { binaryOf, mayBeArray, parseOf, partFormat, partLength, wholeReader, writePart } from "./nested.ts"

export { lowerBounds }

export interface ArrayOptions {
  /** `"_int4"`, `"int4[]"`: stands in errors */
  readonly name: string
  readonly element: Codec
  /** stands in front of the elements in binary, and is checked */
  readonly elementOid: number
  /** pg_type.typdelim; absent: a comma */
  readonly delimiter?: string | undefined
  /** int2vector and oidvector: one dimension from 0, text without braces */
  readonly vector?: boolean | undefined
}

/** Nests `elements`, row by row, and notes the bounds if there is something to note. */
export const nest = (
  elements: Array<unknown>,
  sizes: ReadonlyArray<number>,
  bounds: ReadonlyArray<number>,
  keep: "never" | "unusual" | "several"
): Array<unknown> => {
  let level = elements
  for (let dimension = sizes.length - 1; dimension > 0; dimension--) {
    const size = sizes[dimension]!
    const outer: Array<unknown> = []
    for (let i = 0; i < level.length; i += size) outer.push(level.slice(i, i + size))
    level = outer
  }
  const isUnusual = bounds.some((bound) => bound !== 1) || (keep === "several" && sizes.length > 1)
  if (keep !== "never" && isUnusual) {
    Object.defineProperty(level, lowerBounds, { value: Object.freeze([...bounds]), enumerable: false })
  }
  return level
}

/** Reads what array_send writes, elements by `readElement(oid)`. */
export const readArray = (
  type: string,
  elementReader: (oid: number) => ReadValue,
  keep: "never" | "unusual" | "several"
): ReadValue => {
  return (bytes, offset, length) => {
    const end = offset + length
    const dimensions = length < 12 ? -1 : int32(bytes, offset)
    if (dimensions < 0 || dimensions > maxDimensions || length < 12 + dimensions * 8) {
      throw malformed(type, `up to ${maxDimensions} dimensions`)
    }
    const readElement = elementReader(uint32(bytes, offset + 8))
    const sizes: Array<number> = []
    const bounds: Array<number> = []
    let at = offset + 12
    let count = dimensions === 0 ? 0 : 1
    // an element takes 4 bytes at least: no product of sizes gets beyond what is there
    const most = (end - at - dimensions * 8) / 4
    for (let i = 0; i < dimensions; i++, at += 8) {
      const size = int32(bytes, at)
      count *= size
      if (size < 0 || count > most) throw malformed(type, "as many elements as its dimensions say")
      sizes.push(size)
      bounds.push(int32(bytes, at + 4))
    }
    const elements: Array<unknown> = []
    for (let i = 0; i < count; i++) {
      const size = partLength(type, bytes, at, end)
      at += 4
      if (size < 0) elements.push(null)
      else {
        elements.push(readElement(bytes, at, size))
        at += size
      }
    }
    if (at !== end) throw malformed(type, "nothing behind its elements")
    return count === 0 ? [] : nest(elements, sizes, bounds, keep)
  }
}

const parseVector = (type: string, text: string) => {
  if (!/^(?:-?\d+(?: -?\d+)*)?$/.test(text)) throw malformed(type, "numbers with spaces")
  const elements = text === "" ? [] : text.split(" ")
  return { sizes: [elements.length], lowerBounds: [0], elements }
}

const readerOf = (options: ArrayOptions, form: Form | undefined): Reader | undefined => {
  if (form !== undefined && (typeof form === "string" || form._tag !== "array")) return undefined
  const { name, element, elementOid, delimiter = ",", vector } = options
  const inner = element.reader(form?.element)
  if (inner === undefined) return undefined
  const keep =
    form !== undefined && form.bounds !== true ? "never" : mayBeArray(element, form?.element) ? "several" : "unusual"
  return wholeReader(
    [inner],
    () => {
      const read = binaryOf(name, inner)
      return readArray(
        name,
        (oid) => {
          if (oid !== elementOid) throw malformed(name, `elements of type ${elementOid}, received ${oid}`)
          return read
        },
        keep
      )
    },
    () => {
      const parse = parseOf(name, inner)
      return (text) => {
        const literal = vector === true ? parseVector(name, text) : parseArrayLiteral(name, text, delimiter)
        const values = literal.elements.map((item) => (item === null ? null : parse(item)))
        return values.length === 0 ? [] : nest(values, literal.sizes, literal.lowerBounds, keep)
      }
    }
  )
}

const writerOf = (options: ArrayOptions, form: Form | undefined): Writer | undefined => {
  if (form !== undefined && (typeof form === "string" || form._tag !== "array")) return undefined
  const { name, element, elementOid } = options
  const inner = element.writer(form?.element)
  if (inner === undefined) return undefined
  const single = mayBeArray(element, form?.element)
  const shaped = (value: unknown): Shaped => {
    if (!isArray(value)) throw notTaken(name, value)
    return shapeOf(options, value, form?.dimensions, single)
  }
  return {
    format: (value) => {
      if (typeof value === "string") return (checkText(name, value), 0)
      const { elements } = shaped(value)
      // int2vectorrecv wants one dimension, and array_recv gives an empty array none: in binary there is no empty vector
      if (options.vector === true && elements.length === 0) return 0
      // every element is asked, also behind one that is text: a refusal must not depend on the order
      let format: 0 | 1 = 1
      for (const item of elements) if (partFormat(inner, item) === 0) format = 0
      return format
    },
    text: (value) => (typeof value === "string" ? checkText(name, value) : literalOf(options, shaped(value), inner)),
    binary: (value, out) => writeArray(shaped(value), elementOid, inner, out)
  }
}

const writeArray = ({ sizes, bounds, elements }: Shaped, elementOid: number, inner: Writer, out: ByteWriter): void => {
  out.int32(sizes.length)
  out.int32(elements.includes(null) ? 1 : 0)
  out.uint32(elementOid)
  for (let i = 0; i < sizes.length; i++) {
    out.int32(sizes[i]!)
    out.int32(bounds[i]!)
  }
  for (const item of elements) writePart(inner, item, out)
}

/** The codec of an array type. Default form: elements in theirs, bounds kept. */
export const arrayOf = (options: ArrayOptions): Codec => ({
  name: options.name,
  shape: { _tag: "Array", element: options.element },
  defaultForm: { _tag: "array", bounds: true },
  forms: [],
  reader: (form) => readerOf(options, form ?? { _tag: "array", bounds: true }),
  writer: (form) => writerOf(options, form)
})

/**
 * The codec of `anyarray`, which some columns of the statistics views have: the elements' type stands in the binary value alone, so binary
 * is what the server is asked for. Text gives strings. Not written.
 */
export const anyArrayOf = (codecOf: (oid: number) => Codec | undefined, unknownElement: Codec): Codec => {
  const elementReader = (oid: number): ReadValue =>
    codecOf(oid)?.reader()?.binary ??
    ((bytes, offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)))
  const reader: Reader = {
    format: 1,
    binary: readArray("anyarray", elementReader, "unusual"),
    parse: (text) => {
      const { elements, sizes, lowerBounds } = parseArrayLiteral("anyarray", text, ",")
      return elements.length === 0 ? [] : nest([...elements], sizes, lowerBounds, "unusual")
    }
  }
  return {
    name: "anyarray",
    shape: { _tag: "Array", element: unknownElement },
    defaultForm: { _tag: "array", bounds: true },
    forms: [],
    reader: (form) => (form === undefined ? reader : undefined),
    writer: () => undefined
  }
}
