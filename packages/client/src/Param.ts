// Named parameters of a statement: the only way a value of the program gets near SQL, besides `Sql.value`.
import type * as Schema from "effect/Schema"

/** A named parameter. The Schema is the type of the argument; its encoding is what the server receives. */
export interface Param<out Name extends string, in out A, out R = never> {
  readonly _tag: "Param"
  readonly name: Name
  readonly _A: (_: A) => A
  readonly _R: () => R
}

const variance = {
  _A: <A>(a: A): A => a,
  _R: (): never => {
    throw new Error("a phantom: it exists only as a type")
  }
}

/** The Schema behind each `Param`: kept outside so that the type stays small where it is hovered. */
const schemas = new WeakMap<object, Schema.Schema<unknown, unknown, unknown>>()

/**
 * A slot for a template: `param("id", Schema.Number)` becomes `$1`, and `{ id: number }` in the arguments of the query.
 * The same name with the same Schema is one `$n`, however often it stands in the text.
 *
 * @since 0.1.0
 * @category parameters
 */
export const param = <const Name extends string, A, I, R>(
  name: Name,
  schema: Schema.Schema<A, I, R>
): Param<Name, A, R> => {
  const slot: Param<Name, A, R> = { _tag: "Param", name, ...variance }
  // The WeakMap holds Schemas of every type; `in out A` of Schema cannot be widened without a cast.
  schemas.set(slot, schema as unknown as Schema.Schema<unknown, unknown, unknown>)
  return slot
}

/** @internal */
export const schemaOfParam = (slot: object): Schema.Schema<unknown, unknown, unknown> => {
  const schema = schemas.get(slot)
  if (schema === undefined) throw new TypeError("not a parameter made by `param`")
  return schema
}
