// Declarations of `effect` that stand around other values: Option and Redacted around one, Chunk, Set and Map around an array. On an encoded
// side their contents follow the same rules as without them.
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as SchemaAST from "effect/SchemaAST"
import { markOf } from "./encoded.ts"
import type { Convert } from "./Fit.ts"

export interface Wrapper {
  readonly inner: SchemaAST.AST
  readonly wrap: Convert
  /** passes on what is not wrapped */
  readonly unwrap: Convert
}

const unwrapOption: Convert = (value) => (Option.isOption(value) ? Option.getOrNull(value) : value)
const unwrapRedacted: Convert = (value) => (Redacted.isRedacted(value) ? Redacted.value(value) : value)

/** Around one value. */
export const wrapperOf = (node: SchemaAST.AST): Wrapper | undefined => {
  const inner = SchemaAST.isDeclaration(node) ? node.typeParameters[0] : undefined
  if (inner === undefined) return undefined
  switch (markOf(node)) {
    case "effect/Option":
      return { inner, wrap: Option.some, unwrap: unwrapOption }
    case "effect/Redacted":
      return { inner, wrap: Redacted.make, unwrap: unwrapRedacted }
    default:
      return undefined
  }
}

/** An array, or what stands around one. */
export interface ArrayLike {
  /** of the element at an index */
  readonly at: (index: number) => ReadonlyArray<SchemaAST.AST>
  /** all of them, for types whose elements are of one type */
  readonly elements: ReadonlyArray<SchemaAST.AST>
  /** `undefined`: any */
  readonly length: number | undefined
  readonly wrap: Convert | undefined
  readonly unwrap: Convert
}

const anyLength = (element: SchemaAST.AST, wrap: Convert, unwrap: Convert): ArrayLike => ({
  at: () => [element],
  elements: [element],
  length: undefined,
  wrap,
  unwrap
})

const same: Convert = (value) => value

const tuple = (node: SchemaAST.TupleType): ArrayLike => {
  const fixed = node.elements.map((element) => element.type)
  const rest = node.rest.map((element) => element.type)
  return {
    at: (index) => (index < fixed.length ? fixed.slice(index, index + 1) : rest),
    elements: [...fixed, ...rest],
    length: rest.length === 0 ? fixed.length : undefined,
    wrap: undefined,
    unwrap: same
  }
}

// What the codec's array form and `unwrap`'s callers make: always arrays, of pairs for a Map.
const asArray = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
const asPairs = (value: unknown): ReadonlyArray<readonly [unknown, unknown]> =>
  value as ReadonlyArray<readonly [unknown, unknown]>

export const arrayLikeOf = (node: SchemaAST.AST): ArrayLike | undefined => {
  if (SchemaAST.isTupleType(node)) return tuple(node)
  if (!SchemaAST.isDeclaration(node)) return undefined
  const [first, second] = node.typeParameters
  if (first === undefined) return undefined
  switch (markOf(node)) {
    case "effect/Chunk":
    case "effect/Chunk.NonEmptyChunk":
      return anyLength(
        first,
        (value) => Chunk.unsafeFromArray(asArray(value)),
        (value) => (Chunk.isChunk(value) ? Chunk.toReadonlyArray(value) : value)
      )
    case "ReadonlySet":
      return anyLength(
        first,
        (value) => new Set(asArray(value)),
        (value) => (value instanceof Set ? [...value] : value)
      )
    case "ReadonlyMap": {
      if (second === undefined) return undefined
      const pair = [first, second].map((type) => new SchemaAST.OptionalType(type, false))
      return anyLength(
        new SchemaAST.TupleType(pair, [], true),
        // an entry that is no pair is for the Schema to refuse
        (value) => (asArray(value).every((item) => Array.isArray(item)) ? new Map(asPairs(value)) : value),
        (value) => (value instanceof Map ? [...value] : value)
      )
    }
    default:
      return undefined
  }
}
