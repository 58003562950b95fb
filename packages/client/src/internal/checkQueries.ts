// Schemas against the database, without running anything: what a first execution would find out, for tests and for CI.
import * as Effect from "effect/Effect"
import type { Finding, PostgresError, StatementInfo } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import { type DescribedStatement, DescribeRun } from "./exchange/DescribeRun.ts"
import { runRequest } from "./runRequest.ts"
import { type PreparedStatement, requestContext } from "./runQuery.ts"

const prepared = new WeakMap<StatementInfo, PreparedStatement<unknown, unknown>>()

/** Every statement that was made by a template can be found again by its description. */
export const registerStatement = <A, R>(statement: PreparedStatement<A, R>): void => {
  prepared.set(statement.statement.info, statement)
}

/** What does not fit; a statement that the server refuses fails the effect, with its text and caret. */
export const checkStatement = (
  database: Database,
  info: StatementInfo
): Effect.Effect<ReadonlyArray<Finding>, PostgresError> => {
  const found = prepared.get(info)
  if (found === undefined) return Effect.dieMessage("Query.check: not a statement made by a template of pgfx")
  const { parameters, placement, rows, statement } = found
  return Effect.map(
    runRequest<DescribedStatement>(
      database,
      requestContext(statement),
      { words: { ...placement.words, kind: "plain" } },
      (settle) => new DescribeRun(info.sql, parameters.declared, database.types, settle)
    ),
    ({ columns, parameterTypes }) => {
      const { registry } = database.types
      const ofRows = rows === undefined ? [] : rows.prepare(columns, registry).findings
      return [...parameters.prepare(parameterTypes, registry).findings, ...ofRows]
    }
  )
}
