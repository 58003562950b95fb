import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { timeText } from "../../src/Calendar.ts"
import { time, timetz } from "../../src/scalar/Time.ts"
import { bytesOf, formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

const micros = (value: bigint) => bytesOf((out) => out.int64(value))
const zoned = (value: bigint, west: number) =>
  bytesOf((out) => {
    out.int64(value)
    out.int32(west)
  })
const day = 86_400_000_000n

describe("time", () => {
  it("is six digits from midnight to 24:00, in both formats", () => {
    sameInBoth(time, "00:00:00", micros(0n), "00:00:00.000000")
    sameInBoth(time, "13:45:00.5", micros(49_500_500_000n), "13:45:00.500000")
    sameInBoth(time, "24:00:00", micros(day), "24:00:00.000000")
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: day }), (value) => roundTrip(time, timeText(Number(value)))))
  })

  it("is a duration since midnight if asked to", () => {
    sameInBoth(time, "00:00:01", micros(1_000_000n), { months: 0, days: 0, microseconds: 1_000_000n }, "interval")
    roundTrip(time, { months: 0, days: 0, microseconds: day }, "interval")
    for (const odd of [{ microseconds: -1n }, { microseconds: day + 1n }, { days: 1 }, { months: -1 }]) {
      expect(refusal(time, { months: 0, days: 0, microseconds: 0n, ...odd })).toContain("24 hours")
    }
  })

  it("refuses what is outside, takes nothing else, and leaves words to the server", () => {
    for (const value of [-1n, day + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(issueOf(() => readBinary(time, micros(value)))).toContain("24:00:00")
    }
    for (const length of [0, 7, 12])
      expect(issueOf(() => readBinary(time, new Uint8Array(length)))).toContain("8 bytes")
    for (const text of [
      "",
      "25:00:00",
      "24:00:00.000001",
      "12:60:00",
      "12:00:60",
      "12:00",
      "1:00:00",
      "12:00:00.1234567",
      "12:00:00 PM"
    ]) {
      expect(
        issueOf(() => readText(time, text)),
        text
      ).toContain("ISO style")
      expect(formatOf(time, text)).toBe(0)
    }
    expect(refusal(time, 0)).toContain("takes no number")
    expect(refusal(time, new Date(0))).toContain("takes no Date")
  })
})

describe("timetz", () => {
  it("keeps its offset, to the second", () => {
    sameInBoth(timetz, "13:45:00.123456+05:30", zoned(49_500_123_456n, -19_800), "13:45:00.123456+05:30")
    sameInBoth(timetz, "12:00:00+00", zoned(43_200_000_000n, 0), "12:00:00.000000+00:00")
    sameInBoth(timetz, "12:00:00-00:00:01", zoned(43_200_000_000n, 1), "12:00:00.000000-00:00:01")
    sameInBoth(timetz, "24:00:00-15:59:59", zoned(day, 57_599), "24:00:00.000000-15:59:59")
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: day }), fc.integer({ min: -57_599, max: 57_599 }), (value, west) => {
        roundTrip(timetz, readBinary(timetz, zoned(value, west)))
      })
    )
  })

  it("is total", () => {
    expect(issueOf(() => readBinary(timetz, zoned(0n, 57_600)))).toContain("16 hours")
    expect(issueOf(() => readBinary(timetz, zoned(0n, -2_147_483_648)))).toContain("16 hours")
    expect(issueOf(() => readBinary(timetz, zoned(-1n, 0)))).toContain("24:00:00")
    expect(issueOf(() => readBinary(timetz, new Uint8Array(8)))).toContain("12 bytes")
    for (const text of ["", "12:00:00", "12:00:00+16", "12:00:00+5", "12:00:00+05:60", "25:00:00+00", "12:00:00 UTC"]) {
      expect(
        issueOf(() => readText(timetz, text)),
        text
      ).toContain("offset")
      expect(formatOf(timetz, text)).toBe(0)
      expect(writeText(timetz, text)).toBe(text)
    }
    expect(refusal(timetz, { months: 0, days: 0, microseconds: 0n })).toContain("takes no object")
  })
})
