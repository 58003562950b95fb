// Nodes that are not compiled: `ParseResult` decodes them, and them alone.
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { type Decode, refused, unsure } from "./Decode.ts"

/** The value of a synchronous success. */
export const valueOf = (result: unknown): unknown => {
  if (!Either.isEither(result)) throw unsure
  return Either.isRight(result) ? result.right : refused
}

export const viaParseResult = (ast: SchemaAST.AST): Decode => {
  const decode = ParseResult.decodeUnknown(Schema.make<unknown, unknown, unknown>(ast))
  return (value) => valueOf(decode(value))
}

/** `errors` decides how much is said about a refusal, and nothing else. */
const isHarmless = (options: SchemaAST.ParseOptions): boolean => Object.keys(options).every((key) => key === "errors")

/** The node's annotations change how everything below it is decoded. */
export const isAnnotatedAway = (ast: SchemaAST.AST): boolean =>
  Option.isSome(SchemaAST.getDecodingFallbackAnnotation(ast)) ||
  Option.exists(SchemaAST.getParseOptionsAnnotation(ast), (options) => !isHarmless(options))
