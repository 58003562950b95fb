// Rows as they arrive become values of a row Schema: bytes → forms (codecs) → Schema. One reader per execution. A row that does not
// decode stops the decoding, not the connection: what follows is read and thrown away.
import { makeRowDecoder, type RowDecoder, type TypeRegistry, ValueError } from "@pgfx/codecs"
import type { ColumnDescription, Rows } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { PermanentReason } from "../../PostgresError.ts"
import type { RowSink } from "../exchange/extendedQuery.ts"
import { type ChosenColumns, chooseColumns } from "./columns.ts"
import { explainIssue } from "./issue.ts"
import { type RowShape, rowShape } from "./shape.ts"

/** What went wrong with the rows of a statement that the server carried out. */
export type RowProblem = Extract<PermanentReason, { readonly _tag: "InvalidRow" | "StatementMismatch" }>

type Decoded<A> = Either.Either<A, ParseResult.ParseIssue> | Effect.Effect<A, ParseResult.ParseIssue, unknown>

/** Whatever it encodes to: Schema is invariant there, and rows are only ever decoded. */
// eslint-disable-next-line typescript/no-explicit-any
type RowSchema<A, R> = Schema.Schema<A, any, R>

/** A row Schema, looked at once per statement. */
export class RowPlan<A, R> {
  readonly shape: RowShape
  readonly decode: (row: unknown) => Decoded<A>
  readonly registry: TypeRegistry
  constructor(schema: RowSchema<A, R>, registry: TypeRegistry) {
    this.shape = rowShape(schema.ast)
    this.decode = ParseResult.decodeUnknown(schema)
    this.registry = registry
  }
  open(): RowReader<A, R> {
    return new RowReader<A, R>(this)
  }
}

export class RowReader<A, R> implements RowSink {
  /** the first one; nothing is decoded after it */
  problem: RowProblem | undefined = undefined
  private decoded: Array<A> = []
  /** takes the place of `decoded` once the Schema turns out to be asynchronous */
  private unfinished: Array<Effect.Effect<A, RowProblem, unknown>> | undefined = undefined
  private chosen: ChosenColumns | undefined = undefined
  private decoder: RowDecoder | undefined = undefined
  private row = 0

  private readonly plan: RowPlan<A, R>
  constructor(plan: RowPlan<A, R>) {
    this.plan = plan
  }

  describe(columns: ReadonlyArray<ColumnDescription>): void {
    this.chosen = chooseColumns(this.plan.shape, columns, this.plan.registry)
    const { findings } = this.chosen
    if (findings.length > 0) this.problem = { _tag: "StatementMismatch", findings }
    else this.decoder = makeRowDecoder(this.chosen)
  }

  rows(run: Rows): void {
    const { decoder } = this
    if (decoder === undefined || this.problem !== undefined) return
    const forms: Array<unknown> = []
    let problem: RowProblem | undefined
    try {
      decoder.decode(run, forms, this.row + 1)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      problem = this.invalidRow(error.column, withRemedy(error), error.row ?? this.row + forms.length + 1)
    }
    // The rows before one that cannot be read are good, and a stream emits them.
    for (let i = 0; i < forms.length && this.problem === undefined; i++)
      this.add(this.plan.decode(forms[i]), ++this.row)
    this.problem ??= problem
  }

  /** The rows since the last call, in order; fails with the problem when no good row is left before it. */
  take(): Effect.Effect<ReadonlyArray<A>, RowProblem, R> {
    const { decoded, problem, unfinished } = this
    if (unfinished !== undefined) {
      this.unfinished = []
      // The list holds nothing but decodings by this Schema, whose needs are R.
      return Effect.all(unfinished) as Effect.Effect<ReadonlyArray<A>, RowProblem, R>
    }
    if (problem !== undefined && decoded.length === 0) return Effect.fail(problem)
    this.decoded = []
    return Effect.succeed(decoded)
  }

  private add(result: Decoded<A>, row: number): void {
    if (this.unfinished === undefined && Either.isEither(result)) {
      if (Either.isRight(result)) this.decoded.push(result.right)
      else this.problem = this.refused(result.left, row)
      return
    }
    this.unfinished ??= this.decoded.splice(0).map((value) => Effect.succeed(value))
    this.unfinished.push(Effect.mapError(result, (issue) => this.refused(issue, row)))
  }

  private refused(issue: ParseResult.ParseIssue, row: number): RowProblem {
    const { path, text } = explainIssue(issue)
    const [first, ...inside] = path
    const { shape } = this.plan
    const column = shape._tag === "Struct" ? first : this.chosen?.columns[Number(first ?? 0)]?.name
    const where = (shape._tag === "Value" ? path : inside).map(String).join(".")
    return this.invalidRow(
      column === undefined ? undefined : String(column),
      where === "" ? text : `${where}: ${text}`,
      row
    )
  }

  private invalidRow(column: string | undefined, issue: string, row: number): RowProblem {
    const serverType = this.chosen?.columns.find((chosen) => chosen.name === column)?.codec.name
    return { _tag: "InvalidRow", column, row, issue, ...(serverType === undefined ? {} : { serverType }) }
  }
}

const withRemedy = (error: ValueError): string =>
  error.remedy === undefined ? error.issue : `${error.issue} (${error.remedy})`
