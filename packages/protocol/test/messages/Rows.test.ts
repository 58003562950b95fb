import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBackend, EncodeError, encodeRows, RowCursor, type Rows } from "../../src/index.ts"
import { bytes } from "../arbitraries.ts"
import { backendIn, frame, int16, int32, prelude, violationOf } from "../session.ts"

const read = (rows: Rows, columnCount: number): ReadonlyArray<ReadonlyArray<Uint8Array | null>> => {
  const cursor = new RowCursor(columnCount)
  cursor.open(rows)
  const out: Array<ReadonlyArray<Uint8Array | null>> = []
  while (cursor.next()) {
    out.push(
      Array.from({ length: columnCount }, (_, i) => {
        const at = cursor.positions[2 * i]!
        const length = cursor.positions[2 * i + 1]!
        return length < 0 ? null : cursor.bytes.slice(at, at + length)
      })
    )
  }
  return out
}

/** A run of the one frame that the decoder makes of these bytes. */
const runOf = (...frames: ReadonlyArray<Uint8Array>): Rows => {
  const decoder = backendIn("ready")
  const [rows] = frames.flatMap((one) => decoder.push(one))
  if (rows?._tag !== "Rows") throw new Error("not rows")
  return rows
}

describe("RowCursor", () => {
  it("gives back every row that was encoded, without an array per row of its own", () => {
    const rows = fc.nat({ max: 5 }).chain((columns) =>
      fc.record({
        columns: fc.constant(columns),
        values: fc.array(fc.array(fc.option(bytes), { minLength: columns, maxLength: columns }), { maxLength: 6 })
      })
    )
    fc.assert(
      fc.property(rows, ({ columns, values }) => {
        expect(read(encodeRows(values), columns)).toEqual(values)
      })
    )
  })

  it("goes from run to run with the same positions array", () => {
    const cursor = new RowCursor(1)
    const { positions } = cursor
    for (const value of ["a", "bc"]) {
      cursor.open(encodeRows([[value]]))
      expect(cursor.next()).toBe(true)
      expect(positions[1]).toBe(value.length)
      expect(cursor.next()).toBe(false)
    }
    expect(cursor.positions).toBe(positions)
  })

  it("fewer or more columns than described are a violation (F-12, F-13, RUSTSEC-2026-0178)", () => {
    const rows = encodeRows([["a", "b"]])
    for (const described of [0, 1, 3, 65_535]) {
      expect(violationOf(() => read(rows, described))).toMatchObject({
        during: "DataRow",
        expected: `${described} columns, as described`,
        received: "2"
      })
    }
  })

  it("a length below −1 is a violation (F-14, CVE-2026-32286)", () => {
    for (const length of [-2, -3, -0x7fffffff, -0x80000000]) {
      const rows = runOf(frame("D", int16(1), int32(length), "text"))
      expect(violationOf(() => read(rows, 1))).toMatchObject({
        expected: "length of column 1, −1 or more",
        received: `${length}`
      })
    }
  })

  it("a length beyond the frame is a violation, even if another frame follows to take bytes from (F-15)", () => {
    for (const length of [5, 6, 11, 1000, 0x7fffffff]) {
      const bytes = new Uint8Array([
        ...frame("D", int16(1), int32(length), "text"),
        ...frame("D", int16(1), int32(4), "next")
      ])
      expect(violationOf(() => read(runOf(bytes), 1)).received).toBe(`${length}`)
    }
  })

  it("bytes behind the last column, and a row too short for its columns, are violations (F-9)", () => {
    expect(violationOf(() => read(runOf(frame("D", int16(1), int32(1), "text")), 1)).received).toBe("3 more bytes")
    for (let length = 0; length < 4; length++) {
      const rows = runOf(frame("D", int16(2), int32(-1), new Uint8Array(length)))
      expect(violationOf(() => read(rows, 2)).expected).toBe("length of column 2, 4 bytes")
    }
    // the decoder itself refuses a row without a count
    expect(() => backendIn("ready").push(frame("D", 0))).toThrow("length 6")
  })

  it("names the offset in the stream, also where the run begins in the middle of a chunk", () => {
    const good = encodeRows([["a"]]).bytes
    const rows = runOf(new Uint8Array([...good, ...good, ...frame("D", int16(1), int32(-2))]))
    expect(violationOf(() => read(rows, 1)).offset).toBe(prelude("ready").length + 2 * good.length + 7)
  })

  it("any bytes in a row give values inside the row or a violation", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), fc.nat({ max: 4 }), (body, columns) => {
        const rows = runOf(frame("D", body))
        try {
          const cursor = new RowCursor(columns)
          cursor.open(rows)
          while (cursor.next()) {
            for (let i = 0; i < columns; i++) {
              const at = cursor.positions[2 * i]!
              expect(at + Math.max(0, cursor.positions[2 * i + 1]!)).toBeLessThanOrEqual(rows.end)
            }
          }
        } catch (error) {
          expect(error).toHaveProperty("_tag", "ProtocolViolation")
        }
      })
    )
  })

  it("a run that does not hold as many rows as it says is a violation", () => {
    const rows = encodeRows([["a"], ["b"]])
    expect(() => read({ ...rows, count: 3 }, 1)).toThrow("1 more rows in the run")
    expect(() => read({ ...rows, end: rows.end - 1 }, 1)).toThrow("a whole DataRow frame")
  })
})

describe("a run to be written", () => {
  it("goes through the one exit: frames that are not DataRow, or not whole, are an EncodeError", () => {
    const rows = encodeRows([["a"], ["b"]])
    expect(encodeBackend(rows)).toEqual(rows.bytes)
    const smuggled = new Uint8Array([...rows.bytes, ...frame("Z", "I")])
    expect(() => encodeBackend({ ...rows, bytes: smuggled, end: smuggled.length })).toThrow(EncodeError)
    expect(() => encodeBackend({ ...rows, end: rows.end - 1 })).toThrow("frame 2")
    expect(() => encodeBackend({ ...rows, end: rows.end + 1 })).toThrow(EncodeError)
    expect(() => encodeBackend({ ...rows, count: 1 })).toThrow("1 frames announced, 2 found")
  })
})

describe("RowCursor.text", () => {
  const texts = (rows: Rows, columnCount: number): ReadonlyArray<ReadonlyArray<string | null | undefined>> => {
    const cursor = new RowCursor(columnCount)
    cursor.open(rows)
    const out: Array<ReadonlyArray<string | null | undefined>> = []
    while (cursor.next()) out.push(Array.from({ length: columnCount }, (_, i) => cursor.text(i)))
    return out
  }

  const value = fc.option(
    fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: "grapheme", maxLength: 30 }), fc.constant("x".repeat(600)))
  )
  const rows = fc
    .nat({ max: 5 })
    .chain((columns) =>
      fc.tuple(
        fc.constant(columns),
        fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { maxLength: 6 })
      )
    )

  it("gives back every text that was encoded: short and long, ASCII or not, in rows of any size", () => {
    fc.assert(
      fc.property(rows, ([columns, values]) => {
        const bytes = (text: string | null) => (text === null ? null : new TextEncoder().encode(text))
        expect(texts(encodeRows(values.map((row) => row.map(bytes))), columns)).toEqual(values)
      }),
      { numRuns: 500 }
    )
  })

  it("gives the columns in any order, and twice", () => {
    const cursor = new RowCursor(3)
    cursor.open(encodeRows([["short", "longer than thirteen", "å and more than thirteen"]]))
    cursor.next()
    const order = [2, 0, 1, 1, 0, 2]
    const row = ["short", "longer than thirteen", "å and more than thirteen"]
    expect(order.map((i) => cursor.text(i))).toEqual(order.map((i) => row[i]))
  })

  it("is undefined for what is not UTF-8, beside text that is", () => {
    const broken = Uint8Array.from([...new TextEncoder().encode("thirteen and more"), 0xff])
    const rows = encodeRows([["thirteen and more", broken, Uint8Array.of(0xc0), null, "\ufffd", "x"]])
    expect(texts(rows, 6)).toEqual([["thirteen and more", undefined, undefined, null, "\ufffd", "x"]])
  })

  it("belongs to the row at hand: none before the first, after the last, and behind the last column", () => {
    const cursor = new RowCursor(1)
    expect(() => cursor.text(0)).toThrow(RangeError)
    for (const text of ["the first row's text", "another row's text"]) {
      cursor.open(encodeRows([[text], ["short"]]))
      expect(() => cursor.text(0)).toThrow(RangeError)
      expect(cursor.next()).toBe(true)
      expect(cursor.text(0)).toBe(text)
      for (const i of [-1, 1, Number.NaN]) expect(() => cursor.text(i)).toThrow(RangeError)
      expect(cursor.next()).toBe(true)
      expect(cursor.text(0)).toBe("short")
      expect(cursor.next()).toBe(false)
      expect(() => cursor.text(0)).toThrow(RangeError)
    }
  })

  it("of a row that was refused is not to be had, nor that of the row before it", () => {
    const cursor = new RowCursor(1)
    const [good, bad] = [encodeRows([["the first row's text"]]), encodeRows([["one", "two"]])]
    const bytes = Uint8Array.from([...good.bytes, ...bad.bytes])
    cursor.open({ bytes, offset: 0, end: bytes.length, count: 2 })
    cursor.next()
    expect(cursor.text(0)).toBe("the first row's text")
    violationOf(() => cursor.next())
    expect(() => cursor.text(0)).toThrow(RangeError)
  })
})
