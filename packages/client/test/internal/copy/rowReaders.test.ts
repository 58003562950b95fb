// COPY's data as a server sends it, brought into rows: by the rules of the manual, whatever the pieces it comes in, and never beyond what is
// there.
import { assert, describe, it } from "@effect/vitest"
import { type CopyData, encodeCopyData, ProtocolViolation, RowCursor } from "@pgfx/protocol"
import * as fc from "fast-check"
import { payloadOf } from "../../../src/internal/copy/bytes.ts"
import { binaryHeader } from "../../../src/internal/copy/layouts.ts"
import { csvParser, textParser } from "../../../src/internal/copy/lineParsers.ts"
import { BinaryRows, LineRows, type RowSource } from "../../../src/internal/copy/rowReaders.ts"
import { readCopyStatement } from "../../../src/internal/copy/statement.ts"

type Fields = ReadonlyArray<string | null>

/** What a source makes of these payloads, as text. */
const rowsOf = (
  columns: number,
  make: (rows: (run: CopyData) => void) => RowSource,
  payloads: ReadonlyArray<Uint8Array>
): ReadonlyArray<Fields> => {
  const rows: Array<Fields> = []
  const source = make((run) => {
    const cursor = new RowCursor(columns)
    // the frames of binary data keep their letter, which the readers of rows do not look at; this one does
    const bytes = run.bytes.slice()
    for (let at = run.offset; at < run.end; at += 1 + new DataView(bytes.buffer).getInt32(at + 1)) bytes[at] = 0x44
    cursor.open({ bytes, offset: run.offset, end: run.end, count: run.count })
    while (cursor.next()) {
      const { bytes, positions } = cursor
      rows.push(
        Array.from({ length: columns }, (_, i) => {
          const [offset = 0, length = 0] = positions.slice(2 * i, 2 * i + 2)
          return length < 0 ? null : new TextDecoder().decode(bytes.subarray(offset, offset + length))
        })
      )
    }
  })
  for (const payload of payloads) source.data(encodeCopyData([payload]))
  source.end()
  return rows
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const lines = (
  options: string,
  columns: number,
  data: string,
  cuts: ReadonlyArray<number> = []
): ReadonlyArray<Fields> => {
  const statement = readCopyStatement(`COPY t TO STDOUT ${options}`)
  if ("issue" in statement) return assert.fail(statement.issue)
  const { dialect } = statement
  const bytes = encode(data)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  const payloads = ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end))
  const parser = dialect.format === "csv" ? csvParser(dialect, columns) : textParser(dialect, columns)
  return rowsOf(columns, (rows) => new LineRows(parser, rows), payloads)
}

describe("text", () => {
  it("reads escapes, NULL and the empty string apart", () => {
    assert.deepStrictEqual(lines("", 3, "a\\tb\t\\N\t\n\\\\N\t\\101\\x42\t\\b\\f\\n\\r\\t\\v\n"), [
      ["a\tb", null, ""],
      ["\\N", "AB", "\b\f\n\r\t\v"]
    ])
    assert.deepStrictEqual(lines("(DELIMITER '|', NULL '\\0')", 2, "a\\|b|\\0\n\\q|\\7\n"), [
      ["a|b", null],
      ["q", "\u0007"]
    ])
  })
  it("skips the header, and reads rows without columns", () => {
    assert.deepStrictEqual(lines("(HEADER)", 1, "n\n1\n"), [["1"]])
    assert.deepStrictEqual(lines("", 0, "\n\n"), [[], []])
    assert.deepStrictEqual(lines("", 1, "\n"), [[""]])
  })
})

describe("csv", () => {
  it("reads quotes, line breaks inside them, NULL and the empty string apart", () => {
    assert.deepStrictEqual(lines("CSV", 3, 'a,"b,""\n""",""\n,"\\.", x\n'), [
      ["a", 'b,"\n"', ""],
      [null, "\\.", " x"]
    ])
    assert.deepStrictEqual(
      lines("CSV QUOTE '''' ESCAPE '\\' NULL 'N' DELIMITER ';'", 3, "'it\\'s';'\\\\';'N'\nN;;'a\nb'\n"),
      [
        ["it's", "\\", "N"],
        [null, "", "a\nb"]
      ]
    )
  })
  it("reads a header with a line break in it", () => {
    assert.deepStrictEqual(lines("CSV HEADER", 2, '"a\nb",c\n1,2\n'), [["1", "2"]])
  })
})

describe("pieces", () => {
  const value = fc.option(
    fc
      .array(fc.constantFrom("a", '"', "\\", "\n", ",", "\t", "N", "é", "🐘", "."), { maxLength: 4 })
      .map((all) => all.join(""))
  )
  const table = fc.array(fc.tuple(value, value), { maxLength: 8 })
  const asText = (field: string | null): string =>
    field === null ? "\\N" : field.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t")
  const asCsv = (field: string | null): string => (field === null ? "" : `"${field.replaceAll('"', '""')}"`)
  const cuts = fc.array(fc.nat(200), { maxLength: 6 })

  it("of whatever size make the same rows", () => {
    fc.assert(
      fc.property(table, cuts, (rows, cuts) => {
        const text = rows.map((row) => `${row.map(asText).join("\t")}\n`).join("")
        assert.deepStrictEqual(lines("", 2, text, cuts), rows)
        const csv = rows.map((row) => `${row.map(asCsv).join(",")}\n`).join("")
        assert.deepStrictEqual(lines("CSV", 2, csv, cuts), rows)
      })
    )
  })

  it("that end inside a line are a violation", () => {
    assert.throws(() => lines("", 1, "a\nb"), ProtocolViolation)
    assert.throws(() => lines("CSV", 1, 'a\n"b\n'), ProtocolViolation)
  })
})

describe("binary", () => {
  const tuple = Uint8Array.of(0, 2, 0, 0, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff)
  const trailer = Uint8Array.of(0xff, 0xff)
  const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))
  const read = (...payloads: ReadonlyArray<Uint8Array>) => rowsOf(2, (rows) => new BinaryRows(rows), payloads)
  const header = (flags: number, extension: Uint8Array): Uint8Array => {
    const bytes = join(binaryHeader, extension)
    const view = new DataView(bytes.buffer)
    view.setInt32(11, flags)
    view.setInt32(15, extension.length)
    return bytes
  }

  it("reads the header with the first row, or with the trailer", () => {
    assert.deepStrictEqual(read(join(binaryHeader, tuple), tuple, trailer), [
      ["a", null],
      ["a", null]
    ])
    assert.deepStrictEqual(read(join(binaryHeader, trailer)), [])
    assert.deepStrictEqual(read(join(header(1, encode("extension")), tuple), trailer), [["a", null]])
  })

  it("does not take the end of a value for the trailer", () => {
    const value = Uint8Array.of(0x64, 0, 0, 0, 6, 0xff, 0xff)
    const row = join(Uint8Array.of(0, 1, 0, 0, 0, 7), value)
    const seen: Array<number> = []
    const source = new BinaryRows(({ count }) => void seen.push(count))
    source.data(encodeCopyData([join(binaryHeader, row), row]))
    source.data(encodeCopyData([row]))
    source.data(encodeCopyData([trailer]))
    source.end()
    assert.deepStrictEqual(seen, [2, 1])
  })

  it("Y-9: refuses what is none", () => {
    const wrong: ReadonlyArray<ReadonlyArray<Uint8Array>> = [
      [encode("PGCOPY\n")],
      [join(encode("PGCOPX"), binaryHeader.subarray(6), tuple), trailer],
      [join(header(1 << 16, new Uint8Array(0)), tuple), trailer],
      [join(header(-1, new Uint8Array(0)), tuple), trailer],
      [binaryHeader],
      [join(binaryHeader, tuple)],
      [join(binaryHeader, tuple), trailer, tuple],
      [join(binaryHeader, tuple.subarray(0, 5)), trailer],
      [join(binaryHeader, Uint8Array.of(0, 3, ...tuple.subarray(2))), trailer]
    ]
    for (const payloads of wrong)
      assert.throws(() => read(...payloads), ProtocolViolation, "", payloads.map(String).join(" | "))
  })
})

describe("payloadOf", () => {
  it("is what was in the frames, behind one another", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: 1 }), (payloads) => {
        const joined = payloads.flatMap((payload) => [...payload])
        assert.deepStrictEqual([...payloadOf(encodeCopyData(payloads))], joined)
      })
    )
  })
})
