// The words for a row that a Schema refuses.
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { AnySchema } from "./schemas.ts"
import { type Cell, readRows } from "./wire.ts"

const issue = (field: AnySchema, type: string, value: unknown, from?: Cell["from"]): string => {
  const cell = { name: "c", type, value, ...(from === undefined ? {} : { from }) }
  const rows = readRows(Schema.Struct({ c: field }), [[cell]])
  return Either.isLeft(rows) && rows.left._tag === "InvalidRow" ? rows.left.issue : JSON.stringify(rows)
}

const hidden = "(value not recorded)"

describe("a refused value", () => {
  it("is named by what was expected and what kind of thing came", () => {
    assert.strictEqual(issue(Schema.Int, "float8", 1.5), `expected Int, actual number ${hidden}`)
    assert.strictEqual(
      issue(Schema.Number.pipe(Schema.int(), Schema.positive()), "int4", -1),
      `expected positive, actual number ${hidden}`
    )
    assert.strictEqual(issue(Schema.Literal("a", "b"), "text", "c"), `expected "a" | "b", actual string ${hidden}`)
    assert.strictEqual(issue(Schema.NullOr(Schema.Int), "float8", 1.5), `expected Int, actual number ${hidden}`)
    assert.strictEqual(
      issue(Schema.NumberFromString, "text", "x"),
      `expected NumberFromString, actual string ${hidden}`
    )
    assert.strictEqual(issue(Schema.UUID, "text", "x"), `expected UUID, actual string ${hidden}`)
  })
  it("is placed by the keys that the Schema names, and no others", () => {
    const json = '{"a":[{"b":"x"}],"secret":1}'
    const Deep = Schema.Struct({ a: Schema.Array(Schema.Struct({ b: Schema.Number })) })
    assert.strictEqual(issue(Deep, "jsonb", json, "text"), `a.0.b: expected number, actual string ${hidden}`)
    assert.strictEqual(
      issue(Schema.Record({ key: Schema.String, value: Schema.Null }), "jsonb", '{"secret":1}', "text"),
      `(key): expected null, actual number ${hidden}`
    )
    assert.strictEqual(issue(Schema.Struct({ b: Schema.String }), "jsonb", "{}", "text"), "b: is missing")
  })
  it("is explained by the codec where that knows better", () => {
    assert.strictEqual(issue(Schema.Date, "timestamptz", "infinity"), "infinity is no point in time (read it as text)")
    assert.include(issue(Schema.Number, "int8", 2n ** 60n), "2^53")
  })
  it("is one of several if the Schema asks for all errors", () => {
    const All = Schema.Struct({ a: Schema.Int, b: Schema.NonEmptyString }).annotations({
      parseOptions: { errors: "all" }
    })
    const rows = readRows(All, [
      [
        { name: "a", type: "float8", value: 1.5 },
        { name: "b", type: "text", value: "" }
      ]
    ])
    assert.deepInclude(Either.getOrThrow(Either.flip(rows)), {
      column: "a",
      issue: `expected Int, actual number ${hidden}; column "b": expected NonEmptyString, actual string ${hidden}`
    })
  })
})
