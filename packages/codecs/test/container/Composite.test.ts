import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compositeOf, recordOf } from "../../src/container/Composite.ts"
import { arrayOf } from "../../src/container/Array.ts"
import { int4 } from "../../src/scalar/Integer.ts"
import { numeric } from "../../src/scalar/Numeric.ts"
import { registered } from "../../src/scalar/System.ts"
import { text } from "../../src/scalar/Text.ts"
import { builtinTypes } from "../../src/TypeRegistry.ts"
import {
  bytesOf,
  formatOf,
  issueOf,
  readBinary,
  readText,
  refusal,
  roundTrip,
  writeBinary,
  writeText
} from "../wire.ts"

const pair = compositeOf({
  name: "pair",
  attributes: [
    { name: "a", oid: 23, codec: int4 },
    { name: "b c", oid: 25, codec: text },
    { name: "__proto__", oid: 1700, codec: numeric }
  ]
})
const nest = compositeOf({
  name: "nest",
  attributes: [
    { name: "one", oid: 50_001, codec: pair },
    { name: "many", oid: 50_002, codec: arrayOf({ name: "_pair", element: pair, elementOid: 50_001 }) }
  ]
})

const own = (a: unknown, b: unknown, c: unknown): object => {
  const value = { a, "b c": b }
  Object.defineProperty(value, "__proto__", { value: c, writable: true, enumerable: true, configurable: true })
  return value
}

const string = fc.fullUnicodeString({ maxLength: 5 }).filter((t) => !t.includes("\0"))
const value = fc
  .tuple(fc.option(fc.integer()), fc.option(string), fc.option(fc.constantFrom("1.50", "NaN")))
  .map(([a, b, c]) => own(a, b, c))

const fields = (...parts: ReadonlyArray<readonly [oid: number, value: string | null]>) =>
  bytesOf((out) => {
    out.int32(parts.length)
    for (const [oid, part] of parts) {
      out.uint32(oid)
      out.value(part)
    }
  })

describe("composites", () => {
  it("are objects by attribute name, own keys only, in both formats and at any depth", () => {
    fc.assert(fc.property(value, (composite) => roundTrip(pair, composite)))
    fc.assert(
      fc.property(fc.option(value), fc.option(fc.array(fc.option(value), { maxLength: 3 })), (one, many) =>
        roundTrip(nest, { one, many })
      )
    )
    const read = readText(pair, "(1,x,2)") as object
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(Object.keys(read)).toEqual(["a", "b c", "__proto__"])
  })

  it("are tuples if asked to, and take arrays by position", () => {
    roundTrip(pair, [1, "x", "1.5"], { _tag: "tuple" })
    roundTrip(pair, ["1", "x", null], { _tag: "tuple", elements: ["text"] })
    expect(writeText(pair, [1, "x", null])).toBe('("1","x",)')
  })

  it("read and write attributes in the form asked for", () => {
    const form = { _tag: "fields", fields: new Map([["a", "bigint" as const]]) } as const
    roundTrip(pair, own(1n, "x", null), form)
    expect(pair.reader({ _tag: "fields", fields: new Map([["a", "date" as const]]) })).toBeUndefined()
    expect(pair.reader("text")).toBeUndefined()
    expect(pair.writer({ _tag: "array" })).toBeUndefined()
  })

  it("are read as record_out writes them", () => {
    expect(readText(pair, '(1,"a ""q"" \\\\ b",1.50)')).toEqual(own(1, 'a "q" \\ b', "1.50"))
    expect(readText(pair, "(,,)")).toEqual(own(null, null, null))
    expect(readText(pair, '(,"",)')).toEqual(own(null, "", null))
    const single = compositeOf({ name: "single", attributes: [{ name: "a", oid: 23, codec: int4 }] })
    expect(readText(single, "()")).toEqual({ a: null })
    expect(readText(compositeOf({ name: "none", attributes: [] }), "()")).toEqual({})
  })

  it("go as text if an attribute has to be parsed by the server", () => {
    expect(formatOf(pair, own("one", "x", null))).toBe(0)
    expect(writeText(pair, own("one", '"', null))).toBe('("one","\\"",)')
    expect(formatOf(pair, "(1,x,2)")).toBe(0)
  })

  it("refuse members that are missing, superfluous or undefined", () => {
    expect(refusal(pair, { a: 1 })).toContain('no member "b c"')
    expect(refusal(pair, Object.assign(own(1, "x", "1"), { d: 1 }))).toContain('a member "d"')
    expect(refusal(pair, own(undefined, "x", "1"))).toContain("undefined")
    expect(refusal(pair, [1, "x"])).toContain("2 elements for 3")
    expect(refusal(pair, [1, undefined, null])).toContain("undefined")
    expect(refusal(pair, 1)).toContain("takes no number")
    expect(refusal(pair, own("x", "y", true))).toContain("takes no boolean")
  })

  it("say that the type was changed when a value has other fields than described", () => {
    expect(issueOf(() => readBinary(pair, fields([23, "abcd"])))).toContain("1 fields where 3")
    expect(issueOf(() => readBinary(pair, fields([20, null], [25, null], [1700, null])))).toContain(
      "other than the described"
    )
    expect(issueOf(() => readBinary(pair, fields([23, null], [25, null], [1700, null], [23, null])))).toContain(
      "other than"
    )
    expect(issueOf(() => readText(pair, "(1,2)"))).toContain("2 fields where 3")
  })

  it("are text where an attribute has no binary reader", () => {
    const codec = compositeOf({ name: "c", attributes: [{ name: "r", oid: 2205, codec: registered("regclass") }] })
    expect(codec.reader()?.format).toBe(0)
    expect(codec.reader()?.binary).toBeUndefined()
    expect(readText(codec, "(pg_class)")).toEqual({ r: "pg_class" })
  })

  it("are total over counts, lengths and literals", () => {
    const bad = [
      [],
      [0, 0, 0],
      [255, 255, 255, 255],
      [0, 0, 0, 3],
      [127, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0],
      [...fields([23, null], [25, null], [1700, null]), 0],
      [0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 9, 1],
      [0, 0, 0, 1, 0, 0, 0, 23, 255, 255, 255, 254]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(pair, bytes)),
        String(bytes)
      ).toMatch(/not a value|fields/)
    expect(issueOf(() => readBinary(pair, [127, 255, 255, 255, 0, 0, 0, 23]))).toContain("as many fields as it says")
    for (const literal of ["", "(", ")", "(1", "(1,2,3", "1,2,3", "(1,2,3)x", '("a,2,3)', "(1,2,3\\", "(1,(2),3)x"]) {
      expect(
        issueOf(() => readText(pair, literal)),
        literal
      ).toContain("composite literal")
    }
  })
})

describe("record", () => {
  const record = builtinTypes.codecOf(2249)

  it("is an array by position, of the types its binary value names", () => {
    expect(readBinary(record, writeBinary(pair, own(1, "x", "2.50")))).toEqual([1, "x", "2.50"])
    expect(record.reader()?.format).toBe(1)
  })

  it("gives bytes for a type that is not known or has no binary reader: never text", () => {
    expect(readBinary(record, fields([999_999, "ab"], [790, "ab"]))).toEqual([
      Uint8Array.from([97, 98]),
      Uint8Array.from([97, 98])
    ])
  })

  it("is strings in text format, which carries no types", () => {
    expect(readText(record, '(1,,"a b")')).toEqual(["1", null, "a b"])
  })

  it("nests, but not without end", () => {
    const wrap = (depth: number): Uint8Array => {
      let bytes = fields([23, "abcd"])
      for (let i = 0; i < depth; i++) {
        const inner = bytes
        bytes = bytesOf((out) => {
          out.int32(1)
          out.uint32(2249)
          out.value(inner)
        })
      }
      return bytes
    }
    expect(readBinary(record, wrap(2))).toEqual([[[0x61626364]]])
    expect(issueOf(() => readBinary(record, wrap(1000)))).toContain("levels")
    // the count of levels is given back after a failure
    expect(readBinary(record, wrap(100))).toBeInstanceOf(Array)
  })

  it("is no input: the server does not take one", () => {
    expect(recordOf(() => undefined).writer()).toBeUndefined()
  })
})
