// The arguments of a call become the encoded values of `$1 …`, through their Schemas. Decides no format and looks at no type of the server.
// Nothing is sent before all have passed.
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import { Permanent, type StatementInfo } from "../../PostgresError.ts"
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
export type EncodeSource = (args: Arguments) => Encoded

// ParseResult gives an Either for all that is synchronous, and Either is an Effect: no fiber is needed to look inside.
const isEither = <A, E>(effect: Effect.Effect<A, E, unknown>): effect is Either.Either<A, E> => Either.isEither(effect)

/** Made once per statement: ParseResult compiles the Schema here. */
export const makeEncodeSource = (statement: StatementInfo, source: Source): EncodeSource => {
  const { schema } = source
  if (schema === undefined) return (args) => Either.right(valueOf(source, args))
  const encode = ParseResult.encodeUnknown(schema)
  const explained = (issue: ParseResult.ParseIssue): Permanent => {
    const { path, text } = explainIssue(issue)
    return invalidParameter(statement, [source.name, ...path.map(String)].join("."), text)
  }
  return (args) => {
    const encoded = encode(valueOf(source, args))
    return isEither(encoded) ? Either.mapLeft(encoded, explained) : Effect.mapError(encoded, explained)
  }
}

const picked = (
  { info, placeholders, sources }: Statement,
  encoded: ReadonlyArray<unknown>
): Either.Either<ReadonlyArray<unknown>, Permanent> => {
  const values: Array<unknown> = []
  for (const { name, pick, source } of placeholders) {
    const value = pick(encoded[sources.indexOf(source)])
    if (value === undefined) {
      return Either.left(invalidParameter(info, name, "undefined is not a value: use NullOr and null for NULL"))
    }
    values.push(value)
  }
  return Either.right(values)
}

/** The encoded values of a call, in the order of `$1 …`. */
export const encodeValues = (
  statement: Statement,
  encoders: ReadonlyArray<EncodeSource>,
  args: Arguments
): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> => {
  const encoded: Array<unknown> = []
  for (const encode of encoders) {
    const value = encode(args)
    if (!Either.isEither(value)) return encodeAsynchronously(statement, encoders, args, encoded)
    if (Either.isLeft(value)) return Either.left(value.left)
    encoded.push(value.right)
  }
  return picked(statement, encoded)
}

const encodeAsynchronously = (
  statement: Statement,
  encoders: ReadonlyArray<EncodeSource>,
  args: Arguments,
  encoded: Array<unknown>
): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> =>
  Effect.gen(function* () {
    for (const encode of encoders.slice(encoded.length)) encoded.push(yield* encode(args))
    return yield* picked(statement, encoded)
  })
