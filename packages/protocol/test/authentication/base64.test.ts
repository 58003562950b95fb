// The codec against Node's, and everything Node's forgives.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeBase64, encodeBase64 } from "../../src/authentication/base64.ts"

describe("base64", () => {
  it("encodes as Node does, and decodes to what was encoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64(bytes)
        expect(text).toBe(Buffer.from(bytes).toString("base64"))
        expect([...(decodeBase64(text) ?? [])]).toEqual([...bytes])
      })
    )
  })

  it("takes one text for one byte string: whatever it takes, it would have written", () => {
    const near = fc.string({ unit: fc.constantFrom(..."AQgw/+09z=-_ \n"), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        const bytes = decodeBase64(text)
        if (bytes !== undefined) expect(encodeBase64(bytes)).toBe(text)
      }),
      { numRuns: 2000 }
    )
  })

  it("refuses missing and misplaced padding, stray bits, white space, line breaks and the URL alphabet", () => {
    const refused = ["A", "AA", "AAA", "AA=", "A===", "====", "=", "==", "AA=A", "AB==", "AAB=", "AA==AA==", "AAA AAAA"]
    for (const text of [...refused, "AAAA\n", " AAAA", "AA-_", "AAA\0", "ＡAAA"])
      expect(decodeBase64(text), text).toBeUndefined()
    expect(decodeBase64("")).toEqual(new Uint8Array(0))
  })
})
