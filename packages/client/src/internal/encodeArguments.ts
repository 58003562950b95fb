// The arguments of a call become the values of `$1 …`: through their Schemas, then to text. Nothing is sent before all have passed.
import { textOf, ValueError } from "@pgfx/codecs"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import { Permanent, type StatementInfo } from "../PostgresError.ts"
import { explainIssue } from "./rows/issue.ts"
import type { Source } from "./sql/template.ts"
import type { Statement } from "./Statement.ts"

const invalid = (statement: StatementInfo, parameter: string, issue: string): Permanent =>
  new Permanent({ reason: { _tag: "InvalidParameter", parameter, issue }, outcome: "NotSent", statement })

const valueOf = (source: Source, args: Readonly<Record<string, unknown>>): unknown =>
  source._tag === "Value" ? source.value : Object.hasOwn(args, source.name) ? args[source.name] : undefined

const explained = (statement: StatementInfo, source: Source, issue: ParseResult.ParseIssue): Permanent => {
  const { path, text } = explainIssue(issue)
  return invalid(statement, [source.name, ...path.map(String)].join("."), text)
}

const isEither = <A, E>(effect: Effect.Effect<A, E, unknown>): effect is Either.Either<A, E> => Either.isEither(effect)

type Encoded = Either.Either<unknown, Permanent> | Effect.Effect<unknown, Permanent, unknown>

const encodeSource = (statement: StatementInfo, source: Source, args: Readonly<Record<string, unknown>>): Encoded => {
  const value = valueOf(source, args)
  if (source.schema === undefined) return Either.right(value)
  const encoded = ParseResult.encodeUnknown(source.schema)(value)
  // ParseResult gives an Either for all that is synchronous, and Either is an Effect: no fiber is needed to look inside.
  return isEither(encoded)
    ? Either.mapLeft(encoded, (issue) => explained(statement, source, issue))
    : Effect.mapError(encoded, (issue) => explained(statement, source, issue))
}

const texts = (
  statement: Statement,
  encoded: ReadonlyMap<Source, unknown>
): Either.Either<ReadonlyArray<string | null>, Permanent> => {
  const values: Array<string | null> = []
  for (const placeholder of statement.placeholders) {
    const value = placeholder.pick(encoded.get(placeholder.source))
    if (value === undefined) {
      return Either.left(
        invalid(statement.info, placeholder.name, "undefined is not a value: use NullOr and null for NULL")
      )
    }
    try {
      const text = textOf(value)
      if (text === undefined) {
        return Either.left(
          invalid(
            statement.info,
            placeholder.name,
            "arrays, objects, NaN and infinities are not sent yet: their text depends on the type"
          )
        )
      }
      values.push(text)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      const remedy = error.remedy === undefined ? "" : ` (${error.remedy})`
      return Either.left(invalid(statement.info, placeholder.name, `${error.issue}${remedy}`))
    }
  }
  return Either.right(values)
}

/**
 * The values of a call, in the order of `$1 …`. An `Either` if every Schema encodes synchronously, which costs no fiber step.
 */
export const encodeArguments = (
  statement: Statement,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<ReadonlyArray<string | null>, Permanent, unknown> => {
  const encoded = new Map<Source, unknown>()
  for (const [index, source] of statement.sources.entries()) {
    const value = encodeSource(statement.info, source, args)
    if (!Either.isEither(value)) return encodeAsynchronously(statement, args, encoded, index)
    if (Either.isLeft(value)) return Either.left(value.left)
    encoded.set(source, value.right)
  }
  return texts(statement, encoded)
}

const encodeAsynchronously = (
  statement: Statement,
  args: Readonly<Record<string, unknown>>,
  encoded: Map<Source, unknown>,
  from: number
): Effect.Effect<ReadonlyArray<string | null>, Permanent, unknown> =>
  Effect.gen(function* () {
    for (const source of statement.sources.slice(from)) {
      encoded.set(source, yield* encodeSource(statement.info, source, args))
    }
    return yield* texts(statement, encoded)
  })
