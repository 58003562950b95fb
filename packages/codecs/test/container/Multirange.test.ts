import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { multirangeOf } from "../../src/container/Multirange.ts"
import { int4 } from "../../src/scalar/Integer.ts"
import { text } from "../../src/scalar/Text.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

const int4multirange = multirangeOf("int4multirange", int4)
const textmultirange = multirangeOf("textmultirange", text)

describe("multiranges", () => {
  it("are arrays of ranges, in both formats", () => {
    const string = fc.fullUnicodeString({ maxLength: 4 }).filter((t) => !t.includes("\0"))
    const range = fc.record(
      { lower: string, upper: string, bounds: fc.constantFrom("[]", "[)", "(]", "()") },
      { noNullPrototype: true }
    )
    fc.assert(fc.property(fc.array(range, { maxLength: 4 }), (value) => roundTrip(textmultirange, value)))
    sameInBoth(int4multirange, "{}", [0, 0, 0, 0], [])
    sameInBoth(int4multirange, "{(,)}", [0, 0, 0, 1, 0, 0, 0, 1, 0x18], [{ lower: null, upper: null, bounds: "()" }])
    expect(readText(int4multirange, "{[1,5),[7,)}")).toEqual([
      { lower: 1, upper: 5, bounds: "[)" },
      { lower: 7, upper: null, bounds: "[)" }
    ])
  })

  it("read and write bounds in the form asked for", () => {
    roundTrip(int4multirange, [{ lower: 1n, upper: 2n, bounds: "[)" }], { _tag: "multirange", bound: "bigint" })
    expect(int4multirange.reader({ _tag: "range" })).toBeUndefined()
  })

  it("go as text if a bound has to be parsed by the server", () => {
    const value = [{ empty: true }, { lower: "one", upper: 2, bounds: "[)" }]
    expect(formatOf(int4multirange, value)).toBe(0)
    expect(writeText(int4multirange, value)).toBe('{empty,["one","2")}')
  })

  it("hold ranges and nothing else", () => {
    expect(refusal(int4multirange, { lower: 1, upper: 2, bounds: "[)" })).toContain("takes no object")
    expect(refusal(int4multirange, [null])).toContain("takes no null")
    expect(refusal(int4multirange, [1])).toContain("takes no number")
    expect(refusal(int4multirange, [{ lower: "x", upper: 1, bounds: "[)" }, 1])).toContain("takes no number")
  })

  it("are total over counts, lengths and literals", () => {
    const bad = [
      [],
      [0, 0, 0],
      [255, 255, 255, 255],
      [0, 0, 0, 1],
      [127, 255, 255, 255, 0],
      [0, 0, 0, 1, 255, 255, 255, 255, 0],
      [0, 0, 0, 1, 0, 0, 0, 2, 0x18],
      [0, 0, 0, 0, 1],
      [0, 0, 0, 1, 0, 0, 0, 1, 0x18, 0]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(int4multirange, bytes)),
        String(bytes)
      ).toContain("not a value")
    for (const literal of ["", "{", "{[1,2)", "[1,2)", "{[1,2)}x", "{[1,2),}", "x[1,2)}", "{,}", "{[1,2);[3,4)}"]) {
      expect(
        issueOf(() => readText(textmultirange, literal)),
        literal
      ).toContain("literal")
    }
  })
})
