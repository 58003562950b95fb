// Rows and their description ⚡. A run of DataRow frames is walked without an object per row: `RowCursor` says where
// each column lies, after checking everything a hostile server could have written there. It decodes no value; the
// bytes stay the run's.
import type { ColumnDescription, RowDescription, Rows } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import { ByteWriter, joinChunks } from "../ByteWriter.ts"
import { EncodeError } from "../EncodeError.ts"
import { backendType, frameEnd } from "../Frame.ts"
import { ProtocolViolation } from "../ProtocolViolation.ts"
import { decodeUtf8, isAscii, latin1Text } from "../Utf8.ts"
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

/** Text from here on costs less as a piece of its row's text than by itself (Utf8.ts). */
const longText = 13

/**
 * Rows up to this many bytes are read as one text. An engine keeps the whole of which a piece is taken: the limit is what one short string may
 * keep alive.
 */
const shortRow = 512

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
  /** where the columns of the current row begin, −1 if there is none; it ends at `at` */
  private row = -1
  /** the current row, a character per byte, once a column of it was asked for */
  private rowText: string | undefined = undefined
  private rowIsAscii = false

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
    this.row = -1
  }

  /** Goes to the next row, if there is one. */
  next(): boolean {
    const { bytes, positions } = this
    const start = this.at
    // whatever is refused below leaves no row behind
    this.row = -1
    this.rowText = undefined
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
    for (let i = 0; i < count; i++) {
      const from = at + 4
      if (from > end) this.fail(at, `length of column ${i + 1}, 4 bytes`, `${end - at} bytes before the end of the row`)
      const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      positions[2 * i] = from
      positions[2 * i + 1] = length
      if (length >= 0) {
        if (length > end - from) {
          this.fail(at, `length of column ${i + 1}, ${end - from} at most`, `${length}`)
        }
        at = from + length
      } else {
        if (length !== -1) this.fail(at, `length of column ${i + 1}, −1 or more`, `${length}`)
        at = from
      }
    }
    if (at !== end) this.fail(at, "the end of the row", `${end - at} more bytes`)
    this.at = end
    this.rowsLeft--
    this.row = start + 7
    return true
  }

  /**
   * Column `i`, from 0, of the row as text: `null` for NULL, `undefined` if it is not well-formed UTF-8. For columns in text format, and for
   * types whose binary format is text. Throws RangeError without a row, or without such a column.
   *
   * A string of a row of up to 512 bytes may keep the text of that row alive, and nothing else.
   */
  text(i: number): string | null | undefined {
    const { bytes, row } = this
    if (row < 0 || !(i >= 0 && i < this.columnCount)) throw new RangeError(`no column ${i}, or no row`)
    const at = this.positions[2 * i]!
    const length = this.positions[2 * i + 1]!
    if (length < 0) return null
    if (this.rowText === undefined) {
      if (length < longText || this.at - row > shortRow || latin1Text === undefined) {
        return decodeUtf8(bytes, at, at + length)
      }
      this.rowText = latin1Text(bytes, row, this.at)
      this.rowIsAscii = isAscii(bytes, row, this.at)
    }
    // lengths are bytes of the row too, and NULL's are not ASCII: then every column is looked at by itself
    if (!this.rowIsAscii && !isAscii(bytes, at, at + length)) return decodeUtf8(bytes, at, at + length)
    return this.rowText.substring(at - row, at - row + length)
  }

  private fail(at: number, expected: string, received: string): never {
    throw new ProtocolViolation({ during: "DataRow", offset: this.inStream ? at + this.shift : -1, expected, received })
  }
}
