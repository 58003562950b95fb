import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  ByteWriter,
  EncodeError,
  joinChunks,
  maxMessageLength,
  writeCopyData,
  writeQuery,
  writeSync
} from "../src/index.ts"
import { text } from "./arbitraries.ts"

const utf8 = new TextEncoder()

const errorOf = (f: () => unknown): EncodeError => {
  try {
    f()
  } catch (error) {
    if (error instanceof EncodeError) return error
    throw error
  }
  throw new Error("no EncodeError")
}

/** An array that claims a length it does not have. */
const claiming = (length: number): Uint8Array => Object.create(Uint8Array.prototype, { length: { value: length } })

describe("chunks", () => {
  it("hold together exactly what was written, whatever their size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(text, { maxLength: 6 }), (chunkSize, statements) => {
        const w = new ByteWriter({ chunkSize })
        for (const sql of statements) writeQuery(w, sql)
        const expected = statements.flatMap((sql) => {
          const body = utf8.encode(sql)
          return [0x51, ...int32(body.length + 5), ...body, 0]
        })
        expect(w.size).toBe(expected.length)
        expect([...joinChunks(w.take())]).toEqual(expected)
        expect(w.size).toBe(0)
      })
    )
  })

  it("a value that does not fit starts a chunk of its own size, copied once", () => {
    const w = new ByteWriter({ chunkSize: 16 })
    const value = new Uint8Array(1000).fill(7)
    w.beginMessage(0x64, "CopyData")
    w.bytes(value)
    w.endMessage()
    const chunks = w.take()
    expect(chunks.map((chunk) => chunk.length)).toEqual([5, 1000])
    // a copy: what the caller does to its array afterwards does not reach the wire
    value.fill(8)
    expect(chunks[1]).toEqual(new Uint8Array(1000).fill(7))
  })

  it("handed over are never written again", () => {
    const w = new ByteWriter()
    writeQuery(w, "one")
    const first = w.take()
    const kept = joinChunks(first.map((chunk) => chunk.slice()))
    writeQuery(w, "two, longer than the first")
    w.take()
    expect(joinChunks(first)).toEqual(kept)
  })

  it("small flushes share a buffer instead of allocating one each", () => {
    const w = new ByteWriter()
    writeSync(w)
    const [first] = w.take()
    writeSync(w)
    const [second] = w.take()
    expect(second!.buffer).toBe(first!.buffer)
    expect(second!.byteOffset).toBe(first!.byteOffset + 5)
  })
})

describe("what is referenced", () => {
  const pieces = fc.array(fc.oneof(text, fc.uint8Array({ minLength: 1, maxLength: 50 })), { maxLength: 6 })
  /** Each piece a message; bytes are copied or not. */
  const write = (w: ByteWriter, piece: string | Uint8Array, copied: boolean): void => {
    if (typeof piece === "string") return writeQuery(w, piece)
    w.beginMessage(0x64, "CopyData")
    w.uint8(7)
    if (copied) w.bytes(piece)
    else w.reference(piece)
    w.uint8(8)
    w.endMessage()
  }

  it("is handed over itself, between what was written before and after it, and can be taken back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), pieces, pieces, (chunkSize, kept, dropped) => {
        const w = new ByteWriter({ chunkSize })
        const plain = new ByteWriter()
        for (const piece of kept) write(w, piece, false)
        const mark = w.mark()
        for (const piece of dropped) write(w, piece, false)
        w.rewind(mark)
        writeQuery(w, "after")
        for (const piece of kept) write(plain, piece, true)
        writeQuery(plain, "after")
        expect(w.size).toBe(plain.size)
        const chunks = w.take()
        expect([...joinChunks(chunks)]).toEqual([...joinChunks(plain.take())])
        for (const piece of kept) if (typeof piece !== "string") expect(chunks).toContain(piece)
      })
    )
  })

  it("counts in the length of its message", () => {
    const w = new ByteWriter()
    w.beginMessage(0x64, "CopyData", 100)
    expect(errorOf(() => w.reference(new Uint8Array(97))).field).toBe("length")
    expect(w.size).toBe(0)
  })
})

describe("mark and rewind", () => {
  it("leave no trace of what was written in between, finished or not, in whatever chunks it lies", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(text, { maxLength: 3 }),
        fc.array(text, { maxLength: 4 }),
        fc.boolean(),
        (chunkSize, kept, dropped, unfinished) => {
          const w = new ByteWriter({ chunkSize })
          const plain = new ByteWriter()
          for (const sql of kept) writeQuery(w, sql)
          const mark = w.mark()
          for (const sql of dropped) writeQuery(w, sql)
          if (unfinished) {
            w.beginMessage(0x42, "Bind")
            w.beginValue()
            w.utf8("a codec that throws here")
          }
          w.rewind(mark)
          for (const sql of [...kept, "after"]) writeQuery(plain, sql)
          writeQuery(w, "after")
          const chunks = w.take()
          expect(joinChunks(chunks)).toEqual(joinChunks(plain.take()))
          expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
        }
      )
    )
  })

  it("a mark whose bytes were handed over is a bug, not a silent loss", () => {
    const w = new ByteWriter()
    const mark = w.mark()
    writeSync(w)
    w.take()
    expect(() => w.rewind(mark)).toThrow("a bug of the encoder")
  })

  it("a message cannot be begun, taken or marked inside another", () => {
    const w = new ByteWriter()
    w.beginMessage(0x51, "Query")
    expect(() => w.beginMessage(0x51, "Query")).toThrow("inside Query")
    expect(() => w.take()).toThrow("inside Query")
    expect(() => w.mark()).toThrow("inside Query")
  })
})

describe("lengths (CVE-2024-27304, CVE-2024-32655, RUSTSEC-2024-0363)", () => {
  it("a value whose size claims 2^32 + 7 bytes is refused before anything is allocated, and leaves no byte", () => {
    const w = new ByteWriter()
    writeSync(w)
    w.beginMessage(0x42, "Bind")
    const error = errorOf(() => w.value(claiming(2 ** 32 + 7)))
    expect(error).toMatchObject({ during: "Bind", field: "length" })
    expect(error.issue).toContain(`${2 ** 32 + 7 + 8} bytes`)
    expect(w.size).toBe(5)
    // and the writer goes on
    writeSync(w)
    expect(joinChunks(w.take())).toEqual(Uint8Array.of(0x53, 0, 0, 0, 4, 0x53, 0, 0, 0, 4))
  })

  it("so are bytes without a length of their own", () => {
    const w = new ByteWriter()
    expect(errorOf(() => writeCopyData(w, claiming(2 ** 32)))).toMatchObject({ during: "CopyData", field: "length" })
    expect(w.size).toBe(0)
  })

  it("the limit is the server's, 2^30 − 2 with the length field itself", () => {
    const w = new ByteWriter()
    w.beginMessage(0x64, "CopyData")
    w.reserve(maxMessageLength - 4)
    expect(errorOf(() => w.reserve(maxMessageLength - 3)).issue).toBe("1073741823 bytes, the limit is 1073741822")
  })

  it("a message may have exactly the length of its limit", () => {
    for (const value of ["x".repeat(50), "x".repeat(40), "é".repeat(25), "\u20ac".repeat(16) + "xx"]) {
      const w = new ByteWriter({ chunkSize: 16 })
      w.beginMessage(0x51, "Query", 4 + utf8.encode(value).length)
      w.utf8(value)
      w.endMessage()
      expect(w.size).toBe(5 + utf8.encode(value).length)
    }
  })

  it("one byte above the limit is refused, whichever path writes it", () => {
    for (const value of ["x".repeat(51), "x".repeat(40), "é".repeat(26), "\u20ac".repeat(17)]) {
      const w = new ByteWriter({ chunkSize: 16 })
      const error = errorOf(() => {
        w.beginMessage(0x51, "Query", 4 + utf8.encode(value).length - 1)
        w.utf8(value)
        w.endMessage()
      })
      expect(error.field).toBe("length")
      expect(w.size).toBe(0)
    }
  })
})

describe("text", () => {
  it("is written as UTF-8", () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 30 }), (value, chunkSize) => {
        const w = new ByteWriter({ chunkSize })
        w.beginMessage(0x51, "Query")
        w.utf8(value)
        w.endMessage()
        expect(joinChunks(w.take()).subarray(5)).toEqual(utf8.encode(value))
      })
    )
  })

  it("with a NUL or a lone surrogate is refused, short or long, and leaves no byte (V-13, V-15)", () => {
    for (const bad of ["\0", "a\0b", "\ud800", "x\udc00y", "\ud800\ud800", "\udc00\ud800"]) {
      for (const value of [bad, bad + "x".repeat(100), "x".repeat(100) + bad]) {
        const w = new ByteWriter()
        writeSync(w)
        expect(errorOf(() => writeQuery(w, value))).toMatchObject({ during: "Query", field: "sql" })
        expect(w.size).toBe(5)
      }
    }
  })
})

describe("values", () => {
  it("have their length in front of them, nested ones too, across chunks", () => {
    for (const chunkSize of [1, 5, 13, 1000]) {
      const w = new ByteWriter({ chunkSize })
      w.beginMessage(0x42, "Bind")
      w.beginValues(3, "parameters")
      w.beginValue()
      w.int32(1)
      w.beginValue()
      w.utf8("inner")
      w.endValue()
      w.nullValue()
      w.endValue()
      w.nullValue()
      w.value("text")
      w.endValues()
      w.endMessage()
      const inner = [...int32(5), ...utf8.encode("inner"), ...int32(-1)]
      const outer = [...int32(4 + inner.length), ...int32(1), ...inner]
      const body = [0, 3, ...outer, ...int32(-1), ...int32(4), ...utf8.encode("text")]
      expect([...joinChunks(w.take())]).toEqual([0x42, ...int32(body.length + 4), ...body])
    }
  })

  it("must be as many as announced", () => {
    const w = new ByteWriter()
    w.beginMessage(0x42, "Bind")
    w.beginValues(2, "parameters")
    w.value("one")
    expect(() => w.endValues()).toThrow("2 values announced, 1 written")
  })

  it("cannot be left open at the end of the message", () => {
    const w = new ByteWriter()
    w.beginMessage(0x42, "Bind")
    w.beginValue()
    expect(() => w.endMessage()).toThrow("inside a value")
  })
})

describe("numbers", () => {
  const ranges = [
    ["int8", -0x80, 0x7f, 1],
    ["uint8", 0, 0xff, 1],
    ["int16", -0x8000, 0x7fff, 2],
    ["uint16", 0, 0xffff, 2],
    ["int32", -0x80000000, 0x7fffffff, 4],
    ["uint32", 0, 0xffffffff, 4]
  ] as const

  for (const [name, min, max, width] of ranges) {
    it(`${name} holds its range and nothing else`, () => {
      for (const value of [min, max, 0, 1]) {
        const w = new ByteWriter()
        w.beginMessage(0x51, "Query")
        w[name](value)
        w.endMessage()
        const bytes = joinChunks(w.take())
        expect(bytes.length).toBe(5 + width)
        expect(Number(BigInt.asUintN(width * 8, BigInt(value)))).toBe(
          bytes.subarray(5).reduce((n, b) => n * 256 + b, 0)
        )
      }
      for (const value of [min - 1, max + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 1]) {
        const w = new ByteWriter()
        w.beginMessage(0x51, "Query")
        expect(errorOf(() => w[name](value)).issue).toContain(`${value} is not`)
      }
    })
  }

  it("int64 and floats are big-endian, across chunks", () => {
    const w = new ByteWriter({ chunkSize: 3 })
    w.beginMessage(0x51, "Query")
    w.int64(-2n)
    w.float64(-0)
    w.float32(1.5)
    w.endMessage()
    const bytes = joinChunks(w.take())
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    expect(view.getBigInt64(5)).toBe(-2n)
    expect(Object.is(view.getFloat64(13), -0)).toBe(true)
    expect(view.getFloat32(21)).toBe(1.5)
    w.beginMessage(0x51, "Query")
    expect(() => w.int64(2n ** 63n)).toThrow("not an int64")
  })
})

const int32 = (value: number): ReadonlyArray<number> => {
  const view = new DataView(new ArrayBuffer(4))
  view.setInt32(0, value)
  return [0, 1, 2, 3].map((i) => view.getUint8(i))
}
