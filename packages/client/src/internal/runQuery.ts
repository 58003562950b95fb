// One execution of a statement that is buffered: arguments in, rows and command tag out.
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
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
import { isEither } from "./parameters/encodeValues.ts"
import type { ParameterPlan } from "./parameters/ParameterPlan.ts"
import { firstUseDiffers } from "./rows/firstUse.ts"
import type { PreparedRows, RowPlan, RowProblem, RowReader } from "./rows/RowReader.ts"
import type { StatementWords } from "./sql/words.ts"
import type { Statement } from "./Statement.ts"

/** What is true of a statement that the server carried out, if its answer turns out to be unusable. */
export type Outcome = "Committed" | "Pending"

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
  /** values that not every type takes are compared with their types before anything runs: the statement may change data */
  readonly checkedFirst: boolean
}

/** What only reads may find out about a mismatch with its answer. */
const readingWords = new Set(["SELECT", "VALUES", "TABLE", "SHOW"])

/** What has to be known of a statement before it runs for the first time; decision 0014. */
export const caution = (
  { first }: StatementWords,
  sql: string,
  named: boolean,
  rows: RowPlan<unknown, unknown> | undefined
): Pick<PreparedStatement<unknown, unknown>, "describeFirst" | "checkedFirst"> => {
  const changes = !readingWords.has(first)
  // what has no name is text on every use: there is no later one that would differ
  return {
    describeFirst: rows !== undefined && (changes || (named && firstUseDiffers(rows.ast, sql))),
    checkedFirst: changes && named
  }
}

/** What every type takes as text, and the server judges, on the first use and on every later one. */
const isForTheServer = (value: unknown): boolean => value === null || typeof value === "string"

const needTypes: ReturnType<CallParameters["texts"]> = Either.right(undefined)

export const unusable = (reason: RowProblem, statement: Statement, outcome: Outcome): Permanent =>
  new Permanent({ reason, outcome, statement: statement.info, state: "the connection is healthy" })

/** What of a query is the same for buffered and streamed rows. */
export interface CallOptions {
  readonly portal: string
  readonly maxRows: number
  readonly before: ReadonlyArray<Part>
  /** appended to the text, which then is one that nobody sees again */
  readonly comment?: string | undefined
}

const nothingBefore: ReadonlyArray<Part> = []
const atOnce: CallOptions = { portal: "", maxRows: 0, before: nothingBefore }

/** A statement with the values of one call; its types are those of the database, as they are known when they are asked for. */
class QueryCall<A, R> implements StatementCall<RowReader<A, R>>, CallParameters, RowSource<RowReader<A, R>> {
  readonly portal: string
  readonly maxRows: number
  readonly before: ReadonlyArray<Part>
  private readonly comment: string
  private readonly database: Database
  private readonly prepared: PreparedStatement<A, R>
  private readonly values: ReadonlyArray<unknown>
  constructor(
    database: Database,
    prepared: PreparedStatement<A, R>,
    values: ReadonlyArray<unknown>,
    { before, comment = "", maxRows, portal }: CallOptions
  ) {
    this.database = database
    this.prepared = prepared
    this.values = values
    this.portal = portal
    this.maxRows = maxRows
    this.before = before
    this.comment = comment
  }

  get sql(): string {
    const { sql } = this.prepared.statement.info
    return this.comment === "" ? sql : sql + this.comment
  }
  get identity(): string {
    return this.prepared.parameters.identity
  }
  get declared(): ReadonlyArray<number> {
    return this.prepared.parameters.declared
  }
  get named(): boolean {
    return this.prepared.named && this.comment === ""
  }
  get describeFirst(): boolean {
    return this.prepared.describeFirst
  }

  get parameters(): CallParameters {
    return this
  }
  texts(): ReturnType<CallParameters["texts"]> {
    const { checkedFirst, parameters } = this.prepared
    return checkedFirst && !this.values.every(isForTheServer) ? needTypes : parameters.texts(this.values)
  }
  bind(oids: ReadonlyArray<number>): ReturnType<CallParameters["bind"]> {
    return this.prepared.parameters.prepare(oids, this.database.types.registry).bind(this.values)
  }

  get rows(): RowSource<RowReader<A, R>> | undefined {
    return this.prepared.rows === undefined ? undefined : this
  }
  prepare(columns: Parameters<RowPlan<A, R>["prepare"]>[0]): PreparedRows<A, R> {
    return this.plan.prepare(columns, this.database.types.registry)
  }
  open(): RowReader<A, R> {
    return this.plan.open(this.database.types.registry)
  }
  private get plan(): RowPlan<A, R> {
    const { rows } = this.prepared
    if (rows === undefined) throw new TypeError("the rows of this statement are not wanted")
    return rows
  }
}

export const makeCall = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  values: ReadonlyArray<unknown>,
  options: CallOptions
): StatementCall<RowReader<A, R>> => new QueryCall(database, prepared, values, options)

const contexts = new WeakMap<Statement, RequestContext>()

/** What errors say about the statement. */
export const requestContext = (statement: Statement): RequestContext => {
  const known = contexts.get(statement)
  if (known !== undefined) return known
  const { info, placeholders } = statement
  const made = { statement: info, parameters: placeholders.map(({ name }) => ({ name })) }
  contexts.set(statement, made)
  return made
}

/** Sends the statement with its arguments. To be called where a fault of the user's Schemas is a defect: inside an Effect. */
export const execute = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<StatementAnswer<RowReader<A, R>>, PostgresError, unknown> => {
  const values = prepared.parameters.encode(args)
  if (!isEither(values)) return Effect.flatMap(values, (values) => executeEncoded(database, prepared, values))
  return Either.isRight(values) ? executeEncoded(database, prepared, values.right) : Effect.fail(values.left)
}

/** The same with values that have passed their Schemas. */
export const executeEncoded = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  values: ReadonlyArray<unknown>
): Effect.Effect<StatementAnswer<RowReader<A, R>>, PostgresError> => {
  const { descriptions, observer } = database
  const { parameters, statement } = prepared
  const trace =
    observer === undefined
      ? undefined
      : observer.statements.trace({ statement, values, known: descriptions.has(parameters.identity) }, rowsReceived)
  return runRequest<StatementAnswer<RowReader<A, R>>>(
    database,
    requestContext(statement),
    prepared.placement,
    (settle, before = nothingBefore) => {
      const comment = trace?.comment
      const options = before.length === 0 && comment === undefined ? atOnce : { ...atOnce, before, comment }
      return new StatementRun(new QueryCall(database, prepared, values, options), database, settle)
    },
    trace
  )
}

const rowsReceived = ({ received }: StatementAnswer<RowSink>): number => received.rows

export const outcomeOf = ({ status }: StatementAnswer<RowSink>): Outcome => (status === "I" ? "Committed" : "Pending")

const noRow: ReadonlyArray<never> = []

/** Runs it and hands all of its rows to `finish`, the promise of the verb. */
export const runQuery = <A, B, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  args: Readonly<Record<string, unknown>>,
  finish: (rows: ReadonlyArray<A>, outcome: Outcome, statement: Statement) => Effect.Effect<B, PostgresError>
): Effect.Effect<B, PostgresError, unknown> =>
  Effect.flatMap(execute(database, prepared, args), (answer) => {
    const { rows: reader } = answer
    const { statement } = prepared
    const outcome = outcomeOf(answer)
    if (reader === undefined) return finish(noRow, outcome, statement)
    const rows = reader.ready()
    if (rows !== undefined) return finish(rows, outcome, statement)
    return Effect.matchEffect(reader.all(), {
      onSuccess: (rows) => finish(rows, outcome, statement),
      onFailure: (problem) => Effect.fail(unusable(problem, statement, outcome))
    })
  })
