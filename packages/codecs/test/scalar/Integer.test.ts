import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cid, int2, int4, int8, oid, xid, xid8 } from "../../src/scalar/Integer.ts"
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

const ranges = [
  { codec: int2, size: 2, min: -(2n ** 15n), max: 2n ** 15n - 1n },
  { codec: int4, size: 4, min: -(2n ** 31n), max: 2n ** 31n - 1n },
  { codec: int8, size: 8, min: -(2n ** 63n), max: 2n ** 63n - 1n },
  { codec: oid, size: 4, min: 0n, max: 2n ** 32n - 1n },
  { codec: xid, size: 4, min: 0n, max: 2n ** 32n - 1n },
  { codec: cid, size: 4, min: 0n, max: 2n ** 32n - 1n },
  { codec: xid8, size: 8, min: 0n, max: 2n ** 64n - 1n }
] as const

const isSafe = (value: bigint) => value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)

describe.each(ranges)("$codec.name", ({ codec, size, min, max }) => {
  const value = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n, max - 1n))

  it("keeps every value as bigint, number and digits, in both formats", () => {
    fc.assert(
      fc.property(value, (big) => {
        roundTrip(codec, big, "bigint")
        roundTrip(codec, String(big), "text")
        if (isSafe(big)) roundTrip(codec, Number(big), "number")
      })
    )
  })

  it("has its own default", () => {
    expect(readBinary(codec, new Uint8Array(size))).toBe(size === 8 ? 0n : 0)
  })

  it("refuses what does not fit, before it is sent", () => {
    expect(refusal(codec, max + 1n)).toBe("out of range")
    expect(refusal(codec, min - 1n)).toBe("out of range")
    expect(refusal(codec, 2 ** 64)).toBe("out of range")
    expect(refusal(codec, 1.5)).toBe("has a fraction")
    for (const odd of [NaN, Infinity, -Infinity]) expect(refusal(codec, odd)).toContain("no whole numbers")
    for (const odd of [true, new Date(0), {}, [1]]) expect(refusal(codec, odd)).toContain("the type takes no")
    expect(refusal(codec, undefined)).toContain("undefined")
  })

  it("takes decimals that are whole", () => {
    expect(writeText(codec, { unscaled: 700n, scale: 2 })).toBe("7")
    expect(refusal(codec, { unscaled: 7n, scale: 1 })).toBe("has a fraction")
    expect(refusal(codec, { unscaled: max, scale: -1 })).toBe("out of range")
  })

  it("leaves strings that are not its digits to the server", () => {
    for (const text of ["", " 1", "0x10", "1_000", String(max + 1n), "abc"]) {
      expect(formatOf(codec, text)).toBe(0)
      expect(writeText(codec, text)).toBe(text)
    }
  })

  it("is not read from other lengths, other text or other ranges", () => {
    for (const length of [0, size - 1, size + 1, 16]) {
      for (const form of codec.forms) {
        expect(issueOf(() => readBinary(codec, new Uint8Array(length), form))).toContain(`${size} bytes`)
      }
    }
    for (const text of [
      "",
      "-",
      "1.5",
      "+1",
      "1e3",
      "٣",
      "999999999999999999999",
      String(max + 1n),
      String(min - 1n)
    ]) {
      for (const form of codec.forms)
        expect(
          issueOf(() => readText(codec, text, form)),
          text
        ).toContain("not a value")
    }
  })
})

describe("int8 as number", () => {
  it("is refused beyond ±(2^53 - 1), in both formats", () => {
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      const bytes = writeBinary(int8, value)
      expect(issueOf(() => readBinary(int8, bytes, "number"))).toContain("beyond")
      expect(issueOf(() => readText(int8, String(value), "number"))).toContain("beyond")
    }
    sameInBoth(int8, "9007199254740991", [0, 0x1f, 255, 255, 255, 255, 255, 255], 9007199254740991, "number")
    sameInBoth(int8, "-9007199254740991", [255, 0xe0, 0, 0, 0, 0, 0, 1], -9007199254740991, "number")
    expect(refusal(int8, 2 ** 53)).toBe("out of range")
  })

  it("is refused for an xid8 whose top bit is set: it is not negative", () => {
    expect(issueOf(() => readBinary(xid8, new Uint8Array(8).fill(255), "number"))).toContain("beyond")
    expect(issueOf(() => readBinary(xid8, [255, 255, 255, 255, 255, 255, 255, 254], "number"))).toContain("beyond")
  })
})
