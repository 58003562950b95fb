import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkText, readText } from "../src/Text.ts"
import { issueOf, utf8 } from "./wire.ts"

describe("readText", () => {
  it("reads any text, from a Uint8Array and from a Buffer, at any offset", () => {
    fc.assert(
      fc.property(fc.fullUnicodeString({ maxLength: 60 }), (text) => {
        const bytes = utf8(text)
        const padded = new Uint8Array(bytes.length + 10).fill(0xff)
        padded.set(bytes, 5)
        expect(readText("text", padded, 5, bytes.length)).toBe(text)
        expect(readText("text", Buffer.from(padded), 5, bytes.length)).toBe(text)
      })
    )
  })

  it("keeps a byte order mark and a genuine U+FFFD, which are data", () => {
    for (const text of ["\ufeffa", "\ufffd", `\ufeff${"x".repeat(40)}\ufffd`]) {
      expect(readText("text", Buffer.from(text), 0, utf8(text).length)).toBe(text)
    }
  })

  it("refuses bytes that are not UTF-8 instead of replacing them, short and long", () => {
    const broken = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]
    for (const tail of broken) {
      for (const head of [0, 40]) {
        const bytes = Uint8Array.from([...Array<number>(head).fill(0x61), ...tail])
        for (const input of [bytes, Buffer.from(bytes)]) {
          expect(issueOf(() => readText("text", input, 0, bytes.length))).toContain("UTF-8")
        }
      }
    }
  })
})

describe("checkText", () => {
  it("lets well-formed text through", () => {
    fc.assert(
      fc.property(fc.fullUnicodeString(), (text) => {
        fc.pre(!text.includes("\0"))
        expect(checkText("text", text)).toBe(text)
      })
    )
  })

  it("refuses U+0000 and lone surrogates, which would be lost in silence", () => {
    expect(issueOf(() => checkText("text", "a\0b"))).toContain("U+0000")
    for (const text of ["\ud800", "a\udc00b", "\ude00\ud83d"]) {
      expect(issueOf(() => checkText("text", text))).toContain("surrogate")
    }
    expect(checkText("text", "\ud83d\ude00")).toBe("😀")
  })
})
