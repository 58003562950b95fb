// How the encoded side of a Schema receives NULL: as null, as undefined, as None, or not at all.
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as SchemaAST from "effect/SchemaAST"
import { markOf, type Member, membersOf } from "./encoded.ts"

/** `opaque`: only the Schema itself can tell, from null. A function makes the value, for every NULL anew. */
export type NullAs = "null" | "undefined" | "refuse" | "opaque" | (() => unknown)

const takesNull = ({ node }: Member): boolean =>
  (SchemaAST.isLiteral(node) && node.literal === null) ||
  SchemaAST.isUnknownKeyword(node) ||
  SchemaAST.isAnyKeyword(node)

const takesUndefined = ({ node }: Member): boolean => SchemaAST.isUndefinedKeyword(node) || node._tag === "VoidKeyword"

/** Declarations around another Schema: None, or what the other makes of NULL. */
const wrapped = ({ node }: Member): (() => unknown) | undefined => {
  if (!SchemaAST.isDeclaration(node)) return undefined
  const mark = markOf(node)
  if (mark === "effect/Option") return Option.none
  const [inner] = node.typeParameters
  if (mark !== "effect/Redacted" || inner === undefined) return undefined
  const made = makeNull(nullAs([inner]))
  return made === undefined ? undefined : () => Redacted.make(made())
}

const isOpaque = ({ node }: Member): boolean => SchemaAST.isDeclaration(node) && markOf(node) === undefined

export const nullAs = (asts: ReadonlyArray<SchemaAST.AST>): NullAs => {
  const members = membersOf(asts)
  if (members.some(takesNull)) return "null"
  if (members.some(takesUndefined)) return "undefined"
  for (const member of members) {
    const make = wrapped(member)
    if (make !== undefined) return make
  }
  return members.some(isOpaque) ? "opaque" : "refuse"
}

/** What stands for NULL inside a container; `undefined` if the Schema refuses it. */
const makeNull = (as: NullAs): (() => unknown) | undefined => {
  switch (as) {
    case "null":
    case "opaque":
      return () => null
    case "undefined":
      return () => undefined
    case "refuse":
      return undefined
    default:
      return as
  }
}

/** `convert` for a place where there may be NULL. A NULL that the Schema refuses stays null: the Schema says so itself. */
export const nullable = (
  asts: ReadonlyArray<SchemaAST.AST>,
  convert: ((value: unknown) => unknown) | undefined
): ((value: unknown) => unknown) | undefined => {
  const as = nullAs(asts)
  if (as === "undefined" || typeof as === "function") {
    const make = makeNull(as) ?? (() => null)
    return (value) => (value === null ? make() : convert === undefined ? value : convert(value))
  }
  return convert === undefined ? undefined : (value) => (value === null ? null : convert(value))
}
