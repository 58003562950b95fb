import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { float4, float8 } from "../../src/scalar/Float.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

describe("float8", () => {
  it("keeps every double, its sign of zero included, as number and as text", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        roundTrip(float8, value)
        roundTrip(float8, Object.is(value, -0) ? "-0" : String(value), "text")
      })
    )
    for (const value of [-0, 0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE]) roundTrip(float8, value)
  })

  it("has one NaN, whatever bits the server sends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.constantFrom(0x7f, 0xff), (tail, head) => {
        const value = readBinary(float8, [head, 0xf8, ...tail])
        expect(value).toBeNaN()
        const bits = new Uint8Array(new Float64Array([value as number]).buffer)
        expect(bits).toEqual(new Uint8Array(new Float64Array([NaN]).buffer))
      })
    )
  })

  it("reads the server's text, whose exponents look different", () => {
    expect(readText(float8, "1e+15")).toBe(1e15)
    expect(readText(float8, "1e+15", "text")).toBe("1000000000000000")
    expect(readText(float8, "1e-05")).toBe(1e-5)
  })

  it("takes whole bigints up to 2^53, and refuses those it would round", () => {
    expect(writeText(float8, 2n ** 53n)).toBe("9007199254740992")
    expect(refusal(float8, 2n ** 53n + 1n)).toContain("2^53")
    expect(refusal(float8, -(2n ** 70n))).toContain("2^53")
  })

  it("leaves to the server what would become zero or infinite, and what is no number", () => {
    for (const text of ["1e400", "-1e400", "1e-400", "0.00e-400x", "inf", "", "0x1p3"])
      expect(formatOf(float8, text), text).toBe(0)
    for (const text of ["0e-400", "0.000", "1.", ".5", "+1e3"]) expect(formatOf(float8, text), text).toBe(1)
  })

  it("takes no decimals, no booleans, no dates", () => {
    for (const odd of [{ unscaled: 1n, scale: 0 }, true, new Date(0), [1]])
      expect(refusal(float8, odd)).toContain("the type takes no")
  })

  it("is not read from other lengths or text", () => {
    for (const length of [0, 4, 7, 9])
      expect(issueOf(() => readBinary(float8, new Uint8Array(length)))).toContain("8 bytes")
    for (const text of ["", "nan", "inf", "1,5", "0x10", "1e", "."])
      expect(
        issueOf(() => readText(float8, text)),
        text
      ).toContain("a number")
  })
})

describe("float4", () => {
  it("is the exact value, widened, in both formats", () => {
    sameInBoth(float4, "0.1", [0x3d, 0xcc, 0xcc, 0xcd], 0.10000000149011612)
    fc.assert(fc.property(fc.float(), (value) => roundTrip(float4, value)))
  })

  it("is the short decimal as text", () => {
    sameInBoth(float4, "0.1", [0x3d, 0xcc, 0xcc, 0xcd], "0.1", "text")
    sameInBoth(float4, "-0", [0x80, 0, 0, 0], "-0", "text")
    fc.assert(
      fc.property(fc.float(), (value) => {
        const text = readText(float4, String(value), "text")
        expect(Math.fround(Number(text))).toBe(value === 0 ? Number(text) : value)
        roundTrip(float4, text, "text")
      })
    )
  })

  it("refuses what leaves its range, and rounds what does not", () => {
    expect(refusal(float4, 3.5e38)).toBe("out of range")
    expect(refusal(float4, 2n ** 24n + 1n)).toContain("24 bits")
    expect(refusal(float4, 10n ** 60n)).toContain("24 bits")
    expect(writeText(float4, 2n ** 30n)).toBe("1073741824")
    expect(writeText(float4, Infinity)).toBe("Infinity")
  })

  it("sends a string as text unless it is what a float4 prints: rounding twice is not rounding once", () => {
    expect(formatOf(float4, "0.1")).toBe(1)
    expect(formatOf(float4, "16777217")).toBe(0)
    expect(formatOf(float4, "0.10000000149011612")).toBe(0)
  })
})
