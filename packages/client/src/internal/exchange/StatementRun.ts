// One execution of a statement: which messages it takes depends on what is known about it. The table is §5 of the engine's design; each
// flow below is one of its rows. Repeats by itself only what the server refused before running it, once, outside a transaction.
import {
  type ColumnDescription,
  type FormatCode,
  type ReportFields,
  statementName,
  type TransactionStatus
} from "@pgfx/protocol"
import type { PermanentReason, PostgresError } from "../../PostgresError.ts"
import type { Description, Descriptions } from "../StatementCache.ts"
import { none, type TypeStore } from "../TypeStore.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import { type Exchange, type ExchangeFailure, unrun } from "./Exchange.ts"
import { Group, type GroupAnswer, type Settle } from "./Group.ts"
import { LateRows } from "./LateRows.ts"
import { learnTypes } from "./learnTypes.ts"
import {
  always,
  type BindPortal,
  bindText,
  BindValues,
  type BoundValues,
  CloseTarget,
  DescribePortal,
  DescribeStatement,
  ExecutePortal,
  never,
  noRows,
  ParseStatement,
  type Part,
  type RowSink
} from "./parts.ts"
import type { Run } from "./Run.ts"

/** What a row Schema makes of a result; see RowPlan. */
export interface RowSource<Sink extends RowSink> {
  readonly prepare: (columns: ReadonlyArray<ColumnDescription>) => {
    readonly formats: ReadonlyArray<FormatCode>
    readonly mismatch: PermanentReason | undefined
    readonly open: () => Sink
  }
  /** for columns that the answer itself will describe */
  readonly open: () => Sink
}

/** Effect's Either, by its shape: this file knows no Effect. */
type Result<A> = { readonly _tag: "Right"; readonly right: A } | { readonly _tag: "Left"; readonly left: PostgresError }

/** The values of one call, see ParameterPlan. Neither writes anything before all of them have been found good. */
export interface CallParameters {
  /** as text that means the same for every type; `undefined`: the types matter */
  readonly texts: () => Result<ReadonlyArray<string | null> | undefined>
  /** in the types that the server inferred; `write` puts format codes and values */
  readonly bind: (types: ReadonlyArray<number>) => Result<BoundValues>
}

export interface StatementCall<Sink extends RowSink> {
  readonly sql: string
  /** what the statement is known by: its text, and the types it declares */
  readonly identity: string
  /** for Parse: type OIDs, 0 or absent where the server is to infer */
  readonly declared: ReadonlyArray<number>
  readonly parameters: CallParameters
  /** absent: nobody wants rows */
  readonly rows: RowSource<Sink> | undefined
  /** false: neither the server nor the caches are to remember it */
  readonly named: boolean
  /** the columns must be known before anything runs: a stream, or a statement that changes data under a row Schema */
  readonly describeFirst: boolean
  readonly portal: string
  /** 0: all */
  readonly maxRows: number
  /** put in front of the first group: BEGIN */
  readonly before: ReadonlyArray<Part>
}

/** What is known of statements and types, for all connections to a database. */
export interface KnownStatements {
  readonly descriptions: Descriptions
  readonly types: TypeStore
}

export interface StatementAnswer<Sink extends RowSink> {
  readonly tag: string
  readonly status: TransactionStatus
  /** the portal has more rows */
  readonly suspended: boolean
  readonly rows: Sink | undefined
  /** how much came */
  readonly received: { readonly rows: number; readonly bytes: number }
}

/**
 * The server found out before it ran anything that what it holds under the name is gone or out of date. The routine is compared because
 * messages are translated.
 */
const isStale = (fields: ReportFields): boolean => {
  switch (fields.code) {
    case "26000":
    case "42P05":
      return true
    case "0A000":
      return fields.routine === "RevalidateCachedQuery"
    case "08P01":
      return fields.routine === "PortalSetResultFormat"
    default:
      return false
  }
}

/** What one flight with a first use has found out when it lands. */
interface First<Sink extends RowSink> {
  readonly late: LateRows<Sink> | undefined
  readonly parameterTypes: ReadonlyArray<number>
  readonly sink: Sink | undefined
}

/** A statement on its way. */
class Flight<Sink extends RowSink> {
  readonly bind: BindPortal
  readonly execute: ExecutePortal
  readonly sink: Sink | undefined
  readonly first: (() => First<Sink>) | undefined
  constructor(
    bind: BindPortal,
    execute: ExecutePortal,
    sink: Sink | undefined,
    first: (() => First<Sink>) | undefined
  ) {
    this.bind = bind
    this.execute = execute
    this.sink = sink
    this.first = first
  }
}

class Answered<Sink extends RowSink> implements StatementAnswer<Sink> {
  readonly tag: string
  readonly status: TransactionStatus
  readonly suspended: boolean
  readonly rows: Sink | undefined
  readonly received: ExecutePortal
  constructor(status: TransactionStatus, execute: ExecutePortal, rows: Sink | undefined) {
    this.tag = execute.tag
    this.status = status
    this.suspended = execute.suspended
    this.rows = rows
    this.received = execute
  }
}

const nothing: ReadonlyArray<Part> = []

export class StatementRun<Sink extends RowSink> implements Run {
  private dispatcher: Dispatcher | undefined = undefined
  private current: Exchange | undefined = undefined
  private repeated = false
  /** the catalogue was asked once for this execution; what it did not tell is text */
  private asked = false
  private abandoned = false
  private before: ReadonlyArray<Part>

  private readonly call: StatementCall<Sink>
  private readonly descriptions: Descriptions
  private readonly types: TypeStore
  private readonly settle: Settle<StatementAnswer<Sink>>
  constructor(call: StatementCall<Sink>, known: KnownStatements, settle: Settle<StatementAnswer<Sink>>) {
    this.call = call
    this.descriptions = known.descriptions
    this.types = known.types
    this.settle = settle
    this.before = call.before
  }

  start(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    if (this.abandoned) return this.settle(undefined, { _tag: "Abandoned" })
    const { describeFirst, identity, parameters } = this.call
    const described = this.descriptions.get(identity)
    if (described !== undefined) return this.runDescribed(dispatcher, described)
    if (describeFirst) return this.describe(dispatcher)
    const texts = parameters.texts()
    if (texts._tag === "Left") this.refuse(texts.left)
    else if (texts.right === undefined) this.describe(dispatcher)
    else this.runUndescribed(dispatcher, texts.right)
  }

  /** Nothing that follows is sent: behind a description it would run when its ROLLBACK has already gone by. */
  abandon(): void {
    this.abandoned = true
    if (this.current !== undefined) this.dispatcher?.abandon(this.current)
  }

  get isSent(): boolean {
    return this.current?.sent === true
  }

  /** Known to the database: Bind Execute, with Parse in front if this connection's server does not hold it. */
  private runDescribed(dispatcher: Dispatcher, description: Description): void {
    if (this.abandoned) return this.settle(undefined, { _tag: "Abandoned" })
    const { columns, name, parameterTypes } = description
    const missing = this.asked ? none : this.types.missingOf(description)
    if (missing.length > 0) return this.learn(dispatcher, missing, () => this.runDescribed(dispatcher, description))
    const { maxRows, parameters, portal, rows, sql } = this.call
    const prepared = columns === undefined ? undefined : rows?.prepare(columns)
    if (prepared?.mismatch !== undefined) {
      return this.settle(undefined, { _tag: "Refused", reason: prepared.mismatch })
    }
    const bound = parameters.bind(parameterTypes)
    if (bound._tag === "Left") return this.refuse(bound.left)
    const results = prepared?.formats ?? []
    const sink = prepared?.open() ?? rows?.open()
    const statement = this.isNamed(dispatcher) ? name : ""
    const held = statement !== "" && dispatcher.prepared.has(name)
    const bind = new BindValues(portal, statement, bound.right, results)
    if (held) {
      const execute = new ExecutePortal(portal, maxRows, sink ?? noRows, columns === undefined ? never : always)
      // not literals, of which V8 would put those that survive once into the old generation (see SharedRequest.ts)
      return this.submit(dispatcher, Array.of<Part>(bind, execute), new Flight(bind, execute, sink, undefined))
    }
    const describe = new DescribePortal(portal, sink ?? noRows)
    const execute = new ExecutePortal(portal, maxRows, sink ?? noRows, () => describe.columns !== undefined)
    const parse = this.parse(dispatcher, statement, sql, parameterTypes)
    this.submit(dispatcher, [...parse, bind, describe, execute], new Flight(bind, execute, sink, undefined))
  }

  /** Known to nobody, and its values mean the same whatever their types: one flight, values and rows as text. */
  private runUndescribed(dispatcher: Dispatcher, texts: ReadonlyArray<string | null>): void {
    const { maxRows, portal, rows } = this.call
    const late = rows === undefined ? undefined : new LateRows(() => rows.open(), this.types)
    const { describe, parse, statement } = this.parseAndDescribe(dispatcher, late ?? noRows)
    const bind = bindText(portal, statement, texts)
    const execute = new ExecutePortal(portal, maxRows, late ?? noRows, () => describe.columns !== undefined)
    const first = (): First<Sink> => {
      this.remember(describe)
      return { late, parameterTypes: describe.parameterTypes ?? [], sink: late?.sink ?? rows?.open() }
    }
    this.submit(dispatcher, [...parse, describe, bind, execute], new Flight(bind, execute, undefined, first))
  }

  /** Known to nobody, and the types matter: asked first, once per statement and database. */
  private describe(dispatcher: Dispatcher): void {
    const { describe, parse } = this.parseAndDescribe(dispatcher, noRows)
    const parts = [...this.before, ...parse, describe]
    this.before = []
    const group = new Group("describe", parts, (answer, failure) => {
      this.current = undefined
      const described = this.remember(describe)
      if (failure !== undefined) return this.failed(unrun(failure), false)
      if (answer === undefined || described === undefined)
        throw new Error("bug in pgfx: a description without an answer")
      this.runDescribed(dispatcher, described)
    })
    this.current = group
    dispatcher.submit(group)
  }

  private parseAndDescribe(dispatcher: Dispatcher, sink: RowSink) {
    const { declared, sql } = this.call
    const name = statementName(sql, declared)
    const statement = this.isNamed(dispatcher) ? name : ""
    const parse =
      statement !== "" && dispatcher.prepared.has(name) ? [] : this.parse(dispatcher, statement, sql, declared)
    return { statement, parse, describe: new DescribeStatement(statement, sink) }
  }

  private isNamed({ prepared }: Dispatcher): boolean {
    return this.call.named && prepared.limit > 0 && this.descriptions.mayName
  }

  /** Close of what was evicted travels in front of the next Parse. */
  private parse(
    { prepared }: Dispatcher,
    statement: string,
    sql: string,
    types: ReadonlyArray<number>
  ): ReadonlyArray<Part> {
    if (statement === "") return [new ParseStatement("", sql, types)]
    const evicted = prepared.begin(statement).map((name) => new CloseTarget("statement", name))
    return [...evicted, new ParseStatement(statement, sql, types, (parsed) => prepared.end(statement, parsed))]
  }

  private remember({ columns, done, parameterTypes }: DescribeStatement): Description | undefined {
    if (parameterTypes === undefined || !done) return undefined
    const { declared, identity, named, sql } = this.call
    if (!named) return { name: "", parameterTypes, columns, completeIn: undefined }
    return this.descriptions.set(identity, { name: statementName(sql, declared), parameterTypes, columns })
  }

  private submit(dispatcher: Dispatcher, parts: ReadonlyArray<Part>, flight: Flight<Sink>): void {
    const { before } = this
    this.before = nothing
    const group = new Group("extended query", before.length === 0 ? parts : [...before, ...parts], (answer, failure) =>
      this.landed(flight, answer, failure)
    )
    this.current = group
    dispatcher.submit(group)
  }

  private landed(flight: Flight<Sink>, answer: GroupAnswer | undefined, failure: ExchangeFailure | undefined): void {
    const { bind, execute, first } = flight
    this.current = undefined
    const learned = first?.()
    if (answer === undefined) {
      // An error that comes before BindComplete is one of Parse or Bind. That BindComplete has not come says nothing: replies wait for Sync.
      const refused = failure?._tag === "Reported" && !bind.bound
      return this.failed(refused ? unrun(failure) : failure, bind.bound)
    }
    const { status } = answer
    if (learned === undefined) return this.settle(new Answered(status, execute, flight.sink), undefined)
    this.judgeFirst(learned, new Answered(status, execute, learned.sink))
  }

  /** What went out as text is held to the types that have come back, as the next use will be. */
  private judgeFirst({ late, parameterTypes }: First<Sink>, answer: Answered<Sink>): void {
    const { dispatcher } = this
    const judge = (): void => {
      late?.replay()
      const bound = this.call.parameters.bind(parameterTypes)
      if (bound._tag === "Right")
        this.settle(new Answered(answer.status, answer.received, late?.sink ?? answer.rows), undefined)
      else this.settle(undefined, { _tag: "Unfit", error: bound.left, status: answer.status })
    }
    const missing = [...new Set([...(late?.missing ?? []), ...this.types.missing(parameterTypes)])]
    if (missing.length === 0 || dispatcher === undefined) judge()
    else this.learn(dispatcher, missing, judge)
  }

  private learn(dispatcher: Dispatcher, missing: ReadonlyArray<number>, then: () => void): void {
    this.asked = true
    this.current = learnTypes(dispatcher, this.types, missing, () => {
      this.current = undefined
      then()
    })
  }

  private failed(failure: ExchangeFailure | undefined, bound: boolean): void {
    const { dispatcher } = this
    if (failure?._tag === "Reported" && !bound && isStale(failure.fields) && dispatcher !== undefined) {
      const { declared, identity, sql } = this.call
      const name = statementName(sql, declared)
      this.descriptions.forget(identity)
      if (failure.fields.code === "26000") {
        if (dispatcher.prepared.lost(name)) this.descriptions.refusedAnew()
      } else {
        dispatcher.prepared.forget(name)
        // the name is that of its text, so somebody else has prepared the same on a session that he thinks is his
        if (failure.fields.code === "42P05") this.descriptions.refusedAnew()
      }
      // Inside a transaction the refusal has failed the transaction: nothing can be repeated in it.
      if (!this.repeated && dispatcher.status === "I" && this.call.before.length === 0) {
        this.repeated = true
        return this.start(dispatcher)
      }
    }
    this.settle(undefined, failure)
  }

  private refuse(error: PostgresError): void {
    this.settle(undefined, { _tag: "NotEncoded", error })
  }
}
