// One execution of a statement that is buffered: arguments in, rows and command tag out.
import * as Effect from "effect/Effect"
import { Permanent, type PostgresError } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import { encodeArguments } from "./encodeArguments.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { bindText, DescribeStatement, ExecutePortal, ParseStatement, type RowSink } from "./exchange/parts.ts"
import { exchange } from "./exchangeEffect.ts"
import type { RowPlan, RowProblem, RowReader } from "./rows/RowReader.ts"
import type { Statement } from "./Statement.ts"

/** A statement that the server carried out. `outcome` is what is true of it if its answer turns out to be unusable. */
export interface Executed {
  readonly tag: string
  readonly outcome: "Committed" | "Pending"
}

export const unusable = (reason: RowProblem, statement: Statement, outcome: Executed["outcome"]): Permanent =>
  new Permanent({ reason, outcome, statement: statement.info, state: "the connection is healthy" })

/** Sends the statement with its arguments; rows go to the sink. */
export const execute = (
  database: Database,
  statement: Statement,
  args: Readonly<Record<string, unknown>>,
  sink: RowSink
): Effect.Effect<Executed, PostgresError, unknown> => {
  const context = { statement: statement.info, parameters: statement.placeholders.map(({ name }) => ({ name })) }
  const send = (parameters: ReadonlyArray<string | null>): Effect.Effect<Executed, PostgresError> => {
    const run = new ExecutePortal("", 0, sink)
    return Effect.map(
      exchange<GroupAnswer>(
        database,
        context,
        (settle) =>
          new Group(
            "extended query",
            [
              new ParseStatement("", statement.info.sql, []),
              new DescribeStatement("", sink),
              bindText("", "", parameters),
              run
            ],
            settle
          )
      ),
      ({ status }) => ({ tag: run.tag, outcome: status === "I" ? "Committed" : "Pending" })
    )
  }
  const encoded = encodeArguments(statement, args)
  return Effect.flatMap(encoded, send)
}

/** The rows of an execution, all of them. */
export const collect = <A, R>(
  reader: RowReader<A, R>,
  statement: Statement,
  executed: Executed
): Effect.Effect<ReadonlyArray<A>, PostgresError, R> =>
  Effect.mapError(reader.problem === undefined ? reader.take() : Effect.fail(reader.problem), (problem) =>
    unusable(problem, statement, executed.outcome)
  )

export const runQuery = <A, R>(
  database: Database,
  statement: Statement,
  plan: RowPlan<A, R>,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly executed: Executed }, PostgresError, unknown> =>
  Effect.suspend(() => {
    const reader = plan.open()
    return Effect.flatMap(execute(database, statement, args, reader), (executed) =>
      Effect.map(collect(reader, statement, executed), (rows) => ({ rows, executed }))
    )
  })
