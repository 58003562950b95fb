// ⚡ Rows of a Schema to values of columns: by the compiled check where encoding changes nothing, by ParseResult where it does or where the
// check doubts. Which codec writes which column is decided once per COPY. Writes nothing: packers do.
import { type Codec, type TypeRegistry, ValueError, type Writer } from "@pgfx/codecs"
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Finding, PermanentReason } from "../../PostgresError.ts"
import { checkOf, isChecked } from "../parameters/encodeValues.ts"
import { explained } from "../parameters/PreparedParameters.ts"
import { refused } from "../rows/compile/Decode.ts"
import { isAnnotatedAway } from "../rows/compile/viaParseResult.ts"
import type { Convert } from "../rows/forms/Fit.ts"
import { fitOf } from "../rows/forms/fitOf.ts"
import { explainIssue } from "../rows/issue.ts"
import type { DescribedColumn } from "../rows/RowPlan.ts"
import { type RowShape, rowShape } from "../rows/shape.ts"

/** What is wrong with a row of the source. */
export type InvalidRow = Extract<PermanentReason, { readonly _tag: "InvalidRow" }>
export type Mismatch = Extract<PermanentReason, { readonly _tag: "StatementMismatch" }>

export interface WrittenColumn {
  readonly name: string
  readonly codec: Codec
  readonly writer: Writer
  readonly convert: Convert | undefined
  /** of the encoded row; `undefined`: the row itself */
  readonly key: string | number | undefined
}

/** The encoded row if it is there at once. */
type EncodedRow =
  | Either.Either<unknown, ParseResult.ParseIssue>
  | Effect.Effect<unknown, ParseResult.ParseIssue, unknown>

/** Whatever it encodes to: Schema is invariant there. */
// eslint-disable-next-line typescript/no-explicit-any
export type RowSchema<A, R> = Schema.Schema<A, any, R>

/** A struct, or a class of one, whose fields are encoded as they are: the encoded row is the row. */
const plainFields = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.PropertySignature> | undefined => {
  if (isAnnotatedAway(ast)) return undefined
  if (SchemaAST.isTransformation(ast)) {
    // Schema.Class: its instances are checked by their fields
    const isClass = Option.isSome(SchemaAST.getSurrogateAnnotation(ast)) && SchemaAST.isDeclaration(ast.to)
    return isClass ? plainFields(ast.from) : undefined
  }
  if (!SchemaAST.isTypeLiteral(ast) || ast.indexSignatures.length > 0) return undefined
  const fields = ast.propertySignatures
  return fields.every(({ name, type }) => typeof name === "string" && isChecked(type)) ? fields : undefined
}

type FastCheck = (row: unknown) => boolean

const fastCheckOf = (ast: SchemaAST.AST): FastCheck | undefined => {
  const fields = plainFields(ast)?.map(({ isOptional, name, type }) => ({
    key: String(name),
    isOptional,
    check: checkOf(type)
  }))
  if (fields === undefined) return undefined
  return (row) => {
    if (typeof row !== "object" || row === null) return false
    // keys are looked up by the Schema's own names
    const object = row as Record<string, unknown>
    for (const { check, isOptional, key } of fields) {
      const value = object[key]
      if (value === undefined && isOptional) continue
      if (check(value) === refused) return false
    }
    return true
  }
}

/** A row Schema as it is written, looked at once per template. */
export class RowEncoding<A, R> {
  readonly shape: RowShape
  private readonly fast: FastCheck | undefined
  private readonly encode: (row: unknown) => EncodedRow

  constructor(schema: RowSchema<A, R>) {
    this.shape = rowShape(schema.ast)
    this.fast = fastCheckOf(schema.ast)
    this.encode = ParseResult.encodeUnknown(schema)
  }

  /** The encoded row, if nothing has to be done to it; `refused`: ask `encodeSlowly`. */
  encodeFast(row: A): unknown {
    return this.fast?.(row) === true ? row : refused
  }

  encodeSlowly(row: A): EncodedRow {
    return this.encode(row)
  }

  /** How each column is written, or why the Schema does not fit them. */
  columns(
    columns: ReadonlyArray<DescribedColumn>,
    registry: TypeRegistry
  ): { readonly columns: ReadonlyArray<WrittenColumn>; readonly mismatch: Mismatch | undefined } {
    const findings: Array<Finding> = []
    const refuse = (column: string, message: string): void =>
      void findings.push({ severity: "error", at: { column }, message })
    const written = columns.flatMap(({ name, typeOid }, i): ReadonlyArray<WrittenColumn> => {
      const source = this.sourceOf(name, i, columns.length)
      if (source === undefined) {
        refuse(name, "is not in the Schema (hint: list the columns that are to be written)")
        return []
      }
      const codec = registry.codecOf(typeOid)
      const fits = fitOf("write", [source.ast], codec)
      const writer = fits._tag === "Misfit" ? undefined : codec.writer(fits.form)
      if (fits._tag === "Misfit") refuse(name, fits.message)
      else if (writer === undefined) refuse(name, `the server expects ${codec.name}, which nothing is written as`)
      return fits._tag === "Misfit" || writer === undefined
        ? []
        : [{ name, codec, writer, convert: fits.convert, key: source.key }]
    })
    for (const key of this.leftOver(columns)) refuse(key, "is in the Schema, and not among the columns of the COPY")
    return { columns: written, mismatch: findings.length === 0 ? undefined : { _tag: "StatementMismatch", findings } }
  }

  private sourceOf(
    name: string,
    index: number,
    count: number
  ): { readonly ast: SchemaAST.AST; readonly key: string | number | undefined } | undefined {
    const { shape } = this
    switch (shape._tag) {
      case "Struct": {
        const ast = shape.fields.find((field) => field.key === name)?.ast ?? shape.rest
        return ast === undefined ? undefined : { ast, key: name }
      }
      case "Tuple": {
        const ast = shape.at(index, count)
        return ast === undefined ? undefined : { ast, key: index }
      }
      case "Value":
        return count === 1 ? { ast: shape.ast, key: undefined } : undefined
    }
  }

  /** What the row has and no column takes would be lost without a word. */
  private leftOver(columns: ReadonlyArray<DescribedColumn>): ReadonlyArray<string> {
    const { shape } = this
    if (shape._tag === "Tuple") return shape.least > columns.length ? [`${columns.length}`] : []
    if (shape._tag === "Value") return []
    return shape.fields.map((field) => field.key).filter((key) => !columns.some(({ name }) => name === key))
  }
}

/** What of an encoded row goes into a column; `null`: NULL. */
export const valueFor = ({ convert, key }: WrittenColumn, encoded: unknown): unknown => {
  // the shape of the Schema says what its encoded side is
  const value = key === undefined ? encoded : (encoded as Record<string | number, unknown>)[key]
  if (value === null || value === undefined) return null
  return convert === undefined ? value : convert(value)
}

export const invalidValue = ({ codec, name }: WrittenColumn, row: number, issue: string): InvalidRow => ({
  _tag: "InvalidRow",
  column: name,
  row,
  issue,
  serverType: codec.name
})

/** Why a codec did not take a value. Anything else that is thrown is a bug. */
export const refusalOf = (error: unknown): string => {
  if (error instanceof ValueError) return explained(error)
  throw error
}

export const invalidEncoding = (issue: ParseResult.ParseIssue, row: number): InvalidRow => {
  const { path, text } = explainIssue(issue)
  const [column, ...inside] = path.map(String)
  return { _tag: "InvalidRow", column, row, issue: inside.length === 0 ? text : `${inside.join(".")}: ${text}` }
}

/** The table was changed after it was asked about, or is not what it was taken for. */
export const countMismatch = (described: number, announced: number): Finding => ({
  severity: "error",
  at: { column: "" },
  message: `${described} columns were described, the COPY has ${announced}`
})
