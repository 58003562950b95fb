import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { dateText, timestamp, timestamptz } from "../../src/scalar/Timestamp.ts"
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

const micros = (value: bigint) => bytesOf((out) => out.int64(value))
const min = -211_813_488_000_000_000n
const end = 9_223_371_331_200_000_000n

// the machine's zone must change nothing, so it is one with an odd offset and daylight saving
const zone = process.env["TZ"]
beforeAll(() => {
  process.env["TZ"] = "Australia/Lord_Howe"
})
afterAll(() => {
  if (zone === undefined) delete process.env["TZ"]
  else process.env["TZ"] = zone
})

// server text (timestamptz at UTC; timestamp without the offset), microseconds since 2000, ISO
const edges: ReadonlyArray<readonly [string, bigint, string]> = [
  ["2000-01-01 00:00:00", 0n, "2000-01-01T00:00:00.000000"],
  ["2024-02-29 13:45:00.123456", 762_529_500_123_456n, "2024-02-29T13:45:00.123456"],
  ["1999-12-31 23:59:59.999999", -1n, "1999-12-31T23:59:59.999999"],
  ["1970-01-01 00:00:00", -946_684_800_000_000n, "1970-01-01T00:00:00.000000"],
  ["1969-12-31 23:59:59.9", -946_684_800_100_000n, "1969-12-31T23:59:59.900000"],
  ["0099-01-01 00:00:00", -59_989_680_000_000_000n, "0099-01-01T00:00:00.000000"],
  ["0001-12-31 23:59:59.5 BC", -63_082_281_600_500_000n, "0000-12-31T23:59:59.500000"],
  ["0044-03-15 12:00:00 BC", -64_464_465_600_000_000n, "-000043-03-15T12:00:00.000000"],
  ["4714-11-24 00:00:00 BC", min, "-004713-11-24T00:00:00.000000"],
  ["10000-01-01 00:00:00", 252_455_616_000_000_000n, "+010000-01-01T00:00:00.000000"],
  ["294276-12-31 23:59:59.999999", end - 1n, "+294276-12-31T23:59:59.999999"],
  // the last microsecond a double counts, and the first it does not
  ["2285-06-04 23:47:34.740991", 9_007_199_254_740_991n, "2285-06-04T23:47:34.740991"],
  ["2285-06-04 23:47:34.740992", 9_007_199_254_740_992n, "2285-06-04T23:47:34.740992"],
  ["1714-07-29 00:12:25.259008", -9_007_199_254_740_992n, "1714-07-29T00:12:25.259008"]
]

describe.each([
  { codec: timestamptz, suffix: "Z", offset: "+00" },
  { codec: timestamp, suffix: "", offset: "" }
])("$codec.name", ({ codec, suffix, offset }) => {
  it("is ISO text with six digits, at every edge and in both formats", () => {
    for (const [text, value, iso] of edges) {
      const server = text.endsWith(" BC") ? `${text.slice(0, -3)}${offset} BC` : text + offset
      sameInBoth(codec, server, micros(value), iso + suffix)
      sameInBoth(codec, server, micros(value), `${iso}Z`, "utcText")
      expect(writeBinary(codec, iso + suffix), text).toEqual(micros(value))
      expect(readText(codec, writeText(codec, iso + suffix))).toBe(iso + suffix)
    }
  })

  it("keeps every microsecond of its range", () => {
    fc.assert(
      fc.property(fc.bigInt({ min, max: end - 1n }), (value) => {
        const text = readBinary(codec, micros(value))
        expect(writeBinary(codec, text)).toEqual(micros(value))
        roundTrip(codec, text)
        expect(writeBinary(codec, readBinary(codec, micros(value), "utcText"), "utcText")).toEqual(micros(value))
      })
    )
  })

  it("has infinities, which are no Date", () => {
    for (const [word, value] of [
      ["infinity", 2n ** 63n - 1n],
      ["-infinity", -(2n ** 63n)]
    ] as const) {
      sameInBoth(codec, word, micros(value), word)
      roundTrip(codec, word)
      for (const form of ["date", "millis"] as const) {
        expect(issueOf(() => readBinary(codec, micros(value), form))).toContain("infinity")
        expect(issueOf(() => readText(codec, word, form))).toContain("infinity")
      }
    }
  })

  it("as Date and milliseconds is rounded down, also before 1970, in both formats", () => {
    const server = `1969-12-31 23:59:59.9995${offset}`
    sameInBoth(codec, server, micros(-946_684_800_000_500n), new Date(-1), "date")
    sameInBoth(codec, server, micros(-946_684_800_000_500n), -1, "millis")
    fc.assert(
      fc.property(fc.date({ min: new Date("-004713-11-24T00:00:00Z"), noInvalidDate: true }), (date) => {
        roundTrip(codec, date, "date")
        roundTrip(codec, date.getTime(), "millis")
        expect(writeBinary(codec, date)).toEqual(writeBinary(codec, date.getTime(), "millis"))
      })
    )
  })

  it("as Date refuses years that Date does not have, and as a parameter years that PostgreSQL does not have", () => {
    const late = micros(9_000_000_000_000_000_000n)
    expect(issueOf(() => readBinary(codec, late, "date"))).toContain("275,760")
    expect(issueOf(() => readBinary(codec, late, "millis"))).toContain("275,760")
    expect(refusal(codec, new Date(-8.64e15))).toContain("4714 BC")
    expect(refusal(codec, new Date(NaN))).toBe("not a point in time")
    expect(refusal(codec, NaN, "millis")).toBe("not a point in time")
    expect(refusal(codec, 9.3e15, "millis")).toContain("out of range")
  })

  it("takes no number without being told that it is milliseconds", () => {
    expect(refusal(codec, 0)).toContain("takes no number")
    expect(refusal(codec, 0n)).toContain("takes no bigint")
    expect(refusal(codec, new Date(0), "millis")).toContain("takes no Date")
  })

  it("leaves every other notation to the server, which knows the session's zone", () => {
    const texts = [
      "now",
      "2024-02-29",
      "2024-02-30T00:00:00Z",
      "2024-02-29T24:00:00Z",
      "2024-02-29T13:60:00Z",
      "yesterday",
      ""
    ]
    for (const text of [...texts, "+294277-01-01T00:00:00Z", "-004713-11-23T23:59:59Z", "2024-02-29T13:45:00+02"]) {
      expect(formatOf(codec, text), text).toBe(0)
    }
  })

  it("is total over every 64 bits", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(typeof readBinary(codec, micros(value))).toBe("string")
      })
    )
    for (const length of [0, 4, 7, 9])
      expect(issueOf(() => readBinary(codec, new Uint8Array(length)))).toContain("8 bytes")
  })

  it("refuses text that is not in ISO style", () => {
    const texts = [
      "",
      "2024-02-30 00:00:00",
      "2024-13-01 00:00:00",
      "29/02/2024 00:00:00",
      "Thu Feb 29 13:45:00 2024 UTC",
      "2024-02-29"
    ]
    for (const text of [
      ...texts,
      "2024-02-29T00:00:00",
      "2024-02-29 00:00:00.",
      "2024-02-29 00:00:00.1234567",
      "2024-02-29 00:00:00+0"
    ]) {
      expect(
        issueOf(() => readText(codec, text)),
        text
      ).toContain("ISO style")
    }
  })
})

describe("timestamptz text of any session zone", () => {
  it("becomes UTC, offsets with minutes and seconds included", () => {
    const cases = [
      ["2024-02-29 14:45:00.5+01", "2024-02-29T13:45:00.500000Z"],
      ["2024-03-01 00:15:00+10:30", "2024-02-29T13:45:00.000000Z"],
      ["2024-02-28 23:00:00-11", "2024-02-29T10:00:00.000000Z"],
      ["1883-11-18 12:03:57-04:56:02", "1883-11-18T16:59:59.000000Z"],
      ["0044-03-15 00:53:28+00:53:28 BC", "-000043-03-15T00:00:00.000000Z"],
      ["10000-01-01 01:00:00+02", "9999-12-31T23:00:00.000000Z"]
    ] as const
    for (const [text, iso] of cases) expect(readText(timestamptz, text)).toBe(iso)
  })

  it("without a zone in a parameter is the server's to interpret, for timestamp it is the value", () => {
    expect(formatOf(timestamptz, "2024-02-29T13:45:00")).toBe(0)
    expect(formatOf(timestamp, "2024-02-29T13:45:00")).toBe(1)
    expect(formatOf(timestamp, "2024-02-29T13:45:00Z")).toBe(1)
  })
})

describe("the text of a Date for a type that is not known yet", () => {
  it("is ISO with Z, and PostgreSQL's notation where ISO has signs", () => {
    expect(dateText(new Date("2024-02-29T13:45:00.123Z"))).toBe("2024-02-29T13:45:00.123Z")
    expect(dateText(new Date("-000043-03-15T12:00:00Z"))).toBe("0044-03-15 12:00:00.000000+00 BC")
    expect(dateText(new Date("+012024-01-01T00:00:00Z"))).toBe("12024-01-01 00:00:00.000000+00")
    expect(issueOf(() => dateText(new Date(NaN)))).toBe("not a point in time")
  })
})
