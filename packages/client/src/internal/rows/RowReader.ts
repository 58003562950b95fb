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
//   reader.describe(columns) / rows(run) / take() / problem  as before
import type { TypeRegistry } from "@pgfx/codecs"
import { type RowDecoder, ValueError } from "@pgfx/codecs"
import type { ColumnDescription, FormatCode, Rows } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { Finding } from "../../PostgresError.ts"
import { type ChosenColumns, chooseColumns, type DescribedColumn, makeDecoder, sameColumns } from "./columns.ts"
import { explainIssue } from "./issue.ts"
import type { RowProblem } from "./RowProblem.ts"
import { type RowShape, rowShape } from "./shape.ts"

export type { DescribedColumn } from "./columns.ts"
export type { RowProblem } from "./RowProblem.ts"

type Decoded<A> = Either.Either<A, ParseResult.ParseIssue> | Effect.Effect<A, ParseResult.ParseIssue, unknown>

/** Whatever it encodes to: Schema is invariant there, and rows are only ever decoded. */
// eslint-disable-next-line typescript/no-explicit-any
type RowSchema<A, R> = Schema.Schema<A, any, R>

/** A row Schema, looked at once per statement. */
export class RowPlan<A, R> {
  readonly shape: RowShape
  readonly decode: (row: unknown) => Decoded<A>
  readonly registry: TypeRegistry
  private readonly known = new WeakMap<TypeRegistry, PreparedRows<A, R>>()

  /** `registry`: the types that `prepare` and `open` assume if they are given none. */
  constructor(schema: RowSchema<A, R>, registry: TypeRegistry) {
    this.shape = rowShape(schema.ast)
    this.decode = ParseResult.decodeUnknown(schema)
    this.registry = registry
  }

  /** What the Schema makes of these columns. */
  prepare(columns: ReadonlyArray<DescribedColumn>, registry: TypeRegistry = this.registry): PreparedRows<A, R> {
    const known = this.known.get(registry)
    if (known !== undefined && sameColumns(known.columns, columns)) return known
    const prepared = new PreparedRows(this, columns, registry)
    this.known.set(registry, prepared)
    return prepared
  }

  /** A reader that waits to be told its columns. */
  open(registry: TypeRegistry = this.registry): RowReader<A, R> {
    return new RowReader(this, registry, undefined)
  }
}

/** A row Schema and the columns of one statement. */
export class PreparedRows<A, R> {
  readonly columns: ReadonlyArray<DescribedColumn>
  /** to ask for in Bind, one per column */
  readonly formats: ReadonlyArray<FormatCode>
  /** errors and warnings, all of them */
  readonly findings: ReadonlyArray<Finding>
  /** why no row can be read, if the findings hold errors */
  readonly mismatch: RowProblem | undefined
  readonly chosen: ChosenColumns
  private readonly plan: RowPlan<A, R>
  private readonly registry: TypeRegistry
  private readonly decoders = new Map<string, RowDecoder>()

  constructor(plan: RowPlan<A, R>, columns: ReadonlyArray<DescribedColumn>, registry: TypeRegistry) {
    this.plan = plan
    this.columns = columns
    this.registry = registry
    this.chosen = chooseColumns(plan.shape, columns, registry)
    this.formats = this.chosen.formats
    this.findings = this.chosen.findings
    const errors = this.findings.filter((finding) => finding.severity === "error")
    this.mismatch = errors.length === 0 ? undefined : { _tag: "StatementMismatch", findings: errors }
  }

  /** A reader for one execution whose rows come in `formats`. */
  open(): RowReader<A, R> {
    return new RowReader(this.plan, this.registry, this)
  }

  /** @internal for rows in these formats */
  decoder(formats: ReadonlyArray<FormatCode>): RowDecoder {
    const key = formats.join("")
    const known = this.decoders.get(key)
    if (known !== undefined) return known
    const made = makeDecoder(this.chosen, formats)
    this.decoders.set(key, made)
    return made
  }
}

export class RowReader<A, R> {
  /** the first one; nothing is decoded after it */
  problem: RowProblem | undefined = undefined
  private decoded: Array<A> = []
  /** takes the place of `decoded` once the Schema turns out to be asynchronous */
  private unfinished: Array<Effect.Effect<A, RowProblem, unknown>> | undefined = undefined
  private decoder: RowDecoder | undefined = undefined
  private row = 0

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
    if (this.problem === undefined) this.decoder = prepared.decoder(formats)
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
    const column = shape._tag === "Struct" ? first : this.prepared?.columns[Number(first ?? 0)]?.name
    const where = (shape._tag === "Value" ? path : inside).map(String).join(".")
    return this.invalidRow(
      column === undefined ? undefined : String(column),
      where === "" ? text : `${where}: ${text}`,
      row
    )
  }

  private invalidRow(column: string | undefined, issue: string, row: number): RowProblem {
    const serverType = this.prepared?.chosen.columns.find((chosen) => chosen.name === column)?.codec.name
    return { _tag: "InvalidRow", column, row, issue, ...(serverType === undefined ? {} : { serverType }) }
  }
}

const withRemedy = (error: ValueError): string =>
  error.remedy === undefined ? error.issue : `${error.issue} (${error.remedy})`
