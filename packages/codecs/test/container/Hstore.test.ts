import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hstore } from "../../src/container/Hstore.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, writeText } from "../wire.ts"

const string = fc.fullUnicodeString({ maxLength: 5 }).filter((t) => !t.includes("\0"))

describe("hstore", () => {
  it("is an object of strings and nulls, in both formats", () => {
    fc.assert(
      fc.property(fc.dictionary(string, fc.option(string), { maxKeys: 5, noNullPrototype: true }), (value) =>
        roundTrip(hstore, value)
      )
    )
    roundTrip(hstore, {})
  })

  it("has own keys only, whatever they are called", () => {
    const map = readText(hstore, '"__proto__"=>"x", "constructor"=>NULL, "k \\"q\\""=>"v\\\\", ""=>"NULL"') as object
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype)
    expect(Object.entries(map)).toEqual([
      ["__proto__", "x"],
      ["constructor", null],
      ['k "q"', "v\\"],
      ["", "NULL"]
    ])
    expect(readText(hstore, writeText(hstore, map))).toEqual(map)
  })

  it("takes objects of strings and nothing else", () => {
    for (const odd of [1, [], new Date(0), new Map(), new Uint8Array(1)])
      expect(refusal(hstore, odd)).toContain("takes no")
    expect(refusal(hstore, { a: 1 })).toContain("takes no number")
    expect(refusal(hstore, { a: undefined })).toContain("undefined")
    expect(refusal(hstore, { "a\0": "x" })).toContain("U+0000")
    expect(refusal(hstore, { a: "\ud800" })).toContain("surrogate")
    expect(formatOf(hstore, "a=>1")).toBe(0)
  })

  it("is total over counts, lengths and literals", () => {
    const bad = [
      [],
      [0, 0, 0],
      [255, 255, 255, 255],
      [0, 0, 0, 1],
      [127, 255, 255, 255],
      [0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0],
      [0, 0, 0, 1, 0, 0, 0, 1, 97],
      [0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0, 0, 9],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 1, 0, 0, 0, 1, 97, 255, 255, 255, 254]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(hstore, bytes)),
        String(bytes)
      ).toContain("not a value")
    for (const literal of [
      "a",
      '"a"',
      '"a"=>',
      '"a"=>"b',
      '"a"=>"b",',
      '"a"=>"b", ',
      '"a"=>"b""c"=>"d"',
      'a=>"b"',
      '"a"=>b',
      '"a"=>"b" ,"c"=>"d"',
      '"a"=>nUlL'
    ]) {
      expect(
        issueOf(() => readText(hstore, literal)),
        literal
      ).toContain("pairs")
    }
  })

  it("reads values of megabytes", () => {
    const long = '\\"é'.repeat(500_000)
    expect(readText(hstore, `"a"=>"${long}"`)).toEqual({ a: '"é'.repeat(500_000) })
  })
})
