import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ByteReader } from "../src/index.ts"
import { text } from "./arbitraries.ts"
import { violationOf } from "./session.ts"

const over = (bytes: Uint8Array, streamOffset = 0): ByteReader => {
  const reader = new ByteReader()
  reader.open("Test", bytes, 0, bytes.length, streamOffset)
  return reader
}

/** A reader over `body` that lies in the middle of other bytes. */
const inside = (body: ReadonlyArray<number>, around: number): ByteReader => {
  const bytes = Uint8Array.from([around, around, ...body, around, around])
  const reader = new ByteReader()
  reader.open("Test", bytes, 2, 2 + body.length, 1000)
  return reader
}

describe("a read beyond the message", () => {
  const reads: ReadonlyArray<readonly [string, number, (r: ByteReader) => unknown]> = [
    ["uint8", 1, (r) => r.uint8("field")],
    ["int16", 2, (r) => r.int16("field")],
    ["uint16", 2, (r) => r.uint16("field")],
    ["int32", 4, (r) => r.int32("field")],
    ["uint32", 4, (r) => r.uint32("field")],
    ["count", 2, (r) => r.count("field", 1)],
    ["format", 2, (r) => r.format("field")],
    ["take", 3, (r) => r.take(3, "field")],
    ["value", 4, (r) => r.value("field")]
  ]
  for (const [name, width, read] of reads) {
    it(`${name}: is a violation, even if other messages' bytes follow`, () => {
      for (let length = 0; length < width; length++) {
        const violation = violationOf(() =>
          read(
            inside(
              Array.from({ length }, () => 0),
              0
            )
          )
        )
        expect(violation.during).toBe("Test")
        expect(violation.offset).toBe(1000)
        expect(violation.expected).toContain(`${width} bytes`)
        expect(violation.received).toContain(`${length} bytes before the end`)
      }
    })
  }

  it("a string's NUL that belongs to the next message does not end it (CVE-2022-41862)", () => {
    const violation = violationOf(() => inside([0x61, 0x62], 0).cString("name"))
    expect(violation.message).toBe("Test at byte 1000: expected name, ended by NUL, received the end of the message")
    expect(() => inside([0x61], 0).lenientCString("name")).toThrow("ended by NUL")
  })

  it("finish refuses bytes that are left", () => {
    expect(violationOf(() => inside([1], 0).finish()).received).toBe("1 more bytes")
    inside([], 0).finish()
  })
})

describe("text", () => {
  it("is UTF-8, as written, with a byte order mark if it has one", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(over(new TextEncoder().encode(`${value}\0`)).cString("text")).toBe(value)
      })
    )
  })

  const malformed: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
    ["a lone continuation byte", [0x80]],
    ["a truncated sequence", [0xe2, 0x82]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9]]
  ]
  for (const [name, bytes] of malformed) {
    it(`${name}: a violation where it is data, U+FFFD where it is for people (F-24)`, () => {
      for (const filler of [0, 40]) {
        const body = [...Array.from({ length: filler }, () => 0x78), ...bytes, 0]
        expect(violationOf(() => over(Uint8Array.from(body)).cString("name")).expected).toBe("name in UTF-8")
        expect(over(Uint8Array.from(body)).lenientCString("name")).toContain("\ufffd")
      }
    })
  }

  it("in a violation is short and escaped", () => {
    const violation = violationOf(() =>
      over(Uint8Array.from([0x1b, 0x5b, ...Array.from({ length: 500 }, () => 0x78), 0xff, 0])).cString("name")
    )
    expect(violation.received.length).toBeLessThan(60)
    expect(violation.received).not.toContain("\u001b")
  })
})

describe("bytes", () => {
  it("are copies, also of a Node Buffer", () => {
    const buffer = Buffer.from([1, 2, 3, 4])
    const taken = over(buffer).take(4, "data")
    buffer.fill(9)
    expect(taken).toEqual(Uint8Array.of(1, 2, 3, 4))
    expect(Object.getPrototypeOf(taken)).toBe(Uint8Array.prototype)
  })

  it("of a value: −1 is NULL, other negative lengths and lengths beyond the message are violations", () => {
    expect(over(Uint8Array.of(255, 255, 255, 255)).value("v")).toBeNull()
    expect(over(Uint8Array.of(0, 0, 0, 1, 7)).value("v")).toEqual(Uint8Array.of(7))
    for (const length of [-2, -0x80000000, 2, 0x7fffffff]) {
      const bytes = new Uint8Array(5)
      new DataView(bytes.buffer).setInt32(0, length)
      const violation = violationOf(() => over(bytes, 70).value("v"))
      expect(violation).toMatchObject({ offset: 70, received: `${length}` })
    }
  })

  it("a count that cannot fit the message is refused before anything is made for it", () => {
    const violation = violationOf(() => over(Uint8Array.of(0xff, 0xff, 1, 2)).count("count of columns", 19))
    expect(violation).toMatchObject({ offset: 0, received: "65535 with 2 bytes left" })
  })
})
