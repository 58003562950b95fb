import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { rangeOf } from "../../src/container/Range.ts"
import { date } from "../../src/scalar/Date.ts"
import { int4 } from "../../src/scalar/Integer.ts"
import { numeric } from "../../src/scalar/Numeric.ts"
import { text } from "../../src/scalar/Text.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

const int4range = rangeOf("int4range", int4)
const textrange = rangeOf("textrange", text)
const daterange = rangeOf("daterange", date)

const bounds = fc.constantFrom("[]", "[)", "(]", "()")
const range = <A>(bound: fc.Arbitrary<A>) =>
  fc.oneof(
    fc.constant({ empty: true }),
    fc
      .record({ lower: fc.option(bound), upper: fc.option(bound), bounds }, { noNullPrototype: true })
      // the server never calls an unbounded side inclusive
      .map((value) => ({
        ...value,
        bounds: (value.lower === null ? "(" : value.bounds[0]!) + (value.upper === null ? ")" : value.bounds[1]!)
      }))
  )

describe("ranges", () => {
  it("keep both bounds and how they are closed, in both formats", () => {
    fc.assert(fc.property(range(fc.integer()), (value) => roundTrip(int4range, value)))
    const string = fc.fullUnicodeString({ maxLength: 5 }).filter((t) => !t.includes("\0"))
    fc.assert(fc.property(range(string), (value) => roundTrip(textrange, value)))
  })

  it("are the server's text and bytes", () => {
    sameInBoth(int4range, "[1,5)", [2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 5], {
      lower: 1,
      upper: 5,
      bounds: "[)"
    })
    sameInBoth(int4range, "empty", [1], { empty: true })
    sameInBoth(int4range, "(,)", [0x18], { lower: null, upper: null, bounds: "()" })
    sameInBoth(int4range, "[1,)", [0x12, 0, 0, 0, 4, 0, 0, 0, 1], { lower: 1, upper: null, bounds: "[)" })
  })

  it("tell an unbounded side from infinity", () => {
    expect(readText(daterange, "[-infinity,)")).toEqual({ lower: "-infinity", upper: null, bounds: "[)" })
    roundTrip(daterange, { lower: "-infinity", upper: "infinity", bounds: "[]" })
  })

  it("read and write bounds in the form asked for", () => {
    roundTrip(int4range, { lower: 1n, upper: null, bounds: "[)" }, { _tag: "range", bound: "bigint" })
    expect(int4range.reader({ _tag: "range", bound: "date" })).toBeUndefined()
    expect(int4range.reader("text")).toBeUndefined()
    expect(int4range.writer({ _tag: "multirange" })).toBeUndefined()
  })

  it("go as text if a bound has to be parsed by the server", () => {
    const value = { lower: "one", upper: 2, bounds: "[)" }
    expect(formatOf(int4range, value)).toBe(0)
    expect(writeText(int4range, value)).toBe('["one","2")')
    expect(formatOf(int4range, "[1,2)")).toBe(0)
  })

  it("refuse a bound that is missing: it could be NULL, unbounded or a mistake", () => {
    expect(refusal(int4range, { lower: 1, upper: undefined, bounds: "[)" })).toContain("undefined bound")
    for (const odd of [
      {},
      { lower: 1 },
      { lower: 1, upper: 2 },
      { lower: 1, upper: 2, bounds: "[[" },
      { empty: false },
      [1, 2],
      1
    ]) {
      expect(refusal(int4range, odd)).toContain("the type takes no")
    }
    expect(refusal(int4range, { lower: 1.5, upper: 2, bounds: "[)" })).toBe("has a fraction")
    expect(refusal(int4range, { lower: "x", upper: 1.5, bounds: "[)" })).toBe("has a fraction")
  })

  it("are total over flags, lengths and literals", () => {
    const bad = [
      [],
      [0x20],
      [0xff],
      [2],
      [2, 0, 0, 0, 4, 0, 0, 0, 1],
      [1, 0],
      [0x18, 0],
      [0, 255, 255, 255, 255],
      [0, 255, 255, 255, 254],
      [0x10, 0, 0, 0, 5, 1, 2, 3, 4],
      [0x10, 127, 255, 255, 255]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(int4range, bytes)),
        String(bytes)
      ).toContain("not a value")
    for (const literal of [
      "",
      "[",
      "[1",
      "[1,",
      "[1,2",
      "1,2",
      "[1,2}",
      "{1,2]",
      "[1;2)",
      '["1,2)',
      "[1,2)x",
      "[1,2,3)",
      "emptyx",
      "[1\\"
    ]) {
      expect(
        issueOf(() => readText(textrange, literal)),
        literal
      ).toContain("range literal")
    }
  })

  it("keep the scale of exact bounds", () => {
    roundTrip(rangeOf("numrange", numeric), { lower: "1.50", upper: "NaN", bounds: "[]" })
  })
})
