// Which form of a value a Schema takes: the encoded side chooses, the codec builds that form directly (design of values, §3).
import type { Codec, Form } from "@pgfx/codecs"
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"
import { encodedNode } from "./shape.ts"

/** How the encoded side of a Schema receives NULL. */
export type NullAs = "null" | "undefined" | "refused"

const isNull = (ast: SchemaAST.AST): boolean => SchemaAST.isLiteral(ast) && ast.literal === null

const members = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  const node = encodedNode(ast)
  return SchemaAST.isUnion(node) ? node.types.flatMap(members) : [node]
}

export const nullAs = (ast: SchemaAST.AST): NullAs => {
  const all = members(ast)
  if (all.some((node) => isNull(node) || SchemaAST.isUnknownKeyword(node) || SchemaAST.isAnyKeyword(node)))
    return "null"
  return all.some(SchemaAST.isUndefinedKeyword) ? "undefined" : "refused"
}

const literalForm = (literal: SchemaAST.LiteralValue): Form | undefined => {
  switch (typeof literal) {
    case "string":
      return "text"
    case "number":
      return "number"
    case "bigint":
      return "bigint"
    case "boolean":
      return "boolean"
    default:
      return undefined
  }
}

/** The type a declaration is for, by the mark that survives `annotations` and `brand`. */
const constructorOf = (ast: SchemaAST.Declaration): string | undefined =>
  Option.getOrUndefined(Option.map(SchemaAST.getTypeConstructorAnnotation(ast), (mark) => mark._tag))

const declarationForms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["Date", "date"],
  ["Uint8Array", "bytes"]
])

/** `undefined`: takes whatever the type's default is. `"unreadable"`: nothing the wire delivers can be this. */
type Wanted = Form | undefined | "unreadable"

const wantedBy = (node: SchemaAST.AST, codec: Codec): Wanted => {
  switch (node._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
      return "text"
    case "NumberKeyword":
      return "number"
    case "BigIntKeyword":
      return "bigint"
    case "BooleanKeyword":
      return "boolean"
    case "Literal":
      return literalForm(node.literal)
    case "Enums":
      return typeof node.enums[0]?.[1] === "number" ? "number" : "text"
    case "Declaration": {
      const mark = constructorOf(node)
      return mark === undefined ? undefined : (declarationForms.get(mark) ?? "unreadable")
    }
    case "TupleType":
      return codec.shape._tag === "Array" || codec.shape._tag === "Composite" ? codec.defaultForm : "json"
    case "TypeLiteral":
      return codec.defaultForm
    default:
      return undefined
  }
}

/** The form to read a column in, or `"unreadable"` if the type has none that the Schema takes. */
export const formFor = (ast: SchemaAST.AST, codec: Codec): Form | "unreadable" => {
  const wanted = members(ast)
    .filter((node) => !isNull(node) && !SchemaAST.isUndefinedKeyword(node))
    .map((node) => wantedBy(node, codec))
  if (wanted.length === 0) return codec.defaultForm
  const usable = wanted
    .map((form) => form ?? codec.defaultForm)
    .filter((form) => form !== "unreadable" && codec.reader(form) !== undefined)
  // Several forms in a union: the type's own default if a member takes it, else the first member's.
  return usable.find((form) => form === codec.defaultForm) ?? usable[0] ?? "unreadable"
}
