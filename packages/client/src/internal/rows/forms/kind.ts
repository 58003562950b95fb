// What a member of an encoded side is to a type of single values, by the marks that survive `annotations` and `brand`.
import * as SchemaAST from "effect/SchemaAST"
import { markOf, type Member } from "./encoded.ts"
import { numberIsInstant, textIsInstant } from "./known.ts"

/** What a member is to a single-value type. */
export type Kind =
  | "text"
  | "instantText"
  | "number"
  | "bit"
  | "instantNumber"
  | "bigint"
  | "boolean"
  | "date"
  | "dateTime"
  | "decimal"
  | "duration"
  | "bytes"
  | "struct"
  | "tuple"
  /** the type's default form, and the Schema judges */
  | "default"
  | "never"

const marks: ReadonlyMap<string, Kind> = new Map([
  ["Date", "date"],
  ["effect/DateTime.Utc", "dateTime"],
  ["effect/BigDecimal", "decimal"],
  ["effect/Duration", "duration"],
  ["Uint8Array", "bytes"]
])

const kindOfLiteral = (literal: SchemaAST.LiteralValue): Kind => {
  switch (typeof literal) {
    case "string":
      return "text"
    case "number":
      return literal === 0 || literal === 1 ? "bit" : "number"
    case "bigint":
      return "bigint"
    default:
      return "boolean"
  }
}

const isUnder = ({ under }: Member, known: ReadonlySet<unknown>): boolean =>
  under.some((transformation) => known.has(transformation))

export const kindOf = (member: Member): Kind => {
  const { node } = member
  switch (node._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
      return isUnder(member, textIsInstant) ? "instantText" : "text"
    case "NumberKeyword":
      return isUnder(member, numberIsInstant) ? "instantNumber" : "number"
    case "BigIntKeyword":
      return "bigint"
    case "BooleanKeyword":
      return "boolean"
    case "Literal":
      return kindOfLiteral(node.literal)
    case "Enums":
      return node.enums.every(([, value]) => typeof value === "number") ? "number" : "text"
    case "TypeLiteral":
      return "struct"
    case "TupleType":
      return "tuple"
    case "UnknownKeyword":
    case "AnyKeyword":
    case "ObjectKeyword":
      return "default"
    case "Declaration": {
      const mark = markOf(node)
      // marks of `effect` that are not listed are containers and run-time things: nothing the wire delivers can be one
      return mark === undefined ? "default" : (marks.get(mark) ?? (mark.startsWith("effect/") ? "never" : "default"))
    }
    default:
      return "never"
  }
}
