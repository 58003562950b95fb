import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decimalText } from "../../src/Decimal.ts"
import { numeric } from "../../src/scalar/Numeric.ts"
import {
  formatOf,
  issueOf,
  readBinary,
  readText,
  refusal,
  roundTrip,
  sameInBoth,
  writeBinary,
  writeText
} from "../wire.ts"

const decimal = fc.record({
  unscaled: fc.oneof(
    fc.bigInt(),
    fc.bigInt({ min: -(10n ** 80n), max: 10n ** 80n }),
    fc.constantFrom(0n, 10n ** 40n, 9999n, 10000n)
  ),
  scale: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 200 }))
})

describe("numeric", () => {
  it("keeps every digit and the scale, as text and as decimal", () => {
    fc.assert(
      fc.property(decimal, (value) => {
        roundTrip(numeric, decimalText(value))
        roundTrip(numeric, value, "decimal")
      })
    )
  })

  it("keeps what is no number", () => {
    for (const word of ["NaN", "Infinity", "-Infinity"]) {
      roundTrip(numeric, word)
      expect(issueOf(() => readText(numeric, word, "decimal"))).toContain("no decimal")
      expect(issueOf(() => readText(numeric, word, "bigint"))).toContain("not a whole number")
      expect(readText(numeric, word, "number")).toBe(Number(word))
      roundTrip(numeric, Number(word), "number")
    }
  })

  it("has the wire form of numeric_send", () => {
    // 12345.6789: three digits of base 10000, weight 1, positive, scale 4
    sameInBoth(numeric, "12345.6789", [0, 3, 0, 1, 0, 0, 0, 4, 0, 1, 0x09, 0x29, 0x1a, 0x85], "12345.6789")
    sameInBoth(numeric, "-0.0001", [0, 1, 255, 255, 0x40, 0, 0, 4, 0, 1], "-0.0001")
    sameInBoth(numeric, "0.00", [0, 0, 0, 0, 0, 0, 0, 2], "0.00")
    sameInBoth(numeric, "100000000", [0, 1, 0, 2, 0, 0, 0, 0, 0, 1], "100000000")
  })

  it("has its own limits: 131,072 digits before the point and 16,383 behind it", () => {
    roundTrip(numeric, `9${"0".repeat(131_071)}.${"0".repeat(16_382)}1`)
    expect(refusal(numeric, 10n ** 131_072n)).toContain("more than")
    expect(refusal(numeric, { unscaled: 1n, scale: 16_384 })).toContain("more than")
    expect(refusal(numeric, { unscaled: 1n, scale: -1e9 })).toContain("more than")
    expect(refusal(numeric, { unscaled: 1n, scale: 1.5 })).toContain("whole number")
    // a string beyond them is the server's to refuse
    expect(formatOf(numeric, "1".repeat(150_000))).toBe(0)
  })

  it("as number: whole numbers exact or refused, fractions to the nearest double", () => {
    expect(readText(numeric, "9007199254740991", "number")).toBe(9007199254740991)
    expect(readText(numeric, "0.1", "number")).toBe(0.1)
    expect(readText(numeric, "1.00", "number")).toBe(1)
    for (const text of [
      "9007199254740992",
      "-9007199254740993",
      "9007199254740993.00",
      "1".repeat(400),
      "9007199254740991.9"
    ]) {
      expect(
        issueOf(() => readText(numeric, text, "number")),
        text
      ).toContain("beyond")
      expect(
        issueOf(() => readBinary(numeric, writeBinary(numeric, text), "number")),
        text
      ).toContain("beyond")
    }
    fc.assert(fc.property(fc.integer(), (value) => roundTrip(numeric, value, "number")))
  })

  it("as bigint: whole values only", () => {
    fc.assert(fc.property(fc.bigInt(), (value) => roundTrip(numeric, value, "bigint")))
    expect(readText(numeric, "7.00", "bigint")).toBe(7n)
    expect(issueOf(() => readText(numeric, "7.01", "bigint"))).toContain("not a whole")
  })

  it("writes numbers as their shortest decimal", () => {
    expect(writeText(numeric, 0.1)).toBe("0.1")
    expect(writeText(numeric, 1e21)).toBe("1000000000000000000000")
    expect(writeText(numeric, 5e-7)).toBe("0.0000005")
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(readBinary(numeric, writeBinary(numeric, value)))).toBe(value === 0 ? 0 : value)
      })
    )
  })

  it("leaves strings it does not know to the server, and takes nothing else", () => {
    for (const text of ["", "abc", "1,5", " 1", "inf", "0x1f"]) expect(formatOf(numeric, text)).toBe(0)
    for (const odd of [true, new Date(0), {}, [1]]) expect(refusal(numeric, odd)).toContain("the type takes no")
  })

  it("is total over hostile bytes", () => {
    const bad = [
      [],
      [0, 0, 0, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0, 0, 0], // a digit that is not there
      [0, 0, 0, 0, 0, 0, 0, 0, 0], // a byte too many
      [0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10], // the digit 10000
      [0, 0, 0, 0, 0x80, 0, 0, 0], // an unknown sign
      [0, 0, 0, 0, 0, 0, 0x40, 0], // scale 16384
      [255, 255, 0, 0, 0, 0, 0, 0]
    ]
    for (const bytes of bad)
      expect(
        issueOf(() => readBinary(numeric, bytes)),
        String(bytes)
      ).toContain("not a value")
    // the greatest weight without digits is a long zero, not a hang
    expect(readBinary(numeric, [0, 0, 0x7f, 255, 0, 0, 0x3f, 255])).toHaveLength(1 + 32_767 * 4 + 1 + 16_383)
    for (const text of ["", "1e5", "+1", ".5", "1.", "nan", "1_0"])
      expect(issueOf(() => readText(numeric, text))).toContain("not a value")
  })
})
