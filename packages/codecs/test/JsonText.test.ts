import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { JsonNumber, maxJsonDepth, parseJson, parseJsonNumbers } from "../src/JsonText.ts"
import { writeJson } from "../src/writeJson.ts"
import { issueOf } from "./wire.ts"

const parse = (text: string) => parseJson("json", text)
const write = (value: unknown) => writeJson("json", value)
// whole numbers that JSON.stringify writes in digits and that a double does not hold exactly become bigint: not JSON.parse's values
const jsonValue = fc.jsonValue().filter((value) => !/\d{16}/.test(JSON.stringify(value)))
const nested = (depth: number, inner: string) => "[".repeat(depth) + inner + "]".repeat(depth)

describe("parsing", () => {
  it("is JSON.parse where numbers are exact", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const text = JSON.stringify(value)
        expect(parse(text)).toStrictEqual(JSON.parse(text))
      })
    )
  })

  it("is JSON.parse also on the careful path", () => {
    fc.assert(
      fc.property(jsonValue, fc.constantFrom("", " ", "\n\t"), (value, space) => {
        // the marker forces the careful path, and is itself exact
        const text = `${space}[1000000000000000,${space}${JSON.stringify(value, null, space)}]${space}`
        expect(parse(text)).toStrictEqual(JSON.parse(text))
      })
    )
  })

  it("gives whole numbers exactly: bigint beyond ±(2^53 - 1)", () => {
    expect(parse("[9007199254740991,9007199254740992,-9007199254740993,1234567890123456]")).toStrictEqual([
      9007199254740991,
      9007199254740992n,
      -9007199254740993n,
      1234567890123456
    ])
    expect(parse(`1${"0".repeat(300)}`)).toBe(10n ** 300n)
  })

  it("gives fractions and exponents as the nearest double, never as infinity", () => {
    expect(parse("[12345678901234567890.5,1e300,1.5E-400,-0]")).toStrictEqual([
      Number("12345678901234567890.5"),
      1e300,
      0,
      -0
    ])
    expect(issueOf(() => parse("[1e400]"))).toContain("beyond the range")
    expect(issueOf(() => parse("-1E+0400"))).toContain("beyond the range")
  })

  it("keeps __proto__ as a key, and the last of duplicate keys, on both paths", () => {
    for (const number of ["1", "9007199254740993"]) {
      const value = parse(`{"__proto__":{"x":${number}},"a":1,"a":2}`)
      expect(Object.keys(value as object)).toEqual(["__proto__", "a"])
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect((value as Record<string, unknown>)["a"]).toBe(2)
    }
  })

  it("refuses what is not JSON on both paths, without quoting it", () => {
    const broken = [
      "",
      "{",
      "[1,]",
      "{a:1}",
      "'a'",
      "01",
      "1.",
      "+1",
      "[1 2]",
      '"\u0001"',
      '"\\x"',
      '"\\u12"',
      "nul",
      "[1]]",
      '{"a" 1}',
      "NaN"
    ]
    for (const text of broken) {
      expect(
        issueOf(() => parse(text)),
        text
      ).toContain("not a value")
      expect(
        issueOf(() => parse(`[1000000000000000,${text}]`)),
        text
      ).toContain("not a value")
    }
    expect(issueOf(() => parse('{"password":"hunter2"'))).not.toContain("hunter2")
  })

  it("has a limit on depth instead of a stack overflow", () => {
    expect(parse(nested(maxJsonDepth, ""))).toBeInstanceOf(Array)
    for (const inner of ["", "9007199254740993"]) {
      expect(issueOf(() => parse(nested(maxJsonDepth + 1, inner)))).toContain("deeper")
      expect(issueOf(() => parse(nested(200_000, inner)))).toContain("deeper")
    }
    // brackets inside strings are text
    expect(parse(`["${"[".repeat(5000)}"]`)).toEqual(["[".repeat(5000)])
  })

  it("reads strings of megabytes", () => {
    const long = `"${"é\\n".repeat(1_000_000)}"`
    expect(parse(`[${long},1234567890123456]`)).toStrictEqual(["é\n".repeat(1_000_000), 1234567890123456])
  })

  it("gives every number as its digits if asked to", () => {
    const value = parseJsonNumbers("json", '{"a":1.50,"b":[1e400,-0]}')
    expect(value).toStrictEqual({ a: new JsonNumber("1.50"), b: [new JsonNumber("1e400"), new JsonNumber("-0")] })
    expect(write(value)).toBe('{"a":1.50,"b":[1e400,-0]}')
  })
})
