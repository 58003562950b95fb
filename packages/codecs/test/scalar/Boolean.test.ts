import { describe, expect, it } from "vitest"
import { bool } from "../../src/scalar/Boolean.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

describe("bool", () => {
  it("is a boolean, a word or a bit, in both formats", () => {
    sameInBoth(bool, "t", [1], true)
    sameInBoth(bool, "f", [0], false)
    sameInBoth(bool, "t", [1], "true", "text")
    sameInBoth(bool, "f", [0], "false", "text")
    sameInBoth(bool, "t", [1], 1, "number")
    sameInBoth(bool, "f", [0], 0, "number")
    for (const value of [true, false]) roundTrip(bool, value)
    for (const value of ["true", "false"]) roundTrip(bool, value, "text")
    for (const value of [1, 0]) roundTrip(bool, value, "number")
  })

  it("leaves other words to the server", () => {
    expect(formatOf(bool, "yes")).toBe(0)
    expect(writeText(bool, "yes")).toBe("yes")
  })

  it("takes nothing else", () => {
    expect(refusal(bool, 1)).toBe("the type takes no number")
    expect(refusal(bool, {})).toBe("the type takes no object")
    expect(refusal(bool, 2, "number")).toBe("a number other than 0 and 1")
    expect(refusal(bool, true, "number")).toBe("the type takes no boolean")
  })

  it("is not read from anything else", () => {
    for (const bytes of [[], [2], [255], [1, 0]]) expect(issueOf(() => readBinary(bool, bytes))).toContain("one byte")
    for (const text of ["", "true", "T", "1"]) expect(issueOf(() => readText(bool, text))).toContain("t or f")
  })
})
