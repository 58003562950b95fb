import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decimalOf, decimalText, isDecimal, wholeOf } from "../src/Decimal.ts"

describe("decimals", () => {
  it("keep their scale through text", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: 0, max: 60 }), (unscaled, scale) => {
        expect(decimalOf(decimalText({ unscaled, scale }))).toEqual({ unscaled, scale })
      })
    )
  })

  it("read exponents and write none", () => {
    expect(decimalOf("1.5e-7")).toEqual({ unscaled: 15n, scale: 8 })
    expect(decimalText({ unscaled: 15n, scale: 8 })).toBe("0.00000015")
    expect(decimalText({ unscaled: -12n, scale: -3 })).toBe("-12000")
    expect(decimalText({ unscaled: 0n, scale: -3 })).toBe("0")
    expect(decimalText({ unscaled: 0n, scale: 2 })).toBe("0.00")
  })

  it("are not read out of anything else", () => {
    for (const text of ["", ".", "-", "+.", "1e", "0x10", "1_000", " 1", "1 ", "NaN", "Infinity", "1e9999999"]) {
      expect(decimalOf(text), text).toBeUndefined()
    }
  })

  it("are whole if nothing but zeros stands behind the point", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: -5, max: 20 }), (unscaled, scale) => {
        const power = 10n ** BigInt(Math.abs(scale))
        const expected = scale <= 0 ? unscaled * power : unscaled % power === 0n ? unscaled / power : undefined
        expect(wholeOf({ unscaled, scale })).toBe(expected)
      })
    )
    expect(wholeOf({ unscaled: 1n, scale: -1e9 })).toBeUndefined()
  })

  it("are recognised by shape", () => {
    expect(isDecimal({ unscaled: 1n, scale: 0 })).toBe(true)
    for (const value of [null, undefined, 1n, {}, { unscaled: 1, scale: 0 }, { unscaled: 1n }]) {
      expect(isDecimal(value)).toBe(false)
    }
  })
})
