// Generated row Schemas with rows that their columns may hold: every kind of node, in the combinations that programs write and in some that
// nobody would.
import type { Form } from "@pgfx/codecs"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"

// Schemas of any type, put together at run time: what they decode to is compared, never used.
// eslint-disable-next-line typescript/no-explicit-any
export type AnySchema = Schema.Schema<any, any>

export interface Column {
  readonly name: string
  readonly type: string
  readonly from?: Form
}

interface Kind {
  readonly type: string
  readonly from?: Form
  readonly values: fc.Arbitrary<unknown>
  readonly schemas: ReadonlyArray<AnySchema>
}

const bit: AnySchema = Schema.transform(Schema.Literal(0, 1), Schema.Boolean, {
  strict: true,
  decode: (n) => n === 1,
  encode: (b) => (b ? 1 : 0)
})

/** Looks at the encoded value beside the decoded one, as a transformation may. */
const withEncoded = (schema: AnySchema): AnySchema =>
  Schema.transform(schema, Schema.Unknown, {
    strict: true,
    decode: (value, encoded) => [value, typeof encoded, String(encoded)],
    encode: (value) => value
  })

const even: AnySchema = Schema.transformOrFail(Schema.Number, Schema.Number, {
  strict: true,
  decode: (n, _, ast) => (n % 2 === 0 ? ParseResult.succeed(n / 2) : ParseResult.fail(new ParseResult.Type(ast, n))),
  encode: (n) => ParseResult.succeed(n * 2)
})

const asynchronous: AnySchema = Schema.transformOrFail(Schema.Number, Schema.Number, {
  strict: true,
  decode: (n) => Effect.map(Effect.void, () => n + 1),
  encode: (n) => ParseResult.succeed(n - 1)
})

const Tagged = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("a"), n: Schema.BigIntFromSelf }),
  Schema.Struct({ kind: Schema.Literal("b"), n: Schema.Number, at: Schema.optional(Schema.Date) })
)

interface Tree {
  readonly n: number
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Schema<Tree> = Schema.Struct({
  n: Schema.Number,
  children: Schema.Array(Schema.suspend(() => Tree))
})

class Point extends Schema.Class<Point>("Point")({
  n: Schema.Number,
  label: Schema.optionalWith(Schema.String, { default: () => "none" })
}) {}

const bigNumber = fc.oneof(
  fc.integer(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.double({ noNaN: true, noDefaultInfinity: true })
)

const digits = (value: number | bigint): string => (Object.is(value, -0) ? "-0" : String(value))

const jsonTexts = fc.oneof(
  fc.json({ maxDepth: 2 }),
  bigNumber.map(digits),
  fc
    .record({ kind: fc.constantFrom("a", "b", "c"), n: bigNumber })
    .map(({ kind, n }) => `{"kind":"${kind}","n":${digits(n)}}`),
  bigNumber.map((n) => `{"n":${digits(n)},"children":[{"n":1,"children":[]}]}`),
  bigNumber.map((n) => `{"n":${digits(n)},"label":"x","more":true}`),
  fc.array(bigNumber).map((ns) => `[${ns.map(digits).join(",")}]`)
)

const edges = fc.constantFrom("infinity", "-infinity")
const instants = fc
  .date({ min: new Date("0044-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString())
const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 6 }))
  .map(([unscaled, scale]) => ({ unscaled, scale }))

const ofInstants: ReadonlyArray<AnySchema> = [
  Schema.String,
  Schema.Date,
  Schema.DateFromString,
  Schema.DateFromSelf,
  Schema.ValidDateFromSelf,
  Schema.DateTimeUtc,
  Schema.DateTimeUtcFromSelf,
  Schema.DateTimeUtcFromDate,
  Schema.DateTimeUtcFromNumber,
  Schema.DateFromNumber,
  Schema.Date.pipe(Schema.betweenDate(new Date("1990-01-01"), new Date("2500-01-01"))),
  Schema.compose(Schema.String, Schema.Date),
  withEncoded(Schema.Date),
  Schema.Union(Schema.Date, Schema.DateTimeUtc)
]

const ofIntegers: ReadonlyArray<AnySchema> = [
  Schema.Number,
  Schema.Int,
  Schema.Finite,
  Schema.Positive,
  Schema.Int.pipe(Schema.between(-100, 100), Schema.brand("Small")),
  Schema.BigIntFromSelf,
  Schema.BigInt,
  Schema.String,
  Schema.NumberFromString,
  Schema.BigIntFromNumber,
  Schema.Literal(0, 1, 2),
  Schema.Enums({ zero: 0, one: 1 }),
  Schema.Union(Schema.Number, Schema.String),
  even,
  withEncoded(Schema.NumberFromString),
  Schema.Number.annotations({ decodingFallback: () => Effect.succeed(7) }),
  Schema.Positive.annotations({ decodingFallback: () => Effect.succeed(7) }),
  asynchronous,
  Schema.Union(asynchronous, Schema.Number)
]

const kinds: ReadonlyArray<Kind> = [
  { type: "int4", values: fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 })), schemas: ofIntegers },
  { type: "int2", values: fc.integer({ min: -3, max: 3 }), schemas: ofIntegers },
  {
    type: "int8",
    values: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -3n, max: 3n })),
    schemas: [...ofIntegers, Schema.Union(Schema.BigIntFromSelf, Schema.Number), Schema.NonNegativeBigInt]
  },
  {
    type: "numeric",
    values: fc.oneof(decimals, fc.constantFrom("NaN", "Infinity", "-Infinity")),
    schemas: [
      Schema.String,
      Schema.Number,
      Schema.NumberFromString,
      Schema.BigDecimal,
      Schema.BigDecimalFromSelf,
      Schema.BigDecimalFromNumber,
      Schema.BigIntFromSelf,
      Schema.BigDecimal.pipe(Schema.brand("Price"))
    ]
  },
  {
    type: "float8",
    values: fc.double(),
    schemas: [
      Schema.Number,
      Schema.Finite,
      Schema.Int,
      Schema.String,
      Schema.NumberFromString,
      Schema.JsonNumber,
      Schema.Literal(0)
    ]
  },
  {
    type: "bool",
    values: fc.boolean(),
    schemas: [Schema.Boolean, Schema.String, Schema.BooleanFromString, bit, Schema.Not, Schema.Literal(true)]
  },
  {
    type: "text",
    values: fc.oneof(
      fc.string(),
      fc.constantFrom("a", "b", " a ", "1", "1.5", "a-b", "{}", "2024-02-29T00:00:00.000Z")
    ),
    schemas: [
      Schema.String,
      Schema.NonEmptyString,
      Schema.Trim,
      Schema.Lowercase,
      Schema.NumberFromString,
      Schema.Literal("a", "b"),
      Schema.Enums({ a: "a", b: "b" }),
      Schema.TemplateLiteral(Schema.String, "-", Schema.String),
      Schema.String.pipe(Schema.pattern(/^[a-z]/)),
      Schema.Redacted(Schema.NonEmptyString),
      Schema.RedactedFromSelf(Schema.String),
      Schema.parseJson(),
      Schema.parseJson(Schema.Struct({ a: Schema.optional(Schema.Number) })),
      Schema.split(","),
      Schema.Date,
      Schema.StringFromBase64,
      Schema.Union(Schema.Literal("a"), Schema.NumberFromString)
    ]
  },
  {
    type: "uuid",
    values: fc.uuid(),
    schemas: [Schema.UUID, Schema.String, Schema.Uint8ArrayFromSelf, Schema.UUID.pipe(Schema.brand("Id"))]
  },
  { type: "timestamptz", values: fc.oneof(instants, edges), schemas: ofInstants },
  { type: "timestamp", values: fc.oneof(instants, edges), schemas: ofInstants },
  {
    type: "date",
    values: fc.oneof(
      instants.map((text) => text.slice(0, 10)),
      edges
    ),
    schemas: ofInstants
  },
  {
    type: "interval",
    values: fc.record({
      months: fc.constantFrom(0, 0, 1),
      days: fc.integer({ min: -1, max: 5 }),
      microseconds: fc.bigInt({ min: -5n, max: 10n ** 10n })
    }),
    schemas: [
      Schema.String,
      Schema.DurationFromSelf,
      Schema.Struct({ months: Schema.Int, days: Schema.Positive, microseconds: Schema.BigIntFromSelf })
    ]
  },
  { type: "bytea", values: fc.uint8Array({ maxLength: 4 }), schemas: [Schema.Uint8ArrayFromSelf, Schema.Uint8Array] },
  {
    type: "jsonb",
    from: "text",
    values: jsonTexts,
    schemas: [
      Schema.Unknown,
      Schema.String,
      Schema.parseJson(Tagged),
      Tagged,
      Tree,
      Point,
      Schema.Array(Schema.Number),
      Schema.Array(Schema.BigIntFromSelf),
      Schema.Array(Schema.Union(Schema.BigIntFromSelf, Schema.Number)),
      Schema.NonEmptyArray(Schema.BigDecimalFromSelf),
      Schema.Struct({ n: Schema.BigDecimalFromSelf, label: Schema.optional(Schema.String) }),
      Schema.Record({ key: Schema.String, value: Schema.Unknown }),
      Schema.Record({ key: Schema.TemplateLiteral("n", Schema.String), value: Schema.Number }),
      Schema.Struct({ n: Schema.Number }, { key: Schema.String, value: Schema.Unknown }),
      Schema.Struct({ n: Schema.Number }).annotations({ parseOptions: { onExcessProperty: "error" } }),
      Schema.Struct({ n: Schema.Number }).annotations({ parseOptions: { onExcessProperty: "preserve" } }),
      Schema.Struct({ n: Schema.Int }).annotations({ parseOptions: { errors: "all" } }),
      Schema.Union(Schema.Number, Schema.Array(Schema.Number), Schema.Struct({ n: Schema.Number })),
      Schema.Tuple(Schema.Number, Schema.optionalElement(Schema.Number)),
      Schema.Union(Tree, Schema.Null),
      Schema.Object
    ]
  },
  {
    type: "int8[]",
    values: fc.array(fc.option(fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n })), { maxLength: 3 }),
    schemas: [
      Schema.Array(Schema.NullOr(Schema.Number)),
      Schema.Array(Schema.BigIntFromSelf),
      Schema.Array(Schema.OptionFromNullOr(Schema.Int)),
      Schema.Chunk(Schema.NullOr(Schema.BigInt)),
      Schema.ReadonlySet(Schema.UndefinedOr(Schema.BigIntFromSelf)),
      Schema.Tuple(Schema.NullOr(Schema.BigIntFromSelf), Schema.NullOr(Schema.BigIntFromSelf)),
      Schema.Unknown
    ]
  },
  {
    type: "place",
    values: fc.record({
      city: fc.string(),
      founded: instants,
      size: fc.option(fc.bigInt({ min: 0n, max: 2n ** 60n }))
    }),
    schemas: [
      Schema.Struct({ city: Schema.String, founded: Schema.Date, size: Schema.NullOr(Schema.Number) }),
      Schema.Struct({ city: Schema.NonEmptyString, size: Schema.optionalWith(Schema.BigIntFromSelf, { exact: true }) }),
      Schema.Tuple(Schema.String, Schema.DateTimeUtcFromSelf, Schema.OptionFromNullOr(Schema.BigIntFromSelf)),
      Schema.Unknown
    ]
  }
]

// ---- around a field

type Wrap = (schema: AnySchema) => AnySchema
const wraps: ReadonlyArray<Wrap> = [
  (schema) => schema,
  (schema) => schema,
  (schema) => Schema.NullOr(schema),
  (schema) => Schema.UndefinedOr(schema),
  (schema) => Schema.NullishOr(schema),
  (schema) => Schema.OptionFromNullOr(schema),
  (schema) => Schema.OptionFromNullishOr(schema, null),
  (schema) => Schema.OptionFromUndefinedOr(schema),
  (schema) => Schema.Redacted(schema),
  (schema) => Schema.NullOr(schema.pipe(Schema.filter(() => true))),
  (schema) => schema.pipe(Schema.filter((value) => value !== null && String(value).length % 5 !== 0)),
  (schema) => schema.annotations({ identifier: "Named" }),
  (schema) => Schema.suspend(() => schema),
  (schema) => withEncoded(Schema.NullOr(schema)),
  (schema) => Schema.NullOr(Schema.Union(schema, Schema.Undefined))
]

// Property signatures have no common type either.
// eslint-disable-next-line typescript/no-explicit-any
type Property = any
const properties: ReadonlyArray<(schema: AnySchema) => Property> = [
  (schema) => schema,
  (schema) => schema,
  (schema) => schema,
  (schema) => Schema.optional(schema),
  (schema) => Schema.optionalWith(schema, { exact: true }),
  (schema) => Schema.optionalWith(schema, { nullable: true }),
  (schema) => Schema.optionalWith(schema, { as: "Option" }),
  (schema) => Schema.optionalWith(schema, { as: "Option", nullable: true }),
  () => Schema.optionalWith(Schema.Unknown, { default: () => "default" }),
  (schema) => Schema.optionalWith(schema, { exact: true, as: "Option" }),
  (schema) => Schema.propertySignature(schema).pipe(Schema.fromKey("__renamed")),
  (schema) => Schema.optionalToOptional(schema, Schema.Unknown, { decode: (some) => some, encode: (some) => some })
]

interface Field {
  readonly column: Column
  readonly schema: AnySchema
  readonly property: Property
  readonly value: fc.Arbitrary<unknown>
}

// not `constructor` and the like: Schema's own struct takes those for keys it has seen (3.22.4)
const names = fc.constantFrom("a", "b", "created_at", "with space", 'quo"te', "\u2028", "", "n", "length", "name")

const fields: fc.Arbitrary<Field> = fc
  .tuple(fc.constantFrom(...kinds), names, fc.nat(), fc.nat(), fc.nat())
  .map(([kind, name, schemaIndex, wrapIndex, propertyIndex]) => {
    const base = kind.schemas[schemaIndex % kind.schemas.length]!
    const schema = wraps[wrapIndex % wraps.length]!(base)
    const property = properties[propertyIndex % properties.length]!(schema)
    const isRenamed = propertyIndex % properties.length === 10
    return {
      column: {
        name: isRenamed ? "__renamed" : name,
        type: kind.type,
        ...(kind.from === undefined ? {} : { from: kind.from })
      },
      schema,
      property,
      value: fc.option(kind.values, { freq: 4 })
    }
  })

// ---- around a row

class Named extends Schema.Class<Named>("Named")({ a: Schema.Unknown }) {}

const rowWraps: ReadonlyArray<Wrap> = [
  (row) => row,
  (row) => row,
  (row) => row.pipe(Schema.filter((value: object) => Object.keys(value).length !== 2)),
  (row) => row.annotations({ parseOptions: { errors: "all" } }),
  (row) => row.annotations({ identifier: "Row" }),
  (row) =>
    Schema.transform(row, Schema.Unknown, { strict: true, decode: (value) => [value], encode: (value) => value }),
  (row) =>
    Schema.transform(row, Schema.Unknown, {
      strict: true,
      decode: (value, encoded) => [value, Object.keys(encoded as object).toSorted()],
      encode: (value) => value
    }),
  (row) => Schema.suspend(() => row),
  (row) => Schema.Union(row, Named)
]

const structOf = (chosen: ReadonlyArray<Field>): AnySchema => {
  const properties: Record<string, Property> = {}
  for (const { column, property } of chosen)
    properties[column.name === "__renamed" ? "renamed" : column.name] = property
  return Schema.Struct(properties) as unknown as AnySchema
}

const classOf = (chosen: ReadonlyArray<Field>): AnySchema => {
  const properties: Record<string, Property> = {}
  for (const { column, property } of chosen)
    properties[column.name === "__renamed" ? "renamed" : column.name] = property
  class Row extends Schema.Class<Row>("Row")(properties as Record<string, AnySchema>) {}
  return Row as unknown as AnySchema
}

const rowSchemaOf = (chosen: ReadonlyArray<Field>, shape: number, wrap: number): AnySchema => {
  const around = rowWraps[wrap % rowWraps.length]!
  const [first] = chosen
  switch (shape % 6) {
    case 0:
    case 1:
      return around(structOf(chosen))
    case 2:
      return around(classOf(chosen))
    case 3:
      return around(Schema.Tuple(...chosen.map(({ schema }) => schema)) as unknown as AnySchema)
    case 4:
      return chosen.length === 1 &&
        first !== undefined &&
        first.column.type !== "place" &&
        first.column.type !== "jsonb"
        ? (Schema.Struct({ [first.column.name]: first.property }) as unknown as AnySchema)
        : around(structOf(chosen))
    default:
      return Schema.Record({ key: Schema.String, value: Schema.Unknown })
  }
}

export interface Generated {
  readonly columns: ReadonlyArray<Column>
  readonly schema: AnySchema
  readonly rows: ReadonlyArray<ReadonlyArray<unknown>>
}

export const rowSchemas: fc.Arbitrary<Generated> = fc
  .tuple(
    fc.uniqueArray(fields, { minLength: 1, maxLength: 5, selector: ({ column }) => column.name }),
    fc.nat(),
    fc.nat()
  )
  .chain(([chosen, shape, wrap]) =>
    fc.array(fc.tuple(...chosen.map(({ value }) => value)), { minLength: 1, maxLength: 4 }).map((rows) => ({
      columns: chosen.map(({ column }) => column),
      schema: rowSchemaOf(chosen, shape, wrap),
      rows
    }))
  )
