import { describe, expect, it } from "vitest"
import { money, pgLsn, registered, snapshot, tid, versioned } from "../../src/scalar/System.ts"
import {
  bytesOf,
  formatOf,
  issueOf,
  readBinary,
  readText,
  refusal,
  roundTrip,
  sameInBoth,
  utf8,
  writeBinary,
  writeText
} from "../wire.ts"

describe("types of the system", () => {
  it("are the server's text in both formats", () => {
    sameInBoth(tid, "(4294967295,65535)", [255, 255, 255, 255, 255, 255], "(4294967295,65535)")
    sameInBoth(pgLsn, "16/B374D848", [0, 0, 0, 0x16, 0xb3, 0x74, 0xd8, 0x48], "16/B374D848")
    const running = bytesOf((out) => {
      out.int32(2)
      for (const id of [10n, 20n, 10n, 14n]) out.int64(id)
    })
    sameInBoth(snapshot("pg_snapshot"), "10:20:10,14", running, "10:20:10,14")
    sameInBoth(versioned("jsonpath"), '$."a"', [1, ...utf8('$."a"')], '$."a"')
    roundTrip(versioned("ltree"), "Top.Science")
  })

  it("refuse other lengths, counts and versions", () => {
    expect(issueOf(() => readBinary(tid, [1]))).toContain("6 bytes")
    expect(issueOf(() => readBinary(pgLsn, [1]))).toContain("8 bytes")
    for (const bytes of [
      [],
      new Uint8Array(19),
      [255, 255, 255, 255, ...new Uint8Array(16)],
      [0, 0, 0, 1, ...new Uint8Array(16)]
    ]) {
      expect(issueOf(() => readBinary(snapshot("pg_snapshot"), bytes))).toContain("transactions")
    }
    expect(issueOf(() => readBinary(versioned("jsonpath"), [2, 36]))).toContain("version 1")
    expect(issueOf(() => readBinary(versioned("jsonpath"), []))).toContain("version 1")
  })
})

describe("money", () => {
  it("is text, because its point depends on the server's locale: no number, no binary", () => {
    expect(readText(money, "$1,000.00")).toBe("$1,000.00")
    expect(money.reader("number")).toBeUndefined()
    expect(money.reader()?.binary).toBeUndefined()
    expect(refusal(money, 1)).toContain("takes no number")
  })
})

describe("regclass and its like", () => {
  const regclass = registered("regclass")
  it("are names in text and numbers in binary", () => {
    expect(readText(regclass, "pg_class")).toBe("pg_class")
    expect(regclass.reader()?.binary).toBeUndefined()
    expect(readBinary(regclass, [0, 0, 4, 235], "number")).toBe(1259)
    expect(regclass.reader("number")?.parse).toBeUndefined()
  })
  it("are written from both", () => {
    expect(formatOf(regclass, "pg_class")).toBe(0)
    expect(writeText(regclass, "pg_class")).toBe("pg_class")
    expect(writeBinary(regclass, 1259)).toEqual(Uint8Array.from([0, 0, 4, 235]))
    expect(refusal(regclass, -1)).toBe("out of range")
  })
})
