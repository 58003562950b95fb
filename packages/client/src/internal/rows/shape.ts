// What a row Schema asks of a result: columns by name, by position, or the only one. Reads the encoded side of the Schema's own
// AST, because that is what the wire has to deliver; transformations and filters run on top, as the user wrote them.
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"
import { membersOf } from "./forms/encoded.ts"

export interface Field {
  readonly key: string
  readonly ast: SchemaAST.AST
  /** the column may be missing, and NULL may become an absent key */
  readonly optional: boolean
}

export type RowShape =
  | {
      readonly _tag: "Struct"
      readonly fields: ReadonlyArray<Field>
      /** what an index signature says of every other column */
      readonly rest: SchemaAST.AST | undefined
      /** columns that the Schema does not name are an error, instead of being skipped */
      readonly refusesExcess: boolean
    }
  | {
      readonly _tag: "Tuple"
      /** how many columns there must be; fewer elements may be optional */
      readonly least: number
      readonly most: number
      readonly at: (index: number, count: number) => SchemaAST.AST | undefined
    }
  | { readonly _tag: "Value"; readonly ast: SchemaAST.AST }

/** Of the annotations on the way down to the encoded node, the innermost, as ParseResult has it. */
const refusesExcess = (ast: SchemaAST.AST): boolean => {
  let node = ast
  let refuses = false
  for (;;) {
    const options = Option.getOrUndefined(SchemaAST.getParseOptionsAnnotation(node))
    if (options?.onExcessProperty !== undefined) refuses = options.onExcessProperty === "error"
    if (SchemaAST.isTransformation(node) || SchemaAST.isRefinement(node)) node = node.from
    else if (SchemaAST.isSuspend(node)) node = node.f()
    else return refuses
  }
}

/** A union of structs needs the columns of all its members; which of them a row is, the union decides. */
const structs = (members: ReadonlyArray<SchemaAST.TypeLiteral>, excess: boolean): RowShape => {
  const fields = new Map<string, Field>()
  for (const member of members) {
    for (const property of member.propertySignatures) {
      const key = String(property.name)
      const inAll = members.every((other) =>
        other.propertySignatures.some((p) => p.name === property.name && !p.isOptional)
      )
      const known = fields.get(key)
      const ast =
        known === undefined || known.ast === property.type
          ? property.type
          : SchemaAST.Union.make([known.ast, property.type])
      fields.set(key, { key, ast, optional: !inAll })
    }
  }
  const others = members.flatMap((member) => member.indexSignatures.map((signature) => signature.type))
  return {
    _tag: "Struct",
    fields: [...fields.values()],
    rest: others.length === 0 ? undefined : SchemaAST.Union.make(others),
    refusesExcess: excess
  }
}

const tuple = (node: SchemaAST.TupleType): RowShape => {
  const elements = node.elements.map((element) => element.type)
  const [rest, ...last] = node.rest.map((element) => element.type)
  return {
    _tag: "Tuple",
    least: node.elements.filter((element) => !element.isOptional).length + last.length,
    most: rest === undefined ? elements.length : Infinity,
    at: (index, count) =>
      index < elements.length
        ? elements[index]
        : index < count - last.length
          ? rest
          : last[index - (count - last.length)]
  }
}

export const rowShape = (ast: SchemaAST.AST): RowShape => {
  const members = membersOf([ast]).map(({ node }) => node)
  const [only] = members
  if (members.length === 1 && only !== undefined && SchemaAST.isTupleType(only)) return tuple(only)
  return members.length > 0 && members.every(SchemaAST.isTypeLiteral)
    ? structs(members, refusesExcess(ast))
    : { _tag: "Value", ast }
}
