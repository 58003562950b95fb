// What a Schema can say about PostgreSQL beyond its own types. One thing so far: the server type of a parameter, where the server's inference is
// not what is wanted. Nothing here changes how values are encoded or decoded; what is made of it is internal/parameters/declaredType.
import type * as Schema from "effect/Schema"
import { typeAnnotation } from "./internal/parameters/declaredType.ts"

const type =
  (name: string) =>
  <S extends Schema.Annotable.All>(schema: S): Schema.Annotable.Self<S> =>
    schema.annotations({ [typeAnnotation]: name })

/**
 * Annotations of Schemas.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PgSchema: {
  /**
   * Declares the server type of a parameter, by name as in SQL without a length. The server then infers nothing: as a cast `$1::int8` would, but
   * without touching the text. The same text with other declarations is another statement.
   *
   * *Errors:* none here. A query with a name that is no built-in type of PostgreSQL fails with `InvalidParameter`, `NotSent`: the type of the
   * user's own has an OID that differs between databases, and a cast says the same.
   *
   * @example
   * import * as Schema from "effect/Schema"
   * import { param, PgSchema, Query } from "pgfx"
   *
   * // LIMIT is an int8 and needs nothing; an array that stands alone has no type of its own
   * const Ids = Schema.Array(Schema.Number).pipe(PgSchema.type("int8[]"))
   * const count = Query.one(Schema.Number)`SELECT cardinality(${param("ids", Ids)})`
   */
  readonly type: (name: string) => <S extends Schema.Annotable.All>(schema: S) => Schema.Annotable.Self<S>
} = { type }
