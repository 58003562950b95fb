// One execution of a statement that is buffered: arguments in, rows and command tag out.
import * as Effect from "effect/Effect"
import { Permanent, type PostgresError } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import type { Part, RowSink } from "./exchange/parts.ts"
import {
  type CallParameters,
  type RowSource,
  type StatementAnswer,
  type StatementCall,
  StatementRun
} from "./exchange/StatementRun.ts"
import type { RequestContext } from "./runOn.ts"
import { type Placement, runRequest } from "./runRequest.ts"
import type { ParameterPlan } from "./parameters/ParameterPlan.ts"
import type { RowPlan, RowProblem, RowReader } from "./rows/RowReader.ts"
import type { StatementWords } from "./sql/words.ts"
import type { Statement } from "./Statement.ts"

/** A statement that the server carried out. `outcome` is what is true of it if its answer turns out to be unusable. */
export interface Executed {
  readonly tag: string
  readonly outcome: "Committed" | "Pending"
}

/** A statement with what is computed once for all its executions. */
export interface PreparedStatement<A, R> {
  readonly statement: Statement
  readonly parameters: ParameterPlan
  /** absent: rows are not wanted */
  readonly rows: RowPlan<A, R> | undefined
  readonly placement: Placement
  /** false: the server and the caches are not to remember it */
  readonly named: boolean
  /** a row Schema over a statement that may change something: a mismatch has to be found before anything runs */
  readonly describeFirst: boolean
}

/** What only reads may find out about a mismatch with its answer. */
const readingWords = new Set(["SELECT", "VALUES", "TABLE", "SHOW"])

export const describeFirst = (words: StatementWords): boolean => !readingWords.has(words.first)

export const unusable = (reason: RowProblem, statement: Statement, outcome: Executed["outcome"]): Permanent =>
  new Permanent({ reason, outcome, statement: statement.info, state: "the connection is healthy" })

/** The values of one call, in whatever form the engine asks for. */
const callParameters = ({ types }: Database, plan: ParameterPlan, values: ReadonlyArray<unknown>): CallParameters => ({
  texts: () => plan.texts(values),
  bind: (oids) => plan.prepare(oids, types.registry).bind(values)
})

/** A row plan with the types of this database, as they are known when it is asked. */
const rowSource = <A, R>({ types }: Database, plan: RowPlan<A, R>): RowSource<RowReader<A, R>> => ({
  prepare: (columns) => plan.prepare(columns, types.registry),
  open: () => plan.open(types.registry)
})

/** What of a query is the same for buffered and streamed rows. */
export interface CallOptions {
  readonly portal: string
  readonly maxRows: number
  readonly before: ReadonlyArray<Part>
}

const atOnce: CallOptions = { portal: "", maxRows: 0, before: [] }

export const makeCall = <A, R>(
  database: Database,
  { describeFirst, named, parameters, rows, statement }: PreparedStatement<A, R>,
  values: ReadonlyArray<unknown>,
  options: CallOptions = atOnce
): StatementCall<RowReader<A, R>> => ({
  sql: statement.info.sql,
  parameters: callParameters(database, parameters, values),
  rows: rows === undefined ? undefined : rowSource(database, rows),
  named,
  describeFirst,
  ...options
})

/** What errors say about the statement. */
export const requestContext = ({ info, placeholders }: Statement): RequestContext => ({
  statement: info,
  parameters: placeholders.map(({ name }) => ({ name }))
})

/** Sends the statement with values as its Schemas encode them. */
export const executeEncoded = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  values: ReadonlyArray<unknown>
): Effect.Effect<StatementAnswer<RowReader<A, R>>, PostgresError> => {
  const run = runRequest<StatementAnswer<RowReader<A, R>>>(
    database,
    requestContext(prepared.statement),
    prepared.placement,
    (settle, before = []) =>
      new StatementRun(makeCall(database, prepared, values, { ...atOnce, before }), database, settle)
  )
  return database.trace === undefined ? run : database.trace(prepared.statement, values, run)
}

/** Sends the statement with its arguments. */
export const execute = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<StatementAnswer<RowReader<A, R>>, PostgresError, unknown> =>
  Effect.flatMap(prepared.parameters.encode(args), (values) => executeEncoded(database, prepared, values))

export const executed = ({ status, tag }: StatementAnswer<RowSink>): Executed => ({
  tag,
  outcome: status === "I" ? "Committed" : "Pending"
})

export const runQuery = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly executed: Executed }, PostgresError, unknown> =>
  Effect.flatMap(execute(database, prepared, args), (answer) => {
    const done = executed(answer)
    const reader = answer.rows
    if (reader === undefined) return Effect.succeed({ rows: [], executed: done })
    const rows = reader.all()
    return Effect.mapBoth(rows, {
      onSuccess: (rows) => ({ rows, executed: done }),
      onFailure: (problem) => unusable(problem, prepared.statement, done.outcome)
    })
  })
