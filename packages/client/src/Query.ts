// Statements: a template with named, typed slots becomes a function. No value is ever part of the SQL text.
// How a statement runs is `internal/runQuery`; what its rows become is `internal/rows`.
import { builtinTypes } from "@pgfx/codecs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type CommandTag, readCommandTag } from "./internal/commandTag.ts"
import { checkStatement, registerStatement } from "./internal/checkQueries.ts"
import { databaseOf } from "./internal/database.ts"
import { definedAt } from "./internal/origin.ts"
import { RowPlan } from "./internal/rows/RowPlan.ts"
import { ParameterPlan } from "./internal/parameters/ParameterPlan.ts"
import { caution, execute, type Outcome, type PreparedStatement, runQuery } from "./internal/runQuery.ts"
import { runScript } from "./internal/runScript.ts"
import { streamQuery } from "./internal/streamQuery.ts"
import { compileTemplate } from "./internal/sql/template.ts"
import { statementWords } from "./internal/sql/words.ts"
import type { Statement } from "./internal/Statement.ts"
import { withDatabase } from "./internal/withDatabase.ts"
import { Postgres } from "./Postgres.ts"
import { type Finding, Permanent, type PostgresError, type StatementInfo } from "./PostgresError.ts"
import { type ContextOf, type ParamsOf, piecesOfTemplate, type Slots } from "./Sql.ts"

export type { CommandTag } from "./internal/commandTag.ts"

export type Args<P> = keyof P extends never ? [] : [params: P]

/** A row without a promise: column name → default representation. */
export type Row = { readonly [column: string]: unknown }
export const Row: Schema.Schema<Row> = Schema.Record({ key: Schema.String, value: Schema.Unknown })
/** The same by position: for duplicate names and for computed columns. */
export type Values = ReadonlyArray<unknown>
export const Values: Schema.Schema<Values> = Schema.Array(Schema.Unknown)

export interface QueryOptions {
  /** the name in spans and errors; default: where it was defined */
  readonly name?: string
  /** cancels on the server and fails with `StatementTimeout`; the statement then has a connection to itself */
  readonly timeout?: Duration.DurationInput
  /** false: no named prepared statement, for text that will not be seen again */
  readonly prepare?: boolean
  /** what the statement says about itself on each of its spans (see `Tracing`) */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>
}
export interface StreamOptions extends QueryOptions {
  /** rows asked for at a time; default 1,000 */
  readonly fetchSize?: number
}

/** A statement as a function. Calling it describes the execution; nothing is sent until the Effect runs. */
export interface Query<in P, out A, out R = never> {
  (...args: Args<P>): Effect.Effect<A, PostgresError, Postgres | R>
  readonly statement: StatementInfo
}
export interface StreamQuery<in P, out A, out R = never> {
  (...args: Args<P>): Stream.Stream<A, PostgresError, Postgres | R>
  readonly statement: StatementInfo
}
export interface ScriptResult {
  readonly tag: CommandTag
  readonly rows: ReadonlyArray<Row>
}

export interface QueryTemplate<A, R> {
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): Query<ParamsOf<S>, A, R | ContextOf<S>>
}
export interface StreamTemplate<A, R> {
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): StreamQuery<ParamsOf<S>, A, R | ContextOf<S>>
}
export interface CommandTemplate extends QueryTemplate<CommandTag, never> {
  (options: QueryOptions): QueryTemplate<CommandTag, never>
}

const prepare = <A, R>(
  strings: TemplateStringsArray,
  slots: Slots,
  options: QueryOptions,
  rows: RowPlan<A, R> | undefined
): PreparedStatement<A, R> => {
  const { placeholders, sources, text } = compileTemplate(piecesOfTemplate(strings, slots))
  const statement: Statement = {
    info: { name: options.name, sql: text, definedAt: definedAt(strings) },
    placeholders,
    sources,
    attributes: options.attributes
  }
  const words = statementWords(text)
  const named = options.prepare !== false
  const prepared: PreparedStatement<A, R> = {
    statement,
    parameters: new ParameterPlan(statement),
    rows,
    placement: {
      words,
      joins: true,
      timeout: options.timeout === undefined ? undefined : Duration.decode(options.timeout)
    },
    named,
    ...caution(words, text, named, rows)
  }
  registerStatement(prepared)
  return prepared
}

/** The argument object, whatever its type: the type of the template has checked it. */
const argumentsOf = (args: ReadonlyArray<unknown>): Readonly<Record<string, unknown>> => Object(args[0] ?? {})

type Finish<A, B> = (rows: ReadonlyArray<A>, outcome: Outcome, statement: Statement) => Effect.Effect<B, PostgresError>

/** The function that every template of rows makes; `finish` is the promise of the verb. */
const template =
  <A, B, R>(plan: RowPlan<A, R>, options: QueryOptions, finish: Finish<A, B>) =>
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): Query<ParamsOf<S>, B, R | ContextOf<S>> => {
    const prepared = prepare(strings, slots, options, plan)
    const { statement } = prepared
    const query = (...args: Args<ParamsOf<S>>) =>
      withDatabase((database) => runQuery(database, prepared, argumentsOf(args), finish))
    return Object.assign(asQuery<S, B, R>(query), { statement: statement.info })
  }

/** The Schemas of the slots are kept without their types; what they need is `ContextOf<S>` by construction. */
const asQuery = <S extends Slots, B, R>(
  query: (...args: Args<ParamsOf<S>>) => Effect.Effect<B, PostgresError, unknown>
) => query as (...args: Args<ParamsOf<S>>) => Effect.Effect<B, PostgresError, Postgres | R | ContextOf<S>>

const unexpectedCount = (
  expected: "exactly one" | "at most one",
  actual: number,
  outcome: Outcome,
  statement: Statement
): Effect.Effect<never, PostgresError> =>
  Effect.fail(
    new Permanent({
      reason: { _tag: "UnexpectedRowCount", expected, actual },
      outcome,
      statement: statement.info,
      state: "the connection is healthy"
    })
  )

const all = <A, I, R>(row: Schema.Schema<A, I, R>, options: QueryOptions = {}): QueryTemplate<ReadonlyArray<A>, R> =>
  template(new RowPlan(row, builtinTypes), options, Effect.succeed)

const option = <A, I, R>(row: Schema.Schema<A, I, R>, options: QueryOptions = {}): QueryTemplate<Option.Option<A>, R> =>
  template(new RowPlan(row, builtinTypes), options, (rows, outcome, statement) =>
    rows.length > 1
      ? unexpectedCount("at most one", rows.length, outcome, statement)
      : Effect.succeed(Option.fromIterable(rows))
  )

const one = <A, I, R>(row: Schema.Schema<A, I, R>, options: QueryOptions = {}): QueryTemplate<A, R> =>
  template(new RowPlan(row, builtinTypes), options, (rows, outcome, statement) =>
    rows.length === 1
      ? // the length says that it is there; A may include undefined
        Effect.succeed(rows[0] as A)
      : unexpectedCount("exactly one", rows.length, outcome, statement)
  )

const stream =
  <A, I, R>(row: Schema.Schema<A, I, R>, options: StreamOptions = {}): StreamTemplate<A, R> =>
  <const S extends Slots>(
    strings: TemplateStringsArray,
    ...slots: S
  ): StreamQuery<ParamsOf<S>, A, R | ContextOf<S>> => {
    const prepared = prepare(strings, slots, options, new RowPlan(row, builtinTypes))
    const query = (...args: Args<ParamsOf<S>>) =>
      Stream.unwrap(
        Effect.map(Postgres, (postgres) => {
          const database = databaseOf(postgres)
          const rows = streamQuery(database, prepared, argumentsOf(args), options.fetchSize ?? database.fetchSize)
          // as in `asQuery`
          return rows as Stream.Stream<A, PostgresError, Postgres | R | ContextOf<S>>
        })
      )
    return Object.assign(query, { statement: prepared.statement.info })
  }

const commandWith =
  (options: QueryOptions): QueryTemplate<CommandTag, never> =>
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): Query<ParamsOf<S>, CommandTag, ContextOf<S>> => {
    const prepared = prepare<never, never>(strings, slots, options, undefined)
    const { statement } = prepared
    const query = (...args: Args<ParamsOf<S>>) =>
      withDatabase((database) =>
        Effect.map(execute(database, prepared, argumentsOf(args)), ({ tag }) => readCommandTag(tag))
      )
    return Object.assign(asQuery<S, CommandTag, never>(query), { statement: statement.info })
  }

const isTemplateStrings = (u: TemplateStringsArray | QueryOptions): u is TemplateStringsArray => Array.isArray(u)

function command(options: QueryOptions): QueryTemplate<CommandTag, never>
function command<const S extends Slots>(
  strings: TemplateStringsArray,
  ...slots: S
): Query<ParamsOf<S>, CommandTag, ContextOf<S>>
function command<const S extends Slots>(first: TemplateStringsArray | QueryOptions, ...slots: S) {
  return isTemplateStrings(first) ? commandWith({})(first, ...slots) : commandWith(first)
}

const rowByName = new RowPlan(Row, builtinTypes)

const script = (
  text: string,
  options: QueryOptions = {}
): Effect.Effect<ReadonlyArray<ScriptResult>, PostgresError, Postgres> => {
  const info: StatementInfo = { name: options.name, sql: text, definedAt: definedAt() }
  const timeout = options.timeout === undefined ? undefined : Duration.decode(options.timeout)
  return Effect.flatMap(Postgres, (postgres) => runScript(databaseOf(postgres), info, rowByName, timeout))
}

const check = (
  ...queries: ReadonlyArray<{ readonly statement: StatementInfo }>
): Effect.Effect<ReadonlyArray<Finding>, PostgresError, Postgres> =>
  Effect.flatMap(Postgres, (postgres) =>
    Effect.map(
      Effect.forEach(queries, ({ statement }) => checkStatement(databaseOf(postgres), statement)),
      (findings) => findings.flat()
    )
  )

/**
 * The verb is the number of rows; the Schema is the row. A struct reads columns by name, a tuple or array by position,
 * anything else reads the only column.
 *
 * @since 0.1.0
 * @category statements
 */
export const Query: {
  readonly all: <A, I, R>(row: Schema.Schema<A, I, R>, options?: QueryOptions) => QueryTemplate<ReadonlyArray<A>, R>
  readonly option: <A, I, R>(row: Schema.Schema<A, I, R>, options?: QueryOptions) => QueryTemplate<Option.Option<A>, R>
  readonly one: <A, I, R>(row: Schema.Schema<A, I, R>, options?: QueryOptions) => QueryTemplate<A, R>
  /** Rows in batches, memory bounded by one batch; read-only outside a transaction. */
  readonly stream: <A, I, R>(row: Schema.Schema<A, I, R>, options?: StreamOptions) => StreamTemplate<A, R>
  readonly command: CommandTemplate
  /** any number of statements, no parameters, simple query protocol; one implicit transaction unless the text says otherwise */
  readonly script: (
    text: string,
    options?: QueryOptions
  ) => Effect.Effect<ReadonlyArray<ScriptResult>, PostgresError, Postgres>
  /** prepares without executing and compares with the Schemas: a table, a column or a type that does not fit is a finding */
  readonly check: (
    ...queries: ReadonlyArray<{ readonly statement: StatementInfo }>
  ) => Effect.Effect<ReadonlyArray<Finding>, PostgresError, Postgres>
} = { all, option, one, stream, command, script, check }
