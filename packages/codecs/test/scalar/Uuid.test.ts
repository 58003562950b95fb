import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { uuid } from "../../src/scalar/Uuid.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, writeBinary } from "../wire.ts"

describe("uuid", () => {
  it("is lower case with hyphens, or 16 bytes", () => {
    fc.assert(fc.property(fc.uuid(), (value) => roundTrip(uuid, value)))
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (value) => roundTrip(uuid, value, "bytes")))
    expect(readText(uuid, "550E8400-E29B-41D4-A716-446655440000")).toBe("550e8400-e29b-41d4-a716-446655440000")
  })

  it("takes upper case in binary and leaves other notations to the server", () => {
    const bytes = writeBinary(uuid, "550E8400-E29B-41D4-A716-446655440000")
    expect(readBinary(uuid, bytes)).toBe("550e8400-e29b-41d4-a716-446655440000")
    for (const text of ["550e8400e29b41d4a716446655440000", "{550e8400-e29b-41d4-a716-446655440000}", "x", ""]) {
      expect(formatOf(uuid, text)).toBe(0)
    }
  })

  it("hands out bytes that are nobody else's, also from a Buffer", () => {
    const source = Buffer.alloc(32, 7)
    const read = uuid.reader("bytes")!.binary!
    const value = read(source, 8, 16)
    source.fill(1)
    expect(value).toEqual(new Uint8Array(16).fill(7))
    expect(Buffer.isBuffer(value)).toBe(false)
  })

  it("refuses other lengths", () => {
    expect(refusal(uuid, new Uint8Array(15))).toBe("not 16 bytes")
    expect(refusal(uuid, 1)).toContain("takes no number")
    for (const length of [0, 15, 17])
      expect(issueOf(() => readBinary(uuid, new Uint8Array(length)))).toContain("16 bytes")
    expect(issueOf(() => readText(uuid, "550e8400"))).toContain("32 hexadecimal")
  })
})
