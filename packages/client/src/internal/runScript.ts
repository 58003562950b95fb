// Any number of statements in one text, by the simple protocol: rows in their default representation, one result per statement.
import * as Effect from "effect/Effect"
import type { PostgresError, StatementInfo } from "../PostgresError.ts"
import { type CommandTag, readCommandTag } from "./commandTag.ts"
import type { Database } from "./database.ts"
import { type ScriptAnswer, SimpleQuery } from "./exchange/simpleQuery.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { runRequest } from "./exchangeEffect.ts"
import type { RowPlan, RowReader } from "./rows/RowReader.ts"
import { unusable } from "./runQuery.ts"

export interface StatementResult<A> {
  readonly tag: CommandTag
  readonly rows: ReadonlyArray<A>
}

export const runScript = <A>(
  database: Database,
  info: StatementInfo,
  plan: RowPlan<A, never>
): Effect.Effect<ReadonlyArray<StatementResult<A>>, PostgresError> =>
  Effect.suspend(() => {
    const readers = new Map<number, RowReader<A, never>>()
    const sink = (statement: number): RowReader<A, never> => {
      const reader = plan.open()
      readers.set(statement, reader)
      return reader
    }
    const results = (tags: ReadonlyArray<string>) =>
      Effect.forEach(tags, (tag, statement) => {
        const rows = readers.get(statement)?.take() ?? Effect.succeed<ReadonlyArray<A>>([])
        return Effect.map(rows, (rows) => ({ tag: readCommandTag(tag), rows }))
      })
    return runRequest<ScriptAnswer>(
      database,
      { statement: info },
      (settle) => new SingleExchange(new SimpleQuery({ sql: info.sql, sink }, settle))
    ).pipe(
      Effect.flatMap(({ tags }) =>
        Effect.mapError(results(tags), (problem) =>
          unusable(problem, { info, placeholders: [], sources: [] }, "Committed")
        )
      )
    )
  })
