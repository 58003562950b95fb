// COPY in both directions, interrupted and stopped at instants drawn by chance, on a small pool: no row of a COPY that did not end, and every
// connection comes back.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Pool, Query, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { anInstant, Chance } from "../faults/random.ts"
import { eventually, healthy } from "../faults/session.ts"
import { lines } from "./data.ts"

const seed = 5
const rounds = amount(40, 3_000)

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live(
      `${rounds} COPYs, interrupted at any instant (seed ${seed})`,
      () => {
        const table = Sql.identifier(`stormed_${process.pid}_${server.majorVersion}`)
        const load = Copy.inBytes`COPY ${table} FROM STDIN`
        const dump = Copy.outBytes`COPY (SELECT n, repeat('x', 300) FROM generate_series(1, 20000) n) TO STDOUT`
        const count = Query.one(Schema.Number)`SELECT count(*)::int4 FROM ${table}`
        const chance = new Chance(seed)
        const pieces = Stream.flatMap(Stream.range(0, 19), (n) => Stream.make(lines(n * 100, n * 100 + 100)))
        const copies = [
          () => Stream.run(pieces, load),
          () => Transaction.run(Stream.run(pieces, load)),
          () => Effect.as(Stream.runDrain(dump), 0),
          () => Effect.as(Stream.runDrain(Stream.take(dump, 1 + chance.below(3))), 0),
          () => Effect.as(Transaction.run(Effect.zipRight(Stream.runDrain(Stream.take(dump, 1)), healthy)), 0)
        ]
        return Effect.gen(function* () {
          yield* Query.command`CREATE TABLE ${table} (n int4, line text)`()
          let stored = 0
          for (let round = 0; round < rounds; round++) {
            const copy = chance.of(copies)
            const fiber = yield* Effect.fork(copy())
            yield* anInstant(chance, 15)
            const exit = yield* chance.below(4) === 0 ? Fiber.await(fiber) : Fiber.interrupt(fiber)
            if (Exit.isSuccess(exit)) stored += exit.value
            // interrupted at its very end it may have happened: never in part
            const found = yield* count()
            assert.strictEqual((found - stored) % 2_000, 0, `round ${round}`)
            stored = found
          }
          yield* eventually(
            "every connection is idle",
            Effect.map(
              Effect.flatMap(Pool, (pool) => pool.stats),
              ({ busy, waiting }) => busy === 0 && waiting === 0
            ),
            10_000
          )
          yield* healthy
        }).pipe(
          Effect.ensuring(Effect.orDie(Query.command`DROP TABLE IF EXISTS ${table}`())),
          Effect.provide(NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 2 } }))
        )
      },
      withinMinutes(1, 10)
    )
  })
}
