// What a row Schema asks of a result: columns by name, by position, or the only one. Reads the encoded side of the Schema's own
// AST, because that is what the wire has to deliver; transformations and filters run on top, as the user wrote them.
import * as SchemaAST from "effect/SchemaAST"

export interface Field {
  readonly key: string
  readonly ast: SchemaAST.AST
  /** the column may be missing, and NULL may become an absent key */
  readonly optional: boolean
}

export type RowShape =
  /** `rest`: what an index signature says of every other column */
  | { readonly _tag: "Struct"; readonly fields: ReadonlyArray<Field>; readonly rest: SchemaAST.AST | undefined }
  | {
      readonly _tag: "Tuple"
      readonly elements: ReadonlyArray<SchemaAST.AST>
      readonly rest: SchemaAST.AST | undefined
    }
  | { readonly _tag: "Value"; readonly ast: SchemaAST.AST }

/** Down to the node that describes the encoded value itself. */
export const encodedNode = (ast: SchemaAST.AST): SchemaAST.AST => {
  let node = ast
  for (;;) {
    if (SchemaAST.isTransformation(node) || SchemaAST.isRefinement(node)) node = node.from
    else if (SchemaAST.isSuspend(node)) node = node.f()
    else return node
  }
}

const struct = (node: SchemaAST.TypeLiteral): RowShape => ({
  _tag: "Struct",
  fields: node.propertySignatures.map((property) => ({
    key: String(property.name),
    ast: property.type,
    optional: property.isOptional
  })),
  rest: node.indexSignatures[0]?.type
})

/** A union of structs needs the columns of all its members; which of them a row is, the union decides. */
const unionOfStructs = (members: ReadonlyArray<SchemaAST.TypeLiteral>): RowShape => {
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
  return { _tag: "Struct", fields: [...fields.values()], rest: undefined }
}

export const rowShape = (ast: SchemaAST.AST): RowShape => {
  const node = encodedNode(ast)
  if (SchemaAST.isTypeLiteral(node)) return struct(node)
  if (SchemaAST.isTupleType(node)) {
    return { _tag: "Tuple", elements: node.elements.map((element) => element.type), rest: node.rest[0]?.type }
  }
  if (SchemaAST.isUnion(node)) {
    const members = node.types.map(encodedNode)
    if (members.every(SchemaAST.isTypeLiteral)) return unionOfStructs(members)
  }
  return { _tag: "Value", ast }
}
