// What a column of a type becomes under a Schema, on a real server: every sentence runs twice, so that rows come as text (first use, one flight)
// and in the formats that the plan asks for.
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
import { type Postgres, type PostgresError, Query, Row, Sql } from "pgfx"
import { inject } from "vitest"
import { same } from "../internal/rows/same.ts"

// Schemas of any type, each with the value it is to give.
// eslint-disable-next-line typescript/no-explicit-any
type AnySchema = Schema.Schema<any, any>
type Sentence = readonly [sql: string, field: AnySchema, expected: unknown]

const instant = new Date("2024-02-29T13:45:00.123Z")
const stamp = "'2024-02-29 13:45:00.123456+00'::timestamptz"
const local = "'2024-02-29 13:45:00.123456'::timestamp"
const bit = Schema.transform(Schema.Literal(0, 1), Schema.Boolean, {
  strict: true,
  decode: (n) => n === 1,
  encode: (b) => (b ? 1 : 0)
})
const Range = <A, I>(bound: Schema.Schema<A, I>) =>
  Schema.Struct({ lower: Schema.NullOr(bound), upper: Schema.NullOr(bound), bounds: Schema.String })

const sentences: ReadonlyArray<readonly [title: string, ReadonlyArray<Sentence>]> = [
  [
    "what text says less of than binary does",
    [
      ["(1, 'a'::text, NULL)", Schema.Unknown, [1, "a", null]],
      ["ROW(1, 2.5)", Schema.Tuple(Schema.Int, Schema.String), [1, "2.5"]],
      ["x FROM (VALUES (1, true)) AS x", Schema.Unknown, [1, true]],
      [
        "ARRAY[(1, 2), (3, 4)]",
        Schema.Array(Schema.Array(Schema.Int)),
        [
          [1, 2],
          [3, 4]
        ]
      ],
      ["(1, 2)", Schema.NullOr(Schema.Array(Schema.Int)), [1, 2]],
      ["'int4'::regtype", Schema.Number, 23],
      ["'{int4,text}'::regtype[]", Schema.Array(Schema.Number), [23, 25]],
      ["typinput FROM pg_catalog.pg_type WHERE oid = 23", Schema.Number, 42],
      ["'pg_catalog.pg_class'::regclass", Schema.String, "pg_class"],
      ["'pg_catalog.pg_class'::regclass", Schema.Unknown, "pg_class"]
    ]
  ],
  [
    "whole numbers",
    [
      ["1::int2", Schema.Number, 1],
      ["1::int4", Schema.Int, 1],
      ["1::int4", Schema.BigIntFromSelf, 1n],
      ["1::int4", Schema.String, "1"],
      ["1::int4", Schema.NumberFromString, 1],
      ["1::int4", Schema.BigInt, 1n],
      ["4294967295::oid", Schema.Number, 4_294_967_295],
      ["9223372036854775807::int8", Schema.BigIntFromSelf, 9_223_372_036_854_775_807n],
      ["9223372036854775807::int8", Schema.String, "9223372036854775807"],
      ["9223372036854775807::int8", Schema.BigInt, 9_223_372_036_854_775_807n],
      ["9007199254740991::int8", Schema.Number, Number.MAX_SAFE_INTEGER],
      ["5::int8", Schema.BigIntFromNumber, 5n],
      ["count(*) FROM generate_series(1, 3)", Schema.Number, 3],
      ["sum(n) FROM generate_series(1, 3) n", Schema.BigIntFromSelf, 6n]
    ]
  ],
  [
    "decimals and floats",
    [
      ["1.50::numeric", Schema.String, "1.50"],
      ["1.50::numeric", Schema.BigDecimalFromSelf, BigDecimal.make(150n, 2)],
      ["1.50::numeric", Schema.BigDecimal, BigDecimal.make(15n, 1)],
      ["1.50::numeric", Schema.Number, 1.5],
      ["'NaN'::numeric", Schema.Number, NaN],
      ["150.00::numeric", Schema.BigIntFromSelf, 150n],
      ["avg(n) FROM generate_series(1, 4) n", Schema.Number, 2.5],
      ["0.1::float8", Schema.Number, 0.1],
      ["'-0'::float8", Schema.Number, -0],
      ["'-Infinity'::float8", Schema.Number, -Infinity],
      ["0.1::float4", Schema.Number, Math.fround(0.1)],
      ["0.1::float4", Schema.String, "0.1"]
    ]
  ],
  [
    "truth values",
    [
      ["true", Schema.Boolean, true],
      ["true", Schema.String, "true"],
      ["false", Schema.BooleanFromString, false],
      ["true", bit, true]
    ]
  ],
  [
    "text and what is like it",
    [
      ["'abc'::text", Schema.String, "abc"],
      ["'a'::text", Schema.Literal("a", "b"), "a"],
      ["'a'::text", Schema.Enums({ first: "a" }), "a"],
      ["'a-b'::varchar", Schema.TemplateLiteral("a-", Schema.String), "a-b"],
      ["' a '::text", Schema.Trim, "a"],
      ["'12'::text", Schema.NumberFromString, 12],
      ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", Schema.UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
      ["'10.0.0.1/8'::inet", Schema.String, "10.0.0.1/8"],
      ["'pg_class'::regclass", Schema.String, "pg_class"]
    ]
  ],
  [
    "points in time",
    [
      [stamp, Schema.DateFromSelf, instant],
      [stamp, Schema.Date, instant],
      [stamp, Schema.DateFromString, instant],
      [stamp, Schema.DateFromNumber, instant],
      [stamp, Schema.DateTimeUtc, DateTime.unsafeMake(instant)],
      [stamp, Schema.DateTimeUtcFromSelf, DateTime.unsafeMake(instant)],
      [stamp, Schema.DateTimeUtcFromNumber, DateTime.unsafeMake(instant)],
      [stamp, Schema.String, "2024-02-29T13:45:00.123456Z"],
      [local, Schema.Date, instant],
      [local, Schema.DateTimeUtc, DateTime.unsafeMake(instant)],
      [local, Schema.String, "2024-02-29T13:45:00.123456"],
      ["'infinity'::timestamptz", Schema.String, "infinity"],
      ["'0044-03-15 BC'::date", Schema.String, "-000043-03-15"],
      ["'2024-02-29'::date", Schema.Date, new Date("2024-02-29T00:00:00Z")],
      ["'2024-02-29'::date", Schema.String, "2024-02-29"],
      ["'1969-12-31 23:59:59.9999+00'::timestamptz", Schema.Date, new Date("1969-12-31T23:59:59.999Z")]
    ]
  ],
  [
    "lengths of time",
    [
      ["'13:45'::time", Schema.String, "13:45:00.000000"],
      ["'01:30'::time", Schema.DurationFromSelf, Duration.minutes(90)],
      ["'1 day 01:00'::interval", Schema.DurationFromSelf, Duration.hours(25)],
      ["'1 mon -1 day'::interval", Schema.String, "1 mon -1 days"],
      [
        "'1 mon 2 days 3 us'::interval",
        Schema.Struct({ months: Schema.Int, days: Schema.Int, microseconds: Schema.BigIntFromSelf }),
        { months: 1, days: 2, microseconds: 3n }
      ]
    ]
  ],
  [
    "bytes",
    [
      ["'\\x00ff'::bytea", Schema.Uint8ArrayFromSelf, Uint8Array.of(0, 255)],
      ["'\\x00ff'::bytea", Schema.Uint8Array, Uint8Array.of(0, 255)]
    ]
  ],
  [
    "json",
    [
      ["'{\"a\": 1}'::json", Schema.String, '{"a": 1}'],
      ["'{\"a\": 1}'::json", Schema.parseJson(Schema.Struct({ a: Schema.Number })), { a: 1 }],
      ["'{\"a\": 1}'::jsonb", Schema.Struct({ a: Schema.BigIntFromSelf }), { a: 1n }],
      [
        "'{\"a\": 12345678901234567890}'::jsonb",
        Schema.Struct({ a: Schema.BigIntFromSelf }),
        { a: 12_345_678_901_234_567_890n }
      ],
      ["'{\"a\": 1e300}'::jsonb", Schema.Struct({ a: Schema.Number }), { a: 1e300 }],
      ["'[1.50]'::jsonb", Schema.Array(Schema.BigDecimalFromSelf), [BigDecimal.make(150n, 2)]],
      ["'null'::jsonb", Schema.Null, null],
      ['\'{"at": "2024-02-29T13:45:00.123Z"}\'::jsonb', Schema.Struct({ at: Schema.Date }), { at: instant }]
    ]
  ],
  [
    "arrays",
    [
      ["'{1,2}'::int8[]", Schema.Array(Schema.Number), [1, 2]],
      ["'{1,NULL}'::int4[]", Schema.Array(Schema.NullOr(Schema.BigInt)), [1n, null]],
      ["'{}'::int4[]", Schema.Array(Schema.Int), []],
      [
        "'{{1,2},{3,4}}'::int4[]",
        Schema.Array(Schema.Array(Schema.Int)),
        [
          [1, 2],
          [3, 4]
        ]
      ],
      ["'[2:3]={1,2}'::int4[]", Schema.Array(Schema.Int), [1, 2]],
      [`ARRAY[${stamp}]`, Schema.Array(Schema.DateTimeUtcFromSelf), [DateTime.unsafeMake(instant)]],
      ["'{1,2}'::int4[]", Schema.Chunk(Schema.Int), Chunk.make(1, 2)],
      ["'{1,2}'::int4[]", Schema.ReadonlySet(Schema.Int), new Set([1, 2])],
      ["ARRAY['{\"a\":1}'::jsonb]", Schema.Array(Schema.Struct({ a: Schema.BigIntFromSelf })), [{ a: 1n }]]
    ]
  ],
  [
    "ranges",
    [
      ["'[1,5)'::int8range", Range(Schema.Number), { lower: 1, upper: 5, bounds: "[)" }],
      ["'[1,)'::int8range", Range(Schema.BigIntFromSelf), { lower: 1n, upper: null, bounds: "[)" }],
      [
        "'empty'::int4range",
        Schema.Union(Range(Schema.Int), Schema.Struct({ empty: Schema.Literal(true) })),
        { empty: true }
      ],
      [
        "'{[1,2),[5,6)}'::int4multirange",
        Schema.Array(Range(Schema.Int)),
        [
          { lower: 1, upper: 2, bounds: "[)" },
          { lower: 5, upper: 6, bounds: "[)" }
        ]
      ]
    ]
  ],
  [
    "NULL",
    [
      ["NULL::int4", Schema.NullOr(Schema.Int), null],
      ["NULL::int4", Schema.UndefinedOr(Schema.Int), undefined],
      ["NULL::int4", Schema.OptionFromNullOr(Schema.Int), Option.none()],
      ["NULL::int4", Schema.OptionFromUndefinedOr(Schema.Int), Option.none()],
      ["NULL::int4", Schema.OptionFromSelf(Schema.Int), Option.none()],
      ["1::int4", Schema.OptionFromSelf(Schema.BigIntFromSelf), Option.some(1n)],
      ["NULL::timestamptz", Schema.NullOr(Schema.Date), null]
    ]
  ],
  [
    "no type of its own",
    [
      ["1::int8", Schema.Unknown, 1n],
      ["1::int8", Schema.Any, 1n],
      ["'s'::text", Schema.Redacted(Schema.String), Redacted.make("s")],
      ["1::int8", Schema.Union(Schema.Number, Schema.BigIntFromSelf), 1n]
    ]
  ]
]

const inspect = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? `${item}n` : item))

/** Twice: rows as text, then in the formats of the plan. */
const read = ([sql, field, expected]: Sentence): Effect.Effect<void, PostgresError, Postgres> => {
  const query = Query.one(Schema.Struct({ c: field }))`SELECT ${Sql.unsafe(sql.replace(/( FROM .*)?$/, " AS c$1"))}`
  return Effect.gen(function* () {
    for (const use of ["first", "second"]) {
      const { c } = yield* query()
      assert.isTrue(
        same(c, expected),
        `${sql} under ${String(field)}, ${use} use: ${inspect(c)} is not ${inspect(expected)}`
      )
    }
  })
}

const kept = { city: "Ur", founded: instant, size: Option.some(7) }
const Place = Schema.Struct({ city: Schema.String, founded: Schema.Date, size: Schema.OptionFromNullOr(Schema.Number) })

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("columns", (it) => {
      for (const [title, all] of sentences) {
        it.effect(`${title} are read as the Schema asks`, () => Effect.forEach(all, read, { discard: true }))
      }

      it.effect("types of the user need no registration", () =>
        Effect.gen(function* () {
          yield* Query.script(`
            DROP SCHEMA IF EXISTS reading CASCADE;
            CREATE SCHEMA reading;
            CREATE TYPE reading.mood AS ENUM ('sad', 'ok');
            CREATE TYPE reading.place AS (city text, founded timestamptz, size int8);
            CREATE DOMAIN reading.positive AS int4 CHECK (VALUE > 0);
            CREATE TYPE reading.span AS RANGE (subtype = timestamptz);
            CREATE TABLE reading.things (
              mood reading.mood, place reading.place, places reading.place[], n reading.positive, ns reading.positive[], span reading.span
            );
            INSERT INTO reading.things VALUES (
              'ok', ('Ur', '2024-02-29 13:45:00.123+00', 7), ARRAY[('Ur', '2024-02-29 13:45:00.123+00', 7)::reading.place],
              1, '{1}', '[2024-02-29 13:45:00.123+00,)'
            );
          `)
          const Thing = Schema.Struct({
            mood: Schema.Literal("sad", "ok"),
            place: Place,
            places: Schema.Array(Place),
            n: Schema.Positive,
            ns: Schema.Array(Schema.BigIntFromSelf),
            span: Range(Schema.Date)
          })
          const things = Query.all(Thing)`SELECT * FROM reading.things`
          for (let use = 0; use < 2; use++) {
            assert.isTrue(
              same(yield* things(), [
                {
                  mood: "ok",
                  place: kept,
                  places: [kept],
                  n: 1,
                  ns: [1n],
                  span: { lower: instant, upper: null, bounds: "[)" }
                }
              ])
            )
          }
          yield* Query.script("DROP SCHEMA reading CASCADE")
        })
      )

      it.effect("names are data: any name is an own key of an ordinary object", () =>
        Effect.gen(function* () {
          const names = [
            "__proto__",
            "constructor",
            "toString",
            'quo"te',
            "back\\slash",
            "\u2028",
            "${x}",
            "ünï 😀",
            "a'b",
            " "
          ]
          const columns = names.map((name, i) => Sql`${Sql.value(i)}::int4 AS ${Sql.identifier(name)}`)
          const query = Query.one(Row)`SELECT ${Sql.list(columns)}`
          for (let use = 0; use < 2; use++) {
            const row = yield* query()
            assert.deepStrictEqual(
              Object.entries(row),
              names.map((name, i): [string, unknown] => [name, i])
            )
            assert.strictEqual(Object.getPrototypeOf(row), Object.prototype)
          }
          const Named = Schema.Struct(Object.fromEntries(names.slice(3).map((name) => [name, Schema.BigIntFromSelf])))
          const named = yield* Query.one(Named)`SELECT ${Sql.list(columns)}`()
          assert.deepStrictEqual(
            Object.entries(named),
            names.slice(3).map((name, i): [string, bigint] => [name, BigInt(i + 3)])
          )
        })
      )

      it.effect("1,600 columns are read like six", () =>
        Effect.gen(function* () {
          const columns = Array.from({ length: 1600 }, (_, i) => `${i}::int4 AS c${i}`).join(", ")
          const row = yield* Query.one(Row)`SELECT ${Sql.unsafe(columns)}`()
          assert.strictEqual(row["c1599"], 1599)
        })
      )
    })
  })
}
