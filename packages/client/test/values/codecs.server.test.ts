// Codecs of the user's own, found by the name of a type, on a real server: in rows and parameters, inside arrays, on the first use and on later ones.
import { assert, describe, layer } from "@effect/vitest"
import { type Codec, scalar } from "@pgfx/codecs"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Query, Row } from "pgfx"
import { inject } from "vitest"

/** A composite type as an array of its numbers. */
const point3d: Codec = scalar({
  name: "coded.point3d",
  defaultForm: "json",
  arrays: true,
  readers: { json: { format: 0, parse: (text) => text.slice(1, -1).split(",").map(Number) } },
  writer: {
    format: () => 0,
    text: (value) => `(${Array.isArray(value) ? value.join(",") : ""})`,
    binary: () => undefined
  }
})

/** A built-in type as what it is not by default. */
const money: Codec = scalar({
  name: "money",
  defaultForm: "number",
  readers: { number: { format: 0, parse: (text) => Number(text.replaceAll(/[^-.0-9]/g, "")) } },
  writer: { format: () => 0, text: String, binary: () => undefined }
})

const make = Query.script(
  "DROP SCHEMA IF EXISTS coded CASCADE; CREATE SCHEMA coded; CREATE TYPE coded.point3d AS (x float8, y float8, z float8)"
)
const Point = Schema.Tuple(Schema.Number, Schema.Number, Schema.Number)

for (const server of inject("postgres")) {
  const url = Redacted.make(server.url)
  const Coded = NodePostgres.layer({ url, codecs: [point3d, money], parameters: { lc_monetary: "C" } })
  const Bare = NodePostgres.layer({ url })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Coded)("a codec of the user's own", (it) => {
      it.effect("reads and writes the type of its name, and what is made of it", () =>
        Effect.gen(function* () {
          yield* make
          const rows = Query.one(Row)`
            SELECT (1, 2, 3)::coded.point3d AS one, ARRAY[(1, 2, 3), NULL]::coded.point3d[] AS many`
          const typed = Query.one(Schema.Struct({ one: Point }))`SELECT (4, 5, 6)::coded.point3d AS one`
          const echo = Query.one(Schema.Struct({ one: Point }))`SELECT ${param("p", Point)}::coded.point3d AS one`
          const moved = Query.one(Schema.Number)`SELECT (${param("p", Point)}::coded.point3d).y`
          for (let use = 0; use < 3; use++) {
            assert.deepStrictEqual(yield* rows(), { one: [1, 2, 3], many: [[1, 2, 3], null] })
            assert.deepStrictEqual(yield* typed(), { one: [4, 5, 6] })
            assert.deepStrictEqual(yield* echo({ p: [7, 8, 9] }), { one: [7, 8, 9] })
            assert.strictEqual(yield* moved({ p: [7, 8, 9] }), 8)
          }
          // the same types without it
          const bare = yield* Effect.provide(rows(), Bare)
          assert.deepStrictEqual(bare["one"], { x: 1, y: 2, z: 3 })
        })
      )

      it.effect("takes the place of a built-in one", () =>
        Effect.gen(function* () {
          const price = Query.one(Schema.Number)`SELECT ${param("price", Schema.Number)}::money`
          for (let use = 0; use < 2; use++) assert.strictEqual(yield* price({ price: 12.5 }), 12.5)
        })
      )
    })
  })
}
