// What of a Schema stands behind one `$n`: the whole encoded side of a source, a member of it, or that member of every element.
import * as SchemaAST from "effect/SchemaAST"
import { structsOf } from "../rows/forms/containers.ts"
import { isNothing, membersOf } from "../rows/forms/encoded.ts"
import { kindOf } from "../rows/forms/kind.ts"
import { typesAt } from "../rows/forms/structs.ts"
import { arrayLikeOf } from "../rows/forms/wrappers.ts"
import type { Placeholder } from "../sql/template.ts"

const memberOf = (asts: ReadonlyArray<SchemaAST.AST>, key: string): ReadonlyArray<SchemaAST.AST> =>
  typesAt(structsOf(membersOf(asts)), key)

/** The Schemas that the value may be encoded by; empty if nothing is known of it. */
export const astsOf = ({ part, source }: Placeholder): ReadonlyArray<SchemaAST.AST> => {
  if (source.schema === undefined) return []
  const { ast } = source.schema
  if (part === undefined) return [ast]
  if (!part.each) return memberOf([ast], part.key)
  const elements = membersOf([ast]).flatMap(({ node }) => arrayLikeOf(node)?.elements ?? [])
  const types = memberOf(elements, part.key)
  return types.length === 0
    ? []
    : [new SchemaAST.TupleType([], [new SchemaAST.Type(SchemaAST.Union.make(types))], true)]
}

/** Whose text depends on the type of the parameter. */
export interface Ambiguous {
  /** a json type takes a string as its text only if the Schema encodes nothing but strings */
  readonly strings: boolean
  /** milliseconds for an instant, a plain number for anything else */
  readonly numbers: boolean
}

export const ambiguityOf = (asts: ReadonlyArray<SchemaAST.AST>): Ambiguous => {
  const kinds = membersOf(asts)
    .filter((member) => !isNothing(member))
    .map(kindOf)
  const hasText = kinds.some((kind) => kind === "text" || kind === "instantText")
  return {
    strings: kinds.some((kind) => kind !== "text" && kind !== "instantText") && (hasText || kinds.includes("default")),
    numbers: kinds.includes("instantNumber")
  }
}

/** One `$n`, as far as it is known without a server. */
export interface Slot {
  /** what errors call it */
  readonly name: string
  readonly asts: ReadonlyArray<SchemaAST.AST>
  readonly ambiguous: Ambiguous
}
