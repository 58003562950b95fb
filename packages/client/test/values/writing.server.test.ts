// What a value under a Schema is to a type, on a real server: every sentence runs twice, so that values go without types (first use, where their
// text allows it) and in the types that the server inferred. The server says what it understood, as text.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Postgres, type PostgresError, param, Query, Sql } from "pgfx"
import { inject } from "vitest"
import { same } from "../internal/rows/same.ts"

// Schemas of any type, each with a value of it.
// eslint-disable-next-line typescript/no-explicit-any
type AnySchema = Schema.Schema<any, any>
/** `oneWay`: does not come back the same under its Schema, because the server spells it otherwise or reading takes another. */
type Sentence = readonly [type: string, schema: AnySchema, value: unknown, text: string | null, oneWay?: "one way"]

const instant = new Date("2024-02-29T13:45:00.123Z")
const utc = DateTime.unsafeMake(instant)
const stamp = "2024-02-29 13:45:00.123+00"
const Range = Schema.Struct({
  lower: Schema.NullOr(Schema.Number),
  upper: Schema.NullOr(Schema.Number),
  bounds: Schema.Literal("[)", "[]")
})
const Interval = Schema.Struct({ months: Schema.Int, days: Schema.Int, microseconds: Schema.BigIntFromSelf })

const sentences: ReadonlyArray<readonly [title: string, ReadonlyArray<Sentence>]> = [
  [
    "numbers",
    [
      ["int2", Schema.Number, -32_768, "-32768"],
      ["int4", Schema.Int, 2_147_483_647, "2147483647"],
      ["int8", Schema.Number, Number.MAX_SAFE_INTEGER, "9007199254740991"],
      ["oid", Schema.Number, 4_294_967_295, "4294967295"],
      ["numeric", Schema.Number, 0.1, "0.1"],
      ["numeric", Schema.Number, 1e21, "1000000000000000000000", "one way"],
      ["numeric", Schema.Number, NaN, "NaN"],
      ["float8", Schema.Number, -0, "-0"],
      ["float8", Schema.Number, Infinity, "Infinity"],
      ["float8", Schema.Number, 5e-324, "5e-324"],
      ["float4", Schema.Number, 0.1, "0.1", "one way"]
    ]
  ],
  [
    "bigints and decimals",
    [
      ["int8", Schema.BigIntFromSelf, 2n ** 63n - 1n, "9223372036854775807"],
      ["int4", Schema.BigInt, 5n, "5"],
      ["numeric", Schema.BigIntFromSelf, 10n ** 40n, `1${"0".repeat(40)}`],
      ["float8", Schema.BigIntFromSelf, 2n ** 53n, "9.007199254740992e+15", "one way"],
      ["numeric", Schema.BigDecimalFromSelf, BigDecimal.make(150n, 2), "1.50"],
      ["numeric", Schema.BigDecimalFromSelf, BigDecimal.make(15n, -30), `15${"0".repeat(30)}`, "one way"],
      ["numeric", Schema.BigDecimal, BigDecimal.make(150n, 2), "1.5"],
      ["int4", Schema.BigDecimalFromSelf, BigDecimal.make(500n, 2), "5", "one way"]
    ]
  ],
  [
    "strings, to any type",
    [
      ["text", Schema.String, "ünï 😀 \\ ' \"", "ünï 😀 \\ ' \""],
      ["int4", Schema.String, " 12 ", "12", "one way"],
      ["uuid", Schema.UUID, "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "one way"],
      ["int4[]", Schema.String, "{1,2}", "{1,2}", "one way"],
      ["jsonb", Schema.String, '{"a":1}', '{"a": 1}', "one way"],
      ["timestamptz", Schema.String, "2024-02-29T13:45:00.123456Z", "2024-02-29 13:45:00.123456+00"],
      ["interval", Schema.String, "1 day 01:00", "1 day 01:00:00", "one way"],
      ["point", Schema.String, "(1,2)", "(1,2)", "one way"],
      ["bytea", Schema.String, "\\x00ff", "\\x00ff", "one way"]
    ]
  ],
  [
    "truth values",
    [
      ["bool", Schema.Boolean, true, "true"],
      ["bool", Schema.BooleanFromString, false, "false"]
    ]
  ],
  [
    "instants",
    [
      ["timestamptz", Schema.DateFromSelf, instant, stamp],
      ["timestamptz", Schema.Date, instant, stamp],
      ["timestamptz", Schema.DateFromNumber, instant, stamp],
      ["timestamptz", Schema.DateTimeUtc, utc, stamp],
      ["timestamptz", Schema.DateTimeUtcFromSelf, utc, stamp],
      ["timestamptz", Schema.DateTimeUtcFromNumber, utc, stamp],
      ["timestamp", Schema.DateFromSelf, instant, stamp.slice(0, -3)],
      ["timestamp", Schema.DateTimeUtc, utc, stamp.slice(0, -3)],
      ["date", Schema.DateFromSelf, new Date("2024-02-29T00:00:00Z"), "2024-02-29"],
      ["timestamptz", Schema.DateFromSelf, new Date("-000043-03-15T00:00:00Z"), "0044-03-15 00:00:00+00 BC"]
    ]
  ],
  [
    "durations and intervals",
    [
      ["interval", Schema.DurationFromSelf, Duration.hours(30), "30:00:00"],
      ["interval", Schema.DurationFromSelf, Duration.nanos(1_000n), "00:00:00.000001"],
      ["time", Schema.DurationFromSelf, Duration.minutes(90), "01:30:00"],
      ["interval", Interval, { months: 1, days: -2, microseconds: 3n }, "1 mon -2 days +00:00:00.000003"]
    ]
  ],
  [
    "bytes",
    [
      ["bytea", Schema.Uint8ArrayFromSelf, Uint8Array.of(0, 255), "\\x00ff"],
      ["bytea", Schema.Uint8Array, Uint8Array.of(0, 255), "\\x00ff"],
      ["uuid", Schema.Uint8ArrayFromSelf, new Uint8Array(16), "00000000-0000-0000-0000-000000000000"]
    ]
  ],
  [
    "json",
    [
      [
        "jsonb",
        Schema.Struct({ a: Schema.BigIntFromSelf }),
        { a: 12_345_678_901_234_567_890n },
        '{"a": 12345678901234567890}'
      ],
      ["json", Schema.Array(Schema.BigDecimalFromSelf), [BigDecimal.make(150n, 2)], "[1.50]"],
      ["jsonb", Schema.parseJson(Schema.String), "a", '"a"'],
      ["jsonb", Schema.Unknown, "a", '"a"'],
      ["jsonb", Schema.Unknown, [1, null, { b: true }], '[1, null, {"b": true}]'],
      ["jsonb", Schema.Struct({ at: Schema.Date }), { at: instant }, '{"at": "2024-02-29T13:45:00.123Z"}'],
      ["json", Schema.Struct({ s: Schema.String }), { s: "\u0000" }, '{"s":"\\u0000"}']
    ]
  ],
  [
    "arrays",
    [
      ["int8[]", Schema.Array(Schema.Number), [1, 2], "{1,2}"],
      ["int4[]", Schema.Array(Schema.NullOr(Schema.Int)), [1, null], "{1,NULL}"],
      ["int4[]", Schema.Array(Schema.Int), [], "{}"],
      [
        "int4[]",
        Schema.Array(Schema.Array(Schema.Int)),
        [
          [1, 2],
          [3, 4]
        ],
        "{{1,2},{3,4}}"
      ],
      ["int4[]", Schema.Chunk(Schema.Int), Chunk.make(1, 2), "{1,2}"],
      ["int4[]", Schema.ReadonlySet(Schema.Int), new Set([1, 2]), "{1,2}"],
      ["timestamptz[]", Schema.Array(Schema.DateTimeUtcFromSelf), [utc], `{"${stamp}"}`],
      ["text[]", Schema.Array(Schema.String), ["a,b", '"', "NULL", ""], '{"a,b","\\"","NULL",""}'],
      ["jsonb[]", Schema.Array(Schema.Struct({ a: Schema.Int })), [{ a: 1 }], '{"{\\"a\\": 1}"}']
    ]
  ],
  [
    "ranges",
    [
      ["int8range", Range, { lower: 1, upper: 5, bounds: "[)" }, "[1,5)"],
      ["int8range", Range, { lower: 1, upper: null, bounds: "[)" }, "[1,)"],
      ["numrange", Range, { lower: 0.5, upper: 1.5, bounds: "[]" }, "[0.5,1.5]"],
      ["int8multirange", Schema.Array(Range), [{ lower: 1, upper: 2, bounds: "[)" }], "{[1,2)}"]
    ]
  ],
  [
    "NULL",
    [
      ["int4", Schema.NullOr(Schema.Int), null, null],
      ["int4", Schema.OptionFromNullOr(Schema.Int), Option.none(), null],
      ["int4", Schema.OptionFromSelf(Schema.Int), Option.none(), null],
      ["int4", Schema.OptionFromSelf(Schema.Int), Option.some(1), "1"],
      ["jsonb", Schema.NullOr(Schema.Struct({ a: Schema.Int })), null, null]
    ]
  ],
  ["secrets", [["text", Schema.Redacted(Schema.String), Redacted.make("s"), "s"]]]
]

const write = (sentence: Sentence): Effect.Effect<void, PostgresError, Postgres> => {
  const [type, schema, value, text, oneWay] = sentence
  const cast = Sql.unsafe(`::${type}`)
  const slot = param("p", schema)
  const asText = Query.one(Schema.NullOr(Schema.String))`SELECT (${slot}${cast})::text`
  const back = Query.one(Schema.Struct({ c: schema }))`SELECT ${slot}${cast} AS c`
  return Effect.gen(function* () {
    for (const use of ["first", "second"]) {
      assert.strictEqual(yield* asText({ p: value }), text, `${String(schema)} to ${type}, ${use} use`)
      if (oneWay !== undefined) continue
      const { c } = yield* back({ p: value })
      const expected =
        BigDecimal.isBigDecimal(value) && schema === Schema.BigDecimal ? BigDecimal.normalize(value) : value
      assert.isTrue(same(c, expected), `${String(schema)} to ${type} and back, ${use} use`)
    }
  })
}

/** Refused by name before anything is sent, once the types are known. */
const refusals: ReadonlyArray<readonly [type: string, schema: AnySchema, value: unknown, message: string]> = [
  ["int4", Schema.Number, 1.5, "a fraction"],
  ["int4", Schema.Number, NaN, "no whole numbers"],
  ["int4", Schema.Number, 2_147_483_648, "out of range"],
  ["int8", Schema.BigIntFromSelf, 2n ** 63n, "out of range"],
  ["float4", Schema.Number, 1e300, "out of range"],
  ["float8", Schema.BigIntFromSelf, 2n ** 60n, "2^53"],
  ["text", Schema.Number, 1, "Schema.Number encodes a number, the server expects text"],
  ["text", Schema.BigIntFromSelf, 1n, "Schema.BigIntFromSelf encodes a bigint, the server expects text"],
  ["int4", Schema.Boolean, true, "Schema.Boolean encodes a boolean, the server expects int4"],
  ["bool", Schema.Number, 1, "Schema.Number encodes a number, the server expects bool"],
  ["text", Schema.DateFromSelf, instant, "Schema.DateFromSelf encodes a Date, the server expects text"],
  ["int4", Schema.DateFromSelf, instant, "Schema.DateFromSelf encodes a Date, the server expects int4"],
  ["date", Schema.DateFromSelf, instant, "a time of day"],
  ["timestamptz", Schema.DateFromSelf, new Date(NaN), "not a point in time"],
  ["timestamptz", Schema.Number, 1, "the server expects timestamptz (hint: DateTimeUtcFromNumber"],
  [
    "timestamptz",
    Schema.DateTimeZonedFromSelf,
    DateTime.unsafeMakeZoned(instant, { timeZone: "UTC" }),
    "the type stores no zone"
  ],
  ["int4", Schema.BigDecimalFromSelf, BigDecimal.make(15n, 1), "a fraction"],
  ["float8", Schema.BigDecimalFromSelf, BigDecimal.make(15n, 1), "encodes a BigDecimal, the server expects float8"],
  ["interval", Schema.DurationFromSelf, Duration.nanos(1n), "a fraction of a microsecond"],
  ["time", Schema.DurationFromSelf, Duration.hours(25), "24 hours"],
  ["text", Schema.Uint8ArrayFromSelf, Uint8Array.of(1), "the server expects text"],
  ["uuid", Schema.Uint8ArrayFromSelf, Uint8Array.of(1), "not 16 bytes"],
  ["text", Schema.String, "a\u0000b", "U+0000"],
  ["text", Schema.String, "\ud800", "surrogate"],
  ["int4[]", Schema.Array(Schema.Array(Schema.Int)), [[1], [2, 3]], "different lengths"],
  ["int4[]", Schema.Array(Schema.UndefinedOr(Schema.Int)), [undefined], "use null"],
  ["int4[]", Schema.Array(Schema.Boolean), [true], "the server expects int4"],
  ["int4", Schema.Array(Schema.Int), [1], "encodes an array, the server expects int4"],
  ["int4", Schema.Struct({ a: Schema.Int }), { a: 1 }, "encodes an object, the server expects int4"],
  ["int4range", Schema.Struct({ a: Schema.Int }), { a: 1 }, "lower, upper, bounds"],
  ["jsonb", Schema.Struct({ at: Schema.DateFromSelf }), { at: instant }, "JSON has no dates"],
  ["jsonb", Schema.Struct({ n: Schema.Number }), { n: NaN }, "no JSON form"],
  ["int4", Schema.UndefinedOr(Schema.Int), undefined, "use NullOr"]
]

const refuse = ([type, schema, value, message]: (typeof refusals)[number]) => {
  const query = Query.one(Schema.Unknown)`SELECT ${param("p", schema)}${Sql.unsafe(`::${type} AS r`)}`
  return Effect.gen(function* () {
    const where = `${String(schema)} to ${type}`
    const first = yield* Effect.flip(query({ p: value }))
    const later = yield* Effect.flip(query({ p: value }))
    assert.strictEqual(later.outcome, "NotSent", where)
    // the first use may be what tells the types, and the server may have refused the text before we could
    const judges = first.reason._tag === "DataException" ? [later] : [first, later]
    for (const error of judges) {
      assert.include(String(error), message, where)
      assert.include(["InvalidParameter", "StatementMismatch"], error.reason._tag, where)
    }
  })
}

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url), parameters: { TimeZone: "UTC" } })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("parameters", (it) => {
      for (const [title, all] of sentences) {
        it.effect(`${title} arrive as what they are`, () => Effect.forEach(all, write, { discard: true }))
      }
      it.effect("that a type cannot hold are refused before anything is sent", () =>
        Effect.gen(function* () {
          yield* Effect.forEach(refusals, refuse, { discard: true })
          assert.strictEqual(yield* Query.one(Schema.Int)`SELECT 1`(), 1)
        })
      )
    })
  })
}
