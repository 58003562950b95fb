// ⚡ Transformations: the encoded side compiled, the user's function called as it is, the type side compiled. Property signatures with defaults,
// Options or other keys are transformations of a whole object, member by member.
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { transformationOf } from "../forms/known.ts"
import { isObject, setOwn } from "../ownKey.ts"
import { type Decode, identity, refused, unsure } from "./Decode.ts"
import { instantOf } from "./isoInstant.ts"
import { isAnnotatedAway, valueOf } from "./viaParseResult.ts"

type Compile = (ast: SchemaAST.AST) => Decode

/** What a transformation of `effect` does to the text of an instant, without its bookkeeping. What is no instant is left to it. */
const instants: ReadonlyMap<unknown, (millis: number) => unknown> = new Map<unknown, (millis: number) => unknown>([
  [transformationOf(Schema.DateFromString), (millis) => new Date(millis)],
  [transformationOf(Schema.DateTimeUtc), (millis) => DateTime.unsafeMake(millis)]
])

const compileInstant = (make: (millis: number) => unknown, from: Decode, otherwise: Decode): Decode => {
  return (value) => {
    const encoded = from(value)
    if (typeof encoded !== "string") return refused
    const millis = instantOf(encoded)
    return Number.isNaN(millis) ? otherwise(value) : make(millis)
  }
}

/** As ParseResult applies them: in order, on an object of our own. */
export const transformProperties =
  ({ propertySignatureTransformations }: SchemaAST.TypeLiteralTransformation): Decode =>
  (value) => {
    if (!isObject(value)) return refused
    const symbols = propertySignatureTransformations.some(
      ({ from, to }) => typeof from === "symbol" || typeof to === "symbol"
    )
    if (symbols) throw unsure
    for (const { decode, from, to } of propertySignatureTransformations) {
      const key = String(from)
      const decoded = decode(Object.hasOwn(value, key) ? Option.some(value[key]) : Option.none())
      delete value[key]
      if (Option.isSome(decoded)) setOwn(value, String(to), decoded.value)
    }
    return value
  }

/** What stands between the encoded and the type side. */
export const stepOf = (ast: SchemaAST.Transformation): Decode => {
  const { transformation } = ast
  switch (transformation._tag) {
    case "ComposeTransformation":
      return identity
    case "TypeLiteralTransformation":
      return transformProperties(transformation)
    case "FinalTransformation":
      return (value) => valueOf(transformation.decode(value, SchemaAST.defaultParseOption, ast, value))
  }
}

export const compileTransformation = (ast: SchemaAST.Transformation, compile: Compile): Decode => {
  const from = compile(ast.from)
  const to = compile(ast.to)
  const { transformation } = ast
  if (SchemaAST.isFinalTransformation(transformation)) {
    const decode: Decode = (value) => {
      const encoded = from(value)
      if (encoded === refused) return refused
      const decoded = valueOf(transformation.decode(encoded, SchemaAST.defaultParseOption, ast, value))
      return decoded === refused ? refused : to(decoded)
    }
    const make = isAnnotatedAway(ast.to) ? undefined : instants.get(transformation)
    return make === undefined ? decode : compileInstant(make, from, decode)
  }
  const step = stepOf(ast)
  return (value) => {
    const encoded = from(value)
    if (encoded === refused) return refused
    const decoded = step(encoded)
    return decoded === refused ? refused : to(decoded)
  }
}
