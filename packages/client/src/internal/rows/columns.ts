// Row shape × described columns → which column is read in which form, or the findings that say why the two do not fit.
import type { Codec, Form, NullRule, TypeRegistry } from "@pgfx/codecs"
import type { ColumnDescription, FormatCode } from "@pgfx/protocol"
import type * as SchemaAST from "effect/SchemaAST"
import type { Finding } from "../../PostgresError.ts"
import { quoteIdentifier } from "../sql/template.ts"
import { fitOf } from "./forms/fitOf.ts"
import type { Convert } from "./forms/Fit.ts"
import { type NullAs, nullAs } from "./forms/nulls.ts"
import type { RowShape } from "./shape.ts"

/** What of a column's description decides how it is read. */
export type DescribedColumn = Pick<ColumnDescription, "name" | "typeOid">

export interface ColumnRead {
  readonly key: string
  readonly form: Form | undefined
  /** from the form to the encoded side */
  readonly finish: Convert | undefined
  /** what `finish` changes would be refused without it: a Schema may be asked first */
  readonly finishLate: boolean
  readonly ifNull: NullRule | (() => unknown)
}

/** One column of the result, everything but its format decided. */
export interface ChosenColumn {
  readonly name: string
  readonly codec: Codec
  /** absent: the column is not read */
  readonly read: ColumnRead | undefined
}

export interface ChosenColumns {
  readonly shape: "object" | "tuple" | "single"
  /** in the order of the result */
  readonly columns: ReadonlyArray<ChosenColumn>
  /** to ask for, in the same order */
  readonly formats: ReadonlyArray<FormatCode>
  readonly findings: ReadonlyArray<Finding>
}

export const sameColumns = (a: ReadonlyArray<DescribedColumn>, b: ReadonlyArray<DescribedColumn>): boolean =>
  a === b ||
  (a.length === b.length && a.every((column, i) => column.name === b[i]!.name && column.typeOid === b[i]!.typeOid))

/** Text is what every type has: for columns that are not read. */
const formatOf = ({ codec, read }: ChosenColumn): FormatCode =>
  read === undefined ? 0 : (codec.reader(read.form)?.format ?? 0)

const ruleOf = (as: NullAs, optional: boolean): NullRule | (() => unknown) => {
  switch (as) {
    case "refuse":
      return optional ? "absent" : "refuse"
    case "opaque":
      return optional ? "absent" : "null"
    default:
      return as
  }
}

const listed = (columns: ReadonlyArray<DescribedColumn>): string =>
  columns.length === 0 ? "no columns" : columns.map((column) => column.name).join(", ")

/** What is wanted of each column, by its index; absent: nothing. */
class Choice {
  readonly findings: Array<Finding> = []
  private readonly chosen: Array<ChosenColumn | undefined>
  private readonly byName = new Map<string, number | "ambiguous">()

  private readonly described: ReadonlyArray<DescribedColumn>
  private readonly registry: TypeRegistry
  constructor(described: ReadonlyArray<DescribedColumn>, registry: TypeRegistry) {
    this.described = described
    this.registry = registry
    this.chosen = described.map(() => undefined)
    for (const [index, { name }] of described.entries())
      this.byName.set(name, this.byName.has(name) ? "ambiguous" : index)
  }

  refuse(column: string, message: string): void {
    this.findings.push({ severity: "error", at: { column }, message })
  }

  take(index: number, key: string, ast: SchemaAST.AST, optional: boolean): void {
    const { name, typeOid } = this.described[index]!
    const codec = this.registry.codecOf(typeOid)
    const fits = fitOf("read", [ast], codec)
    if (fits._tag === "Misfit") return this.refuse(name, fits.message)
    for (const message of fits.warnings) this.findings.push({ severity: "warning", at: { column: name }, message })
    this.chosen[index] = {
      name,
      codec,
      read: {
        key,
        form: fits.form,
        finish: fits.convert,
        finishLate: fits.convertLate,
        ifNull: ruleOf(nullAs([ast]), optional)
      }
    }
  }

  /** The column of that name, if there is exactly one: a name that stands twice cannot be a key. */
  find(name: string): number | "missing" | "ambiguous" {
    return this.byName.get(name) ?? "missing"
  }

  finish(shape: ChosenColumns["shape"]): ChosenColumns {
    const columns = this.chosen.map((column, index) => {
      const { name, typeOid } = this.described[index]!
      return column ?? { name, codec: this.registry.codecOf(typeOid), read: undefined }
    })
    return { shape, columns, formats: columns.map(formatOf), findings: this.findings }
  }
}

/** A column that was probably meant: the same letters in another spelling. */
const meant = (key: string, described: ReadonlyArray<DescribedColumn>): boolean => {
  const plain = (name: string): string => name.replaceAll(/[^\p{L}\p{N}]/gu, "").toLowerCase()
  return plain(key) !== "" && described.some(({ name }) => plain(name) === plain(key))
}

const missing = (key: string, described: ReadonlyArray<DescribedColumn>): string => {
  const hint = meant(key, described) ? ` (hint: AS ${quoteIdentifier(key)}, or Schema.fromKey)` : ""
  return `is missing; the statement returns ${listed(described)}${hint}`
}

const chooseStruct = (
  choice: Choice,
  shape: RowShape & { _tag: "Struct" },
  described: ReadonlyArray<DescribedColumn>
): void => {
  const ambiguous = new Set<string>()
  const take = (key: string, ast: SchemaAST.AST, optional: boolean): void => {
    const index = choice.find(key)
    if (typeof index === "number") return choice.take(index, key, ast, optional)
    if (index === "ambiguous") ambiguous.add(key)
    else if (!optional) choice.refuse(key, missing(key, described))
  }
  for (const field of shape.fields) take(field.key, field.ast, field.optional)
  const named = new Set(shape.fields.map((field) => field.key))
  const others = described.filter(({ name }) => !named.has(name))
  for (const { name } of others) {
    if (shape.rest !== undefined) take(name, shape.rest, false)
    else if (shape.refusesExcess) choice.refuse(name, "is not in the Schema, which refuses excess properties")
  }
  for (const key of ambiguous) choice.refuse(key, "occurs twice (hint: an alias, or Values)")
}

const chooseTuple = (
  choice: Choice,
  { at, least, most }: RowShape & { _tag: "Tuple" },
  described: ReadonlyArray<DescribedColumn>
): void => {
  const count = described.length
  if (count < least || count > most) {
    const expected = least === most ? `${least}` : count < least ? `at least ${least}` : `at most ${most}`
    return choice.refuse("", `${expected} columns are expected, the statement returns ${listed(described)}`)
  }
  for (let index = 0; index < count; index++) {
    const ast = at(index, count)
    if (ast !== undefined) choice.take(index, String(index), ast, false)
  }
}

/** Chooses columns and forms; with errors among the findings no row is to be read. */
export const chooseColumns = (
  shape: RowShape,
  described: ReadonlyArray<DescribedColumn>,
  registry: TypeRegistry
): ChosenColumns => {
  const choice = new Choice(described, registry)
  switch (shape._tag) {
    case "Struct":
      chooseStruct(choice, shape, described)
      return choice.finish("object")
    case "Tuple":
      chooseTuple(choice, shape, described)
      return choice.finish("tuple")
    case "Value":
      if (described.length === 1) choice.take(0, "0", shape.ast, false)
      else choice.refuse("", `one column is expected, the statement returns ${listed(described)}`)
      return choice.finish("single")
  }
}
