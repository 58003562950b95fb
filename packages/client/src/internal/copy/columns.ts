// The names and types of the columns that a COPY moves, asked for on its own connection: COPY itself tells only how many there are. A table's
// come from the catalogue, without those that COPY leaves out; a query's from its description.
import * as Effect from "effect/Effect"
import type { DescribedColumn } from "../rows/RowPlan.ts"
import type { PostgresError } from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import { DescribeRun, type DescribedStatement } from "../exchange/DescribeRun.ts"
import { Group, type Settle } from "../exchange/Group.ts"
import { learnTypes, TextRows } from "../exchange/learnTypes.ts"
import { bindText, DescribeStatement, ExecutePortal, ParseStatement } from "../exchange/parts.ts"
import { SingleExchange } from "../exchange/Run.ts"
import { type RequestContext, runOn } from "../runOn.ts"
import { contextOn, type CopyLine, failedOn } from "./line.ts"
import type { CopyStatement } from "./statement.ts"

/** to_regclass reads a name as SQL does, and answers NULL for a table that is not there: the COPY itself then says so. */
const tableColumns = `
  SELECT attribute.attname, attribute.atttypid
  FROM pg_catalog.pg_attribute attribute
  WHERE attribute.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
    AND attribute.attnum OPERATOR(pg_catalog.>) 0
    AND NOT attribute.attisdropped
    AND attribute.attgenerated OPERATOR(pg_catalog.=) ''
  ORDER BY attribute.attnum`

export interface CopyColumns {
  /** empty: the server knows of none */
  readonly columns: ReadonlyArray<DescribedColumn>
  /** listed, and not there */
  readonly unknown: ReadonlyArray<string>
}

const ask =
  (name: string) =>
  (settle: Settle<ReadonlyArray<DescribedColumn>>): Group => {
    const rows = new TextRows()
    const parts = [
      new ParseStatement("", tableColumns, []),
      new DescribeStatement("", rows),
      bindText("", "", [name]),
      new ExecutePortal("", 0, rows)
    ]
    return new Group("the columns of a COPY", parts, (answer, failure) =>
      answer === undefined
        ? settle(undefined, failure)
        : settle(
            rows.found.map(([name, typeOid]) => ({ name: name ?? "", typeOid: Number(typeOid) })),
            undefined
          )
    )
  }

const listed = (all: ReadonlyArray<DescribedColumn>, names: ReadonlyArray<string> | undefined): CopyColumns => {
  if (names === undefined || all.length === 0) return { columns: all, unknown: [] }
  const found = names.map((name) => all.find((column) => column.name === name))
  return {
    columns: found.filter((column) => column !== undefined),
    unknown: names.filter((_name, i) => found[i] === undefined)
  }
}

/** What the types of the user are; an answer that does not come makes them text. */
const learn = (database: Database, { dispatcher }: CopyLine, columns: ReadonlyArray<DescribedColumn>) =>
  Effect.suspend(() => {
    const missing = database.types.missing(columns.map(({ typeOid }) => typeOid))
    if (missing.length === 0) return Effect.void
    return Effect.async<void>((resume) => {
      const exchange = learnTypes(dispatcher, database.types, missing, () => resume(Effect.void))
      return Effect.sync(() => dispatcher.abandon(exchange))
    })
  })

export const columnsOf = (
  database: Database,
  line: CopyLine,
  { source }: CopyStatement,
  context: RequestContext
): Effect.Effect<CopyColumns, PostgresError> => {
  const around = contextOn(line, context)
  const asked: Effect.Effect<CopyColumns, PostgresError> =
    source._tag === "Query"
      ? Effect.map(
          runOn<DescribedStatement>(
            line.dispatcher,
            around,
            (settle) => new DescribeRun(source.sql, [], database.types, moved(settle, source.offset, context)),
            database.interruptGrace
          ),
          ({ columns }) => ({ columns, unknown: [] })
        )
      : Effect.map(
          runOn<ReadonlyArray<DescribedColumn>>(
            line.dispatcher,
            around,
            (settle) => new SingleExchange(ask(source.name)(settle)),
            database.interruptGrace
          ),
          (columns) => listed(columns, source.columns)
        )
  return asked.pipe(
    Effect.tapError((error) => Effect.sync(() => failedOn(line, error))),
    Effect.tap(({ columns }) => learn(database, line, columns))
  )
}

/** The query is a part of the text that the caller wrote: positions count from the beginning of that. Characters, not UTF-16 units. */
const moved =
  (settle: Settle<DescribedStatement>, offset: number, { statement }: RequestContext): Settle<DescribedStatement> =>
  (answer, failure) => {
    const position = failure?._tag === "Reported" ? failure.fields.position : undefined
    if (failure?._tag !== "Reported" || position === undefined) return settle(answer, failure)
    const before = Array.from((statement?.sql ?? "").slice(0, offset)).length
    settle(answer, { ...failure, fields: { ...failure.fields, position: position + before } })
  }
