// Which table's columns the columns of a result are, and whether those may be NULL: RowDescription gives OIDs and numbers, the catalogue the rest.
// Asked anew each time and kept nowhere, because ALTER TABLE changes the answer and tells nobody. For `Query.check`; no execution needs it.
import type { ColumnDescription } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import { Group } from "./exchange/Group.ts"
import { TextRows } from "./exchange/learnTypes.ts"
import { bindText, DescribeStatement, ExecutePortal, ParseStatement } from "./exchange/parts.ts"
import { SingleExchange } from "./exchange/Run.ts"
import type { ColumnOrigin } from "./rows/RowPlan.ts"
import type { RequestContext } from "./runOn.ts"
import { type Placement, runRequest } from "./runRequest.ts"

/**
 * For `$1` relations and `$2` column numbers. Tables only: a view's columns are never marked NOT NULL, whatever they are made of. A domain's NOT NULL
 * is that of any domain it is based on. Every name and operator with its schema: it runs under search paths of others.
 */
const whichColumns = `
SELECT w.n::pg_catalog.text, c.relname::pg_catalog.text, a.attname::pg_catalog.text,
  CASE WHEN a.attnotnull OR EXISTS (
    WITH RECURSIVE made_of(oid) AS (
      SELECT a.atttypid
      UNION
      SELECT t.typbasetype
      FROM made_of
      JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) made_of.oid
      WHERE t.typtype OPERATOR(pg_catalog.=) 'd'
    )
    SELECT
    FROM made_of
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) made_of.oid
    WHERE t.typnotnull
  ) THEN 'never' ELSE 'maybe' END
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int2[]))
  WITH ORDINALITY AS w(relation, number, n)
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) w.relation
JOIN pg_catalog.pg_attribute AS a
  ON a.attrelid OPERATOR(pg_catalog.=) w.relation AND a.attnum OPERATOR(pg_catalog.=) w.number
WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,f}'::pg_catalog."char"[]) AND a.attnum OPERATOR(pg_catalog.>) 0
`.trim()

const listOf = (numbers: ReadonlyArray<number>): string => `{${numbers.join(",")}}`

const ask = (
  database: Database,
  context: RequestContext,
  placement: Placement,
  columns: ReadonlyArray<ColumnDescription>
): Effect.Effect<TextRows, PostgresError> => {
  const rows = new TextRows()
  const values = [listOf(columns.map((column) => column.tableOid)), listOf(columns.map((column) => column.tableColumn))]
  return runRequest<TextRows>(database, context, placement, (settle) => {
    const parts = [
      new ParseStatement("", whichColumns, []),
      new DescribeStatement("", rows),
      bindText("", "", values),
      new ExecutePortal("", 0, rows)
    ]
    return new SingleExchange(
      new Group("the catalogue's word on columns", parts, (answer, failure) =>
        answer === undefined ? settle(undefined, failure) : settle(rows, undefined)
      )
    )
  })
}

/** One per column; `undefined` for what is no column of a table. */
export const columnOrigins = (
  database: Database,
  context: RequestContext,
  placement: Placement,
  columns: ReadonlyArray<ColumnDescription>
): Effect.Effect<ReadonlyArray<ColumnOrigin | undefined>, PostgresError> =>
  columns.every((column) => column.tableOid === 0)
    ? Effect.succeed([])
    : Effect.map(ask(database, context, placement, columns), ({ found }) => {
        const origins: Array<ColumnOrigin | undefined> = columns.map(() => undefined)
        for (const [place, table, column, isNull] of found) {
          if (typeof table === "string" && typeof column === "string")
            origins[Number(place) - 1] = { table, column, nullable: isNull === "maybe" }
        }
        return origins
      })
