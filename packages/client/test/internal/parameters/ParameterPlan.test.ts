import { assert, describe, it } from "@effect/vitest"
import { readFormat } from "@pgfx/codecs"
import { ByteReader, ByteWriter, type FormatCode, joinChunks } from "@pgfx/protocol"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ParameterPlan } from "../../../src/internal/parameters/ParameterPlan.ts"
import { compileTemplate } from "../../../src/internal/sql/template.ts"
import type { Statement } from "../../../src/internal/Statement.ts"
import type { Permanent } from "../../../src/PostgresError.ts"
import { param } from "../../../src/Param.ts"
import { PgSchema } from "../../../src/PgSchema.ts"
import { piecesOfTemplate, type Slot, Sql } from "../../../src/Sql.ts"
import { codecOf, oidOf, types } from "../rows/wire.ts"

const statementOf = (...slots: ReadonlyArray<Slot>): Statement => {
  const strings = ["SELECT ", ...slots.map(() => "")]
  const { placeholders, sources, text } = compileTemplate(piecesOfTemplate(strings, slots))
  return { info: { name: "test", sql: text, definedAt: "here" }, placeholders, sources }
}

/** The Schemas of these tests need no services. */
const encode = (plan: ParameterPlan, args: Readonly<Record<string, unknown>>) =>
  Effect.runSync(Effect.either(plan.encode(args) as Effect.Effect<ReadonlyArray<unknown>, Permanent>))

const encoded = (plan: ParameterPlan, args: Readonly<Record<string, unknown>>) => Either.getOrThrow(encode(plan, args))

type Outcome = { readonly format: FormatCode; readonly value: unknown } | { readonly refused: string }

const reasonOf = (error: { readonly reason: { readonly _tag: string } }): string => JSON.stringify(error.reason)

/** What the server would read of the first parameter: by the codec's own reader, from what was written. */
const bound = (plan: ParameterPlan, type: string, args: Readonly<Record<string, unknown>>): Outcome => {
  const values = encode(plan, args)
  if (Either.isLeft(values)) return { refused: reasonOf(values.left) }
  const bind = plan.prepare([oidOf(type)], types).bind(values.right)
  if (Either.isLeft(bind)) return { refused: reasonOf(bind.left) }
  const out = new ByteWriter()
  out.beginMessage(0x42, "Bind")
  bind.right.write(out)
  out.endMessage()
  const message = joinChunks(out.take())
  const reader = new ByteReader()
  reader.open("Bind", message, 5, message.length, 0)
  assert.strictEqual(reader.count("formats", 2), 1)
  const format = reader.format("format")
  assert.deepStrictEqual(bind.right.formats, [format])
  assert.strictEqual(reader.count("values", 4), 1)
  const bytes = reader.value("value")
  if (bytes === null) return { format, value: null }
  const codec = codecOf(type)
  const found = codec.reader()
  const read = found === undefined ? undefined : readFormat(type, found, format)
  return { format, value: read === undefined ? new TextDecoder().decode(bytes) : read(bytes, 0, bytes.length) }
}

const write = <A, I>(type: string, value: A, schema: Schema.Schema<A, I>): unknown => {
  const outcome = bound(new ParameterPlan(statementOf(param("p", schema))), type, { p: value })
  if ("refused" in outcome) throw new Error(outcome.refused)
  return outcome.value
}

const refusal = <A, I>(type: string, value: A, schema: Schema.Schema<A, I>): string => {
  const outcome = bound(new ParameterPlan(statementOf(param("p", schema))), type, { p: value })
  if (!("refused" in outcome)) throw new Error("nothing was refused")
  return outcome.refused
}

const texts = <A, I>(value: A, schema: Schema.Schema<A, I>): unknown => {
  const plan = new ParameterPlan(statementOf(param("p", schema)))
  const values = encoded(plan, { p: value })
  return Either.getOrThrow(plan.texts(values))?.[0]
}

const instant = new Date("2024-02-29T13:45:00.123Z")

describe("values of the types that the server inferred", () => {
  it("numbers go to whole numbers, decimals and floats", () => {
    assert.strictEqual(write("int4", 5, Schema.Int), 5)
    assert.strictEqual(write("int8", 5, Schema.Number), 5n)
    assert.strictEqual(write("numeric", 1.5, Schema.Number), "1.5")
    assert.strictEqual(write("float8", -0, Schema.Number), -0)
    assert.strictEqual(write("bool", true, bit), true)
    assert.strictEqual(write("int8", 5n, Schema.BigIntFromSelf), 5n)
    assert.strictEqual(write("int4", 5n, Schema.BigInt), 5)
  })
  it("exact decimals keep their scale", () => {
    assert.strictEqual(write("numeric", BigDecimal.make(150n, 2), Schema.BigDecimalFromSelf), "1.50")
    assert.strictEqual(write("int4", BigDecimal.make(500n, 2), Schema.BigDecimalFromSelf), 5)
    assert.include(refusal("int4", BigDecimal.make(150n, 2), Schema.BigDecimalFromSelf), "fraction")
    assert.include(refusal("float8", BigDecimal.make(15n, 1), Schema.BigDecimalFromSelf), "the server expects float8")
  })
  it("instants go to points in time", () => {
    const text = "2024-02-29T13:45:00.123000Z"
    assert.strictEqual(write("timestamptz", instant, Schema.DateFromSelf), text)
    assert.strictEqual(write("timestamptz", instant, Schema.Date), text)
    assert.strictEqual(write("timestamptz", instant, Schema.DateFromNumber), text)
    assert.strictEqual(write("timestamptz", DateTime.unsafeMake(instant), Schema.DateTimeUtc), text)
    assert.strictEqual(write("timestamptz", DateTime.unsafeMake(instant), Schema.DateTimeUtcFromSelf), text)
    assert.strictEqual(write("timestamptz", DateTime.unsafeMake(instant), Schema.DateTimeUtcFromNumber), text)
    assert.strictEqual(write("timestamp", instant, Schema.DateFromSelf), text.slice(0, -1))
    assert.include(refusal("date", instant, Schema.DateFromSelf), "time of day")
    assert.include(refusal("timestamptz", new Date(NaN), Schema.DateFromSelf), "not a point in time")
  })
  it("durations go to intervals and times of day", () => {
    const hours = Duration.hours(30)
    assert.deepStrictEqual(write("interval", hours, Schema.DurationFromSelf), {
      months: 0,
      days: 0,
      microseconds: 108_000_000_000n
    })
    assert.strictEqual(write("interval", Duration.infinity, Schema.DurationFromSelf), "infinity")
    assert.strictEqual(write("time", Duration.minutes(90), Schema.DurationFromSelf), "01:30:00.000000")
    assert.include(refusal("time", hours, Schema.DurationFromSelf), "24 hours")
    assert.include(refusal("interval", Duration.nanos(1n), Schema.DurationFromSelf), "microsecond")
  })
  it("bytes go to bytea and uuid", () => {
    assert.deepStrictEqual(write("bytea", Uint8Array.of(1, 2), Schema.Uint8ArrayFromSelf), Uint8Array.of(1, 2))
    assert.deepStrictEqual(write("bytea", Uint8Array.of(1, 2), Schema.Uint8Array), Uint8Array.of(1, 2))
    assert.strictEqual(
      write("uuid", new Uint8Array(16), Schema.Uint8ArrayFromSelf),
      "00000000-0000-0000-0000-000000000000"
    )
    assert.include(refusal("text", Uint8Array.of(1), Schema.Uint8ArrayFromSelf), "the server expects text")
  })
  it("strings go to any type, and are JSON text to a json type", () => {
    assert.strictEqual(write("int4", "12", Schema.String), 12)
    assert.deepStrictEqual(write("jsonb", '{"a":1}', Schema.String), { a: 1 })
    assert.deepStrictEqual(write("jsonb", "a", Schema.parseJson(Schema.String)), "a")
    assert.deepStrictEqual(write("jsonb", "a", Schema.Union(Schema.String, Schema.Number)), "a")
    assert.deepStrictEqual(write("jsonb", "a", Schema.Unknown), "a")
    assert.deepStrictEqual(write("int4[]", "{1,2}", Schema.String), [1, 2])
  })
  it("objects and arrays go to json with every digit", () => {
    const Inside = Schema.Struct({
      n: Schema.BigIntFromSelf,
      d: Schema.BigDecimalFromSelf,
      o: Schema.OptionFromSelf(Schema.Int)
    })
    const plan = new ParameterPlan(statementOf(param("p", Inside)))
    const value = { n: 12_345_678_901_234_567_890n, d: BigDecimal.make(150n, 2), o: Option.none() }
    const values = encoded(plan, { p: value })
    const out = new ByteWriter()
    out.beginMessage(0x42, "Bind")
    Either.getOrThrow(plan.prepare([oidOf("json")], types).bind(values)).write(out)
    out.endMessage()
    assert.include(new TextDecoder().decode(joinChunks(out.take())), '{"n":12345678901234567890,"d":1.50,"o":null}')
    assert.include(refusal("json", { at: instant }, Schema.Struct({ at: Schema.DateFromSelf })), "JSON has no dates")
  })
  it("arrays go element by element", () => {
    assert.deepStrictEqual(write("int8[]", [1, 2], Schema.Array(Schema.Number)), [1n, 2n])
    assert.deepStrictEqual(
      write("timestamptz[]", [DateTime.unsafeMake(instant)], Schema.Array(Schema.DateTimeUtcFromSelf)),
      ["2024-02-29T13:45:00.123000Z"]
    )
    assert.deepStrictEqual(
      write("int4[]", [Option.none(), Option.some(1)], Schema.Array(Schema.OptionFromNullOr(Schema.Int))),
      [null, 1]
    )
    assert.deepStrictEqual(write("int4[]", new Set([1]), Schema.ReadonlySet(Schema.Int)), [1])
    assert.deepStrictEqual(write("int4[]", [[1], [2]], Schema.Array(Schema.Array(Schema.Int))), [[1], [2]])
    assert.include(refusal("int4[]", [[1], [2, 3]], Schema.Array(Schema.Array(Schema.Int))), "different lengths")
    assert.include(refusal("int4[]", [undefined], Schema.Array(Schema.UndefinedOr(Schema.Int))), "undefined")
    assert.include(refusal("int4[]", [true], Schema.Array(Schema.Boolean)), "the server expects int4")
  })
  it("objects go to composites, ranges and hstore", () => {
    const Place = Schema.Struct({
      city: Schema.String,
      founded: Schema.optionalWith(Schema.Date, { exact: true }),
      size: Schema.NullOr(Schema.Number)
    })
    assert.deepStrictEqual(write("place", { city: "Ur", founded: instant, size: 7 }, Place), {
      city: "Ur",
      founded: "2024-02-29T13:45:00.123000Z",
      size: 7n
    })
    assert.deepStrictEqual(write("place", { city: "Ur", size: null }, Place), { city: "Ur", founded: null, size: null })
    assert.include(
      refusal("place", { city: "Ur" }, Schema.Struct({ city: Schema.String })),
      "nothing for the attribute"
    )
    const Range = Schema.Struct({
      lower: Schema.NullOr(Schema.Number),
      upper: Schema.NullOr(Schema.Number),
      bounds: Schema.Literal("[)")
    })
    const range = { lower: 1, upper: null, bounds: "[)" as const }
    assert.deepStrictEqual(write("int8range", range, Range), { lower: 1n, upper: null, bounds: "[)" })
    const Pairs = Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.String) })
    assert.deepStrictEqual(write("hstore", { a: "1", b: null }, Pairs), { a: "1", b: null })
  })
  it("null is NULL, undefined is refused", () => {
    assert.strictEqual(write("int4", null, Schema.NullOr(Schema.Int)), null)
    assert.strictEqual(write("int4", Option.none(), Schema.OptionFromNullOr(Schema.Int)), null)
    assert.strictEqual(write("int4", Option.none(), Schema.OptionFromSelf(Schema.Int)), null)
    assert.include(refusal("int4", undefined, Schema.UndefinedOr(Schema.Int)), "use NullOr")
  })
  it("what does not fit is refused by name, and the value is never said", () => {
    const canary = 4_711_081_523
    const reason = refusal("int4", canary, Schema.Number)
    assert.deepStrictEqual(JSON.parse(reason), { _tag: "InvalidParameter", parameter: "p", issue: "out of range" })
    assert.notInclude(refusal("text", "kanary\u0000", Schema.String), "kanary")
    assert.include(refusal("text", "a\u0000", Schema.String), "U+0000")
    assert.include(refusal("text", "\ud800", Schema.String), "surrogate")
    assert.notInclude(
      refusal("int4", Redacted.make("kanary"), Schema.Redacted(Schema.String.pipe(Schema.maxLength(2)))),
      "kanary"
    )
    assert.include(refusal("int4", 1.5, Schema.Number), "fraction")
    assert.include(refusal("float4", 1e300, Schema.Number), "out of range")
    assert.include(refusal("float8", 2n ** 60n, Schema.BigIntFromSelf), "2^53")
    assert.include(refusal("mood", "angry", Schema.String), "labels")
  })
})

const bit = Schema.transform(Schema.Literal(0, 1), Schema.Boolean, {
  strict: true,
  decode: (n) => n === 1,
  encode: (b) => (b ? 1 : 0)
})

describe("Schemas against types", () => {
  const finding = <A, I>(schema: Schema.Schema<A, I>, type: string) =>
    new ParameterPlan(statementOf(param("email", schema))).prepare([oidOf(type)], types).findings

  it("a pair that cannot work is an error before anything is bound", () => {
    assert.deepStrictEqual(finding(Schema.Number, "text"), [
      {
        severity: "error",
        at: { parameter: "email" },
        message: "Schema.Number encodes a number, the server expects text"
      }
    ])
    assert.strictEqual(
      finding(Schema.Boolean, "int4")[0]?.message,
      "Schema.Boolean encodes a boolean, the server expects int4"
    )
    assert.strictEqual(
      finding(Schema.Number, "timestamptz")[0]?.message,
      "Schema.Number encodes a number, the server expects timestamptz (hint: DateTimeUtcFromNumber reads milliseconds)"
    )
    assert.strictEqual(
      finding(Schema.DateTimeZonedFromSelf, "timestamptz")[0]?.message,
      "Schema.DateTimeZonedFromSelf encodes nothing that timestamptz takes (hint: the type stores no zone: use DateTimeUtc)"
    )
    assert.strictEqual(
      finding(Schema.Struct({ a: Schema.Int }), "int4")[0]?.message,
      "{ readonly a: Int } encodes an object, the server expects int4"
    )
    assert.deepStrictEqual(finding(Schema.Union(Schema.Number, Schema.String), "text"), [])
  })
  it("the members of Sql.values and Sql.rows are looked at one by one", () => {
    const Row = Schema.Struct({ id: Schema.Int, at: Schema.DateTimeUtcFromSelf })
    const plan = new ParameterPlan(statementOf(Sql.values("row", Row)))
    assert.deepStrictEqual(
      plan.prepare([oidOf("int4"), oidOf("text")], types).findings.map(({ at, message }) => [at, message]),
      [[{ parameter: "row.at" }, "Schema.DateTimeUtcFromSelf encodes a DateTime, the server expects text"]]
    )
    const rows = new ParameterPlan(statementOf(Sql.rows("rows", Row, { id: "int4", at: "timestamptz" })))
    const values = encoded(rows, { rows: [{ id: 1, at: DateTime.unsafeMake(instant) }] })
    const prepared = rows.prepare([oidOf("int4[]"), oidOf("timestamptz[]")], types)
    assert.deepStrictEqual(prepared.findings, [])
    assert.deepStrictEqual(Either.getOrThrow(prepared.bind(values)).formats, [1, 1])
  })
  it("one plan serves several databases", () => {
    const plan = new ParameterPlan(statementOf(param("p", Schema.Int)))
    const other = types.forget()
    assert.strictEqual(plan.prepare([23], types), plan.prepare([23], types))
    assert.notStrictEqual(plan.prepare([23], types), plan.prepare([23], other))
  })
})

describe("text without types, for one flight", () => {
  it("is there for what means the same whatever the server infers", () => {
    assert.strictEqual(texts(5, Schema.Number), "5")
    assert.strictEqual(texts(-0, Schema.Number), "-0")
    assert.strictEqual(texts(5n, Schema.BigIntFromSelf), "5")
    assert.strictEqual(texts("a", Schema.String), "a")
    assert.strictEqual(texts("a", Schema.Literal("a", "b")), "a")
    assert.strictEqual(texts(true, Schema.Boolean), "true")
    assert.strictEqual(texts(null, Schema.NullOr(Schema.Int)), null)
    assert.strictEqual(texts(instant, Schema.DateFromSelf), "2024-02-29T13:45:00.123Z")
    assert.strictEqual(texts(DateTime.unsafeMake(instant), Schema.DateTimeUtcFromSelf), "2024-02-29T13:45:00.123Z")
    assert.strictEqual(texts(BigDecimal.make(150n, 2), Schema.BigDecimalFromSelf), "1.50")
  })
  it("is not there for what the type decides", () => {
    for (const [value, schema] of [
      [[1], Schema.Array(Schema.Int)],
      [{ a: 1 }, Schema.Struct({ a: Schema.Int })],
      [NaN, Schema.Number],
      [Uint8Array.of(1), Schema.Uint8ArrayFromSelf],
      [instant, Schema.DateFromNumber],
      ["a", Schema.Unknown],
      ["a", Schema.Union(Schema.String, Schema.Number)],
      [Duration.minutes(1), Schema.DurationFromSelf]
    ] as const) {
      assert.strictEqual(texts(value, schema as Schema.Schema<unknown, unknown>), undefined, String(schema))
    }
  })
  it("never holds what the server would misread", () => {
    const plan = new ParameterPlan(statementOf(param("p", Schema.String)))
    for (const value of ["a\u0000", "\ud800"]) {
      const values = encoded(plan, { p: value })
      assert.isTrue(Either.isLeft(plan.texts(values)))
    }
  })
})

describe("declared types", () => {
  it("come from the annotation, through filters, brands and unions with null", () => {
    const declared = <A, I>(schema: Schema.Schema<A, I>) => new ParameterPlan(statementOf(param("p", schema))).declared
    assert.deepStrictEqual(declared(Schema.Number), [])
    assert.deepStrictEqual(declared(Schema.Number.pipe(PgSchema.type("int8"))), [20])
    assert.deepStrictEqual(declared(Schema.Number.pipe(PgSchema.type("int8"), Schema.int(), Schema.brand("Id"))), [20])
    assert.deepStrictEqual(declared(Schema.NullOr(Schema.Number.pipe(PgSchema.type("int8")))), [20])
    assert.deepStrictEqual(declared(Schema.Array(Schema.Number).pipe(PgSchema.type("int8[]"))), [1016])
    assert.deepStrictEqual(declared(Schema.Number.pipe(PgSchema.type("BIGINT"))), [20])
    assert.deepStrictEqual(declared(Schema.Number.pipe(PgSchema.type("pg_catalog.double  precision"))), [701])
    assert.deepStrictEqual(declared(Schema.Array(Schema.Number).pipe(PgSchema.type("integer[]"))), [1007])
  })
})

it("asynchronous Schemas encode", async () => {
  const Slow = Schema.transformOrFail(Schema.Number, Schema.Number, {
    strict: true,
    decode: (n) => Effect.succeed(n),
    encode: (n) => Effect.delay(Effect.succeed(n + 1), "1 millis")
  })
  const plan = new ParameterPlan(statementOf(param("p", Slow)))
  assert.deepStrictEqual(await Effect.runPromise(plan.encode({ p: 1 }) as Effect.Effect<unknown, unknown>), [2])
})
