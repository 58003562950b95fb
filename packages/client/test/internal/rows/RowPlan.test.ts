// What a plan makes of the columns of a statement, before any row.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { RowPlan } from "../../../src/internal/rows/RowPlan.ts"
import type { AnySchema } from "./schemas.ts"
import { oidOf, types } from "./wire.ts"

type Columns = ReadonlyArray<readonly [name: string, type: string]>

const described = (columns: Columns) => columns.map(([name, type]) => ({ name, typeOid: oidOf(type) }))

const prepared = (schema: AnySchema, columns: Columns) => new RowPlan(schema, types).prepare(described(columns))

const errors = (schema: AnySchema, columns: Columns) =>
  prepared(schema, columns).findings.map(({ at, message }) => ("column" in at ? `"${at.column}": ${message}` : message))

describe("columns by name", () => {
  it("that are missing are listed against what there is, with the likely cause", () => {
    const Row = Schema.Struct({ id: Schema.Int, createdAt: Schema.Date })
    assert.deepStrictEqual(
      errors(Row, [
        ["created_at", "timestamptz"],
        ["id", "int4"]
      ]),
      ['"createdAt": is missing; the statement returns created_at, id (hint: AS "createdAt", or Schema.fromKey)']
    )
    assert.deepStrictEqual(errors(Row, []), [
      '"id": is missing; the statement returns no columns',
      '"createdAt": is missing; the statement returns no columns'
    ])
    const Renamed = Schema.Struct({
      createdAt: Schema.propertySignature(Schema.Date).pipe(Schema.fromKey("created_at"))
    })
    assert.deepStrictEqual(errors(Renamed, [["created_at", "timestamptz"]]), [])
  })
  it("that the Schema may do without may be missing", () => {
    const Row = Schema.Struct({ id: Schema.Int, note: Schema.optional(Schema.String) })
    assert.deepStrictEqual(errors(Row, [["id", "int4"]]), [])
  })
  it("that stand twice are refused if they are read", () => {
    const twice: Columns = [
      ["id", "int4"],
      ["id", "int8"],
      ["x", "text"]
    ]
    assert.deepStrictEqual(errors(Schema.Struct({ id: Schema.Int }), twice), [
      '"id": occurs twice (hint: an alias, or Values)'
    ])
    assert.deepStrictEqual(errors(Schema.Record({ key: Schema.String, value: Schema.Unknown }), twice), [
      '"id": occurs twice (hint: an alias, or Values)'
    ])
    assert.deepStrictEqual(errors(Schema.Struct({ x: Schema.String }), twice), [])
    assert.deepStrictEqual(errors(Schema.Array(Schema.Unknown), twice), [])
  })
  it("that nobody named are skipped, or refused if the Schema says so", () => {
    const Row = Schema.Struct({ id: Schema.Int })
    const columns: Columns = [
      ["id", "int4"],
      ["secret", "text"]
    ]
    assert.deepStrictEqual(errors(Row, columns), [])
    const Strict = Row.annotations({ parseOptions: { onExcessProperty: "error" } })
    assert.deepStrictEqual(errors(Strict, columns), ['"secret": is not in the Schema, which refuses excess properties'])
  })
  it("of all members of a union are read", () => {
    const Union = Schema.Union(
      Schema.Struct({ kind: Schema.Literal("a"), n: Schema.Int }),
      Schema.Struct({ kind: Schema.Literal("b"), s: Schema.String })
    )
    assert.deepStrictEqual(
      errors(Union, [
        ["kind", "text"],
        ["n", "int4"],
        ["s", "text"]
      ]),
      []
    )
    assert.deepStrictEqual(errors(Union, [["n", "int4"]]), ['"kind": is missing; the statement returns n'])
  })
  it("all that is wrong is said at once", () => {
    const Row = Schema.Struct({ a: Schema.Boolean, b: Schema.Date, c: Schema.Int })
    assert.deepStrictEqual(
      errors(Row, [
        ["a", "timestamptz"],
        ["b", "bytea"]
      ]),
      [
        '"a": timestamptz cannot be read as Schema.Boolean',
        '"b": bytea cannot be read as Date',
        '"c": is missing; the statement returns a, b'
      ]
    )
  })
})

describe("columns by position", () => {
  it("must be as many as there are elements", () => {
    const Pair = Schema.Tuple(Schema.Int, Schema.String)
    assert.deepStrictEqual(
      errors(Pair, [
        ["a", "int4"],
        ["b", "text"]
      ]),
      []
    )
    assert.deepStrictEqual(errors(Pair, [["a", "int4"]]), ['"": 2 columns are expected, the statement returns a'])
    assert.deepStrictEqual(errors(Schema.Tuple(Schema.Int, Schema.optionalElement(Schema.String)), [["a", "int4"]]), [])
    assert.deepStrictEqual(errors(Schema.NonEmptyArray(Schema.Int), []), [
      '"": at least 1 columns are expected, the statement returns no columns'
    ])
  })
  it("a single value takes a single column", () => {
    assert.deepStrictEqual(errors(Schema.Int, [["a", "int4"]]), [])
    assert.deepStrictEqual(
      errors(Schema.Int, [
        ["a", "int4"],
        ["b", "int4"]
      ]),
      ['"": one column is expected, the statement returns a, b']
    )
  })
})

describe("formats", () => {
  it("are asked for as the chosen form says, and text for what is not read", () => {
    const Row = Schema.Struct({ a: Schema.Int, b: Schema.String, c: Schema.Date })
    const columns: Columns = [
      ["a", "int4"],
      ["x", "int4"],
      ["b", "text"],
      ["c", "timestamptz"]
    ]
    assert.deepStrictEqual(prepared(Row, columns).formats, [1, 0, 0, 1])
  })
  it("of a type that is not known are text", () => {
    const plan = new RowPlan(Schema.Struct({ a: Schema.String }), types)
    assert.deepStrictEqual(plan.prepare([{ name: "a", typeOid: 4_000_000 }]).formats, [0])
  })
})

describe("warnings", () => {
  it("are no reason to refuse", () => {
    const plan = prepared(Schema.Struct({ n: Schema.Number }), [["n", "numeric"]])
    assert.strictEqual(plan.findings[0]?.severity, "warning")
    assert.strictEqual(plan.mismatch, undefined)
  })
  it("name columns that may be NULL where the Schema has no place for it", () => {
    const Row = Schema.Struct({ email: Schema.String, note: Schema.NullOr(Schema.String), n: Schema.Int })
    const plan = prepared(Row, [
      ["email", "text"],
      ["note", "text"],
      ["n", "int4"]
    ])
    const origin = (column: string, nullable: boolean) => ({ table: "users", column, nullable })
    assert.deepStrictEqual(plan.nullability([origin("email", true), origin("note", true), undefined]), [
      { severity: "warning", at: { column: "email" }, message: "may be NULL: users.email has no NOT NULL" }
    ])
    assert.deepStrictEqual(plan.nullability([origin("email", false), origin("note", true), undefined]), [])
  })
})

it("is remembered as long as the columns are the same", () => {
  const plan = new RowPlan(Schema.Struct({ a: Schema.Int }), types)
  const first = plan.prepare(described([["a", "int4"]]))
  assert.strictEqual(plan.prepare(described([["a", "int4"]])), first)
  const changed = plan.prepare(described([["a", "int8"]]))
  assert.notStrictEqual(changed, first)
  assert.deepStrictEqual(
    changed.findings.map(({ severity }) => severity),
    ["warning"]
  )
})

it("takes a thousand columns and more without a cliff", () => {
  const names = Array.from({ length: 1600 }, (_, i): readonly [string, string] => [`c${i}`, "int4"])
  const Row = Schema.Record({ key: Schema.String, value: Schema.Unknown })
  assert.strictEqual(prepared(Row, names).formats.length, 1600)
})
