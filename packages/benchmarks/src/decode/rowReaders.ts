// Readers of a large result, each at the level at which it is compared: rows as strings, as views of bytes, as values. Only where a client would
// do so are rows kept.
import { builtinTypes, makeRowDecoder } from "@pgfx/codecs"
import { makeBackendDecoder, RowCursor } from "@pgfx/protocol"
import { Parser } from "pg-protocol/dist/parser.js"
import type { Contestant } from "../compare.ts"
import type { SqlPg4 } from "../peersEffect4.ts"
import { type Chunks, hashValue, Input, type OnRow, ready, rowContestant, text } from "./contestants.ts"

// ---- rows as strings

export const pgStrings = (source: Chunks): Contestant =>
  rowContestant(
    "pg-protocol 1.16",
    "parser, each row a DataRowMessage with an array of strings",
    source,
    (chunks, onRow) => {
      const parser = new Parser()
      for (const chunk of chunks) {
        parser.parse(chunk, (message) => {
          if (message.name === "dataRow")
            onRow((message as unknown as { readonly fields: ReadonlyArray<string | null> }).fields) // DataRowMessage
        })
      }
    }
  )

export const sqlPg4Strings = (sqlPg4: SqlPg4, source: Chunks, width: number): Contestant => {
  // its reader of text values is the same in both formats; it declines to be told that the format is text
  const columns = Array.from({ length: width }, () => ({ dataTypeOid: text, format: 1 }))
  const readField = sqlPg4.fieldReader(columns)
  return rowContestant(
    "@effect/sql-pg 4.0.5",
    "parser with its own text reader, each row an array of strings",
    source,
    (chunks, onRow) => {
      const parser = sqlPg4.makeParser({ readField })
      for (const chunk of chunks) {
        parser.pushEach(chunk, (message) => {
          if (message._tag === "DataRow") onRow(message.values)
        })
      }
    }
  )
}

/** Walks all runs; `row` makes of the cursor's positions what the level asks for. */
const walk = (chunks: Chunks, width: number, row: (cursor: RowCursor) => void): void => {
  const decoder = makeBackendDecoder()
  const cursor = new RowCursor(width)
  decoder.push(ready)
  for (const chunk of chunks) {
    for (const message of decoder.push(chunk)) {
      if (message._tag !== "Rows") continue
      cursor.open(message)
      while (cursor.next()) row(cursor)
    }
  }
}

export const ourStrings = (source: Chunks, width: number): Contestant =>
  rowContestant("pgfx", "MessageDecoder and RowCursor.text, each row an array of strings", source, (chunks, onRow) => {
    walk(chunks, width, (cursor) => {
      // oxlint-disable-next-line unicorn/no-new-array -- of its final size, as both peers make it
      const values = new Array<string | null>(width)
      for (let i = 0; i < width; i++) {
        const value = cursor.text(i)
        if (value === undefined) throw new Error("not UTF-8")
        values[i] = value
      }
      onRow(values)
    })
  })

// ---- rows as views

export const sqlPg4Views = (sqlPg4: SqlPg4, source: Chunks): Contestant =>
  rowContestant(
    "@effect/sql-pg 4.0.5",
    "parser as it is without a reader, each row an array of views",
    source,
    (chunks, onRow) => {
      const parser = sqlPg4.makeParser()
      for (const chunk of chunks) {
        parser.pushEach(chunk, (message) => {
          if (message._tag === "DataRow") onRow(message.values)
        })
      }
    }
  )

export const ourViews = (source: Chunks, width: number): Contestant =>
  rowContestant(
    "pgfx",
    "MessageDecoder and RowCursor, each row an array of views (which pgfx itself never makes)",
    source,
    (chunks, onRow) => {
      walk(chunks, width, ({ bytes, positions }) => {
        // reading `buffer` is a call, so once per row
        const { buffer, byteOffset } = bytes
        // oxlint-disable-next-line unicorn/no-new-array -- of its final size, as both peers make it
        const values = new Array<Uint8Array | null>(width)
        for (let i = 0; i < width; i++) {
          const at = positions[2 * i]!
          const length = positions[2 * i + 1]!
          values[i] = length < 0 ? null : new Uint8Array(buffer, byteOffset + at, length)
        }
        onRow(values)
      })
    }
  )

export const ourWalk = (source: Chunks, width: number): Contestant => {
  const input = new Input(source)
  const count = (checksum: (sum: number, cursor: RowCursor) => number) => () => {
    let units = 0
    let sum = 0
    walk(input.chunks, width, (cursor) => {
      units++
      sum = checksum(sum, cursor)
    })
    return { units, checksum: sum }
  }
  return {
    name: "pgfx, walk only",
    does: "MessageDecoder and RowCursor, each row checked and its columns located, nothing made of them",
    prepare: input.prepare,
    run: count((sum, { positions }) => sum + positions[0]!),
    verify: count((sum, { bytes, positions }) => {
      let hash = sum
      for (let i = 0; i < positions.length; i += 2) {
        hash = hashValue(hash, bytes.subarray(positions[i], positions[i]! + positions[i + 1]!))
      }
      return hash
    })
  }
}

// ---- rows as values

/**
 * Rows are collected to the end, as a query that returns them all does. Rows that are forgotten at once are another matter: V8 may have decided,
 * from what survived before, to make them in its old generation, and then a run takes two to three times as long or not, by chance (measured).
 */
const handOver = (rows: ReadonlyArray<ReadonlyArray<unknown>>, onRow: OnRow): void => {
  for (const row of rows) onRow(row)
}

export const sqlPg4Values = (sqlPg4: SqlPg4, source: Chunks, oids: ReadonlyArray<number>): Contestant => {
  const readField = sqlPg4.fieldReader(oids.map((dataTypeOid) => ({ dataTypeOid, format: 1 })))
  return rowContestant(
    "@effect/sql-pg 4.0.5",
    "parser with its own codecs, binary: number, string, number, boolean, Date, bigint; all rows kept",
    source,
    (chunks, onRow) => {
      const parser = sqlPg4.makeParser({ readField })
      const rows: Array<ReadonlyArray<unknown>> = []
      for (const chunk of chunks) {
        parser.pushEach(chunk, (message) => {
          if (message._tag === "DataRow") rows.push(message.values)
        })
      }
      handOver(rows, onRow)
    }
  )
}

const timestamptz = 1184

export const ourValues = (source: Chunks, oids: ReadonlyArray<number>): Contestant => {
  const rowDecoder = makeRowDecoder({
    shape: "tuple",
    columns: oids.map((oid, i) => ({
      name: `column ${i}`,
      format: 1,
      codec: builtinTypes.codecOf(oid),
      form: oid === timestamptz ? "date" : undefined
    }))
  })
  return rowContestant(
    "pgfx",
    "MessageDecoder and the row decoder of codecs, binary, the same kinds of values, all rows kept",
    source,
    (chunks, onRow) => {
      const decoder = makeBackendDecoder()
      decoder.push(ready)
      const rows: Array<ReadonlyArray<unknown>> = []
      for (const chunk of chunks) {
        for (const message of decoder.push(chunk)) {
          if (message._tag !== "Rows") continue
          rowDecoder.decode(message, rows)
        }
      }
      handOver(rows, onRow)
    }
  )
}
