// What findings call a Schema: the way a programmer wrote it, as far as the AST still knows.
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"
import { markOf, type Member } from "./encoded.ts"

const keywords: Partial<Record<SchemaAST.AST["_tag"], string>> = {
  StringKeyword: "Schema.String",
  NumberKeyword: "Schema.Number",
  BooleanKeyword: "Schema.Boolean",
  BigIntKeyword: "Schema.BigIntFromSelf",
  UnknownKeyword: "Schema.Unknown",
  AnyKeyword: "Schema.Any",
  ObjectKeyword: "Schema.Object",
  SymbolKeyword: "Schema.SymbolFromSelf",
  NeverKeyword: "Schema.Never",
  VoidKeyword: "Schema.Void"
}

const declarations: ReadonlyMap<string, string> = new Map([
  ["Date", "Schema.DateFromSelf"],
  ["Uint8Array", "Schema.Uint8ArrayFromSelf"],
  ["effect/BigDecimal", "Schema.BigDecimalFromSelf"],
  ["effect/Duration", "Schema.DurationFromSelf"],
  ["effect/DateTime.Utc", "Schema.DateTimeUtcFromSelf"],
  ["effect/DateTime.Zoned", "Schema.DateTimeZonedFromSelf"]
])

/** One line, however large the Schema is. */
export const schemaName = (ast: SchemaAST.AST): string => {
  const keyword = keywords[ast._tag]
  if (keyword !== undefined) return keyword
  const declaration = declarations.get(markOf(ast) ?? "")
  if (declaration !== undefined) return declaration
  const identifier = Option.getOrUndefined(SchemaAST.getIdentifierAnnotation(ast))
  if (identifier !== undefined) return identifier
  const text = String(ast)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

/** A Schema with a name goes by it, `Int` or `Date`; otherwise what counts is its encoded side. */
export const memberName = ({ node, root }: Member): string =>
  Option.isSome(SchemaAST.getIdentifierAnnotation(root)) ? schemaName(root) : schemaName(node)
