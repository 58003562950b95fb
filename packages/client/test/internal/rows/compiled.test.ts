// Which Schemas the compiled decoder reads by itself: the property of agreement would hold as well if it never did.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { RowPlan } from "../../../src/internal/rows/RowPlan.ts"
import type { AnySchema } from "./schemas.ts"
import { type Cell, frames, oidOf, types } from "./wire.ts"

/** Fails if a row has to go through ParseResult. */
const readCompiled = (schema: AnySchema, rows: ReadonlyArray<ReadonlyArray<Cell>>): ReadonlyArray<unknown> => {
  const plan = new RowPlan(schema, types)
  Object.assign(plan, { decode: () => assert.fail(`${String(schema)} went through ParseResult`) })
  const prepared = plan.prepare((rows[0] ?? []).map(({ name, type }) => ({ name, typeOid: oidOf(type) })))
  const reader = prepared.open()
  reader.rows(frames(rows, prepared.formats))
  return Effect.runSync(reader.all())
}

const instant = "2024-02-29T13:45:00.123456Z"
const row: ReadonlyArray<Cell> = [
  { name: "id", type: "int4", value: 1 },
  { name: "name", type: "text", value: "Ann" },
  { name: "born", type: "timestamptz", value: instant },
  { name: "note", type: "text", value: null },
  { name: "data", type: "jsonb", from: "text", value: '{"_tag":"b","n":[1,2]}' }
]

const Data = Schema.Union(
  Schema.Struct({ _tag: Schema.Literal("a") }),
  Schema.Struct({ _tag: Schema.Literal("b"), n: Schema.Array(Schema.Number) })
)
const fields = {
  id: Schema.Int.pipe(Schema.positive(), Schema.brand("Id")),
  name: Schema.NonEmptyTrimmedString,
  born: Schema.Date,
  data: Data
}
class Person extends Schema.Class<Person>("Person")({ ...fields, note: Schema.NullOr(Schema.String) }) {}

describe("without ParseResult", () => {
  const born = new Date("2024-02-29T13:45:00.123Z")
  const data = { _tag: "b", n: [1, 2] }
  const known = { id: 1, name: "Ann", born, data }

  it("structs with filters, brands, dates, tagged unions and every kind of optional", () => {
    for (const [note, expected] of [
      [Schema.NullOr(Schema.String), { note: null }],
      [Schema.UndefinedOr(Schema.String), { note: undefined }],
      [Schema.OptionFromNullOr(Schema.String), { note: Option.none() }],
      [Schema.optional(Schema.String), { note: undefined }],
      [Schema.optionalWith(Schema.String, { exact: true }), {}],
      [Schema.optionalWith(Schema.String, { nullable: true }), {}],
      [Schema.optionalWith(Schema.String, { default: () => "none" }), { note: "none" }],
      [Schema.optionalWith(Schema.String, { as: "Option" }), { note: Option.none() }]
    ] as const) {
      const [value] = readCompiled(Schema.Struct({ ...fields, note }) as AnySchema, [row])
      assert.deepStrictEqual(value, { ...known, ...expected })
      // absent is absent
      assert.strictEqual(Object.hasOwn(Object(value), "note"), Object.hasOwn(expected, "note"))
    }
  })
  it("classes, other keys, filters of rows, tuples, records and single columns", () => {
    assert.deepStrictEqual(readCompiled(Person, [row]), [new Person({ ...known, note: null } as never)])
    const Renamed = Schema.Struct({ key: Schema.propertySignature(Schema.Number).pipe(Schema.fromKey("id")) })
    assert.deepStrictEqual(readCompiled(Renamed, [row]), [{ key: 1 }])
    const Filtered = Schema.Struct({ id: Schema.Number }).pipe(Schema.filter(({ id }) => id > 0))
    assert.deepStrictEqual(readCompiled(Filtered, [row]), [{ id: 1 }])
    assert.deepStrictEqual(readCompiled(Schema.Tuple(Schema.Int, Schema.String), [row.slice(0, 2)]), [[1, "Ann"]])
    assert.deepStrictEqual(
      readCompiled(Schema.Record({ key: Schema.String, value: Schema.Unknown }), [row.slice(0, 2)]),
      [{ id: 1, name: "Ann" }]
    )
    assert.deepStrictEqual(readCompiled(Schema.Array(Schema.Unknown), [row.slice(0, 2)]), [[1, "Ann"]])
    assert.deepStrictEqual(readCompiled(Schema.Int, [row.slice(0, 1)]), [1])
  })
  it("a member whose column is not there", () => {
    const Default = Schema.Struct({ id: Schema.Int, x: Schema.optionalWith(Schema.String, { default: () => "none" }) })
    assert.deepStrictEqual(readCompiled(Default, [row]), [{ id: 1, x: "none" }])
    const Optional = Schema.Struct({ id: Schema.Int, x: Schema.optional(Schema.String) })
    assert.deepStrictEqual(readCompiled(Optional, [row]), [{ id: 1 }])
  })
  it("unions of structs", () => {
    const Union = Schema.Union(
      Schema.Struct({ id: Schema.Literal(2), note: Schema.String }),
      Schema.Struct({ id: Schema.Literal(1), name: Schema.String })
    )
    assert.deepStrictEqual(readCompiled(Union, [row]), [{ id: 1, name: "Ann" }])
  })
  it("columns of any name, as own keys of ordinary objects", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "", 'a"b', "\u2028", "a\nb", "\\"]
    const cells = names.map((name, value): Cell => ({ name, type: "int4", value }))
    const [value] = readCompiled(Schema.Record({ key: Schema.String, value: Schema.Unknown }), [cells])
    assert.deepStrictEqual(
      Object.entries(Object(value)),
      names.map((name, i): [string, unknown] => [name, i])
    )
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
    const Struct = Schema.Struct(Object.fromEntries(names.slice(1).map((name) => [name, Schema.Number])))
    const [struct] = readCompiled(Struct, [cells])
    assert.deepStrictEqual(Object.entries(Object(struct)).length, names.length - 1)
  })
})

describe("what only ParseResult can decode", () => {
  const Late = Schema.transformOrFail(Schema.Number, Schema.Number, {
    strict: true,
    decode: (n) => Effect.delay(Effect.succeed(n + 1), "1 millis"),
    encode: (n) => Effect.succeed(n)
  })
  const open = (schema: AnySchema, values: ReadonlyArray<number>) => {
    const prepared = new RowPlan(schema, types).prepare([{ name: "n", typeOid: 23 }])
    const reader = prepared.open()
    reader.rows(
      frames(
        values.map((value) => [{ name: "n", type: "int4", value }]),
        prepared.formats
      )
    )
    return reader
  }
  it("goes on as an Effect where it is asynchronous", async () => {
    const reader = open(Schema.Struct({ n: Late }) as AnySchema, [1, 2])
    assert.deepStrictEqual(await Effect.runPromise(reader.all()), [{ n: 2 }, { n: 3 }])
  })
  it("gives the rows before a failure to streams, and to nobody else", async () => {
    const Even = Schema.transformOrFail(Schema.Number, Schema.Number, {
      strict: true,
      decode: (n, _, ast) =>
        Effect.flatMap(Effect.yieldNow(), () =>
          n % 2 === 0 ? ParseResult.succeed(n) : ParseResult.fail(new ParseResult.Type(ast, n))
        ),
      encode: (n) => Effect.succeed(n)
    })
    const stream = open(Schema.Struct({ n: Even }) as AnySchema, [2, 4, 5, 6])
    assert.deepStrictEqual(await Effect.runPromise(stream.take()), [{ n: 2 }, { n: 4 }])
    const error = await Effect.runPromise(Effect.flip(stream.take()))
    assert.deepInclude(error, { _tag: "InvalidRow", column: "n", row: 3 })
    const buffered = open(Schema.Struct({ n: Even }) as AnySchema, [2, 4, 5, 6])
    assert.deepInclude(await Effect.runPromise(Effect.flip(buffered.all())), { _tag: "InvalidRow", row: 3 })
  })
  it("and throws, is a defect of the query and nobody else's", () => {
    const Bug = Schema.transform(Schema.Number, Schema.Number, {
      strict: true,
      decode: () => {
        throw new Error("a bug of the program")
      },
      encode: (n) => n
    })
    const reader = open(Schema.Struct({ n: Bug }) as AnySchema, [1, 2])
    assert.throws(() => Effect.runSync(reader.all()), "a bug of the program")
  })
})
