import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { date } from "../../src/scalar/Date.ts"
import {
  bytesOf,
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

const days = (value: number) => bytesOf((out) => out.int32(value))

describe("date", () => {
  it("is ISO text at every edge, in both formats", () => {
    const edges = [
      ["2000-01-01", 0, "2000-01-01"],
      ["2024-02-29", 8825, "2024-02-29"],
      ["1970-01-01", -10_957, "1970-01-01"],
      ["0001-01-01", -730_119, "0001-01-01"],
      ["0001-12-31 BC", -730_120, "0000-12-31"],
      ["0044-03-15 BC", -746_117, "-000043-03-15"],
      ["4714-11-24 BC", -2_451_545, "-004713-11-24"],
      ["10000-01-01", 2_921_940, "+010000-01-01"],
      ["5874897-12-31", 2_145_031_948, "+5874897-12-31"],
      ["infinity", 2_147_483_647, "infinity"],
      ["-infinity", -2_147_483_648, "-infinity"]
    ] as const
    for (const [text, day, iso] of edges) {
      sameInBoth(date, text, days(day), iso)
      roundTrip(date, iso)
      expect(writeText(date, iso)).toBe(text)
      expect(writeBinary(date, iso)).toEqual(days(day))
    }
  })

  it("keeps every day of its range", () => {
    fc.assert(
      fc.property(fc.integer({ min: -2_451_545, max: 2_145_031_948 }), (day) => {
        roundTrip(date, readBinary(date, days(day)))
        roundTrip(date, readBinary(date, days(day), "utcText"), "utcText")
      })
    )
  })

  it("as an instant is its midnight in UTC, whatever the machine's zone", () => {
    sameInBoth(date, "2024-02-29", days(8825), new Date("2024-02-29T00:00:00Z"), "date")
    sameInBoth(date, "2024-02-29", days(8825), Date.UTC(2024, 1, 29), "millis")
    sameInBoth(date, "2024-02-29", days(8825), "2024-02-29T00:00:00.000000Z", "utcText")
    roundTrip(date, new Date("1969-12-31T00:00:00Z"), "date")
    for (const form of ["date", "millis"] as const) {
      expect(issueOf(() => readText(date, "infinity", form))).toContain("infinity")
      expect(issueOf(() => readText(date, "5874897-12-31", form))).toContain("275,760")
    }
  })

  it("refuses a Date with a time of day, which it would drop", () => {
    expect(refusal(date, new Date("2024-02-29T00:00:00.001Z"))).toContain("time of day")
    expect(refusal(date, 1, "millis")).toContain("time of day")
    expect(refusal(date, new Date(NaN))).toBe("not a point in time")
    expect(refusal(date, new Date(-8.64e15))).toContain("4714 BC")
    expect(refusal(date, 0)).toContain("takes no number")
  })

  it("leaves other notations to the server", () => {
    for (const text of [
      "today",
      "29.02.2024",
      "2024-02-30",
      "2024-02-29T13:00:00Z",
      "-004713-11-23",
      "+5874898-06-04"
    ]) {
      expect(formatOf(date, text), text).toBe(0)
    }
  })

  it("is total: any 32 bits are a day, other lengths and texts are refused", () => {
    fc.assert(fc.property(fc.integer(), (day) => typeof readBinary(date, days(day)) === "string"))
    for (const length of [0, 3, 8]) expect(issueOf(() => readBinary(date, new Uint8Array(length)))).toContain("4 bytes")
    for (const text of ["", "2024-02-30", "29.02.2024", "2024-2-9", "02-29-2024", "2024-02-29 00:00:00"]) {
      expect(
        issueOf(() => readText(date, text)),
        text
      ).toContain("ISO style")
    }
  })
})
