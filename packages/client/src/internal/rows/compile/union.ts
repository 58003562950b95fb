// ⚡ Unions: literals by a set, structs with a tag by their tag, everything else member by member in order. Where ParseResult would choose
// candidates by more than one literal member, it does so itself.
import * as SchemaAST from "effect/SchemaAST"
import { isObject } from "../ownKey.ts"
import { type Decode, refused } from "./Decode.ts"
import { viaParseResult } from "./viaParseResult.ts"

type Compile = (ast: SchemaAST.AST) => Decode

const literalsOf = (types: ReadonlyArray<SchemaAST.AST>): ReadonlySet<unknown> | undefined => {
  const literals = new Set<unknown>()
  for (const type of types) {
    if (!SchemaAST.isLiteral(type)) return undefined
    literals.add(type.literal)
  }
  return literals
}

/** A node that ParseResult never looks for literals in: it is tried in its turn. */
const isPlain = (ast: SchemaAST.AST): boolean => {
  switch (ast._tag) {
    case "TypeLiteral":
    case "TupleType":
    case "Declaration":
    case "Suspend":
      return false
    case "Refinement":
    case "Transformation":
      return isPlain(ast.from)
    case "Union":
      return true
    default:
      return true
  }
}

/** The encoded struct of a member, below filters and classes. */
const structOf = (ast: SchemaAST.AST): SchemaAST.TypeLiteral | undefined => {
  let node = ast
  while (SchemaAST.isRefinement(node) || SchemaAST.isTransformation(node)) node = node.from
  return SchemaAST.isTypeLiteral(node) ? node : undefined
}

interface Tag {
  readonly key: string
  readonly literal: SchemaAST.LiteralValue
}

/** The literals at required keys. Anything that is more than a literal, or may hide one, is not looked through: `undefined`. */
const tagsOf = (struct: SchemaAST.TypeLiteral): ReadonlyArray<Tag> | undefined => {
  const tags: Array<Tag> = []
  for (const { isOptional, name, type } of struct.propertySignatures) {
    if (isOptional) continue
    if (SchemaAST.isLiteral(type) && typeof name === "string") tags.push({ key: name, literal: type.literal })
    else if (SchemaAST.isLiteral(SchemaAST.encodedAST(type))) return undefined
  }
  return tags
}

/** Members by their one tag, all at the same key and all different; `undefined` if it is not that simple. */
const byTag = (types: ReadonlyArray<SchemaAST.AST>, compile: Compile): Decode | undefined => {
  const members = new Map<string, Decode>()
  let tagKey: string | undefined
  for (const type of types) {
    const struct = structOf(type)
    const tags = struct === undefined ? undefined : tagsOf(struct)
    const [tag] = tags ?? []
    if (tag === undefined || tags?.length !== 1 || (tagKey !== undefined && tag.key !== tagKey)) return undefined
    tagKey = tag.key
    const literal = String(tag.literal)
    if (members.has(literal)) return undefined
    members.set(literal, compile(type))
  }
  const key = tagKey
  if (key === undefined) return undefined
  return (value) => {
    if (!isObject(value) || !Object.hasOwn(value, key)) return refused
    const tag = value[key]
    const member = typeof tag === "string" || typeof tag === "number" ? members.get(`${tag}`) : undefined
    return member === undefined ? refused : member(value)
  }
}

/** Structs without literals, and nothing that could hide one. */
const isUntagged = (ast: SchemaAST.AST): boolean => {
  const struct = structOf(ast)
  return struct !== undefined && tagsOf(struct)?.length === 0
}

const isArrayWithoutLiterals = (ast: SchemaAST.AST): boolean => SchemaAST.isTupleType(ast) && ast.elements.length === 0

/** Declarations have no literals unless a surrogate (a class) lends them some. */
const isBareDeclaration = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isDeclaration(ast) && ast.annotations[SchemaAST.SurrogateAnnotationId] === undefined

const inOrder = (members: ReadonlyArray<Decode>): Decode => {
  const [first, second] = members
  if (members.length === 2 && first !== undefined && second !== undefined) {
    return (value) => {
      const decoded = first(value)
      return decoded === refused ? second(value) : decoded
    }
  }
  return (value) => {
    for (const member of members) {
      const decoded = member(value)
      if (decoded !== refused) return decoded
    }
    return refused
  }
}

export const compileUnion = (ast: SchemaAST.Union, compile: Compile): Decode => {
  const { types } = ast
  const literals = literalsOf(types)
  // NaN is no literal for ===, and one for a Set
  if (literals !== undefined) return (value) => (literals.has(value) && value === value ? value : refused)
  const tagged = byTag(types, compile)
  if (tagged !== undefined) return tagged
  const isOrdered = types.every(
    (type) => isPlain(type) || isUntagged(type) || isArrayWithoutLiterals(type) || isBareDeclaration(type)
  )
  return isOrdered ? inOrder(types.map(compile)) : viaParseResult(ast)
}
