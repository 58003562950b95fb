// Typed rows through COPY in every format on a real server: what was written is what the server holds, and what it sends is what a query
// reads. What it holds is told by the server: the same values, written as parameters, differ in no row.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Copy, type CopyOptions, type Postgres, type PostgresError, Query, Session } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { healthy, single } from "../faults/session.ts"
import { columns, definition, plain, Row, rowsOf } from "./randomRows.ts"

interface Dialect {
  readonly into: CopyOptions
  /** where the server's way of writing it loses what is NULL */
  readonly out?: CopyOptions
}
const dialects: ReadonlyArray<Dialect> = [
  { into: { format: "binary" } },
  { into: { format: "text" } },
  { into: { format: "text", delimiter: "|", null: "NULL" }, out: { format: "text", delimiter: "|", null: "\\NULL" } },
  { into: { format: "text", delimiter: "N", null: "~" }, out: { format: "text", delimiter: "N", null: "\\~" } },
  { into: { format: "csv" } },
  { into: { format: "csv", header: true, delimiter: ";", null: "\\N" } },
  { into: { format: "csv", quote: "'", escape: "\\", null: "null" } },
  { into: { format: "csv", delimiter: "\t", null: "#" }, out: { format: "csv", forceQuote: "*" } }
]

for (const server of inject("postgres")) {
  const scene = <A, E>(body: Effect.Effect<A, E, Postgres>): Effect.Effect<void, E | PostgresError> =>
    Query.command`CREATE TEMP TABLE loaded ${definition}`().pipe(
      Effect.zipRight(body),
      Effect.zipRight(healthy),
      Session.pin,
      Effect.provide(single(server))
    )

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live(
      "keeps what a row is through binary COPY, whatever the number of rows",
      () => {
        const batch = amount(1_500, 25_000)
        const batches = amount(2, 40)
        const load = Copy.in(Row)`COPY loaded (${columns}) FROM STDIN (FORMAT binary)`
        const dump = Copy.out(Row)`COPY (SELECT * FROM loaded ORDER BY seq) TO STDOUT WITH BINARY`
        const numbered = (n: number) => rowsOf(batch, 100 + n)
        return scene(
          Effect.gen(function* () {
            yield* Query.command`ALTER TABLE loaded ADD COLUMN seq bigserial`()
            const source = Stream.flatMap(Stream.range(0, batches - 1), (n) => Stream.fromIterable(numbered(n)))
            assert.strictEqual(yield* Stream.run(source, load), batch * batches)
            const seen = yield* Stream.runFoldEffect(Stream.grouped(dump, batch), 0, (n, rows) =>
              Effect.sync(() => {
                assert.deepStrictEqual(plain(rows), plain(numbered(n)))
                return n + 1
              })
            )
            assert.strictEqual(seen, batches)
          })
        )
      },
      withinMinutes(0.5, 20)
    )
    for (const [n, { into, out = into }] of dialects.entries()) {
      it.live(
        `writes and reads random rows as ${JSON.stringify(into)}`,
        () => {
          const rows = rowsOf(amount(1_000, 20_000), 18 + n)
          const load = Copy.in(Row)`COPY loaded (${columns}) FROM STDIN ${Copy.options(into)}`
          const dump = Copy.out(Row)`COPY (SELECT * FROM loaded ORDER BY id) TO STDOUT ${Copy.options(out)}`
          return scene(
            Effect.gen(function* () {
              assert.strictEqual(yield* Stream.run(Stream.fromIterable(rows), load), rows.length)
              const asked = yield* Query.all(Row)`SELECT * FROM loaded ORDER BY id`()
              assert.deepStrictEqual(plain(asked), plain(rows))
              assert.deepStrictEqual(plain(yield* Stream.runCollect(dump)), plain(rows))
            })
          )
        },
        withinMinutes(0.5, 5)
      )
    }
  })
}
