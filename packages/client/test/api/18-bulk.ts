import { Effect, Schema, Stream } from "effect"
import { type CommandTag, param, Postgres, PostgresError, Query, Sql } from "pgfx"

class Product extends Schema.Class<Product>("Product")({
  id: Schema.Number,
  name: Schema.String,
  price: Schema.BigDecimalFromSelf
}) {}
const ProductChange = Schema.partialWith(Schema.Struct({ name: Schema.String, price: Schema.BigDecimalFromSelf }), {
  exact: true
})

// one row: columns and values come from the Schema
export const add = Query.one(Product)`INSERT INTO products ${Sql.values("product", Product)} RETURNING *`

// any number of rows: one array per column, constant SQL, one plan; upsert is PostgreSQL's own word
const upsert = Query.command({ name: "upsertProducts" })`
  INSERT INTO products (id, name, price)
  SELECT id, name, price FROM ${Sql.rows("products", Product, { id: "int8", name: "text", price: "numeric" })}
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, price = excluded.price
`
export const load = <E, R>(products: Stream.Stream<Product, E, R>) =>
  products.pipe(
    Stream.grouped(5_000),
    Stream.runForEach((chunk) => upsert({ products: [...chunk] }))
  )

// only what changed
export const change = (id: number, changes: typeof ProductChange.Type) =>
  Query.command`UPDATE products SET ${Sql.set(ProductChange, changes)} WHERE id = ${param("id", Schema.Number)}`({ id })

// ---- the types a user sees
export const t1: Effect.Effect<CommandTag, PostgresError, Postgres> = upsert({ products: [] })
export const t2: Effect.Effect<Product, PostgresError, Postgres> = Effect.flatMap(Effect.never, (p: Product) =>
  add({ product: p })
)
// @ts-expect-error every encoded key needs its PostgreSQL type
Sql.rows("products", Product, { id: "int8", name: "text" })
