// Rows as they arrive become values of a row Schema. A plan is made once per row Schema, prepared once per described statement, and opened
// once per execution. A row that does not decode stops the decoding, not the connection: what follows is read and thrown away. No reader
// keeps the bytes it is shown.
//
//   const plan = new RowPlan(schema, builtinTypes)           once per template
//   const rows = plan.prepare(columns, registry)             once per description (RowDescription or Describe(statement)); remembered per
//                                                            registry, so that asking again with the same columns costs a comparison
//   rows.formats                                             result formats for Bind, one per column
//   rows.findings, rows.mismatch                             errors and warnings; the errors as a reason (`NotSent` if nothing was sent)
//   rows.open()                                              reader for rows that come in `formats`; a RowDescription that comes all the
//                                                            same is compared and wins
//   plan.open(registry)                                      reader that is told by `describe`, in whatever formats (one flight, scripts)
//   reader.describe(columns), reader.rows(run)               as a RowSink
//   reader.all()                                             all rows, or the problem: buffered answers
//   reader.take(), reader.problem                            what is there, then the problem: streams
//
// A row is decoded by the compiled plan. What that does not take is decoded again by ParseResult, which has the last word: it says what is
// wrong, or that nothing is.
import { type RowDecoder, type TypeRegistry, ValueError } from "@pgfx/codecs"
import { type ColumnDescription, type FormatCode, ProtocolViolation, type Rows } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import { refused } from "./compile/Decode.ts"
import { type Explanation, explainIssues } from "./issue.ts"
import { dropRows, type RowDecoding } from "./RowDecoding.ts"
import type { Decoded, PreparedRows, RowPlan } from "./RowPlan.ts"
import type { RowProblem } from "./RowProblem.ts"

export type { DescribedColumn, PreparedRows, RowPlan } from "./RowPlan.ts"
export type { RowProblem } from "./RowProblem.ts"

/** After so many rows that only ParseResult took, if they are more than one in eight, a reader stops trying: each try costs an exception. */
const patience = 16

export class RowReader<A, R> {
  /** the first one; nothing is decoded after it */
  problem: RowProblem | undefined = undefined
  private decoded: Array<A> = []
  /** takes the place of `decoded` once the Schema turns out to be asynchronous */
  private unfinished: Array<Effect.Effect<A, RowProblem, unknown>> | undefined = undefined
  private decoding: RowDecoding | undefined = undefined
  private row = 0
  private doubts = 0
  /** what a function of the user's Schema threw: a bug of the program, and none of the connection's business */
  private thrown: { readonly error: unknown } | undefined = undefined

  private readonly plan: RowPlan<A, R>
  private readonly registry: TypeRegistry
  private prepared: PreparedRows<A, R> | undefined
  constructor(plan: RowPlan<A, R>, registry: TypeRegistry, prepared: PreparedRows<A, R> | undefined) {
    this.plan = plan
    this.registry = registry
    this.prepared = prepared
    if (prepared !== undefined) this.start(prepared, prepared.formats)
  }

  describe(columns: ReadonlyArray<ColumnDescription>): void {
    this.prepared = this.plan.prepare(columns, this.registry)
    this.start(
      this.prepared,
      columns.map((column) => column.format)
    )
  }

  private start(prepared: PreparedRows<A, R>, formats: ReadonlyArray<FormatCode>): void {
    this.problem = prepared.mismatch
    if (this.problem !== undefined) return
    try {
      this.decoding = prepared.decoding(formats)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      this.problem = mismatchOf(error)
    }
  }

  rows(run: Rows): void {
    const { decoding, prepared } = this
    if (decoding === undefined || prepared === undefined) return
    let rest = run
    while (rest.count > 0 && this.problem === undefined && this.thrown === undefined) {
      const failure = new Failed()
      const done = prepared.slowly || this.isTired() ? 0 : this.readCompiled(decoding, rest, failure)
      if (done === rest.count) return
      rest = dropRows(rest, done)
      this.readEncoded(decoding.encoded, rest, failure.error)
      rest = dropRows(rest, 1)
      this.doubts++
    }
  }

  private isTired(): boolean {
    return this.doubts > patience && this.doubts * 8 > this.row
  }

  /** Rows by the compiled plan, as many as it takes; answers their number. */
  private readCompiled({ compiled, step }: RowDecoding, run: Rows, failure: Failed): number {
    const { decoded } = this
    const before = decoded.length
    const rows: Array<unknown> = step === undefined ? decoded : []
    try {
      compiled.decode(run, rows, this.row + 1)
    } catch (error) {
      if (error instanceof ProtocolViolation) throw error
      failure.error = error
    }
    if (step !== undefined) this.finish(rows, step, failure)
    const done = decoded.length - before
    this.row += done
    return done
  }

  private finish(rows: ReadonlyArray<unknown>, step: NonNullable<RowDecoding["step"]>, failure: Failed): void {
    try {
      for (let i = 0; i < rows.length; i++) {
        const value = step(rows[i])
        if (value === refused) {
          failure.error = undefined
          return
        }
        // the property of agreement: what a compiled Schema answers is what the Schema answers
        this.decoded.push(value as A)
      }
    } catch {
      failure.error = undefined
    }
  }

  /** The first row of the run: in the forms of the encoded side, then through ParseResult. */
  private readEncoded(decoder: RowDecoder, run: Rows, cause: unknown): void {
    const encoded: Array<unknown> = []
    this.row++
    try {
      decoder.decode({ ...run, count: 1 }, encoded, this.row)
      this.add(this.plan.decode(encoded[0]), this.row, cause)
    } catch (error) {
      if (error instanceof ProtocolViolation) throw error
      if (error instanceof ValueError) this.problem = this.invalidRow(error.column, withRemedy(error), this.row)
      else this.thrown = { error }
    }
  }

  /** All rows of a buffered answer, if they are there and good: no Effect is needed then. Otherwise `all` tells. */
  ready(): ReadonlyArray<A> | undefined {
    const isReady = this.problem === undefined && this.thrown === undefined && this.unfinished === undefined
    return isReady ? this.decoded : undefined
  }

  /** All rows of a buffered answer, or the problem, whatever was good before it. */
  all(): Effect.Effect<ReadonlyArray<A>, RowProblem, R> {
    if (this.problem !== undefined) return Effect.fail(this.problem)
    if (this.unfinished === undefined) return this.take()
    return Effect.flatMap(this.take(), (rows) =>
      this.problem === undefined ? Effect.succeed(rows) : Effect.fail(this.problem)
    )
  }

  /** For streams: the rows since the last call, in order; the problem when no good row is left before it. */
  take(): Effect.Effect<ReadonlyArray<A>, RowProblem, R> {
    const { decoded, problem, thrown, unfinished } = this
    if (thrown !== undefined) return Effect.die(thrown.error)
    if (unfinished !== undefined && unfinished.length > 0) {
      this.unfinished = []
      return this.finishRows(unfinished)
    }
    if (problem !== undefined && decoded.length === 0) return Effect.fail(problem)
    this.decoded = []
    return Effect.succeed(decoded)
  }

  /** One after the other, up to the first that fails. */
  private finishRows(
    unfinished: ReadonlyArray<Effect.Effect<A, RowProblem, unknown>>
  ): Effect.Effect<ReadonlyArray<A>, RowProblem, R> {
    const rows: Array<A> = []
    const one = (row: Effect.Effect<A, RowProblem, unknown>) => Effect.map(row, (value) => void rows.push(value))
    const finished = Effect.matchEffect(Effect.forEach(unfinished, one, { discard: true }), {
      onSuccess: () => Effect.succeed(rows),
      onFailure: (problem) => {
        this.problem = problem
        return rows.length === 0 ? Effect.fail(problem) : Effect.succeed(rows)
      }
    })
    // The list holds nothing but decodings by this Schema, whose needs are R.
    return finished as Effect.Effect<ReadonlyArray<A>, RowProblem, R>
  }

  private add(result: Decoded<A>, row: number, cause: unknown): void {
    if (this.unfinished === undefined && Either.isEither(result)) {
      if (Either.isRight(result)) this.decoded.push(result.right)
      else this.problem = this.refused(result.left, row, cause)
      return
    }
    if (this.prepared !== undefined) this.prepared.slowly = true
    this.unfinished ??= this.decoded.splice(0).map((value) => Effect.succeed(value))
    this.unfinished.push(Effect.mapError(result, (issue) => this.refused(issue, row, undefined)))
  }

  /** What a codec said of the same row is nearer to the point: "infinity is no point in time" instead of "actual invalid Date". */
  private refused(issue: ParseResult.ParseIssue, row: number, cause: unknown): RowProblem {
    if (cause instanceof ValueError && cause.column !== undefined) {
      return this.invalidRow(cause.column, withRemedy(cause), row)
    }
    const [first, ...others] = explainIssues(issue, this.plan.shape._tag === "Struct")
    const { column, text } = this.placed(first)
    // with `errors: "all"` there may be more
    const more = others.map((other) => {
      const { column: at, text: what } = this.placed(other)
      return at === undefined ? `; ${what}` : `; column ${JSON.stringify(at)}: ${what}`
    })
    return this.invalidRow(column, text + more.join(""), row)
  }

  /** The column an issue is about, and what is left of its path in front of its text. */
  private placed({ path, text }: Explanation): { readonly column: string | undefined; readonly text: string } {
    const [first, ...inside] = path
    const { shape } = this.plan
    const column = shape._tag === "Struct" ? first : this.prepared?.columns[Number(first ?? 0)]?.name
    const where = (shape._tag === "Value" ? path : inside).map(String).join(".")
    return {
      column: column === undefined ? undefined : String(column),
      text: where === "" ? text : `${where}: ${text}`
    }
  }

  private invalidRow(column: string | undefined, issue: string, row: number): RowProblem {
    const serverType = this.prepared?.chosen.columns.find((chosen) => chosen.name === column)?.codec.name
    return { _tag: "InvalidRow", column, row, issue, ...(serverType === undefined ? {} : { serverType }) }
  }
}

class Failed {
  error: unknown = undefined
}

const mismatchOf = (error: ValueError): RowProblem => ({
  _tag: "StatementMismatch",
  findings: [{ severity: "error", at: { column: error.column ?? "" }, message: `${error.type}: ${withRemedy(error)}` }]
})

const withRemedy = (error: ValueError): string =>
  error.remedy === undefined ? error.issue : `${error.issue} (${error.remedy})`
