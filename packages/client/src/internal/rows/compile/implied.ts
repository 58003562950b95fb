// ⚡ What a Schema need not be asked, because the codec's form already says it: `typeof` of a text is "string", an int4 is a safe integer. A column
// of which nothing is left to ask costs nothing.
import type { Codec, Form } from "@pgfx/codecs"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { isAnnotatedAway } from "./viaParseResult.ts"

/** What every value of a form is. */
type Known = "string" | "number" | "bigint" | "boolean"

const knownOf: ReadonlyMap<unknown, Known> = new Map<Form, Known>([
  ["text", "string"],
  ["utcText", "string"],
  ["number", "number"],
  ["millis", "number"],
  ["bigint", "bigint"],
  ["boolean", "boolean"]
])

const keywords: Readonly<Record<Known, SchemaAST.AST["_tag"]>> = {
  string: "StringKeyword",
  number: "NumberKeyword",
  bigint: "BigIntKeyword",
  boolean: "BooleanKeyword"
}

const integers = new Set(["int2", "int4", "int8", "oid", "xid", "cid", "xid8"])
const ofIntegers = new Set<unknown>([Schema.IntSchemaId, Schema.FiniteSchemaId, Schema.NonNaNSchemaId])

/** Filters that every value of the type passes. */
const isImpliedFilter = (ast: SchemaAST.Refinement, known: Known, codec: Codec): boolean => {
  const id = Option.getOrUndefined(SchemaAST.getSchemaIdAnnotation(ast))
  if (known === "number") return ofIntegers.has(id) && integers.has(codec.name)
  return known === "string" && id === Schema.UUIDSchemaId && codec.name === "uuid"
}

/** A member that refuses every value of this kind, so that a later one may be what takes it. */
const isOther = (ast: SchemaAST.AST, known: Known): boolean => {
  switch (ast._tag) {
    case "StringKeyword":
    case "NumberKeyword":
    case "BigIntKeyword":
    case "BooleanKeyword":
      return ast._tag !== keywords[known]
    case "UndefinedKeyword":
      return true
    case "Literal":
      return typeof ast.literal !== known
    default:
      return false
  }
}

const isImplied = (ast: SchemaAST.AST, known: Known, codec: Codec): boolean => {
  if (isAnnotatedAway(ast)) return false
  switch (ast._tag) {
    case "UnknownKeyword":
    case "AnyKeyword":
      return true
    case "Refinement":
      return isImpliedFilter(ast, known, codec) && isImplied(ast.from, known, codec)
    case "Union": {
      const deciding = ast.types.find((type) => !isOther(type, known))
      return deciding !== undefined && isImplied(deciding, known, codec)
    }
    default:
      return ast._tag === keywords[known]
  }
}

/** Every value in this form is taken by the Schema as it is. */
export const takesAll = (ast: SchemaAST.AST, form: Form | undefined, codec: Codec): boolean => {
  if (SchemaAST.isUnknownKeyword(ast) || SchemaAST.isAnyKeyword(ast)) return !isAnnotatedAway(ast)
  const known = knownOf.get(form)
  return known !== undefined && isImplied(ast, known, codec)
}
