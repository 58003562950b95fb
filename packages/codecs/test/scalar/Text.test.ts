import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { char, text, textOnly, textual } from "../../src/scalar/Text.ts"
import { formatOf, issueOf, readBinary, readText, refusal, roundTrip, sameInBoth, utf8, writeText } from "../wire.ts"

const value = fc.fullUnicodeString().filter((string) => !string.includes("\0"))

describe("text", () => {
  it("is the same string in both formats", () => {
    fc.assert(fc.property(value, (string) => roundTrip(text, string)))
    sameInBoth(text, "padded  ", utf8("padded  "), "padded  ")
  })

  it("refuses what is not text, and text that PostgreSQL cannot hold", () => {
    expect(refusal(text, 1)).toBe("the type takes no number")
    expect(refusal(text, 1n)).toBe("the type takes no bigint")
    expect(refusal(text, new Uint8Array(1))).toBe("the type takes no Uint8Array")
    expect(refusal(text, "\0")).toContain("U+0000")
    expect(refusal(text, "\ud800")).toContain("surrogate")
  })

  it("names its type in errors", () => {
    expect(issueOf(() => readBinary(textual("varchar"), [0xff]))).toContain("UTF-8")
    expect(() => readBinary(textual("varchar"), [0xff])).toThrow("varchar")
  })
})

describe("a type that only the server understands", () => {
  it("is read and written in text format, never in binary", () => {
    const codec = textOnly("cube")
    expect(readText(codec, "(1, 2)")).toBe("(1, 2)")
    expect(codec.reader()?.binary).toBeUndefined()
    expect(codec.reader()?.format).toBe(0)
    expect(formatOf(codec, "(1, 2)")).toBe(0)
    expect(writeText(codec, "(1, 2)")).toBe("(1, 2)")
    expect(refusal(codec, 1)).toContain("takes no number")
  })
})

describe('"char"', () => {
  it("is one byte: ASCII as itself, zero as nothing, the rest in octal", () => {
    sameInBoth(char, "a", [0x61], "a")
    sameInBoth(char, "", [0], "")
    sameInBoth(char, "\\200", [0x80], "\\200")
    sameInBoth(char, "\\377", [0xff], "\\377")
    for (let byte = 0; byte < 256; byte++) roundTrip(char, readBinary(char, [byte]))
  })

  it("leaves longer text to the server", () => {
    expect(formatOf(char, "ab")).toBe(0)
    expect(formatOf(char, "é")).toBe(0)
    expect(issueOf(() => readBinary(char, [1, 2]))).toContain("one byte")
  })
})
