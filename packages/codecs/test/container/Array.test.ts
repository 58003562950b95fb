import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Codec, scalar } from "../../src/Codec.ts"
import { arrayOf, lowerBounds } from "../../src/container/Array.ts"
import { text } from "../../src/scalar/Text.ts"
import { int4 } from "../../src/scalar/Integer.ts"
import { jsonb } from "../../src/scalar/Json.ts"
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

const int4s = arrayOf({ name: "_int4", element: int4, elementOid: 23 })
const texts = arrayOf({ name: "_text", element: text, elementOid: 25 })
const jsonbs = arrayOf({ name: "_jsonb", element: jsonb, elementOid: 3802 })
const boxes = builtinTypes.codecOf(1020)

const boundsOf = (value: unknown): unknown => Reflect.get(value as object, lowerBounds)

const withBounds = (value: Array<unknown>, bounds: ReadonlyArray<number>): Array<unknown> => {
  Object.defineProperty(value, lowerBounds, { value: bounds, enumerable: false })
  return value
}

/** A rectangular array of one to six dimensions. */
const rectangular = (element: fc.Arbitrary<unknown>): fc.Arbitrary<Array<unknown>> =>
  fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }).chain((sizes) => {
    let level: fc.Arbitrary<unknown> = element
    for (const size of sizes) level = fc.array(level, { minLength: size, maxLength: size })
    return level as fc.Arbitrary<Array<unknown>>
  })

const header = (
  dimensions: ReadonlyArray<readonly [size: number, bound: number]>,
  oid: number,
  elements: ReadonlyArray<string | null>
) =>
  bytesOf((out) => {
    out.int32(dimensions.length)
    out.int32(0)
    out.uint32(oid)
    for (const [size, bound] of dimensions) {
      out.int32(size)
      out.int32(bound)
    }
    for (const element of elements) out.value(element)
  })

const sameBounds = (codec: Codec, value: Array<unknown>) => {
  for (const read of [readBinary(codec, writeBinary(codec, value)), readText(codec, writeText(codec, value))]) {
    expect(read).toEqual(value)
    expect(boundsOf(read)).toEqual(boundsOf(value))
  }
}

describe("arrays", () => {
  it("keep elements, NULLs and dimensions in both formats", () => {
    fc.assert(fc.property(rectangular(fc.option(fc.integer())), (value) => roundTrip(int4s, value)))
    fc.assert(
      fc.property(
        rectangular(fc.option(fc.fullUnicodeString({ maxLength: 4 }).filter((t) => !t.includes("\0")))),
        (value) => roundTrip(texts, value)
      )
    )
    roundTrip(int4s, [])
  })

  it("keep lower bounds other than 1 at a symbol that nobody enumerates", () => {
    const value = readText(int4s, "[0:1][-5:-4]={{1,2},{3,NULL}}")
    expect(value).toEqual([
      [1, 2],
      [3, null]
    ])
    expect(boundsOf(value)).toEqual([0, -5])
    expect(Object.keys(value as object)).toEqual(["0", "1"])
    expect(writeText(int4s, value)).toBe('[0:1][-5:-4]={{"1","2"},{"3",NULL}}')
    sameBounds(int4s, withBounds([1, 2], [2]))
    sameBounds(int4s, withBounds([[1], [2]], [1, -2147483648]))
    expect(boundsOf(readText(int4s, "{1,2}"))).toBeUndefined()
    expect(boundsOf(readText(int4s, "[1:2]={1,2}"))).toBeUndefined()
  })

  it("leave the bounds away where a form does not ask for them", () => {
    expect(boundsOf(readText(int4s, "[2:2]={1}", { _tag: "array" }))).toBeUndefined()
    expect(boundsOf(readText(int4s, "[2:2]={1}", { _tag: "array", bounds: true }))).toEqual([2])
  })

  it("read and write elements in the form asked for", () => {
    roundTrip(int4s, ["1", null], { _tag: "array", element: "text" })
    roundTrip(int4s, [1n, 2n], { _tag: "array", element: "bigint" })
    expect(int4s.reader({ _tag: "array", element: "date" })).toBeUndefined()
    expect(int4s.reader("text")).toBeUndefined()
    expect(int4s.writer("text")).toBeUndefined()
  })

  it("go as text if one element has to be parsed by the server, wherever it stands", () => {
    expect(formatOf(int4s, [1, "2"])).toBe(1)
    expect(formatOf(int4s, [1, "two"])).toBe(0)
    expect(formatOf(int4s, ["two", 1])).toBe(0)
    expect(writeText(int4s, ["two", 1, null])).toBe('{"two","1",NULL}')
    expect(formatOf(int4s, "{1,2}")).toBe(0)
    expect(writeText(int4s, "{1,2}")).toBe("{1,2}")
  })

  it("refuse what PostgreSQL could not hold: ragged nesting, holes, empty arrays inside, seven dimensions", () => {
    expect(refusal(int4s, [[1], [1, 2]])).toBe("nested arrays of different lengths")
    expect(refusal(int4s, [[1], 2])).toContain("side by side")
    expect(refusal(int4s, [1, [2]])).toContain("side by side")
    expect(refusal(int4s, [null, [2]])).toContain("side by side")
    expect(refusal(int4s, [[], []])).toBe("an empty array inside an array")
    // oxlint-disable-next-line no-sparse-arrays
    expect(refusal(int4s, [1, , 3])).toContain("undefined")
    expect(refusal(int4s, [undefined])).toContain("undefined")
    expect(refusal(int4s, [[[[[[[1]]]]]]])).toContain("6 dimensions")
    expect(refusal(int4s, [1.5])).toBe("has a fraction")
    expect(refusal(int4s, ["x", 1.5])).toBe("has a fraction")
    expect(refusal(int4s, { 0: 1 })).toContain("takes no object")
    expect(refusal(int4s, new Uint8Array(1))).toContain("takes no Uint8Array")
  })

  it("refuse an array inside itself", () => {
    const circle: Array<unknown> = []
    circle.push(circle)
    expect(refusal(int4s, circle)).toContain("6 dimensions")
    expect(issueOf(() => formatOf(jsonbs, circle))).toContain("circle")
  })

  it("refuse lower bounds that are no bounds", () => {
    for (const bounds of [[1.5], [2 ** 31], [NaN], [2 ** 31 - 1]]) {
      expect(refusal(int4s, withBounds([1, 2], bounds)), String(bounds)).toContain("bounds out of range")
    }
    // not ours: ignored
    expect(formatOf(int4s, withBounds([1], []))).toBe(1)
    expect(formatOf(int4s, withBounds([1], ["x"] as never))).toBe(1)
  })

  it("refuse undefined also where the element's own writer would not", () => {
    const careless = scalar({
      name: "careless",
      defaultForm: "text",
      readers: { text: { format: 0, parse: (string) => string } },
      writer: { format: () => 0, text: String, binary: () => undefined }
    })
    const codec = arrayOf({ name: "_careless", element: careless, elementOid: 1 })
    expect(formatOf(codec, [1])).toBe(0)
    expect(refusal(codec, [undefined])).toContain("undefined")
  })

  it("of JSON have one dimension, unless told otherwise: an element may be an array itself", () => {
    sameBounds(jsonbs, [[1, 2], [3], { a: [] }])
    const nested = readText(jsonbs, '{{"[1]","2"},{"3","[4,5]"}}')
    expect(nested).toEqual([
      [[1], 2],
      [3, [4, 5]]
    ])
    expect(boundsOf(nested)).toEqual([1, 1])
    sameBounds(jsonbs, nested as Array<unknown>)
    const form = { _tag: "array", dimensions: 2 } as const
    expect(writeText(jsonbs, [[[1], 2]], form)).toBe('{{"[1]","2"}}')
  })

  it("use the delimiter of their type", () => {
    const value = [{ high: { x: 3, y: 4 }, low: { x: 1, y: 2 } }, null]
    expect(writeText(boxes, value)).toBe('{"(3,4),(1,2)";NULL}')
    roundTrip(boxes, value)
  })

  it("of a type without a binary reader are text, with text elements", () => {
    const regclasses = builtinTypes.codecOf(2210)
    expect(regclasses.reader()?.format).toBe(0)
    expect(readText(regclasses, "{pg_class,NULL}")).toEqual(["pg_class", null])
  })
})

describe("binary arrays from a hostile server", () => {
  const bad: ReadonlyArray<readonly [string, ReadonlyArray<number> | Uint8Array]> = [
    ["nothing", []],
    ["half a header", [0, 0, 0, 1, 0, 0, 0, 0]],
    [
      "seven dimensions",
      header(
        Array.from({ length: 7 }, () => [1, 1] as const),
        23,
        []
      )
    ],
    ["a negative number of dimensions", [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 23]],
    ["dimensions that are not there", [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1]],
    ["a negative size", header([[-1, 1]], 23, [])],
    ["more elements than bytes", header([[1_000_000, 1]], 23, [])],
    [
      "sizes whose product overflows",
      header(
        [
          [65_536, 1],
          [65_536, 1],
          [65_536, 1]
        ],
        23,
        []
      )
    ],
    [
      "two negative sizes",
      header(
        [
          [-1, 1],
          [-1, 1]
        ],
        23,
        ["abcd"]
      )
    ],
    ["another element type", header([[1, 1]], 25, ["abcd"])],
    ["an element too few", header([[2, 1]], 23, ["abcd", "ab"])],
    ["an element too many", header([[1, 1]], 23, ["abcd", "abcd"])],
    ["an element of the wrong length", header([[1, 1]], 23, ["abc"])],
    ["a negative length", [...header([[1, 1]], 23, []), 255, 255, 255, 254]],
    ["a length beyond the value", [...header([[1, 1]], 23, []), 0, 0, 0, 5, 1, 2, 3, 4]],
    ["bytes behind no elements", [...header([], 23, []), 1]]
  ]

  it.each(bad)("are refused: %s", (_name, bytes) => {
    expect(issueOf(() => readBinary(int4s, bytes))).toContain("not a value")
  })

  it("are refused before anything is read beyond the value, and before a loop over what is not there", () => {
    const one = header([[1, 1]], 25, [])
    expect(issueOf(() => readBinary(texts, [...one, 0, 0, 0, 5, 1, 2]))).toContain("a length within the value")
    expect(issueOf(() => readBinary(texts, [...one, 0, 0, 0]))).toContain("as many elements as its dimensions say")
    expect(issueOf(() => readBinary(texts, [...header([[2, 1]], 25, []), 0, 0, 0, 2, 1, 1, 1, 1]))).toContain(
      "a length"
    )
    expect(issueOf(() => readBinary(texts, header([[0x7fffffff, 1]], 25, [])))).toContain("as many elements as")
  })

  it("are empty where a dimension is", () => {
    expect(readBinary(int4s, header([], 23, []))).toEqual([])
    expect(readBinary(int4s, header([[0, 0]], 23, []))).toEqual([])
    expect(boundsOf(readBinary(int4s, header([[0, 0]], 23, [])))).toBeUndefined()
  })
})

describe("array literals", () => {
  it("are read as array_out writes them", () => {
    expect(readText(texts, '{"",NULL,"NULL",null,"a,b","q\\"uo\\\\te","{}",é}')).toEqual([
      "",
      null,
      "NULL",
      "null",
      "a,b",
      'q"uo\\te',
      "{}",
      "é"
    ])
    expect(readText(texts, "{{a,b},{c,d}}")).toEqual([
      ["a", "b"],
      ["c", "d"]
    ])
    expect(readText(texts, "{}")).toEqual([])
  })

  it("are refused if they are anything else", () => {
    const broken = [
      "",
      "{",
      "}",
      "a",
      "{a",
      "{a,}",
      "{,a}",
      "{a}b",
      "{{a},b}",
      "{{a},{b,c}}",
      "{{},{}}",
      '{"a}',
      '{"a\\',
      '{a"b}',
      "{a b}c",
      "[1:2]",
      "[1:2]={}",
      "[1:1][1:1]={a}",
      "[x:1]={a}",
      "{a}{b}",
      "{{{{{{{a}}}}}}}",
      "{a,{b}}",
      "{a\\b}",
      " {a}"
    ]
    for (const literal of broken)
      expect(
        issueOf(() => readText(texts, literal)),
        literal
      ).toContain("array literal")
    expect(issueOf(() => readText(texts, "{".repeat(100_000)))).toContain("array literal")
  })
})

describe("int2vector and oidvector", () => {
  const vector = builtinTypes.codecOf(22)

  it("count from 0 and have text without braces", () => {
    const value = readText(vector, "1 -2 3")
    expect(value).toEqual([1, -2, 3])
    expect(boundsOf(value)).toEqual([0])
    expect(writeText(vector, [1, -2, 3])).toBe("1 -2 3")
    expect(readBinary(vector, writeBinary(vector, [1, 2]))).toEqual([1, 2])
    expect(readText(vector, "")).toEqual([])
  })

  it("go as text when empty: int2vectorrecv refuses its own empty value", () => {
    expect(formatOf(vector, [])).toBe(0)
    expect(writeText(vector, [])).toBe("")
  })

  it("have one dimension", () => {
    expect(refusal(vector, [[1]])).toContain("more than one dimension")
    expect(issueOf(() => readText(vector, "1,2"))).toContain("spaces")
  })
})

describe("anyarray", () => {
  const anyarray = builtinTypes.codecOf(2277)

  it("finds its elements' type in the binary value, and gives bytes where it is not known", () => {
    expect(readBinary(anyarray, writeBinary(int4s, [1, null]))).toEqual([1, null])
    expect(readBinary(anyarray, header([[1, 1]], 999_999, ["ab"]))).toEqual([Uint8Array.from([0x61, 0x62])])
    expect(readText(anyarray, "{a,NULL}")).toEqual(["a", null])
    expect(anyarray.writer()).toBeUndefined()
  })
})
