import { describe, expect, it } from "vitest"
import { longestShort, shortAscii } from "../src/shortAscii.ts"

describe("a short text", () => {
  it("of every length is complete and in order, wherever it lies", () => {
    for (let length = 0; length <= longestShort; length++) {
      const text = "abcdefghijklmnopqrstuvwxyz".slice(0, length)
      const bytes = Uint8Array.from(`\u00ff${text}\u00ff`, (character) => character.charCodeAt(0))
      expect(shortAscii(bytes, 1, length + 1)).toBe(text)
    }
  })

  it("is none if a single byte is not ASCII, whichever", () => {
    for (let length = 1; length <= longestShort; length++) {
      for (let at = 0; at < length; at++) {
        const bytes = new Uint8Array(length).fill(0x7f)
        expect(shortAscii(bytes, 0, length)).toBe("\u007f".repeat(length))
        bytes[at] = 0x80
        expect(shortAscii(bytes, 0, length)).toBeUndefined()
      }
    }
  })

  it("is none beyond the longest", () => {
    expect(shortAscii(new Uint8Array(40), 0, longestShort + 1)).toBeUndefined()
  })
})
