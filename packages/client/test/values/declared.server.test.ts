// Types that a Schema declares for a parameter, on a real server: the server infers nothing then, on the first use as on every later one.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, PgSchema, Query } from "pgfx"
import { inject } from "vitest"

const asType = (name: string) =>
  Query.one(Schema.String)`SELECT pg_typeof(${param("n", Schema.Number.pipe(PgSchema.type(name)))})::text`

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 1 } })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("a declared type", (it) => {
      it.effect("is the parameter's, and tells statements of one text apart", () =>
        Effect.gen(function* () {
          for (let use = 0; use < 2; use++) {
            assert.strictEqual(yield* asType("int8")({ n: 1 }), "bigint")
            assert.strictEqual(yield* asType("integer")({ n: 1 }), "integer")
            assert.strictEqual(yield* asType("numeric")({ n: 1.5 }), "numeric")
          }
        })
      )

      it.effect("stands for the cast that the server asks for", () =>
        Effect.gen(function* () {
          const bare = Query.one(Schema.Unknown)`SELECT json_build_object('n', ${param("n", Schema.Number)})`
          const unknown = yield* Effect.flip(bare({ n: 1 }))
          assert.include(String(unknown), "could not determine data type of parameter $1")
          const declared = Query.one(
            Schema.Unknown
          )`SELECT json_build_object('n', ${param("n", Schema.Number.pipe(PgSchema.type("int4")))})`
          for (let use = 0; use < 2; use++) assert.deepStrictEqual(yield* declared({ n: 1 }), { n: 1 })
        })
      )

      it.effect("is what an array goes as", () =>
        Effect.gen(function* () {
          const ids = Schema.Array(Schema.Number).pipe(PgSchema.type("int8[]"))
          const count = Query.one(Schema.Number)`SELECT cardinality(${param("ids", ids)})`
          for (let use = 0; use < 2; use++) assert.strictEqual(yield* count({ ids: [1, 2, 3] }), 3)
        })
      )

      it.effect("that the Schema does not fit is a finding, and a refusal", () =>
        Effect.gen(function* () {
          const wrong = Query.one(
            Schema.Unknown
          )`SELECT ${param("p", Schema.Boolean.pipe(PgSchema.type("timestamptz")))} AS at`
          const [finding] = yield* Query.check(wrong)
          assert.strictEqual(finding?.message, "Schema.Boolean encodes a boolean, the server expects timestamptz")
          const error = yield* Effect.flip(wrong({ p: true }))
          assert.include(["StatementMismatch", "DataException"], error.reason._tag)
        })
      )

      it.effect("that PostgreSQL does not have is refused before anything is sent", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(asType("int3")({ n: 1 }))
          assert.deepInclude(error.reason, { _tag: "InvalidParameter", parameter: "n" })
          assert.include(String(error), 'no built-in type "int3"')
          assert.strictEqual(error.outcome, "NotSent")
          assert.strictEqual(yield* asType("int2")({ n: 1 }), "smallint")
        })
      )
    })
  })
}
