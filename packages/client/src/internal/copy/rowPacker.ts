// ⚡ Typed rows to CopyData: as many rows as fill a message, the messages of one write, and what stands in front and behind. The format of a
// row is its layout's affair. A row that does not encode ends the COPY; nothing of it is stored.
import { type ByteWriter, type CopyResponse, EncodeError, frontendType } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Permanent, type PostgresError, type StatementInfo } from "../../PostgresError.ts"
import { refused } from "../rows/compile/Decode.ts"
import type { CopyPacker } from "./copyIn.ts"
import { countMismatch, type InvalidRow, invalidEncoding, type Mismatch, type RowEncoding } from "./rowEncoder.ts"

/** How rows look in one format. */
export interface RowLayout {
  readonly columns: number
  /** in front of the first row */
  readonly header: (writer: ByteWriter) => void
  /** Writes an encoded row; throws `RowRefused` for one that has no such form. */
  readonly row: (encoded: unknown, row: number, writer: ByteWriter) => void
  /** behind the last row */
  readonly trailer: (writer: ByteWriter) => void
}

export class RowRefused extends Error {
  readonly problem: InvalidRow
  constructor(problem: InvalidRow) {
    super(problem.issue)
    this.problem = problem
  }
}

/** Bytes of rows in one CopyData, but for the last row: one chunk of the writer, one system call. */
const messageBytes = 60 * 1024
const messagesPerWrite = 1
/** Rows that a Schema encodes by itself between two looks at the connection. */
const slowRows = 256

type Write = (encode: (writer: ByteWriter) => void) => void

export class RowPacker<A, R> implements CopyPacker<A> {
  /** rows packed so far */
  private rows = 0
  private headed = false
  /** the Schema has turned out to be asynchronous */
  private slowly = false

  private readonly encoding: RowEncoding<A, R>
  private readonly layout: RowLayout
  private readonly info: StatementInfo
  constructor(encoding: RowEncoding<A, R>, layout: RowLayout, info: StatementInfo) {
    this.encoding = encoding
    this.layout = layout
    this.info = info
  }

  readonly begin = ({ columnFormats }: CopyResponse): Effect.Effect<void, PostgresError> =>
    columnFormats.length === this.layout.columns
      ? Effect.void
      : Effect.fail(
          this.failure({
            _tag: "StatementMismatch",
            findings: [countMismatch(this.layout.columns, columnFormats.length)]
          })
        )

  readonly pack = (
    rows: ReadonlyArray<A>,
    from: number,
    write: Write
  ): number | Effect.Effect<number, PostgresError, unknown> => {
    if (this.slowly) return this.packSlowly(rows, from, write)
    let at = from
    const problem = this.attempt(write, (writer) => {
      for (let i = 0; i < messagesPerWrite && at < rows.length && !this.slowly; i++) {
        at = this.message(writer, rows, at, (row) => this.encodeNow(row))
      }
    })
    return problem === undefined ? at : Effect.fail(problem)
  }

  readonly end = (writer: ByteWriter): void => {
    const { header, trailer } = this.layout
    writer.beginMessage(frontendType.CopyData, "CopyData")
    if (!this.headed) header(writer)
    trailer(writer)
    writer.endMessage()
  }

  /** One CopyData; answers the index of the first element that is not in it. */
  private message<B>(writer: ByteWriter, rows: ReadonlyArray<B>, from: number, encode: (row: B) => unknown): number {
    const { layout } = this
    const before = writer.size
    let at = from
    writer.beginMessage(frontendType.CopyData, "CopyData")
    if (!this.headed) layout.header(writer)
    this.headed = true
    while (at < rows.length && writer.size - before < messageBytes) {
      const encoded = encode(rows[at]!)
      if (encoded === refused) break
      layout.row(encoded, this.rows + 1, writer)
      this.rows++
      at++
    }
    writer.endMessage()
    return at
  }

  /** `refused`: the Schema takes its time. */
  private encodeNow(row: A): unknown {
    const encoded = this.encoding.encodeFast(row)
    if (encoded !== refused) return encoded
    const result = this.encoding.encodeSlowly(row)
    if (!Either.isEither(result)) {
      this.slowly = true
      return refused
    }
    if (Either.isRight(result)) return result.right
    throw new RowRefused(invalidEncoding(result.left, this.rows + 1))
  }

  private packSlowly(
    rows: ReadonlyArray<A>,
    from: number,
    write: Write
  ): Effect.Effect<number, PostgresError, unknown> {
    const some = rows.slice(from, from + slowRows)
    const first = this.rows + 1
    const encoded = Effect.forEach(some, (row, i) =>
      Effect.mapError(this.encoding.encodeSlowly(row), (issue) => this.failure(invalidEncoding(issue, first + i)))
    )
    return Effect.flatMap(encoded, (encoded) => {
      const problem = this.attempt(write, (writer) => {
        for (let at = 0; at < encoded.length;) at = this.message(writer, encoded, at, (row) => row)
      })
      return problem === undefined ? Effect.succeed(from + some.length) : Effect.fail(problem)
    })
  }

  /** Nothing of a write that fails is left in the writer. */
  private attempt(write: Write, encode: (writer: ByteWriter) => void): PostgresError | undefined {
    let problem: PostgresError | undefined
    write((writer) => {
      const mark = writer.mark()
      try {
        encode(writer)
      } catch (error) {
        writer.rewind(mark)
        if (error instanceof RowRefused) problem = this.failure(error.problem)
        else if (error instanceof EncodeError) {
          problem = this.failure({ _tag: "InvalidRow", column: undefined, row: this.rows + 1, issue: error.issue })
        } else throw error
      }
    })
    return problem
  }

  /** CopyFail follows: nothing of the COPY is stored. */
  private failure(reason: InvalidRow | Mismatch): Permanent {
    return new Permanent({ reason, outcome: "RolledBack", statement: this.info, state: "the connection is healthy" })
  }
}
