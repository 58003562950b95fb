// Pieces of SQL that bring their parameters with them. Text enters through templates and `Sql.unsafe` only.
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Simplify, UnionToIntersection } from "effect/Types"
import {
  type Part,
  type Piece,
  type Placeholder,
  quoteIdentifier,
  type Source,
  text,
  whole
} from "./internal/sql/template.ts"
import { type Param, schemaOfParam } from "./Param.ts"

/** A piece of SQL with the parameters it asks for. */
export interface Fragment<out P = {}, out R = never> {
  readonly _tag: "Fragment"
  readonly _P: () => P
  readonly _R: () => R
}

// A slot is accepted whatever its parameter type: `any` is the only bound that an invariant type parameter has.
// eslint-disable-next-line typescript/no-explicit-any
export type Slot = Param<string, any, any> | Fragment<any, any>
export type Slots = ReadonlyArray<Slot>

type Asks<S> =
  S extends Param<infer N, infer A, infer _R>
    ? { readonly [K in N]: A }
    : S extends Fragment<infer P, infer _R>
      ? P
      : never
/** The arguments a template asks for. One name with two types asks for both at once, so it cannot be called. */
export type ParamsOf<S extends Slots> = [S[number]] extends [never]
  ? {}
  : Simplify<UnionToIntersection<Asks<S[number]>>>
/** The services that the Schemas of a template need. */
export type ContextOf<S extends Slots> = S[number] extends infer X
  ? X extends Param<string, infer _A, infer R>
    ? R
    : X extends Fragment<infer _P, infer R>
      ? R
      : never
  : never

/** What a bare value may be; the server infers the type. Anything richer goes through a Schema. */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null | ReadonlyArray<SqlValue>
type Conditions = ReadonlyArray<Fragment<unknown, unknown> | false>
type Present<C extends Conditions> = ReadonlyArray<Exclude<C[number], false>>
type Combine = <const C extends Conditions>(parts: C) => Fragment<ParamsOf<Present<C>>, ContextOf<Present<C>>>

const pieces = new WeakMap<object, ReadonlyArray<Piece>>()

const phantom = (): never => {
  throw new Error("a phantom: it exists only as a type")
}

const fragment = <P, R>(parts: ReadonlyArray<Piece>): Fragment<P, R> => {
  const made: Fragment<P, R> = { _tag: "Fragment", _P: phantom, _R: phantom }
  pieces.set(made, parts)
  return made
}

const anySchema = <A, I, R>(schema: Schema.Schema<A, I, R>): Schema.Schema<unknown, unknown, unknown> =>
  // Schema is invariant in A; what is stored here is only ever applied to values of its own argument.
  schema as unknown as Schema.Schema<unknown, unknown, unknown>

const placeholder = (source: Source, name: string, pick: (encoded: unknown) => unknown, part?: Part): Piece => ({
  _tag: "Placeholder",
  placeholder: { source, name, pick, part } satisfies Placeholder
})

/** @internal the pieces of one slot */
export const piecesOfSlot = (slot: Slot): ReadonlyArray<Piece> => {
  if (slot._tag === "Param") {
    const source: Source = { _tag: "Argument", name: slot.name, schema: schemaOfParam(slot) }
    return [placeholder(source, slot.name, whole)]
  }
  const known = pieces.get(slot)
  if (known === undefined) throw new TypeError("not a fragment made by `Sql`")
  return known
}

/** @internal the pieces of a whole template */
export const piecesOfTemplate = (strings: ReadonlyArray<string>, slots: Slots): ReadonlyArray<Piece> => {
  const all: Array<Piece> = []
  for (let i = 0; i < strings.length; i++) {
    const part = strings[i]
    // That is what a tag is given for the text around an escape that JavaScript does not know; left out, it would be another statement.
    if (part === undefined)
      throw new TypeError("a template of SQL holds \\u, \\x or a digit behind a backslash: write \\\\ for a backslash")
    all.push(text(part))
    const slot = slots[i]
    if (slot !== undefined) all.push(...piecesOfSlot(slot))
  }
  return all
}

const join = (parts: ReadonlyArray<ReadonlyArray<Piece>>, separator: string): ReadonlyArray<Piece> =>
  parts.flatMap((part, i) => (i === 0 ? part : [text(separator), ...part]))

/** The names a row Schema encodes to, in order; a Schema that is not a struct has none. */
const encodedKeys = (schema: { readonly ast: SchemaAST.AST }, use: string): ReadonlyArray<string> => {
  const keys = SchemaAST.getPropertySignatures(SchemaAST.encodedBoundAST(schema.ast)).map((property) =>
    String(property.name)
  )
  if (keys.length === 0) throw new TypeError(`${use} needs a Schema that encodes to an object with known keys`)
  return keys
}

const pickers = new Map<string, (encoded: unknown) => unknown>()
/** One function per key, so that two placeholders for the same key of the same source are one `$n`. */
const pickKey = (key: string): ((encoded: unknown) => unknown) => {
  const known = pickers.get(key)
  if (known !== undefined) return known
  const pick = (encoded: unknown): unknown => Object(encoded)[key]
  pickers.set(key, pick)
  return pick
}

const conditions =
  (operator: string, empty: string) =>
  (parts: Conditions): Fragment<never, never> => {
    const present = parts.filter((part) => part !== false).map((part) => piecesOfSlot(part))
    if (present.length === 0) return fragment([text(empty)])
    return fragment([text("("), ...join(present, `) ${operator} (`), text(")")])
  }

const list = (parts: Conditions): Fragment<never, never> =>
  fragment(
    join(
      parts.filter((part) => part !== false).map((part) => piecesOfSlot(part)),
      ", "
    )
  )

const value = (...args: ReadonlyArray<unknown>): Fragment<never, never> => {
  const source: Source =
    args.length === 2 && Schema.isSchema(args[0])
      ? { _tag: "Value", name: "value", schema: anySchema(args[0]), value: args[1] }
      : { _tag: "Value", name: "value", schema: undefined, value: args[0] }
  return fragment([placeholder(source, source.name, whole)])
}

const values = <const Name extends string, A, I extends object, R>(
  name: Name,
  row: Schema.Schema<A, I, R>
): Fragment<{ readonly [K in Name]: A }, R> => {
  const keys = encodedKeys(row, "Sql.values")
  const source: Source = { _tag: "Argument", name, schema: anySchema(row) }
  const slots = keys.map((key) => [placeholder(source, `${name}.${key}`, pickKey(key), { key, each: false })])
  return fragment([text(`(${keys.map(quoteIdentifier).join(", ")}) VALUES (`), ...join(slots, ", "), text(")")])
}

const rows = <const Name extends string, A, I extends object, R>(
  name: Name,
  row: Schema.Schema<A, I, R>,
  types: { readonly [K in keyof I]-?: string }
): Fragment<{ readonly [K in Name]: ReadonlyArray<A> }, R> => {
  const keys = encodedKeys(row, "Sql.rows")
  const typeNames = new Map<string, unknown>(Object.entries(types))
  const source: Source = { _tag: "Argument", name, schema: anySchema(Schema.Array(row)) }
  const slots = keys.map((key) => {
    const type = typeNames.get(key)
    if (typeof type !== "string")
      throw new TypeError(`Sql.rows: no PostgreSQL type was given for ${JSON.stringify(key)}`)
    const pick = pickKey(key)
    const column = (encoded: unknown): unknown => (Array.isArray(encoded) ? encoded.map(pick) : encoded)
    return [placeholder(source, `${name}.${key}`, column, { key, each: true }), text(`::${type}[]`)]
  })
  const columns = keys.map(quoteIdentifier).join(", ")
  return fragment([text("unnest("), ...join(slots, ", "), text(`) AS ${quoteIdentifier(name)}(${columns})`)])
}

const set = <A, I extends object, R>(changes: Schema.Schema<A, I, R>, change: A): Fragment<{}, R> => {
  const keys = encodedKeys(changes, "Sql.set")
  const source: Source = { _tag: "Value", name: "set", schema: anySchema(changes), value: change }
  const encoded = ParseResult.encodeUnknownEither(anySchema<A, I, R>(changes) as Schema.Schema<unknown, unknown>)(
    change
  )
  // A value that does not encode is reported when the statement runs, as every other bad argument is.
  const present = Either.isRight(encoded) ? keys.filter((key) => Object(encoded.right)[key] !== undefined) : keys
  if (present.length === 0) throw new TypeError("Sql.set: nothing to change; leave the UPDATE out")
  const slots = present.map((key) => [
    text(`${quoteIdentifier(key)} = `),
    placeholder(source, key, pickKey(key), { key, each: false })
  ])
  return fragment(join(slots, ", "))
}

const unsafe = (sql: string, given: ReadonlyArray<SqlValue> = []): Fragment => {
  const parts: Array<Piece> = []
  const sources = given.map((item, i): Source => ({ _tag: "Value", name: `$${i + 1}`, schema: undefined, value: item }))
  let from = 0
  for (const match of sql.matchAll(/\$(\d+)/g)) {
    const source = sources[Number(match[1]) - 1]
    if (source === undefined) continue
    parts.push(text(sql.slice(from, match.index)), placeholder(source, source.name, whole))
    from = match.index + match[0].length
  }
  return fragment([...parts, text(sql.slice(from))])
}

const identifier = (...path: readonly [string, ...ReadonlyArray<string>]): Fragment => {
  for (const part of path) {
    if (part === "" || part.includes("\u0000")) {
      throw new TypeError(`Sql.identifier: ${part === "" ? "a name is not empty" : "a name holds no NUL"}`)
    }
  }
  return fragment([text(path.map(quoteIdentifier).join("."))])
}

/**
 * Pieces of SQL, composable and safe: `` Sql`price <= ${Sql.value(10)}` ``.
 *
 * @since 0.1.0
 * @category fragments
 */
export const Sql: {
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): Fragment<ParamsOf<S>, ContextOf<S>>
  /** quoted, and qualified if more than one: `Sql.identifier("audit", "log")` → `"audit"."log"` */
  readonly identifier: (...path: readonly [string, ...ReadonlyArray<string>]) => Fragment
  readonly value: {
    <A, I, R>(schema: Schema.Schema<A, I, R>, value: A): Fragment<{}, R>
    (value: SqlValue): Fragment
  }
  /** conditions that hold; none → TRUE */
  readonly and: Combine
  /** conditions of which one holds; none → FALSE */
  readonly or: Combine
  /** comma-separated */
  readonly list: Combine
  /** one row to insert: `("email", "name") VALUES ($1, $2)`, the columns are the Schema's encoded keys */
  readonly values: <const Name extends string, A, I extends object, R>(
    name: Name,
    row: Schema.Schema<A, I, R>
  ) => Fragment<{ readonly [K in Name]: A }, R>
  /** any number of rows as a table: `unnest($1::int8[], $2::text[]) AS name(id, title)`; one array per column, constant SQL */
  readonly rows: <const Name extends string, A, I extends object, R>(
    name: Name,
    row: Schema.Schema<A, I, R>,
    types: { readonly [K in keyof I]-?: string }
  ) => Fragment<{ readonly [K in Name]: ReadonlyArray<A> }, R>
  /** the assignments of an UPDATE; keys that encode to nothing are left out */
  readonly set: <A, I extends object, R>(changes: Schema.Schema<A, I, R>, value: A) => Fragment<{}, R>
  /** SQL text as it stands, with `$1 …` for the values given. The one door for text that was built elsewhere. */
  readonly unsafe: (text: string, values?: ReadonlyArray<SqlValue>) => Fragment
} = Object.assign(
  <const S extends Slots>(strings: TemplateStringsArray, ...slots: S): Fragment<ParamsOf<S>, ContextOf<S>> =>
    fragment(piecesOfTemplate(strings, slots)),
  { identifier, value, and: conditions("AND", "TRUE"), or: conditions("OR", "FALSE"), list, values, rows, set, unsafe }
)
