// The table of forms, line by line: a value of a server type, in both formats, under a Schema.
import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Cell, findingsOf, readRows } from "./wire.ts"

/** Of a column, which is all of the row. */
const read = <A, I>(type: string, value: unknown, field: Schema.Schema<A, I>, from?: Cell["from"]): A => {
  const schema = Schema.Struct({ c: field })
  const cell = { name: "c", type, value, ...(from === undefined ? {} : { from }) }
  const [binary, text] = [{}, { text: true }].map((options) => {
    const rows = readRows(schema, [[cell]], options)
    if (Either.isLeft(rows)) throw new Error(JSON.stringify(rows.left))
    return rows.right[0]?.c
  })
  assert.deepStrictEqual(text, binary)
  return binary as A
}

const refusal = <A, I>(type: string, value: unknown, field: Schema.Schema<A, I>, from?: Cell["from"]): string => {
  const schema = Schema.Struct({ c: field })
  const rows = readRows(schema, [[{ name: "c", type, value, ...(from === undefined ? {} : { from }) }]])
  assert.isTrue(Either.isLeft(rows))
  return Either.isLeft(rows) && rows.left._tag === "InvalidRow" ? rows.left.issue : JSON.stringify(rows)
}

const instant = new Date("2024-02-29T13:45:00.123Z")
const text = "2024-02-29T13:45:00.123456Z"

describe("whole numbers", () => {
  it("are numbers, bigints or digits, as the Schema asks", () => {
    for (const type of ["int2", "int4", "oid"]) {
      assert.strictEqual(read(type, 7, Schema.Number), 7)
      assert.strictEqual(read(type, 7, Schema.Int), 7)
      assert.strictEqual(read(type, 7, Schema.BigIntFromSelf), 7n)
      assert.strictEqual(read(type, 7, Schema.String), "7")
      assert.strictEqual(read(type, 7, Schema.NumberFromString), 7)
      assert.strictEqual(read(type, 7, Schema.BigInt), 7n)
    }
  })
  it("of 64 bits are bigints, and numbers as long as those hold them exactly", () => {
    assert.strictEqual(read("int8", 2n ** 62n, Schema.BigIntFromSelf), 2n ** 62n)
    assert.strictEqual(read("int8", 2n ** 62n, Schema.BigInt), 2n ** 62n)
    assert.strictEqual(read("int8", 9_007_199_254_740_991n, Schema.Number), Number.MAX_SAFE_INTEGER)
    assert.strictEqual(read("int8", 5n, Schema.BigIntFromNumber), 5n)
    assert.include(refusal("int8", 9_007_199_254_740_992n, Schema.Number), "2^53")
    assert.deepStrictEqual(findingsOf(Schema.Number, "int8"), [
      "int8 is read as Schema.Number: refused beyond ±(2^53 - 1) (warning)"
    ])
  })
})

describe("numeric", () => {
  it("is exact text, an exact BigDecimal with its scale, a rounded number or a whole bigint", () => {
    assert.strictEqual(read("numeric", "1.50", Schema.String), "1.50")
    assert.deepStrictEqual(read("numeric", "1.50", Schema.BigDecimalFromSelf), BigDecimal.make(150n, 2))
    assert.deepStrictEqual(read("numeric", "1.50", Schema.BigDecimal), BigDecimal.normalize(BigDecimal.make(15n, 1)))
    assert.strictEqual(read("numeric", "1.50", Schema.Number), 1.5)
    assert.strictEqual(read("numeric", "150.00", Schema.BigIntFromSelf), 150n)
  })
  it("beyond a number, or no number at all, is refused where it does not fit", () => {
    assert.isNaN(read("numeric", "NaN", Schema.Number))
    assert.strictEqual(read("numeric", "NaN", Schema.String), "NaN")
    assert.include(refusal("numeric", "NaN", Schema.BigDecimalFromSelf), "no decimal number")
    assert.include(refusal("numeric", "1.5", Schema.BigIntFromSelf), "not a whole number")
    assert.include(refusal("numeric", "9007199254740993", Schema.Number), "beyond")
    assert.deepStrictEqual(findingsOf(Schema.Number, "numeric"), [
      "numeric is read as Schema.Number: fractions are rounded (warning)"
    ])
  })
})

describe("truth values", () => {
  it("are booleans, words, or 0 and 1 under those literals", () => {
    assert.strictEqual(read("bool", true, Schema.Boolean), true)
    assert.strictEqual(read("bool", true, Schema.String), "true")
    assert.strictEqual(read("bool", true, Schema.BooleanFromString), true)
    const bit = Schema.transform(Schema.Literal(0, 1), Schema.Boolean, {
      strict: true,
      decode: (n) => n === 1,
      encode: (b) => (b ? 1 : 0)
    })
    assert.strictEqual(read("bool", true, bit), true)
    assert.deepStrictEqual(findingsOf(Schema.Number, "bool"), ["bool cannot be read as Schema.Number"])
  })
})

describe("points in time", () => {
  it("are Date, DateTime, text or milliseconds", () => {
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateFromSelf), instant)
    assert.deepStrictEqual(read("timestamptz", text, Schema.ValidDateFromSelf), instant)
    assert.deepStrictEqual(read("timestamptz", text, Schema.Date), instant)
    assert.strictEqual(read("timestamptz", text, Schema.String), text)
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateTimeUtc), DateTime.unsafeMake(instant))
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateTimeUtcFromSelf), DateTime.unsafeMake(instant))
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateFromNumber), instant)
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateTimeUtcFromNumber), DateTime.unsafeMake(instant))
    assert.deepStrictEqual(read("timestamptz", text, Schema.DateTimeUtcFromDate), DateTime.unsafeMake(instant))
  })
  it("without a zone are read as UTC, and `Query.check` says so", () => {
    const local = "2024-02-29T13:45:00.123456"
    assert.deepStrictEqual(read("timestamp", local, Schema.Date), instant)
    assert.deepStrictEqual(read("timestamp", local, Schema.compose(Schema.String, Schema.Date)), instant)
    assert.deepStrictEqual(read("timestamp", local, Schema.DateFromSelf), instant)
    assert.deepStrictEqual(read("timestamp", local, Schema.DateTimeUtc), DateTime.unsafeMake(instant))
    assert.strictEqual(read("timestamp", local, Schema.String), local)
    assert.deepStrictEqual(findingsOf(Schema.Date, "timestamp"), ["timestamp has no zone: it is read as UTC (warning)"])
    assert.deepStrictEqual(findingsOf(Schema.String, "timestamp"), [])
    assert.deepStrictEqual(read("date", "2024-02-29", Schema.Date), new Date("2024-02-29T00:00:00Z"))
    assert.strictEqual(read("date", "2024-02-29", Schema.String), "2024-02-29")
    assert.deepStrictEqual(findingsOf(Schema.DateFromSelf, "date"), ["date has no zone: it is read as UTC (warning)"])
  })
  it("that no Date can be are refused, and text keeps them", () => {
    assert.strictEqual(read("timestamptz", "infinity", Schema.String), "infinity")
    for (const schema of [Schema.Date, Schema.DateFromSelf, Schema.DateTimeUtc, Schema.DateTimeUtcFromSelf] as const) {
      assert.match(
        refusal("timestamptz", "infinity", schema as Schema.Schema<unknown, unknown>),
        /infinity|Invalid|actual/
      )
    }
  })
  it("keep no zone, and are no numbers by themselves", () => {
    assert.deepStrictEqual(findingsOf(Schema.DateTimeZonedFromSelf, "timestamptz"), [
      "timestamptz cannot be read as Schema.DateTimeZonedFromSelf (hint: the type stores no zone: use DateTimeUtc)"
    ])
    assert.deepStrictEqual(findingsOf(Schema.Number, "timestamptz"), [
      "timestamptz cannot be read as Schema.Number (hint: DateTimeUtcFromNumber reads milliseconds)"
    ])
    assert.deepStrictEqual(findingsOf(Schema.Boolean, "timestamptz"), ["timestamptz cannot be read as Schema.Boolean"])
  })
})

describe("lengths of time", () => {
  const Interval = Schema.Struct({ months: Schema.Int, days: Schema.Int, microseconds: Schema.BigIntFromSelf })
  it("are their three fields, a Duration, or text", () => {
    const value = { months: 0, days: 1, microseconds: 1_500_000n }
    assert.deepStrictEqual(read("interval", value, Interval), value)
    assert.strictEqual(read("interval", value, Schema.String), "1 day 00:00:01.5")
    assert.deepStrictEqual(read("interval", value, Schema.DurationFromSelf), Duration.millis(86_401_500))
    assert.strictEqual(Duration.toMillis(read("time", "13:45:00.5", Schema.DurationFromSelf)), 49_500_500)
    assert.strictEqual(read("time", "24:00:00", Schema.String), "24:00:00.000000")
  })
  it("that a Duration cannot be are refused", () => {
    assert.include(refusal("interval", { months: 1, days: 0, microseconds: 0n }, Schema.DurationFromSelf), "months")
    assert.include(refusal("interval", { months: 0, days: -1, microseconds: 0n }, Schema.DurationFromSelf), "negative")
    assert.isFalse(Duration.isFinite(read("interval", "infinity", Schema.DurationFromSelf)))
  })
})

describe("bytes", () => {
  it("are bytes, also under Schema.Uint8Array, and never text", () => {
    const value = Uint8Array.of(0, 255)
    assert.deepStrictEqual(read("bytea", value, Schema.Uint8ArrayFromSelf), value)
    assert.deepStrictEqual(read("bytea", value, Schema.Uint8Array), value)
    assert.deepStrictEqual(findingsOf(Schema.String, "bytea"), [
      "bytea cannot be read as Schema.String (hint: Uint8ArrayFromSelf, or encode(…, 'hex') in SQL)"
    ])
  })
})

describe("json", () => {
  const json = (value: string) => value
  it("is its text untouched under a string, and parsed under anything else", () => {
    const big = '{"n":12345678901234567890,"s":"x"}'
    assert.strictEqual(read("json", json(big), Schema.String, "text"), big)
    assert.deepStrictEqual(read("json", big, Schema.parseJson(Schema.Struct({ s: Schema.String })), "text"), { s: "x" })
    assert.deepStrictEqual(read("jsonb", big, Schema.Unknown, "text"), { n: 12_345_678_901_234_567_890n, s: "x" })
  })
  it("gives numbers in the form that the Schema has at their place", () => {
    const Inside = Schema.Struct({
      big: Schema.BigIntFromSelf,
      small: Schema.BigIntFromSelf,
      double: Schema.Number,
      price: Schema.BigDecimalFromSelf,
      list: Schema.Array(Schema.BigIntFromSelf),
      any: Schema.Unknown
    })
    const value = read(
      "jsonb",
      '{"big":12345678901234567890,"small":1,"double":1152921504606846976,"price":1.50,"list":[1,2],"any":{"n":1.5}}',
      Inside,
      "text"
    )
    assert.deepStrictEqual(value, {
      big: 12_345_678_901_234_567_890n,
      small: 1n,
      double: 2 ** 60,
      price: BigDecimal.make(150n, 2),
      list: [1n, 2n],
      any: { n: 1.5 }
    })
  })
  it("gives whole numbers that JavaScript wrote back as they were", () => {
    for (const double of [2 ** 60, 1e300, -(2 ** 53) - 2, 1e21, Number.MAX_VALUE]) {
      const text = BigInt(double).toString()
      assert.strictEqual(read("jsonb", `{"n":${text}}`, Schema.Struct({ n: Schema.Number }), "text").n, double)
      // as jsonb prints what JSON.stringify wrote
      const written = JSON.stringify(double)
      const exponent = Number(/e\+(\d+)$/.exec(written)?.[1] ?? 0)
      const digits = written.replace(/e\+\d+$/, "").replace(".", "")
      const fraction = /\.(\d+)/.exec(written)?.[1]?.length ?? 0
      const printed = digits + "0".repeat(exponent === 0 ? 0 : exponent - fraction)
      assert.strictEqual(read("jsonb", `{"n":${printed}}`, Schema.Struct({ n: Schema.Number }), "text").n, double)
    }
    assert.include(refusal("jsonb", '{"n":9007199254740993}', Schema.Struct({ n: Schema.Number }), "text"), "bigint")
  })
  it("follows the tag of a union, and Schemas that contain themselves", () => {
    interface Tree {
      readonly n: bigint
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Schema<Tree> = Schema.Struct({
      n: Schema.BigIntFromSelf,
      children: Schema.Array(Schema.suspend(() => Tree))
    })
    assert.deepStrictEqual(read("json", '{"n":1,"children":[{"n":2,"children":[]}]}', Tree, "text"), {
      n: 1n,
      children: [{ n: 2n, children: [] }]
    })
    const Tagged = Schema.Union(
      Schema.Struct({ _tag: Schema.Literal("a"), n: Schema.BigIntFromSelf }),
      Schema.Struct({ _tag: Schema.Literal("b"), n: Schema.Number })
    )
    const both = read("json", '[{"_tag":"a","n":1},{"_tag":"b","n":1}]', Schema.Array(Tagged), "text")
    assert.deepStrictEqual(both, [
      { _tag: "a", n: 1n },
      { _tag: "b", n: 1 }
    ])
  })
  it("has no dates", () => {
    assert.deepStrictEqual(findingsOf(Schema.Struct({ at: Schema.DateFromSelf }), "jsonb"), [
      "jsonb has no Schema.DateFromSelf (hint: JSON has no dates: use Schema.Date)"
    ])
    assert.deepStrictEqual(
      read("jsonb", '{"at":"2024-02-29T13:45:00.123Z"}', Schema.Struct({ at: Schema.Date }), "text"),
      { at: instant }
    )
  })
})

describe("arrays", () => {
  it("give their elements the form that the Schema has for them", () => {
    assert.deepStrictEqual(read("int8[]", [1n, 2n], Schema.Array(Schema.Number)), [1, 2])
    assert.deepStrictEqual(read("int4[]", [1, null], Schema.Array(Schema.NullOr(Schema.BigInt))), [1n, null])
    assert.deepStrictEqual(read("timestamptz[]", [instant], Schema.Array(Schema.DateTimeUtcFromSelf)), [
      DateTime.unsafeMake(instant)
    ])
    assert.deepStrictEqual(read("int4[]", [1, null], Schema.Array(Schema.OptionFromNullOr(Schema.Int))), [
      Option.some(1),
      Option.none()
    ])
    assert.deepStrictEqual(read("int4[]", [1, null], Schema.Array(Schema.UndefinedOr(Schema.Int))), [1, undefined])
  })
  it("nest by dimension", () => {
    assert.deepStrictEqual(read("int8[]", [[1n], [2n]], Schema.Array(Schema.Array(Schema.Number))), [[1], [2]])
    assert.include(refusal("int8[]", [[1n]], Schema.Array(Schema.Number)), "expected")
    assert.include(refusal("int8[]", [1n], Schema.Array(Schema.Array(Schema.Number))), "expected")
  })
  it("become Chunk, Set and tuples", () => {
    assert.deepStrictEqual(read("int4[]", [1, 2], Schema.Chunk(Schema.Int)), Chunk.make(1, 2))
    assert.deepStrictEqual(read("int4[]", [1, 2], Schema.ChunkFromSelf(Schema.Int)), Chunk.make(1, 2))
    assert.deepStrictEqual(read("int4[]", [1, 2], Schema.ReadonlySet(Schema.Int)), new Set([1, 2]))
    assert.deepStrictEqual(read("int4[]", [1, 2], Schema.Tuple(Schema.Int, Schema.Int)), [1, 2])
  })
  it("of something else are refused", () => {
    assert.deepStrictEqual(findingsOf(Schema.Array(Schema.Boolean), "int4[]"), [
      "int4 cannot be read as Schema.Boolean"
    ])
    assert.deepStrictEqual(findingsOf(Schema.Number, "int4[]"), ["_int4 cannot be read as Schema.Number"])
  })
})

describe("user types", () => {
  const place = { city: "Ur", founded: "2024-02-29T13:45:00.123456Z", size: 7n }
  it("composites are read by name, or by position, each attribute in its form", () => {
    const Place = Schema.Struct({ city: Schema.String, founded: Schema.Date, size: Schema.NullOr(Schema.Number) })
    assert.deepStrictEqual(read("place", place, Place), { city: "Ur", founded: instant, size: 7 })
    assert.deepStrictEqual(read("place", { ...place, size: null }, Place).size, null)
    const Optional = Schema.Struct({ city: Schema.String, size: Schema.optionalWith(Schema.Number, { exact: true }) })
    assert.deepStrictEqual(read("place", { ...place, size: null }, Optional), { city: "Ur" })
    const Tuple = Schema.Tuple(Schema.String, Schema.DateFromSelf, Schema.BigIntFromSelf)
    assert.deepStrictEqual(read("place", place, Tuple), ["Ur", instant, 7n])
    assert.deepStrictEqual(read("place[]", [place], Schema.Array(Place)), [{ city: "Ur", founded: instant, size: 7 }])
    const nested = read("place[]", [[place]], Schema.Array(Schema.Array(Place)), { _tag: "array", dimensions: 2 })
    assert.deepStrictEqual(nested[0]?.[0]?.size, 7)
  })
  it("composites that lack an attribute are refused", () => {
    assert.deepStrictEqual(findingsOf(Schema.Struct({ zip: Schema.String }), "place"), [
      'public.place has no attribute "zip"; it has city, founded, size'
    ])
    assert.deepStrictEqual(findingsOf(Schema.Struct({ size: Schema.Boolean }), "place"), [
      'attribute "size": int8 cannot be read as Schema.Boolean'
    ])
  })
  it("ranges and multiranges give their bounds the form of the Schema", () => {
    const Range = Schema.Struct({
      lower: Schema.NullOr(Schema.Number),
      upper: Schema.NullOr(Schema.Number),
      bounds: Schema.String
    })
    const value = { lower: 1n, upper: null, bounds: "[)" }
    assert.deepStrictEqual(read("int8range", value, Range), { lower: 1, upper: null, bounds: "[)" })
    assert.deepStrictEqual(read("int8multirange", [value], Schema.Array(Range)), [
      { lower: 1, upper: null, bounds: "[)" }
    ])
    const Empty = Schema.Union(Range, Schema.Struct({ empty: Schema.Literal(true) }))
    assert.deepStrictEqual(read("int8range", { empty: true }, Empty), { empty: true })
  })
  it("hstore is a record", () => {
    const Pairs = Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.String) })
    assert.deepStrictEqual(read("hstore", { a: "1", b: null }, Pairs), { a: "1", b: null })
  })
  it("enums are checked label by label", () => {
    assert.strictEqual(read("mood", "ok", Schema.Literal("sad", "ok", "happy")), "ok")
    assert.deepStrictEqual(findingsOf(Schema.Literal("sad", "ok", "glad"), "mood"), [
      'public.mood has no label "glad" (hint: it has "sad", "ok", "happy")'
    ])
    assert.deepStrictEqual(findingsOf(Schema.Literal("sad", "ok"), "mood"), [
      'the Schema lacks "happy" of public.mood (warning)'
    ])
  })
  it("money is no number", () => {
    assert.deepStrictEqual(findingsOf(Schema.Number, "money"), [
      "money cannot be read as Schema.Number (hint: ::numeric)"
    ])
  })
})

describe("NULL", () => {
  const rows = <A, I>(schema: Schema.Schema<A, I>) => readRows(schema, [[{ name: "c", type: "int4", value: null }]])
  const row = <A, I>(schema: Schema.Schema<A, I>): A | undefined => Either.getOrThrow(rows(schema))[0]

  it("becomes what the encoded side accepts: null, undefined, an absent key", () => {
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.NullOr(Schema.Int) })), { c: null })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.UndefinedOr(Schema.Int) })), { c: undefined })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.NullishOr(Schema.Int) })), { c: null })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.optional(Schema.Int) })), { c: undefined })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.optionalWith(Schema.Int, { exact: true }) })), {})
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.optionalWith(Schema.Int, { nullable: true }) })), {})
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.optionalWith(Schema.Int, { default: () => 5 }) })), { c: 5 })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.OptionFromNullOr(Schema.Int) })), { c: Option.none() })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.OptionFromUndefinedOr(Schema.Int) })), { c: Option.none() })
    assert.deepStrictEqual(row(Schema.Struct({ c: Schema.OptionFromSelf(Schema.Int) })), { c: Option.none() })
    assert.deepStrictEqual(
      row(Schema.Struct({ c: Schema.optionalWith(Schema.Int, { as: "Option", nullable: true }) })),
      {
        c: Option.none()
      }
    )
  })
  it("fails the row where the Schema has no place for it", () => {
    const result = rows(Schema.Struct({ c: Schema.Int }))
    assert.deepStrictEqual(Either.flip(result).pipe(Either.getOrThrow), {
      _tag: "InvalidRow",
      column: "c",
      row: 1,
      issue: "NULL where the row has no place for it (accept NULL (NullOr), or exclude it in SQL)",
      serverType: "int4"
    })
  })
})

describe("wrappers", () => {
  it("stand around the form of what they hold", () => {
    assert.deepStrictEqual(read("int8", 1n, Schema.OptionFromSelf(Schema.Number)), Option.some(1))
    const secret = read("text", "s3cret", Schema.Redacted(Schema.String))
    assert.strictEqual(Redacted.value(secret), "s3cret")
    assert.strictEqual(Redacted.value(read("text", "s3cret", Schema.RedactedFromSelf(Schema.String))), "s3cret")
  })
  it("choose the default form of a union where a member takes it", () => {
    assert.strictEqual(read("int8", 1n, Schema.Union(Schema.Number, Schema.BigIntFromSelf)), 1n)
    assert.strictEqual(read("int8", 1n, Schema.Union(Schema.Number, Schema.String)), 1)
  })
})
