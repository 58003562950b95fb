// Commands of the library itself, by the simple protocol: BEGIN, COMMIT, SAVEPOINT. No parameters, no rows, text that is ours.
import type * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { type ScriptAnswer, SimpleQuery } from "./exchange/simpleQuery.ts"
import { exchangeOn } from "./runOn.ts"
import type { FailureContext } from "./failure.ts"
import { noRows } from "./exchange/parts.ts"

/** Runs it on this connection and answers with the tags the server gave. */
export const command = (
  dispatcher: Dispatcher,
  sql: string,
  context: Omit<FailureContext, "statement">
): Effect.Effect<ScriptAnswer, PostgresError> =>
  exchangeOn<ScriptAnswer>(
    dispatcher,
    { ...context, statement: { name: undefined, sql, definedAt: "pgfx" } },
    (settle) => new SimpleQuery({ sql, sink: () => noRows }, settle)
  )
