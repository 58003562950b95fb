import { describe, expect, it } from "vitest"
import { tsquery, tsvector } from "../../src/scalar/Search.ts"
import { bytesOf, formatOf, issueOf, readBinary, readText, refusal, sameInBoth, utf8, writeText } from "../wire.ts"

const value = (lexeme: string, weight = 0, prefix = 0) => [1, weight, prefix, ...utf8(lexeme), 0]
const items = (count: number, ...rest: ReadonlyArray<ReadonlyArray<number>>) => [0, 0, 0, count, ...rest.flat()]
const not = [2, 1]
const and = [2, 2]
const or = [2, 3]
const phrase = (distance: number) => [2, 4, 0, distance]

describe("tsvector", () => {
  it("is the server's text in both formats", () => {
    const bytes = bytesOf((out) => {
      out.int32(2)
      out.cString("b c")
      out.uint16(0)
      out.cString("it's\\")
      out.uint16(3)
      for (const [position, weight] of [
        [1, 3],
        [2, 2],
        [16383, 0]
      ] as const)
        out.uint16(position | (weight << 14))
    })
    sameInBoth(tsvector, "'b c' 'it''s\\\\':1A,2B,16383", bytes, "'b c' 'it''s\\\\':1A,2B,16383")
    sameInBoth(tsvector, "", [0, 0, 0, 0], "")
  })

  it("is total over counts and missing ends", () => {
    for (const bytes of [
      [],
      [0, 0, 0, 1],
      [255, 255, 255, 255],
      [0, 0, 0, 1, 97],
      [0, 0, 0, 1, 97, 0],
      [0, 0, 0, 1, 97, 0, 0, 1],
      [0, 0, 0, 0, 0]
    ]) {
      expect(
        issueOf(() => readBinary(tsvector, bytes)),
        String(bytes)
      ).toContain("binary form")
    }
    expect(issueOf(() => readBinary(tsvector, [0, 0, 0, 1, 0xff, 0, 0, 0]))).toContain("UTF-8")
  })
})

describe("tsquery", () => {
  it("has the server's operators and parentheses", () => {
    const cases: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
      ["", items(0)],
      ["'a'", items(1, value("a"))],
      ["'it''s':*AD", items(1, value("it's", 9, 1))],
      ["'a' & 'b'", items(3, and, value("b"), value("a"))],
      ["'a' & 'b' | !'c'", items(6, or, not, value("c"), and, value("b"), value("a"))],
      ["( 'a' | 'b' ) & 'c'", items(5, and, value("c"), or, value("b"), value("a"))],
      ["'a' <-> ( 'b' <-> 'c' )", items(5, phrase(1), phrase(1), value("c"), value("b"), value("a"))],
      ["'a' <3> 'b'", items(3, phrase(3), value("b"), value("a"))],
      ["!( 'a' & 'b' )", items(4, not, and, value("b"), value("a"))]
    ]
    for (const [text, bytes] of cases) sameInBoth(tsquery, text, bytes, text)
  })

  it("is total over operators without operands, unknown items and endless nesting", () => {
    const bad = [
      [],
      items(1),
      items(1, [3]),
      items(1, [2, 5]),
      items(1, [2, 0]),
      items(1, and),
      items(1, [2, 4]),
      items(1, [1, 0, 0, 97]),
      [...items(1, value("a")), 0]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(tsquery, bytes)),
        String(bytes)
      ).toContain("not a value")
    const deep = [0, 0, 255, 255, ...Array.from({ length: 20_000 }, () => not).flat(), ...value("a")]
    expect(issueOf(() => readBinary(tsquery, deep))).toContain("levels")
  })
})

it("strings go to the server, which parses them; nothing else does", () => {
  for (const codec of [tsvector, tsquery]) {
    expect(formatOf(codec, "a b")).toBe(0)
    expect(writeText(codec, "a b")).toBe("a b")
    expect(readText(codec, "'a'")).toBe("'a'")
    expect(refusal(codec, 1)).toContain("takes no number")
  }
})
