import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bounded, lines, oneLine, visible } from "../../../src/internal/render/plainText.ts"

describe("foreign text", () => {
  it("shows escape sequences instead of obeying them", () => {
    expect(visible("\u001b[31mred\u0007\u009b0m")).toBe("\\x1b[31mred\\x07\\x9b0m")
    expect(visible("a\u202eb\u2066c\u200bd\ufeffe\u{e0041}")).toBe(
      "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}e\\u{e0041}"
    )
    expect(visible("\ud800x")).toBe("\\u{d800}x")
  })
  it("leaves letters of every script and joined emoji alone", () => {
    for (const text of ["Größe", "日本語", "سلام", "می‌خواهم", "👩‍👩‍👧", "e\u0301"]) expect(visible(text)).toBe(text)
  })
  it("is one line where one line is due", () => {
    expect(oneLine(" a\r\n  b\tc\u2028d\n\ne ")).toBe("a b c d e")
  })
  it("keeps its lines where several are due", () => {
    expect(lines("a\r\nb\rc\n\td")).toEqual(["a", "b", "c", "    d"])
  })
  it("is cut between characters, and what is missing is counted", () => {
    expect(bounded("😀😀😀", 3)).toBe("😀😀😀")
    expect(bounded("😀😀😀", 2)).toBe("😀😀… (2 more)")
    expect(bounded("abc", 2)).toBe("ab… (1 more)")
    expect(bounded("", 2)).toBe("")
  })
  it("never keeps a control character or a line break, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 200 }),
        (text) => !/[\p{Cc}\p{Bidi_Control}\p{Surrogate}]/u.test(oneLine(text, 50))
      )
    )
  })
})
