import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { JsonNumber, parseJson } from "../src/JsonText.ts"
import { checkJson, writeJson } from "../src/writeJson.ts"
import { issueOf } from "./wire.ts"

const hasNegativeZero = (value: unknown): boolean =>
  Object.is(value, -0) || (typeof value === "object" && value !== null && Object.values(value).some(hasNegativeZero))

const parse = (text: string) => parseJson("json", text)
const write = (value: unknown) => writeJson("json", value)
const jsonValue = fc.jsonValue().filter((value) => !/\d{16}/.test(JSON.stringify(value)))

describe("writing", () => {
  it("is JSON.stringify where that is exact", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(JSON.parse(write(value))).toStrictEqual(value)
        expect(parse(write(value))).toStrictEqual(value)
      })
    )
    const date = new Date(0)
    expect(write({ date, a: undefined, "\ud800": "\ud800" })).toBe(
      JSON.stringify({ date, a: undefined, "\ud800": "\ud800" })
    )
  })

  it("is the same text where a bigint elsewhere forces the careful way", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const expected = JSON.stringify(value)
        // JSON.stringify writes -0 as 0, also deep inside; the last expectation says what we do
        fc.pre(!hasNegativeZero(value))
        expect(write([1n, value])).toBe(`[1,${expected}]`)
      })
    )
    const date = new Date(0)
    expect(write({ id: 1n, date, list: [date], left: undefined, out: () => 1 })).toBe(
      `{"id":1,"date":${JSON.stringify(date)},"list":[${JSON.stringify(date)}]}`
    )
    expect(write([-0, { a: -0 }])).toBe('[-0,{"a":-0}]')
  })

  it("calls toJSON with the key, and follows what it answers", () => {
    const keyed = { toJSON: (key: string) => ({ key, id: 1n }) }
    expect(write({ a: keyed, b: [keyed] })).toBe('{"a":{"key":"a","id":1},"b":[{"key":"0","id":1}]}')
    expect(issueOf(() => write({ toJSON: () => NaN }))).toContain("no JSON form")
    expect(issueOf(() => write({ toJSON: () => undefined }))).toContain("undefined")
  })

  it("is known before it is done: what checkJson lets through can be written", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }), (value) => {
        const checked = issueOf(() => checkJson("json", value))
        expect(issueOf(() => write(value))).toBe(checked)
      })
    )
  })

  it("writes bigint as digits", () => {
    expect(write({ id: 2n ** 70n })).toBe('{"id":1180591620717411303424}')
  })

  it("refuses what JSON.stringify would turn into something else", () => {
    for (const value of [NaN, [Infinity], { a: -Infinity }])
      expect(issueOf(() => write(value))).toContain("no JSON form")
    for (const value of [new Uint8Array(1), [new Map()], { a: new Set() }])
      expect(issueOf(() => write(value))).toContain("no JSON form")
    expect(issueOf(() => write([undefined]))).toContain("no JSON form")
    expect(issueOf(() => write(undefined))).toContain("undefined")
    expect(issueOf(() => write(() => 1))).toContain("takes no function")
  })

  it("refuses circles instead of overflowing the stack", () => {
    const circle: Record<string, unknown> = {}
    circle["self"] = circle
    expect(issueOf(() => write(circle))).toContain("circle")
  })

  it("is the only way a JsonNumber becomes text", () => {
    expect(() => JSON.stringify(new JsonNumber("1"))).toThrow("round")
  })
})
