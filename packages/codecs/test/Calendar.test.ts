import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { civilDay, dayNumber, dayText, epochDays, fractionOf, instantText, timeText } from "../src/Calendar.ts"

describe("days", () => {
  it("agree with the proleptic Gregorian calendar of Date, wherever Date reaches", () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000 - epochDays, max: 100_000_000 - epochDays }), (days) => {
        const date = new Date((days + epochDays) * 86_400_000)
        expect(civilDay(days)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate()
        })
        expect(dayText(days)).toBe(date.toISOString().slice(0, -14))
      })
    )
  })

  it("come back from their year, month and day over all of 32 bits", () => {
    fc.assert(
      fc.property(fc.integer(), (days) => {
        const { year, month, day } = civilDay(days)
        expect(dayNumber(year, month, day)).toBe(days)
      })
    )
  })

  it("that do not exist have no number", () => {
    expect(dayNumber(2023, 2, 29)).toBeUndefined()
    expect(dayNumber(1900, 2, 29)).toBeUndefined()
    expect(dayNumber(2000, 2, 29)).toBe(59)
    expect(dayNumber(0, 2, 29)).toBeDefined()
    for (const [month, day] of [
      [0, 1],
      [13, 1],
      [4, 31],
      [1, 0],
      [1, 32],
      [-1, 5]
    ] as const) {
      expect(dayNumber(2024, month, day)).toBeUndefined()
    }
  })

  it("sort as text within four digits, and are ISO expanded years beyond", () => {
    expect(dayText(dayNumber(99, 1, 1)!)).toBe("0099-01-01")
    expect(dayText(dayNumber(0, 12, 31)!)).toBe("0000-12-31")
    expect(dayText(dayNumber(-43, 3, 15)!)).toBe("-000043-03-15")
    expect(dayText(dayNumber(10_000, 1, 1)!)).toBe("+010000-01-01")
    expect(dayText(dayNumber(5_874_897, 12, 31)!)).toBe("+5874897-12-31")
  })

  it("are not confused by the cache, whatever comes in between", () => {
    // 1,024 days apart is the same slot
    expect([0, 1024, 0, 2048, -1024, 1024].map(dayText)).toEqual(
      [0, 1024, 0, 2048, -1024, 1024].map((days) =>
        new Date((days + epochDays) * 86_400_000).toISOString().slice(0, 10)
      )
    )
  })
})

describe("times", () => {
  it("have six digits, and 24:00 is one of them", () => {
    expect(timeText(0)).toBe("00:00:00.000000")
    expect(timeText(86_400_000_000)).toBe("24:00:00.000000")
    expect(timeText(49_500_123_456)).toBe("13:45:00.123456")
  })

  it("are the same inside an instant", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_399_999_999 }), fc.integer({ min: -9e5, max: 9e5 }), (time, days) => {
        expect(instantText(days, time, "Z")).toBe(`${dayText(days)}T${timeText(time)}Z`)
      })
    )
  })

  it("read a fraction of any length as microseconds", () => {
    expect(["", undefined, "1", "12", "000001", "123456"].map(fractionOf)).toEqual([0, 0, 100_000, 120_000, 1, 123_456])
  })
})
