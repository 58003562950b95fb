// Rows and their description ⚡. A run of DataRow frames is walked without an object per row: `RowCursor` says where
// each column lies, after checking everything a hostile server could have written there. It decodes no value; the
// bytes stay the run's.
import type { ColumnDescription, RowDescription, Rows } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import { ByteWriter, joinChunks } from "../ByteWriter.ts"
import { EncodeError } from "../EncodeError.ts"
import { backendType, frameEnd } from "../Frame.ts"
import { ProtocolViolation } from "../ProtocolViolation.ts"
import { reserveValues } from "./ExtendedQuery.ts"

// ---- RowDescription

/** Writes `RowDescription`. */
export const writeRowDescription = (w: ByteWriter, columns: ReadonlyArray<ColumnDescription>): void => {
  w.beginMessage(backendType.RowDescription, "RowDescription")
  w.count(columns.length, "columns")
  for (const column of columns) {
    w.cString(column.name, "name")
    w.uint32(column.tableOid, "tableOid")
    w.int16(column.tableColumn, "tableColumn")
    w.uint32(column.typeOid, "typeOid")
    w.int16(column.typeSize, "typeSize")
    w.int32(column.typeModifier, "typeModifier")
    w.int16(column.format, "format")
  }
  w.endMessage()
}

/** A name's NUL and the 18 bytes behind it. */
const smallestColumn = 19

/** Reads the body of `RowDescription`. Names are for people and keys: what is not UTF-8 becomes U+FFFD. */
export const readRowDescription = (r: ByteReader): RowDescription => {
  const count = r.count("count of columns", smallestColumn)
  const columns: Array<ColumnDescription> = []
  for (let i = 0; i < count; i++) {
    columns.push({
      name: r.lenientCString("name"),
      tableOid: r.uint32("tableOid"),
      tableColumn: r.int16("tableColumn"),
      typeOid: r.uint32("typeOid"),
      typeSize: r.int16("typeSize"),
      typeModifier: r.int32("typeModifier"),
      format: r.format("format")
    })
  }
  r.finish()
  return { _tag: "RowDescription", columns }
}

// ---- DataRow

/** A row to be written: bytes as they are, text as UTF-8, `null` as NULL. */
export type RowValues = ReadonlyArray<Uint8Array | string | null>

/** Writes one `DataRow`. */
export const writeDataRow = (w: ByteWriter, values: RowValues): void => {
  w.beginMessage(backendType.DataRow, "DataRow")
  w.beginValues(values.length, "columns")
  reserveValues(w, values)
  for (let i = 0; i < values.length; i++) w.value(values[i]!, "column", i + 1)
  w.endValues()
  w.endMessage()
}

/** A run of `DataRow` frames, as the decoder would hand it over. */
export const encodeRows = (rows: ReadonlyArray<RowValues>): Rows => {
  const w = new ByteWriter()
  for (const row of rows) writeDataRow(w, row)
  const bytes = joinChunks(w.take())
  return { _tag: "Rows", bytes, offset: 0, end: bytes.length, count: rows.length, streamOffset: -1 }
}

/** Frames of one type behind one another: `Rows` or `CopyData`. */
export interface Run {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly end: number
  readonly count: number
}

/**
 * Writes every frame of a run, each through the writer's one exit. A run that is not made of such frames is an
 * EncodeError.
 */
export const writeRun = (w: ByteWriter, run: Run, type: number, during: string): void => {
  const before = w.mark()
  let at = run.offset
  let count = 0
  while (at < run.end) {
    const end = frameEnd(run.bytes, at, run.end, type)
    if (end < 0) {
      w.rewind(before)
      throw new EncodeError({ during, field: `frame ${count + 1}`, issue: "is not a whole frame of that type" })
    }
    w.beginMessage(type, during)
    w.bytes(run.bytes.subarray(at + 5, end))
    w.endMessage()
    at = end
    count++
  }
  if (count === run.count) return
  w.rewind(before)
  throw new EncodeError({ during, field: "count", issue: `${run.count} frames announced, ${count} found` })
}

/** Writes a run of `DataRow` frames. */
export const writeRows = (w: ByteWriter, rows: Rows): void => writeRun(w, rows, backendType.DataRow, "DataRow")

const nothing = new Uint8Array(0)

/**
 * Walks a run row by row: after `next` said true, column `i` of the row is `bytes[positions[2i], positions[2i] +
 * positions[2i + 1])`, and NULL if `positions[2i + 1]` is −1. One cursor serves any number of runs with as many
 * columns; no row allocates.
 *
 * Checked per row: as many columns as described (RUSTSEC-2026-0178), no length below −1 (CVE-2026-32286) or beyond
 * the frame, nothing behind the last column. What fails is a ProtocolViolation, and the run is not to be walked on.
 */
export class RowCursor {
  readonly columnCount: number
  /** Two numbers per column: offset in `bytes` and length. Overwritten by `next`. */
  readonly positions: Int32Array
  /** The run's bytes. */
  bytes: Uint8Array = nothing
  private at = 0
  private end = 0
  private rowsLeft = 0
  private shift = 0
  private inStream = false

  /** `columnCount` is what RowDescription announced; 0 to 65,535. */
  constructor(columnCount: number) {
    this.columnCount = columnCount
    this.positions = new Int32Array(columnCount * 2)
  }

  /** Begins a run. */
  open(rows: Run & { readonly streamOffset?: number }): void {
    this.bytes = rows.bytes
    this.at = rows.offset
    this.end = rows.end
    this.rowsLeft = rows.count
    const streamOffset = rows.streamOffset ?? -1
    this.inStream = streamOffset >= 0
    this.shift = streamOffset - rows.offset
  }

  /** Goes to the next row, if there is one. */
  next(): boolean {
    const { bytes, positions } = this
    const start = this.at
    if (start >= this.end) {
      if (this.rowsLeft !== 0) this.fail(start, `${this.rowsLeft} more rows in the run`, "its end")
      this.bytes = nothing
      return false
    }
    const end = frameEnd(bytes, start, this.end, backendType.DataRow)
    if (end < 0) this.fail(start, "a whole DataRow frame", "other bytes")
    if (end - start < 7) this.fail(start + 5, "count of columns, 2 bytes", `${end - start - 5} bytes`)
    const count = (bytes[start + 5]! << 8) | bytes[start + 6]!
    if (count !== this.columnCount) {
      this.fail(start + 5, `${this.columnCount} columns, as described`, `${count}`)
    }
    let at = start + 7
    for (let i = 0; i < positions.length; i += 2) {
      if (end - at < 4)
        this.fail(at, `length of column ${i / 2 + 1}, 4 bytes`, `${end - at} bytes before the end of the row`)
      const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      at += 4
      positions[i] = at
      positions[i + 1] = length
      if (length < 0) {
        if (length !== -1) this.fail(at - 4, `length of column ${i / 2 + 1}, −1 or more`, `${length}`)
      } else {
        if (length > end - at) {
          this.fail(at - 4, `length of column ${i / 2 + 1}, ${end - at} at most`, `${length}`)
        }
        at += length
      }
    }
    if (at !== end) this.fail(at, "the end of the row", `${end - at} more bytes`)
    this.at = end
    this.rowsLeft--
    return true
  }

  private fail(at: number, expected: string, received: string): never {
    throw new ProtocolViolation({ during: "DataRow", offset: this.inStream ? at + this.shift : -1, expected, received })
  }
}
