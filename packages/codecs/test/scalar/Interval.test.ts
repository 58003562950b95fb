import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { intervalText, isInterval, parseInterval } from "../../src/Interval.ts"
import { interval } from "../../src/scalar/Interval.ts"
import { bytesOf, formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth } from "../wire.ts"

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 }
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }
const bytes = (months: number, days: number, microseconds: bigint) =>
  bytesOf((out) => {
    out.int64(microseconds)
    out.int32(days)
    out.int32(months)
  })

describe("interval", () => {
  it("keeps its three fields, whose signs may differ, in both formats", () => {
    fc.assert(
      fc.property(fc.integer(int32), fc.integer(int32), fc.bigInt(int64), (months, days, microseconds) => {
        roundTrip(interval, { months, days, microseconds })
        roundTrip(interval, intervalText({ months, days, microseconds }), "text")
      })
    )
  })

  it("has the server's text", () => {
    const cases = [
      ["00:00:00", 0, 0, 0n],
      ["1 year 2 mons 3 days 04:05:06.789", 14, 3, 14_706_789_000n],
      ["-1 years +2 days -04:05:06", -12, 2, -14_706_000_000n],
      ["-1 years -1 mons +5 days", -13, 5, 0n],
      ["1 day -00:00:00.000001", 0, 1, -1n],
      ["-1 days +02:03:04", 0, -1, 7_384_000_000n],
      ["1 mon", 1, 0, 0n],
      ["-1 mons +1 day", -1, 1, 0n],
      ["100000:00:00", 0, 0, 360_000_000_000_000n],
      ["-2562047788:00:54.775808", 0, 0, -(2n ** 63n)]
    ] as const
    for (const [text, months, days, microseconds] of cases) {
      sameInBoth(interval, text, bytes(months, days, microseconds), { months, days, microseconds })
      sameInBoth(interval, text, bytes(months, days, microseconds), text, "text")
    }
  })

  it("has infinities from PostgreSQL 17 on", () => {
    sameInBoth(interval, "infinity", bytes(int32.max, int32.max, int64.max), "infinity")
    sameInBoth(interval, "-infinity", bytes(int32.min, int32.min, int64.min), "-infinity")
    roundTrip(interval, "infinity")
    roundTrip(interval, "-infinity")
    // all three fields make an infinity, one or two do not
    expect(readBinary(interval, bytes(int32.max, int32.max, 0n))).toMatchObject({ days: int32.max })
  })

  it("refuses fields that do not fit, and takes nothing else", () => {
    for (const odd of [{ months: 1.5 }, { days: 2 ** 31 }, { months: NaN }, { microseconds: 2n ** 63n }]) {
      expect(refusal(interval, { months: 0, days: 0, microseconds: 0n, ...odd })).toContain("32 bits")
    }
    for (const odd of [1, 1n, new Date(0), {}, { months: 1, days: 1 }, { months: 1, days: 1, microseconds: 1 }]) {
      expect(refusal(interval, odd)).toContain("the type takes no")
      expect(isInterval(odd)).toBe(false)
    }
  })

  it("leaves other notations to the server and does not read them", () => {
    for (const text of [
      "",
      "P1Y",
      "1 fortnight",
      "1 day ",
      " 1 day",
      "1",
      "04:05",
      "1 day 2 days",
      "1 year 1 year",
      "@ 1 day",
      "04:05:06.1234567"
    ]) {
      expect(parseInterval(text), text).toBeUndefined()
      expect(formatOf(interval, text), text).toBe(0)
      expect(
        issueOf(() => readText(interval, text)),
        text
      ).toContain("IntervalStyle")
    }
    for (const length of [0, 12, 15, 17])
      expect(issueOf(() => readBinary(interval, new Uint8Array(length)))).toContain("16 bytes")
  })
})
