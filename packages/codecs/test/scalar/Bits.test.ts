import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bit, varbit } from "../../src/scalar/Bits.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth } from "../wire.ts"

describe.each([{ codec: bit }, { codec: varbit }])("$codec.name", ({ codec }) => {
  it("keeps every bit, leading zeros included, in both formats", () => {
    fc.assert(fc.property(fc.stringOf(fc.constantFrom("0", "1"), { maxLength: 70 }), (text) => roundTrip(codec, text)))
    sameInBoth(codec, "00000000101", [0, 0, 0, 11, 0, 0b1010_0000], "00000000101")
    sameInBoth(codec, "", [0, 0, 0, 0], "")
  })

  it("is total over counts that do not fit", () => {
    for (const bytes of [
      [],
      [0, 0, 0],
      [0, 0, 0, 1],
      [0, 0, 0, 9, 1],
      [0, 0, 0, 8, 1, 1],
      [255, 255, 255, 255],
      [127, 255, 255, 255, 1]
    ]) {
      expect(
        issueOf(() => readBinary(codec, bytes)),
        String(bytes)
      ).toContain("a count")
    }
    expect(issueOf(() => readText(codec, "012"))).toContain("0 and 1")
  })

  it("leaves hexadecimal to the server and takes nothing else", () => {
    expect(formatOf(codec, "x1F")).toBe(0)
    expect(refusal(codec, 5)).toContain("takes no number")
  })
})
