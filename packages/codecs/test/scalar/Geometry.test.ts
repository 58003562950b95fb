import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { box, circle, line, lseg, path, point, polygon } from "../../src/scalar/Geometry.ts"
import { bytesOf, formatOf, issueOf, readBinary, readText, refusal, roundTrip } from "../wire.ts"

const p = fc.record({ x: fc.double(), y: fc.double() }, { noNullPrototype: true })
const points = fc.array(p, { minLength: 1, maxLength: 5 })
const one = { noNullPrototype: true }

const cases = [
  { codec: point, value: p },
  { codec: line, value: fc.record({ a: fc.double(), b: fc.double(), c: fc.double() }, one) },
  { codec: lseg, value: fc.tuple(p, p) },
  { codec: box, value: fc.record({ high: p, low: p }, one) },
  { codec: path, value: fc.record({ closed: fc.boolean(), points }, one) },
  { codec: polygon, value: points },
  { codec: circle, value: fc.record({ center: p, radius: fc.double() }, one) }
] as const

describe.each(cases)("$codec.name", ({ codec, value }) => {
  it("keeps every number, NaN, infinities and -0 included, in both formats", () => {
    fc.assert(fc.property(value as fc.Arbitrary<unknown>, (shape) => roundTrip(codec, shape)))
  })

  it("takes its own shape, a string for the server, and nothing else", () => {
    for (const odd of [1, true, {}, [], [1, 2], { x: "1", y: 2 }, new Date(0)]) {
      expect(
        ["takes no", "no points"].some((rule) => refusal(codec, odd).includes(rule)),
        JSON.stringify(odd)
      ).toBe(true)
    }
    expect(formatOf(codec, "(1,2)")).toBe(0)
  })

  it("is total over lengths, counts and text", () => {
    for (const length of [0, 1, 4, 5, 7, 9, 15, 17, 33, 41]) {
      expect(
        issueOf(() => readBinary(codec, new Uint8Array(length).fill(255))),
        String(length)
      ).toContain("not a value")
    }
    for (const text of ["", "(1,2", "(1,2,3)", "(a,b)", "((1,2)", "1,2", "[(1,2)", "<(1,2)>", "{1,2}", "(1,)"]) {
      expect(
        issueOf(() => readText(codec, text)),
        text
      ).toContain("text form")
    }
  })

  it("is the server's text if asked to, in text format", () => {
    expect(codec.reader("text")?.binary).toBeUndefined()
    expect(readText(codec, "anything", "text")).toBe("anything")
  })
})

describe("path and polygon", () => {
  it("do not believe a count that is not there", () => {
    const many = bytesOf((out) => {
      out.int32(0x1fffffff)
      out.float64(1)
    })
    expect(issueOf(() => readBinary(polygon, many))).toContain("as many")
    expect(issueOf(() => readBinary(path, [1, ...many]))).toContain("as many")
    expect(issueOf(() => readBinary(path, [2, 0, 0, 0, 0]))).toContain("open or closed")
  })

  it("tell open from closed", () => {
    expect(readText(path, "[(1,2),(3,4)]")).toMatchObject({ closed: false })
    expect(readText(path, "((1,2),(3,4))")).toMatchObject({ closed: true })
    expect(issueOf(() => readText(path, "[(1,2),(3,4))"))).toContain("text form")
  })
})
