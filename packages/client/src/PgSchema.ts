// What a Schema can say about PostgreSQL beyond its own types. One thing so far: the server type of a parameter, where the server's inference is
// not what is wanted. Nothing here changes how values are encoded or decoded.
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

const typeAnnotation = Symbol.for("pgfx/PgSchema/type")

const type =
  (name: string) =>
  <S extends Schema.Annotable.All>(schema: S): Schema.Annotable.Self<S> =>
    schema.annotations({ [typeAnnotation]: name })

/** @internal the type declared on a node or on what it is made from; `undefined`: the server infers */
export const declaredType = (ast: SchemaAST.AST): string | undefined => {
  let node = ast
  for (;;) {
    const declared = node.annotations[typeAnnotation]
    if (typeof declared === "string") return declared
    if (SchemaAST.isRefinement(node) || SchemaAST.isTransformation(node)) node = node.from
    else if (SchemaAST.isUnion(node)) {
      const types = new Set(node.types.map(declaredType).filter((found) => found !== undefined))
      return types.size === 1 ? [...types][0] : undefined
    } else return undefined
  }
}

/**
 * Annotations of Schemas.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PgSchema: {
  /**
   * Declares the server type of a parameter, by name as in SQL without a length: `param("n", Schema.Number.pipe(PgSchema.type("int8")))`.
   * The server then infers nothing: as a cast `$1::int8` would, but without touching the text. Types of the user's own need their catalogue
   * entry first; write a cast for those.
   *
   * *Errors:* none here. A name that PostgreSQL's built-in types do not have is left to the server's inference.
   */
  readonly type: (name: string) => <S extends Schema.Annotable.All>(schema: S) => Schema.Annotable.Self<S>
} = { type }
