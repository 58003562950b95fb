// From any node of a Schema's AST down to what its encoded side can be. Walks the Schema's own AST: `encodedAST` drops annotations and
// refinements on the way.
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"

/** One thing that an encoded side can be, and the transformations above it, outermost first. */
export interface Member {
  readonly node: SchemaAST.AST
  /** the Schema that it is the encoded side of: as far up as there is no union */
  readonly root: SchemaAST.AST
  readonly under: ReadonlyArray<SchemaAST.TransformationKind>
}

/** Transformations that a composition goes on with. */
const follow = (ast: SchemaAST.AST, into: Array<SchemaAST.TransformationKind>): void => {
  let node = ast
  for (;;) {
    if (SchemaAST.isRefinement(node)) node = node.from
    else if (SchemaAST.isTransformation(node)) {
      into.push(node.transformation)
      if (SchemaAST.isComposeTransformation(node.transformation)) follow(node.to, into)
      node = node.from
    } else return
  }
}

/** Every member of the encoded side of any of `asts`, unions taken apart. */
export const membersOf = (asts: ReadonlyArray<SchemaAST.AST>): ReadonlyArray<Member> => {
  const members: Array<Member> = []
  const seen = new Set<SchemaAST.AST>()
  const visit = (ast: SchemaAST.AST, root: SchemaAST.AST, under: ReadonlyArray<SchemaAST.TransformationKind>): void => {
    switch (ast._tag) {
      case "Refinement":
        return visit(ast.from, root, under)
      case "Transformation": {
        const through = [...under, ast.transformation]
        if (SchemaAST.isComposeTransformation(ast.transformation)) follow(ast.to, through)
        return visit(ast.from, root, through)
      }
      case "Union":
        return ast.types.forEach((member) => visit(member, member, under))
      case "Suspend": {
        if (seen.has(ast)) return
        seen.add(ast)
        return visit(ast.f(), root, under)
      }
      default:
        members.push({ node: ast, root, under })
    }
  }
  for (const ast of asts) visit(ast, ast, [])
  return members
}

/** What a declaration is for, by the mark that survives `annotations` and `brand`. */
export const markOf = (node: SchemaAST.AST): string | undefined =>
  SchemaAST.isDeclaration(node)
    ? Option.getOrUndefined(Option.map(SchemaAST.getTypeConstructorAnnotation(node), (mark) => mark._tag))
    : undefined

/** The member stands for NULL and for nothing else. */
export const isNothing = ({ node }: Member): boolean =>
  (SchemaAST.isLiteral(node) && node.literal === null) ||
  SchemaAST.isUndefinedKeyword(node) ||
  node._tag === "VoidKeyword"

/** Takes any value in its default form. */
export const isAnything = ({ node }: Member): boolean =>
  SchemaAST.isUnknownKeyword(node) || SchemaAST.isAnyKeyword(node) || SchemaAST.isObjectKeyword(node)
