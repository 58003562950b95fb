// A row Schema and a COPY: what its columns are on this database, and the packer or the reader that follows from both. What does not fit is
// refused before the COPY begins.
import type { ColumnDescription } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import {
  type Finding,
  Permanent,
  type PermanentReason,
  type PostgresError,
  type StatementInfo
} from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import type { DescribedColumn, RowPlan, RowReader } from "../rows/RowReader.ts"
import { columnsOf } from "./columns.ts"
import type { CopyPacker } from "./copyIn.ts"
import type { CopyReader } from "./copyOut.ts"
import { layoutOf } from "./layouts.ts"
import { csvParser, textParser } from "./lineParsers.ts"
import type { CopyLine } from "./line.ts"
import type { RowEncoding } from "./rowEncoder.ts"
import { RowPacker } from "./rowPacker.ts"
import { BinaryRows, LineRows, type RowSource, TypedReader } from "./rowReaders.ts"
import { type CopyDialect, type CopyStatement, readCopyStatement } from "./statement.ts"

/** A COPY of a program's own text, read once. */
export interface CopyTemplate {
  readonly info: StatementInfo
  readonly statement: CopyStatement
}

const refuse = (info: StatementInfo, reason: PermanentReason): Permanent =>
  new Permanent({ reason, outcome: "NotSent", statement: info, state: "the connection is healthy" })

const shape = { in: "COPY … FROM STDIN", out: "COPY … TO STDOUT" } as const

/** Reads the text, and holds it against what it is used for. */
export const readTemplate = (
  info: StatementInfo,
  direction: CopyStatement["direction"],
  parameters: number
): CopyTemplate | Permanent => {
  const invalid = (issue: string): Permanent => refuse(info, { _tag: "InvalidCopy", expected: shape[direction], issue })
  if (parameters > 0) return invalid("COPY takes no parameters; a value becomes part of a query by way of a table")
  const statement = readCopyStatement(info.sql)
  if ("issue" in statement) return invalid(statement.issue)
  if (statement.direction !== direction) return invalid(`it is ${shape[statement.direction]}`)
  return { info, statement }
}

/** What a typed COPY cannot take from its options. */
const undecided = ({ dialect, direction }: CopyStatement): string | undefined => {
  if (dialect.encoding !== undefined && !/^utf-?8$|^unicode$/i.test(dialect.encoding))
    return `typed rows travel in UTF8, not in ENCODING ${dialect.encoding}; Copy.inBytes and Copy.outBytes take any`
  if (direction === "in" && dialect.forcesNull)
    return "with FORCE_NULL or FORCE_NOT_NULL a row could not say what is NULL; Copy.inBytes takes them"
  if (direction === "out" && dialect.format === "text" && !isTellingNull(dialect))
    return `the server writes NULL and the text ${JSON.stringify(dialect.null)} alike; leave NULL as it is, or use FORMAT csv`
  return undefined
}

/** Text in which no escape of a value can begin: a backslash in a value is doubled, and control characters have letters (CopyAttributeOutText). */
const isTellingNull = ({ delimiter, null: none }: CopyDialect): boolean =>
  /^\\[^\\bfnrtv]/.test(none) && none[1] !== delimiter

const mismatch = (info: StatementInfo, findings: ReadonlyArray<Finding>): Permanent =>
  refuse(info, { _tag: "StatementMismatch", findings })

/** The columns, as far as there are any: of a table that is not there the COPY itself will tell. */
const known = (
  database: Database,
  line: CopyLine,
  { info, statement }: CopyTemplate
): Effect.Effect<ReadonlyArray<DescribedColumn>, PostgresError> =>
  Effect.suspend(() => {
    const issue = undecided(statement)
    if (issue !== undefined)
      return Effect.fail(refuse(info, { _tag: "InvalidCopy", expected: shape[statement.direction], issue }))
    return Effect.flatMap(columnsOf(database, line, statement, { statement: info }), ({ columns, unknown }) =>
      unknown.length === 0
        ? Effect.succeed(columns)
        : Effect.fail(
            mismatch(
              info,
              unknown.map((column) => ({
                severity: "error",
                at: { column },
                message: `is not among the columns that COPY moves: ${columns.map(({ name }) => name).join(", ") || "none"}`
              }))
            )
          )
    )
  })

export const typedPacker =
  <A, R>(database: Database, template: CopyTemplate, encoding: RowEncoding<A, R>) =>
  (line: CopyLine): Effect.Effect<CopyPacker<A>, PostgresError> =>
    Effect.flatMap(known(database, line, template), (columns) => {
      const { info, statement } = template
      const written = encoding.columns(columns, database.types.registry)
      if (columns.length > 0 && written.mismatch !== undefined) return Effect.fail(refuse(info, written.mismatch))
      return Effect.succeed(new RowPacker(encoding, layoutOf(written.columns, statement.dialect), info))
    })

const described = (columns: ReadonlyArray<DescribedColumn>, format: 0 | 1): ReadonlyArray<ColumnDescription> =>
  columns.map(({ name, typeOid }) => ({
    name,
    typeOid,
    tableOid: 0,
    tableColumn: 0,
    typeSize: -1,
    typeModifier: -1,
    format
  }))

const sourceOf = <A, R>({ dialect }: CopyStatement, columns: number, reader: RowReader<A, R>): RowSource => {
  const rows: ConstructorParameters<typeof BinaryRows>[0] = (run) => reader.rows({ ...run, _tag: "Rows" })
  switch (dialect.format) {
    case "binary":
      return new BinaryRows(rows)
    case "text":
      return new LineRows(textParser(dialect, columns), rows)
    case "csv":
      return new LineRows(csvParser(dialect, columns), rows)
  }
}

export const typedReader =
  <A, R>(database: Database, template: CopyTemplate, plan: RowPlan<A, R>) =>
  (line: CopyLine): Effect.Effect<CopyReader<A>, PostgresError> =>
    Effect.flatMap(known(database, line, template), (columns) => {
      const { info, statement } = template
      const reader = plan.open(database.types.registry)
      if (columns.length > 0) reader.describe(described(columns, statement.dialect.format === "binary" ? 1 : 0))
      if (reader.problem !== undefined) return Effect.fail(refuse(info, reader.problem))
      return Effect.succeed(new TypedReader(columns.length, reader, sourceOf(statement, columns.length, reader)))
    })
