import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bytea } from "../../src/scalar/Bytea.ts"
import { formatOf, issueOf, readText, refusal, roundTrip, writeText } from "../wire.ts"

describe("bytea", () => {
  it("keeps every byte in both formats", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (value) => roundTrip(bytea, value)))
  })

  it("hands out a plain copy, never a view of a socket's buffer", () => {
    const source = Buffer.from([1, 2, 3, 4])
    const value = bytea.reader()!.binary!(source, 1, 2) as Uint8Array
    source.fill(9)
    expect(value).toEqual(Uint8Array.from([2, 3]))
    expect(Buffer.isBuffer(value)).toBe(false)
    expect(value.buffer.byteLength).toBe(2)
  })

  it("has no text form: hex, base64 and UTF-8 are all strings", () => {
    expect(bytea.reader("text")).toBeUndefined()
    expect(bytea.writer("text")).toBeUndefined()
  })

  it("takes bytes, views of any array included, and strings only for the server to parse", () => {
    const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3)
    expect(writeText(bytea, view)).toBe("\\x0102")
    expect(formatOf(bytea, "\\x00")).toBe(0)
    expect(refusal(bytea, [1, 2])).toContain("takes no array")
  })

  it("refuses text that is not hexadecimal: the escape form cannot be told from it", () => {
    for (const text of ["", "nope", "\\x0", "\\xzz", "\\X00", "\\000", "x00", "\\x0g"]) {
      expect(
        issueOf(() => readText(bytea, text)),
        text
      ).toContain("hexadecimal")
    }
  })
})
