// ⚡ Transformations of `effect` that a codec can do itself: `Schema.Date` over a timestamptz is a `Date` made from eight bytes, without the text
// in between (0.05 µs instead of 0.4). The result is the same; what the codec refuses is decoded again the long way.
import type { Codec, ScalarForm } from "@pgfx/codecs"
import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { toBigDecimal, toDateTimeUtc } from "../forms/effectValues.ts"
import type { Convert } from "../forms/Fit.ts"
import { transformationOf } from "../forms/known.ts"
import { isAnnotatedAway } from "./viaParseResult.ts"

interface Shortcut {
  readonly form: ScalarForm
  readonly finish?: Convert
  /** the form that is left out: where the type has another for it, the text may say more than the value */
  readonly types: ReadonlySet<string>
}

const instants = new Set(["timestamptz", "timestamp", "date"])
const integers = new Set(["int2", "int4", "int8", "oid"])

const toNormalized: Convert = (value) => BigDecimal.normalize(toBigDecimal(value))

const shortcuts: ReadonlyMap<unknown, Shortcut> = new Map<unknown, Shortcut>([
  [transformationOf(Schema.DateFromString), { form: "date", types: instants }],
  [transformationOf(Schema.DateFromNumber), { form: "date", types: instants }],
  [transformationOf(Schema.DateTimeUtc), { form: "millis", finish: toDateTimeUtc, types: instants }],
  [transformationOf(Schema.DateTimeUtcFromNumber), { form: "millis", finish: toDateTimeUtc, types: instants }],
  [transformationOf(Schema.DateTimeUtcFromDate), { form: "millis", finish: toDateTimeUtc, types: instants }],
  [transformationOf(Schema.NumberFromString), { form: "number", types: new Set([...integers, "float8"]) }],
  [transformationOf(Schema.BigInt), { form: "bigint", types: integers }],
  [transformationOf(Schema.BigDecimal), { form: "decimal", finish: toNormalized, types: new Set(["numeric"]) }],
  [transformationOf(Schema.Uint8Array), { form: "bytes", types: new Set(["bytea"]) }]
])

/** Nothing is asked of the encoded side beyond its type. */
const isBare = (ast: SchemaAST.AST): boolean => {
  if (isAnnotatedAway(ast)) return false
  switch (ast._tag) {
    case "StringKeyword":
    case "NumberKeyword":
      return true
    case "Declaration":
      return ast.typeParameters.length === 0
    case "TupleType":
      return ast.elements.length === 0
    default:
      return false
  }
}

export interface Short {
  readonly form: ScalarForm
  /** from the form to what the transformation gives */
  readonly finish: Convert | undefined
}

/** How a node's transformation is left out; `undefined` if it is not. The node itself, not what is above it. */
export const shortcutFor = (ast: SchemaAST.AST, codec: Codec): Short | undefined => {
  if (!SchemaAST.isTransformation(ast) || isAnnotatedAway(ast) || isAnnotatedAway(ast.to) || !isBare(ast.from))
    return undefined
  const found = shortcuts.get(ast.transformation)
  if (found === undefined || !found.types.has(codec.name) || !codec.forms.includes(found.form)) return undefined
  return { form: found.form, finish: found.finish }
}
