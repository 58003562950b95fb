// ⚡ Declarations: classes of `effect` that columns hold are asked for directly, all others by the parser that the Schema itself brings. Known by
// that parser, which `annotations` keeps: two declarations may have the same mark and different opinions.
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { markOf } from "../forms/encoded.ts"
import { type Decode, refused } from "./Decode.ts"
import { valueOf } from "./viaParseResult.ts"

type Compile = (ast: SchemaAST.AST) => Decode

const parserOf = ({ ast }: Schema.Schema.AnyNoContext): unknown =>
  SchemaAST.isDeclaration(ast) ? ast.decodeUnknown : undefined

const predicates: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map<unknown, (value: unknown) => boolean>([
  [parserOf(Schema.DateFromSelf), Predicate.isDate],
  [parserOf(Schema.DateTimeUtcFromSelf), (value) => DateTime.isDateTime(value) && DateTime.isUtc(value)],
  [parserOf(Schema.BigDecimalFromSelf), BigDecimal.isBigDecimal],
  [parserOf(Schema.DurationFromSelf), Duration.isDuration],
  [parserOf(Schema.Uint8ArrayFromSelf), Predicate.isUint8Array]
])

const compileOption = (inner: Decode): Decode => {
  const none = Option.none()
  return (value) => {
    if (!Option.isOption(value)) return refused
    if (Option.isNone(value)) return none
    const decoded = inner(value.value)
    if (decoded === refused) return refused
    return decoded === value.value ? value : Option.some(decoded)
  }
}

/** One of `effect`'s own classes of values, which nothing but its instances are. */
export const isKnownClass = (ast: SchemaAST.Declaration): boolean => predicates.has(ast.decodeUnknown)

export const compileDeclaration = (ast: SchemaAST.Declaration, compile: Compile): Decode => {
  const predicate = predicates.get(ast.decodeUnknown)
  if (predicate !== undefined) return (value) => (predicate(value) ? value : refused)
  const [inner] = ast.typeParameters
  if (markOf(ast) === "effect/Option" && inner !== undefined && ast.typeParameters.length === 1) {
    return compileOption(compile(inner))
  }
  const decode = ast.decodeUnknown(...ast.typeParameters)
  return (value) => valueOf(decode(value, SchemaAST.defaultParseOption, ast))
}
