// Schemas against the database, without running anything: what a first execution would find out, for tests and for CI.
import * as Effect from "effect/Effect"
import type { Finding, PostgresError, StatementInfo } from "../PostgresError.ts"
import { columnOrigins } from "./columnOrigins.ts"
import type { Database } from "./database.ts"
import { type DescribedStatement, DescribeRun } from "./exchange/DescribeRun.ts"
import { type Placement, runRequest } from "./runRequest.ts"
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
  const context = requestContext(statement)
  const aside: Placement = { words: { ...placement.words, kind: "plain" } }
  return Effect.flatMap(
    runRequest<DescribedStatement>(
      database,
      context,
      aside,
      (settle) => new DescribeRun(info.sql, parameters.declared, database.types, settle)
    ),
    ({ columns, parameterTypes }): Effect.Effect<ReadonlyArray<Finding>, PostgresError> => {
      const { registry } = database.types
      const ofParameters = parameters.prepare(parameterTypes, registry).findings
      if (rows === undefined) return Effect.succeed(ofParameters)
      const prepared = rows.prepare(columns, registry)
      const found = [...ofParameters, ...prepared.findings]
      return prepared.refusesNull
        ? Effect.map(columnOrigins(database, context, aside, columns), (origins) => [
            ...found,
            ...prepared.nullability(origins)
          ])
        : Effect.succeed(found)
    }
  )
}
