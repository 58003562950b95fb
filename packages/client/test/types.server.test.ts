// Types of the user's own, met for the first time: nothing is registered, the catalogue is asked.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Query, Row, Transaction } from "pgfx"
import { inject } from "vitest"

const Mood = Schema.Literal("sad", "ok", "happy")
const Place = Schema.Struct({ street: Schema.String, number: Schema.NullOr(Schema.Number) })
const Person = Schema.Struct({
  id: Schema.Number,
  mood: Mood,
  moods: Schema.Array(Mood),
  home: Place,
  places: Schema.Array(Place),
  age: Schema.Number,
  tags: Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.String) })
})
const ada: typeof Person.Type = {
  id: 1,
  mood: "happy",
  moods: ["sad", "ok"],
  home: { street: 'Main "St", 1', number: 7 },
  places: [
    { street: "a", number: null },
    { street: "b,(c)", number: 2 }
  ],
  age: 36,
  tags: { "a=>b": "1", c: null }
}

const create = Query.script(`
  CREATE EXTENSION IF NOT EXISTS hstore;
  DROP SCHEMA IF EXISTS own CASCADE; CREATE SCHEMA own;
  CREATE TYPE own.mood AS ENUM ('sad', 'ok', 'happy');
  CREATE TYPE own.place AS (street text, number int4);
  CREATE DOMAIN own.age AS int4 CHECK (VALUE >= 0);
  CREATE TYPE own.span AS RANGE (subtype = int4);
  CREATE TABLE own.person (
    id int4, mood own.mood, moods own.mood[], home own.place, places own.place[], age own.age, tags hstore, span own.span
  );
`)
const insert = Query.command`
  INSERT INTO own.person (id, mood, moods, home, places, age, tags, span) VALUES (
    ${param("id", Schema.Number)}, ${param("mood", Mood)}, ${param("moods", Schema.Array(Mood))}, ${param("home", Place)},
    ${param("places", Schema.Array(Place))}, ${param("age", Schema.Number)}, ${param("tags", Person.fields.tags)}, '[1,5)')
`

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("types of the user's own", (it) => {
      it.effect("decode and encode with no registration", () =>
        Effect.gen(function* () {
          yield* create
          yield* insert(ada)
          const all = Query.all(Person)`SELECT id, mood, moods, home, places, age, tags FROM own.person`
          assert.deepStrictEqual(yield* all(), [ada])
          // the second time in binary, from the description
          assert.deepStrictEqual(yield* all(), [ada])
        })
      )

      it.effect("are found on first use without a row Schema too", () =>
        Effect.gen(function* () {
          const row = yield* Query.one(Row)`SELECT 'x' AS first, moods, places, span FROM own.person`()
          assert.deepStrictEqual(row, {
            first: "x",
            moods: ada.moods,
            places: ada.places,
            span: { lower: 1, upper: 5, bounds: "[)" }
          })
        })
      )

      it.effect("are found inside a transaction", () =>
        Effect.gen(function* () {
          yield* Query.script("CREATE TYPE own.late AS ENUM ('x')")
          const Late = Schema.Struct({ all: Schema.Array(Schema.Literal("x")) })
          const read = Query.one(Late)`SELECT ARRAY['x']::own.late[] AS all`
          assert.deepStrictEqual(yield* Transaction.run(read()), { all: ["x"] })
        })
      )

      it.effect("are checked before anything runs", () =>
        Effect.gen(function* () {
          const wrong = Query.all(
            Schema.Struct({ id: Schema.Boolean, missing: Schema.String })
          )`SELECT id FROM own.person`
          const findings = yield* Query.check(insert, wrong)
          assert.deepStrictEqual(
            findings.map((f) => f.severity),
            ["error", "error"]
          )
          assert.strictEqual(yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM own.person`(), 1n)
        })
      )
    })
  })
}
