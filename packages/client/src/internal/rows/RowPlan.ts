// A row Schema, looked at once, and what it makes of the columns of a statement, once per description. Reads no bytes: RowReader does, from a
// PreparedRows or from what it is told.
import type { TypeRegistry } from "@pgfx/codecs"
import type { FormatCode } from "@pgfx/protocol"
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type { Finding } from "../../PostgresError.ts"
import { type ChosenColumns, chooseColumns, type DescribedColumn, sameColumns } from "./columns.ts"
import { type CompiledRow, compileRow, encodedRow } from "./compile/row.ts"
import { type ColumnOrigin, nullabilityFindings } from "./nullability.ts"
import { RowDecoding } from "./RowDecoding.ts"
import type { RowProblem } from "./RowProblem.ts"
import { RowReader } from "./RowReader.ts"
import { type RowShape, rowShape } from "./shape.ts"

export type { DescribedColumn } from "./columns.ts"
export type { ColumnOrigin } from "./nullability.ts"

/** An Either if the Schema decodes synchronously. */
export type Decoded<A> = Either.Either<A, ParseResult.ParseIssue> | Effect.Effect<A, ParseResult.ParseIssue, unknown>

/** Whatever it encodes to: Schema is invariant there, and rows are only ever decoded. */
// eslint-disable-next-line typescript/no-explicit-any
type RowSchema<A, R> = Schema.Schema<A, any, R>

/** A row Schema, looked at once per statement. */
export class RowPlan<A, R> {
  readonly ast: SchemaAST.AST
  readonly shape: RowShape
  readonly decode: (row: unknown) => Decoded<A>
  readonly registry: TypeRegistry
  private readonly known = new WeakMap<TypeRegistry, PreparedRows<A, R>>()

  /** `registry`: the types that `prepare` and `open` assume if they are given none. */
  constructor(schema: RowSchema<A, R>, registry: TypeRegistry) {
    this.ast = schema.ast
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
  /** the Schema turned out to be one that only ParseResult can decode */
  slowly = false
  private readonly plan: RowPlan<A, R>
  private readonly registry: TypeRegistry
  private compiled: CompiledRow | undefined = undefined
  private readonly decodings = new Map<string, RowDecoding>()

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

  /** some column is read by a Schema that has no place for NULL */
  get refusesNull(): boolean {
    return this.chosen.columns.some(({ read }) => read?.ifNull === "refuse")
  }

  /** Warnings for columns that may be NULL where the Schema has no place for it. `origins`: what the catalogue says, one per column. */
  nullability(origins: ReadonlyArray<ColumnOrigin | undefined>): ReadonlyArray<Finding> {
    return nullabilityFindings(this.chosen, origins)
  }

  /** @internal for rows in these formats */
  decoding(formats: ReadonlyArray<FormatCode>): RowDecoding {
    const key = formats.join("")
    const known = this.decodings.get(key)
    if (known !== undefined) return known
    this.compiled ??= compileRow(this.plan.ast, this.chosen)
    const made = new RowDecoding(this.compiled, encodedRow(this.chosen), formats)
    this.decodings.set(key, made)
    return made
  }
}
