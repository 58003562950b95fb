// insertAll on a real server: the same rows arrive whichever way they go, all or none, and conflicts are settled as INSERT is told.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Query, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { healthy, single } from "../faults/session.ts"

class Product extends Schema.Class<Product>("Product")({
  id: Schema.Int,
  name: Schema.String,
  note: Schema.NullOr(Schema.String)
}) {}

const product = (id: number): Product =>
  new Product({ id, name: `product ${id}`, note: id % 3 === 0 ? null : "\\N\t\n" })
const products = (from: number, to: number): ReadonlyArray<Product> =>
  Array.from({ length: to - from }, (_, i) => product(from + i))

for (const server of inject("postgres")) {
  const scene = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Query.command`CREATE TEMP TABLE products (id int4 PRIMARY KEY, name varchar(20), note text, seen int4 DEFAULT 1)`().pipe(
      Effect.zipRight(body),
      Effect.zipLeft(healthy),
      Session.pin,
      Effect.provide(single(server))
    )
  const stored = Query.all(Product)`SELECT id, name, note FROM products ORDER BY id`
  const insert = Copy.insertAll(Product, { table: "products", copyAbove: 10 })
  const upsert = Copy.insertAll(Product, {
    table: ["pg_temp", "products"],
    copyAbove: 10,
    onConflict: Sql`(id) DO UPDATE SET seen = products.seen + 1`
  })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    for (const count of [0, 1, 10, 11, 1_000]) {
      it.live(`stores ${count} rows, from a list or a Stream`, () =>
        scene(
          Effect.gen(function* () {
            assert.strictEqual(yield* insert(products(0, count)), count)
            assert.strictEqual(yield* insert(Stream.fromIterable(products(count, 2 * count))), count)
            assert.deepStrictEqual(yield* stored(), products(0, 2 * count))
          })
        )
      )
    }

    for (const count of [5, 500]) {
      it.live(`settles conflicts of ${count} rows as it is told`, () =>
        scene(
          Effect.gen(function* () {
            yield* insert(products(0, 3))
            assert.strictEqual(yield* upsert(products(0, count)), count)
            assert.deepStrictEqual(yield* stored(), products(0, count))
            const seen = Query.one(Schema.BigIntFromSelf)`SELECT sum(seen) FROM products`
            assert.strictEqual(yield* seen(), BigInt(count + 3))
            // inside a transaction, more than once
            yield* Transaction.run(Effect.zipRight(upsert(products(0, count)), upsert(products(0, count))))
            assert.strictEqual(yield* seen(), BigInt(3 * count + 3))
          })
        )
      )

      it.live(`stores none of ${count} rows if one cannot be stored`, () =>
        scene(
          Effect.gen(function* () {
            const long = new Product({ id: count, name: "x".repeat(21), note: null })
            for (const store of [insert, upsert]) {
              const error = yield* Effect.flip(store([...products(0, count - 1), long]))
              assert.strictEqual(error.reason._tag, "DataException")
              const failing = Stream.concat(Stream.fromIterable(products(0, count)), Stream.fail("source" as const))
              assert.strictEqual(yield* Effect.flip(store(failing)), "source")
            }
            assert.deepStrictEqual(yield* stored(), [])
          })
        )
      )
    }

    describe("does what INSERT does, however many rows there are", () => {
      const Entry = Schema.Struct({ id: Schema.Int, note: Schema.String })
      const entries = (count: number) => Array.from({ length: count }, (_, id) => ({ id, note: `note ${id}` }))
      const store = Copy.insertAll(Entry, { table: "entries", copyAbove: 10 })
      const kept = Query.one(Schema.Number)`SELECT count(*)::int4 FROM kept`
      /** In a session in which `entries` was made so. */
      const among = <A, E, R>(made: string, body: Effect.Effect<A, E, R>) =>
        Query.script(made).pipe(
          Effect.zipRight(body),
          Effect.zipLeft(healthy),
          Session.pin,
          Effect.provide(single(server))
        )
      const places = {
        "a view": "CREATE TEMP TABLE kept (id int4, note text); CREATE TEMP VIEW entries AS SELECT * FROM kept",
        "a table with a rule": `CREATE TEMP TABLE kept (id int4, note text); CREATE TEMP TABLE entries (LIKE kept);
          CREATE RULE aside AS ON INSERT TO entries DO INSTEAD INSERT INTO kept VALUES (NEW.*)`
      }
      for (const [place, made] of Object.entries(places)) {
        it.live(`into ${place}`, () =>
          among(
            made,
            Effect.gen(function* () {
              assert.strictEqual(yield* store(entries(5)), 5)
              assert.strictEqual(yield* store(entries(500)), 500)
              assert.strictEqual(yield* kept(), 505)
            })
          )
        )
      }

      it.live("under row-level security", () =>
        among(
          `CREATE TEMP TABLE kept (id int4, note text); ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
            GRANT ALL ON kept TO pg_monitor; CREATE POLICY small ON kept USING (id < 1000); SET ROLE pg_monitor`,
          Effect.gen(function* () {
            const store = Copy.insertAll(Entry, { table: "kept", copyAbove: 10 })
            assert.strictEqual(yield* store(entries(5)), 5)
            assert.strictEqual(yield* store(entries(500)), 500)
            for (const few of [[], entries(500)]) {
              const error = yield* Effect.flip(store([...few, { id: 1_000, note: "too large" }]))
              assert.strictEqual(error.reason._tag, "InsufficientPrivilege")
            }
            assert.strictEqual(yield* kept(), 505)
          })
        )
      )

      it.live("with GENERATED ALWAYS AS IDENTITY", () =>
        among(
          "CREATE TEMP TABLE entries (id int4 GENERATED ALWAYS AS IDENTITY, note text)",
          Effect.gen(function* () {
            for (const count of [5, 500]) {
              const error = yield* Effect.flip(store(entries(count)))
              assert.match(error.message, /^generated_always \(428C9\)/)
            }
            const notes = Copy.insertAll(Schema.Struct({ note: Schema.String }), { table: "entries", copyAbove: 10 })
            assert.strictEqual(yield* notes(entries(500)), 500)
          })
        )
      )

      it.live("with columns of composite types", () =>
        Effect.gen(function* () {
          const type = Sql.identifier(`pair_${process.pid}`)
          yield* Query.command`CREATE TYPE ${type} AS (a int4, b text)`()
          yield* Effect.gen(function* () {
            yield* Query.command`CREATE TEMP TABLE pairs (pair ${type}) ON COMMIT DROP`()
            const Row = Schema.Struct({ pair: Schema.Struct({ a: Schema.Int, b: Schema.String }) })
            const store = Copy.insertAll(Row, { table: "pairs", copyAbove: 10 })
            const rows = (count: number) => Array.from({ length: count }, (_, a) => ({ pair: { a, b: '",\\(' } }))
            assert.strictEqual(yield* store(rows(5)), 5)
            assert.strictEqual(yield* store(rows(500)), 500)
            const stored = Query.all(Row)`SELECT pair FROM pairs ORDER BY pair`
            assert.sameDeepMembers([...(yield* stored())], [...rows(5), ...rows(500)])
          }).pipe(Transaction.run, Effect.ensuring(Effect.orDie(Query.command`DROP TYPE ${type}`())))
        }).pipe(Session.pin, Effect.provide(single(server)))
      )
    })

    it.live("tells how far it is", () =>
      scene(
        Effect.gen(function* () {
          const told: Array<number> = []
          const store = Copy.insertAll(Product, {
            table: "products",
            onProgress: (rows) => Effect.sync(() => void told.push(rows))
          })
          yield* store(Stream.rechunk(Stream.fromIterable(products(0, 1_000)), 300))
          assert.deepStrictEqual(told, [300, 600, 900, 1_000])
        })
      )
    )

    describe("a source that queries the same database", () => {
      const Numbered = Schema.Struct({ id: Schema.Int })
      const numbers = Query.stream(Numbered)`SELECT n AS id FROM generate_series(1, 2000) n`
      const table = Sql.identifier(`numbered_${process.pid}`)
      const store = Copy.insertAll(Numbered, { table: `numbered_${process.pid}`, onConflict: Sql`DO NOTHING` })

      it.live("is not part of the transaction", () =>
        Effect.gen(function* () {
          yield* Query.command`CREATE TABLE ${table} (id int4 PRIMARY KEY)`()
          assert.strictEqual(yield* store(numbers()), 2_000)
          assert.strictEqual(yield* store(numbers()), 0)
        }).pipe(
          Effect.ensuring(Effect.orDie(Query.command`DROP TABLE ${table}`())),
          Effect.provide(NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 2 } }))
        )
      )

      it.live("is refused where both have one connection", () =>
        Effect.gen(function* () {
          yield* Query.command`CREATE TEMP TABLE numbered (id int4 PRIMARY KEY)`()
          const pinned = Copy.insertAll(Numbered, { table: "numbered", onConflict: Sql`DO NOTHING` })
          const error = yield* Effect.flip(pinned(numbers()))
          assert.strictEqual(error.reason._tag, "CopyInProgress")
          yield* healthy
        }).pipe(Session.pin, Effect.provide(single(server)))
      )
    })
  })
}
