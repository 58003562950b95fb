// What every contestant says of the rows it got, so that none is fast because it got something else. Representations differ from driver to driver
// (a timestamp as text or as Date, an int8 as text or as bigint); the number made of them does not.

/** A row of the large result, in any driver's representation. */
export interface BigRow {
  readonly id: unknown
  readonly name: unknown
  readonly ratio: unknown
  readonly flag: unknown
  readonly at: unknown
  readonly big: unknown
}

const millis = (at: unknown): number => (at instanceof Date ? at.getTime() : Date.parse(String(at)))

export const rowChecksum = ({ at, big, flag, id, name, ratio }: BigRow): number =>
  Number(id) +
  String(name).length +
  Number(ratio) +
  (flag === true ? 1 : 0) +
  (millis(at) % 1_000_000) / 1000 +
  Number(BigInt(String(big)) % 1_000_003n)

/** The statements of the scenarios; `$1` is the only parameter where there is one. */
export const statements = {
  byId: "SELECT id, name, value FROM bench_item WHERE id = $1",
  rows: "SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= $1",
  /** as many rows as are wanted, made while they are read: in FROM they would first all be written to the server's disk */
  generated:
    "SELECT i AS id, 'name of row ' || i AS name, i * 1.25::float8 AS ratio, i % 3 = 0 AS flag, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' AS at, i::int8 * 1000000007 AS big FROM (SELECT generate_series(1, $1::int4) AS i) AS s",
  insert: "INSERT INTO bench_event (id, kind, amount) VALUES ($1, $2, $3)",
  insertMany: "INSERT INTO bench_event SELECT * FROM unnest($1::int4[], $2::text[], $3::float8[])",
  count: "SELECT (count(*) + sum(id) + sum(length(kind)))::float8 AS sum FROM bench_event",
  balance: "SELECT balance FROM bench_account WHERE id = $1",
  deposit: "UPDATE bench_account SET balance = balance + 1 WHERE id = $1",
  /** rows of so many columns */
  wide: (columns: number): string =>
    `SELECT ${Array.from({ length: columns }, (_, i) => `i + ${i} AS c${i}`).join(", ")} FROM generate_series(1, $1::int4) AS i`,
  /** one of many that differ */
  numbered: (i: number): string => `SELECT $1::int4 + ${i} AS n`
}

/** Rows of `bench_item`. */
export const items = 10_000
/** Rows of `bench_row`. */
export const bigRows = 300_000
/** An event to be inserted. */
export const eventOf = (id: number): { readonly id: number; readonly kind: string; readonly amount: number } => ({
  id,
  kind: `kind ${id % 17}`,
  amount: id * 0.25
})
