// Any number of statements in one text, by the simple protocol: rows in their default representation, one result per statement. A script
// may do anything to its session, so it has one to itself, and the session is swept behind it.
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type { PostgresError, StatementInfo } from "../PostgresError.ts"
import { type CommandTag, readCommandTag } from "./commandTag.ts"
import { type Database, holderOf } from "./database.ts"
import { type ScriptAnswer, SimpleQuery } from "./exchange/simpleQuery.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { runRequest } from "./runRequest.ts"
import type { RowPlan, RowReader } from "./rows/RowReader.ts"
import { unusable } from "./runQuery.ts"
import { type StatementWords, statementWords } from "./sql/words.ts"

export interface StatementResult<A> {
  readonly tag: CommandTag
  readonly rows: ReadonlyArray<A>
}

/** Outside a transaction a script may open and end its own; inside one its first word must not. */
const wordsOf = (sql: string, insideTransaction: boolean): StatementWords => {
  const words = statementWords(sql)
  return words.kind === "copy" || insideTransaction ? words : { ...words, kind: "sessional" }
}

export const runScript = <A>(
  database: Database,
  info: StatementInfo,
  plan: RowPlan<A, never>,
  timeout: Duration.Duration | undefined
): Effect.Effect<ReadonlyArray<StatementResult<A>>, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    const insideTransaction = holder !== undefined && holder.depth > 0
    const readers = new Map<number, RowReader<A, never>>()
    const sink = (statement: number): RowReader<A, never> => {
      const reader = plan.open()
      readers.set(statement, reader)
      return reader
    }
    const results = (tags: ReadonlyArray<string>) =>
      Effect.forEach(tags, (tag, statement) => {
        const rows = readers.get(statement)?.all() ?? Effect.succeed<ReadonlyArray<A>>([])
        return Effect.map(rows, (rows) => ({ tag: readCommandTag(tag), rows }))
      })
    const rowsOf = ({ tags }: ScriptAnswer) =>
      tags.reduce((sum, tag, statement) => sum + (readers.has(statement) ? readCommandTag(tag).rows : 0), 0)
    return runRequest<ScriptAnswer>(
      database,
      { statement: info },
      { words: wordsOf(info.sql, insideTransaction), timeout },
      (settle) => new SingleExchange(new SimpleQuery({ sql: info.sql, sink }, settle)),
      database.observer?.statements.traceText(info, rowsOf)
    ).pipe(
      Effect.flatMap(({ tags }) =>
        Effect.mapError(results(tags), (problem) =>
          unusable(problem, { info, placeholders: [], sources: [] }, insideTransaction ? "Pending" : "Committed")
        )
      )
    )
  })
