// NOTIFY as a function call with parameters: `NOTIFY channel, $1` is no statement PostgreSQL knows, and nothing becomes SQL text here.
import * as Effect from "effect/Effect"
import type { PostgresError, StatementInfo } from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import { ParameterPlan } from "../parameters/ParameterPlan.ts"
import { executeEncoded, type PreparedStatement } from "../runQuery.ts"
import { type Placeholder, type Source, whole } from "../sql/template.ts"
import { statementWords } from "../sql/words.ts"
import type { Statement } from "../Statement.ts"

const sql = "SELECT pg_catalog.pg_notify($1, $2)"

/** Encoded before they come here: both are text. */
const placeholders = ["channel", "payload"].map((name): Placeholder => ({
  source: { _tag: "Value", name, schema: undefined, value: undefined },
  name,
  pick: whole
}))
const sources: ReadonlyArray<Source> = placeholders.map(({ source }) => source)

/** The statement of one channel, for errors and spans. */
export const notifyStatement = (info: Omit<StatementInfo, "sql">): PreparedStatement<never, never> => {
  const statement: Statement = { info: { ...info, sql }, placeholders, sources }
  return {
    statement,
    parameters: new ParameterPlan(statement),
    rows: undefined,
    placement: { words: statementWords(sql), joins: true },
    named: true,
    describeFirst: false,
    checkedFirst: false
  }
}

/** Delivered when the transaction that it is part of commits. */
export const notify = (
  database: Database,
  statement: PreparedStatement<never, never>,
  channel: string,
  payload: string
): Effect.Effect<void, PostgresError> => Effect.asVoid(executeEncoded(database, statement, [channel, payload]))
