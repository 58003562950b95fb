// Rows of many types with random values and hostile texts: what COPY's formats quote, escape and confuse with NULL.
import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { Sql } from "pgfx"

export class Row extends Schema.Class<Row>("Row")({
  id: Schema.Int,
  big: Schema.BigIntFromSelf,
  ratio: Schema.NullOr(Schema.Number),
  label: Schema.NullOr(Schema.String),
  at: Schema.NullOr(Schema.DateFromSelf),
  price: Schema.NullOr(Schema.BigDecimalFromSelf),
  raw: Schema.NullOr(Schema.Uint8ArrayFromSelf),
  flag: Schema.NullOr(Schema.Boolean),
  tags: Schema.NullOr(Schema.Array(Schema.NullOr(Schema.String))),
  document: Schema.Unknown
}) {}

export const columns = Sql`id, big, ratio, label, at, price, raw, flag, tags, document`
export const definition = Sql`(
  id int4, big int8, ratio float8, label text, at timestamptz, price numeric, raw bytea, flag boolean, tags text[], document jsonb
)`

const hostile = [
  "",
  "\\N",
  "\\.",
  "NULL",
  "null",
  ",",
  ";",
  "\t",
  "\n",
  "\r",
  "\r\n",
  '"',
  '""',
  "'",
  "\\",
  "\\\\",
  "\\t",
  "\\x41",
  "\\101",
  "a,b",
  '"a"\n"b"',
  " leading",
  "trailing ",
  "🐘",
  "Å",
  "\u0001",
  "\v\f\b",
  "{}",
  "\\.\n",
  "x\\.",
  "N",
  "|",
  "~",
  "#"
]
const text = fc
  .oneof(
    fc.constantFrom(...hostile),
    fc
      .array(fc.oneof(fc.constantFrom(...hostile), fc.string({ maxLength: 3 })), { maxLength: 5 })
      .map((parts) => parts.join(""))
  )
  .map((text) => text.replaceAll("\0", ""))

const nullable = <A>(arbitrary: fc.Arbitrary<A>) => fc.option(arbitrary, { freq: 6 })
const row = fc.record({
  id: fc.constant(0),
  big: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  ratio: nullable(fc.double({ noNaN: true })),
  label: nullable(text),
  at: nullable(
    fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  ),
  price: nullable(
    fc
      .tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.integer({ min: 0, max: 12 }))
      .map(([n, scale]) => BigDecimal.make(n, scale))
  ),
  raw: nullable(fc.uint8Array({ maxLength: 12 })),
  flag: nullable(fc.boolean()),
  tags: nullable(fc.array(nullable(text), { maxLength: 3 })),
  document: fc.oneof(text, fc.integer(), fc.record({ a: text, b: fc.array(fc.boolean(), { maxLength: 2 }) }))
})

export const rowsOf = (count: number, seed: number): ReadonlyArray<Row> =>
  fc.sample(row, { numRuns: count, seed }).map((values, id) => new Row({ ...values, id }))

export const plain = (rows: Iterable<Row>) =>
  Array.from(rows, ({ price, ...row }) => ({ ...row, price: price === null ? null : BigDecimal.format(price) }))
