// json and jsonb under an encoded side. The text goes untouched where the Schema wants a string; otherwise the value is parsed, and its numbers
// become what the Schema has at their place: a bigint, a double that holds them exactly, or their digits as a BigDecimal.
import { decimalText, JsonNumber } from "@pgfx/codecs"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as SchemaAST from "effect/SchemaAST"
import { isObject, setOwn } from "../ownKey.ts"
import { isNothing, markOf, type Member, membersOf } from "./encoded.ts"
import { type Convert, type Direction, fit, type Fit, misfit, type Misfit } from "./Fit.ts"
import { memberName } from "./schemaName.ts"
import { isBigDecimal, shaper } from "./jsonShape.ts"
import { kindOf } from "./kind.ts"
import { arrayLikeOf, wrapperOf } from "./wrappers.ts"

/** Also literals and enums: what a string is to a json type must not depend on how narrow its Schema is. */
const isText = (member: Member): boolean => {
  const kind = kindOf(member)
  return kind === "text" || kind === "instantText"
}

/** What has no place inside JSON. */
const isForeign = (member: Member): boolean => {
  const mark = markOf(member.node)
  if (mark === undefined || isBigDecimal(member)) return false
  return wrapperOf(member.node) === undefined && arrayLikeOf(member.node) === undefined
}

interface Scan {
  readonly foreign: Member | undefined
  readonly hasBigDecimal: boolean
  readonly hasBigint: boolean
  readonly hasWrapper: boolean
}

const partsOf = (node: SchemaAST.AST): ReadonlyArray<ReadonlyArray<SchemaAST.AST>> => {
  if (SchemaAST.isTypeLiteral(node)) {
    return [...node.propertySignatures, ...node.indexSignatures].map((part) => [part.type])
  }
  const inner = wrapperOf(node)?.inner
  return inner === undefined ? (arrayLikeOf(node)?.elements ?? []).map((element) => [element]) : [[inner]]
}

/** Everything that a Schema has below an encoded side, each once. */
const scan = (asts: ReadonlyArray<SchemaAST.AST>): Scan => {
  const seen = new Set<SchemaAST.AST>()
  const all: Array<Member> = []
  let foreign: Member | undefined
  const visit = (asts: ReadonlyArray<SchemaAST.AST>): void => {
    const members = membersOf(asts).filter((member) => !isNothing(member))
    // of several, another may be what comes
    if (members.length > 0 && members.every(isForeign)) foreign ??= members[0]
    for (const member of members) {
      if (seen.has(member.node)) continue
      seen.add(member.node)
      all.push(member)
      partsOf(member.node).forEach(visit)
    }
  }
  visit(asts)
  const isBigint = ({ node }: Member): boolean =>
    SchemaAST.isBigIntKeyword(node) || (SchemaAST.isLiteral(node) && typeof node.literal === "bigint")
  return {
    foreign,
    hasBigint: all.some(isBigint),
    hasBigDecimal: all.some(isBigDecimal),
    hasWrapper: all.some(({ node }) => SchemaAST.isDeclaration(node) && markOf(node) !== undefined)
  }
}

/** Numeric's own limit: up to it a scale is written out, so that `1.50` stays `1.50`. */
const maxScale = 16_383

const opened = (value: unknown): unknown => {
  if (Option.isOption(value)) return Option.getOrNull(value)
  if (Redacted.isRedacted(value)) return Redacted.value(value)
  if (Chunk.isChunk(value)) return Chunk.toReadonlyArray(value)
  return value instanceof Set || value instanceof Map ? [...value] : value
}

/** An encoded value as JSON can write it: a BigDecimal as its digits, wrappers opened. */
const neutral: Convert = (input) => {
  if (BigDecimal.isBigDecimal(input)) {
    const { scale, value: unscaled } = input
    const isPlain = scale >= 0 && scale <= maxScale
    return new JsonNumber(isPlain ? decimalText({ unscaled, scale }) : `${unscaled}e${-scale}`)
  }
  const value = opened(input)
  if (value !== input) return neutral(value)
  if (Array.isArray(value)) return value.map(neutral)
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) setOwn(copy, key, neutral(value[key]))
  return copy
}

export const jsonFit = (direction: Direction, asts: ReadonlyArray<SchemaAST.AST>, typeName: string): Fit | Misfit => {
  const members = membersOf(asts).filter((member) => !isNothing(member))
  if (members.every(isText)) return fit(direction === "read" ? "text" : undefined)
  const { foreign, hasBigDecimal, hasBigint, hasWrapper } = scan(asts)
  if (foreign !== undefined) {
    const hint =
      markOf(foreign.node) === "Date" ? "JSON has no dates: use Schema.Date" : "choose a Schema that encodes to JSON"
    return misfit(`${typeName} has no ${memberName(foreign)}`, hint)
  }
  if (direction === "write") return fit("json", hasBigDecimal || hasWrapper ? neutral : undefined)
  // without these, all that is to be done is to make doubles of whole numbers beyond 2^53, which only a Schema for bigint takes as they are
  const convertLate = !hasBigDecimal && !hasBigint && !hasWrapper
  return { ...fit(hasBigDecimal ? "jsonNumbers" : "json", shaper()(asts)), convertLate }
}
