// The arguments of a call become the encoded values of `$1 …`, through their Schemas. Decides no format and looks at no type of the server.
// Nothing is sent before all have passed.
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as SchemaAST from "effect/SchemaAST"
import { Permanent, type StatementInfo } from "../../PostgresError.ts"
import { compile } from "../rows/compile/compile.ts"
import { type Decode, refused } from "../rows/compile/Decode.ts"
import { isKnownClass } from "../rows/compile/declaration.ts"
import { isAnnotatedAway } from "../rows/compile/viaParseResult.ts"
import { explainIssue } from "../rows/issue.ts"
import type { Source } from "../sql/template.ts"
import type { Statement } from "../Statement.ts"

export type Arguments = Readonly<Record<string, unknown>>

/** Refused before a byte was written. `issue` never holds the value. */
export const invalidParameter = (statement: StatementInfo, parameter: string, issue: string): Permanent =>
  new Permanent({ reason: { _tag: "InvalidParameter", parameter, issue }, outcome: "NotSent", statement })

const valueOf = (source: Source, args: Arguments): unknown =>
  source._tag === "Value" ? source.value : Object.hasOwn(args, source.name) ? args[source.name] : undefined

type Encoded = Either.Either<unknown, Permanent> | Effect.Effect<unknown, Permanent, unknown>

/** Encodes one source. An `Either` if its Schema encodes synchronously, which costs no fiber step. */
type EncodeSource = (args: Arguments) => Encoded

// ParseResult gives an Either for all that is synchronous, and Either is an Effect: no fiber is needed to look inside.
export const isEither = <A, E>(effect: Effect.Effect<A, E, unknown>): effect is Either.Either<A, E> =>
  Either.isEither(effect)

/**
 * Encoding such a Schema is checking it: no transformation, and no declaration but those whose instances are all they take. For these the
 * compiled check does what `encodeUnknown` does, in a tenth of the time (0.05 µs for an Int; Node 20).
 */
export const isChecked = (ast: SchemaAST.AST): boolean => {
  if (isAnnotatedAway(ast)) return false
  switch (ast._tag) {
    case "StringKeyword":
    case "NumberKeyword":
    case "BooleanKeyword":
    case "BigIntKeyword":
    case "Literal":
    case "Enums":
    case "TemplateLiteral":
      return true
    case "Refinement":
      return isChecked(ast.from)
    case "Union":
      return ast.types.every(isChecked)
    case "TupleType":
      return [...ast.elements, ...ast.rest].every((element) => isChecked(element.type))
    case "Declaration":
      return isKnownClass(ast)
    default:
      return false
  }
}

/** `refused`: ParseResult has to say. */
export const checkOf = (ast: SchemaAST.AST): Decode => {
  const check = isChecked(ast) ? compile(ast) : undefined
  if (check === undefined) return () => refused
  return (value) => {
    try {
      return check(value)
    } catch {
      // a filter that throws does so again below, where ParseResult calls it
      return refused
    }
  }
}

/** Made once per statement: ParseResult compiles the Schema here. */
const makeEncodeSource = (statement: StatementInfo, source: Source): EncodeSource => {
  const { schema } = source
  if (schema === undefined) return (args) => Either.right(valueOf(source, args))
  const check = checkOf(schema.ast)
  const encode = ParseResult.encodeUnknown(schema)
  const explained = (issue: ParseResult.ParseIssue): Permanent => {
    const { path, text } = explainIssue(issue)
    return invalidParameter(statement, [source.name, ...path.map(String)].join("."), text)
  }
  return (args) => {
    const value = valueOf(source, args)
    const checked = check(value)
    if (checked !== refused) return Either.right(checked)
    const encoded = encode(value)
    return isEither(encoded) ? Either.mapLeft(encoded, explained) : Effect.mapError(encoded, explained)
  }
}

/** Everything that encodes the arguments of one statement. */
export interface Encoders {
  readonly statement: Statement
  /** one per source */
  readonly sources: ReadonlyArray<EncodeSource>
  /** for each placeholder the index of its source */
  readonly indexes: ReadonlyArray<number>
}

export const makeEncoders = (statement: Statement): Encoders => ({
  statement,
  sources: statement.sources.map((source) => makeEncodeSource(statement.info, source)),
  indexes: statement.placeholders.map(({ source }) => statement.sources.indexOf(source))
})

const picked = (
  { indexes, statement: { info, placeholders } }: Encoders,
  encoded: ReadonlyArray<unknown>
): Either.Either<ReadonlyArray<unknown>, Permanent> => {
  const values = Array.of<unknown>()
  for (let i = 0; i < placeholders.length; i++) {
    const { name, pick } = placeholders[i]!
    const value = pick(encoded[indexes[i]!])
    if (value === undefined) {
      return Either.left(invalidParameter(info, name, "undefined is not a value: use NullOr and null for NULL"))
    }
    values.push(value)
  }
  return Either.right(values)
}

/** The encoded values of a call, in the order of `$1 …`. An `Either` if every Schema encodes synchronously. */
export const encodeValues = (
  encoders: Encoders,
  args: Arguments
): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> => {
  // not a literal: V8 would give it a place in the old generation (see SharedRequest.ts)
  const encoded = Array.of<unknown>()
  for (const encode of encoders.sources) {
    const value = encode(args)
    if (!Either.isEither(value)) return encodeAsynchronously(encoders, args, encoded)
    if (Either.isLeft(value)) return Either.left(value.left)
    encoded.push(value.right)
  }
  return picked(encoders, encoded)
}

const encodeAsynchronously = (
  encoders: Encoders,
  args: Arguments,
  encoded: Array<unknown>
): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> =>
  Effect.gen(function* () {
    for (const encode of encoders.sources.slice(encoded.length)) encoded.push(yield* encode(args))
    return yield* picked(encoders, encoded)
  })
