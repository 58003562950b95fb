import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as platform from "../src/Utf8.ts"

/** The same module as a platform without Node's Buffer sees it. */
let browser: typeof platform

beforeAll(async () => {
  vi.resetModules()
  const { Buffer } = globalThis
  // the module looks once, when it is loaded; the test runner meanwhile needs what a Buffer can do otherwise
  const without = { value: Object.create(Buffer, { prototype: { value: {} } }) as unknown }
  Object.defineProperty(globalThis, "Buffer", { ...without, configurable: true, writable: true })
  try {
    browser = await import("../src/Utf8.ts")
  } finally {
    Object.defineProperty(globalThis, "Buffer", { value: Buffer, configurable: true, writable: true })
  }
})

afterAll(() => vi.resetModules())

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const expected = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** Around every limit of length, well formed and not. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ maxLength: 80, max: 0x7f }),
  fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => new TextEncoder().encode(text)),
  fc
    .tuple(
      fc.uint8Array({ maxLength: 40, max: 0x7f }),
      fc.constantFrom([0xef, 0xbf, 0xbd], [0xef, 0xbb, 0xbf], [0xc0, 0x80], [0xed, 0xa0, 0x80])
    )
    .map(([ascii, more]) => Uint8Array.from([...ascii, ...more]))
)

const around = fc.tuple(content, fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), fc.boolean())

const placed = ([bytes, before, behind, asBuffer]: readonly [Uint8Array, Uint8Array, Uint8Array, boolean]) => {
  const all = Uint8Array.from([...before, ...bytes, ...behind])
  return { bytes: asBuffer ? Buffer.from(all) : all, start: before.length, end: before.length + bytes.length }
}

describe("text", () => {
  it("is loaded here with what the platform has, and once without", () => {
    expect(platform.latin1Text).toBeTypeOf("function")
    expect(browser.latin1Text).toBeUndefined()
  })

  it("is what a strict decoder makes of the bytes, or undefined where it refuses, wherever they lie", () => {
    fc.assert(
      fc.property(around, (parts) => {
        const { bytes, end, start } = placed(parts)
        const text = expected(parts[0])
        expect(platform.decodeUtf8(bytes, start, end)).toBe(text)
        expect(browser.decodeUtf8(bytes, start, end)).toBe(text)
      }),
      { numRuns: 3000 }
    )
  })

  it("for people has U+FFFD where it is not well formed, and is the same otherwise", () => {
    const lenient = new TextDecoder("utf-8", { ignoreBOM: true })
    fc.assert(
      fc.property(around, (parts) => {
        const { bytes, end, start } = placed(parts)
        expect(platform.decodeUtf8Lenient(bytes, start, end)).toBe(lenient.decode(parts[0]))
        expect(browser.decodeUtf8Lenient(bytes, start, end)).toBe(lenient.decode(parts[0]))
      })
    )
  })

  it("of every length up to 100 is complete, ASCII or not", () => {
    for (let length = 0; length <= 100; length++) {
      const ascii = Array.from({ length }, (_, i) => String.fromCharCode(33 + (i % 90))).join("")
      for (const text of [ascii, `${ascii}å`, `å${ascii}`]) {
        const bytes = new TextEncoder().encode(text)
        expect(platform.decodeUtf8(bytes, 0, bytes.length)).toBe(text)
        expect(browser.decodeUtf8(bytes, 0, bytes.length)).toBe(text)
      }
    }
  })
})

describe("isAscii", () => {
  it("sees the one byte that is not, wherever it lies, and none outside", () => {
    for (let length = 0; length <= 40; length++) {
      const bytes = new Uint8Array(length + 2).fill(0x7f)
      bytes[0] = 0xff
      bytes[length + 1] = 0xff
      expect(platform.isAscii(bytes, 1, length + 1)).toBe(true)
      for (let at = 1; at <= length; at++) {
        bytes[at] = 0x80
        expect(platform.isAscii(bytes, 1, length + 1)).toBe(false)
        bytes[at] = 0x7f
      }
    }
  })
})

describe("a latin1 text", () => {
  it("has a character per byte, so that what is ASCII in it lies where the bytes lie", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff)
    expect(platform.latin1Text?.(bytes, 20, 290)).toBe(String.fromCharCode(...bytes.subarray(20, 290)))
  })
})
