// Scopes that hold a connection, on a real server: pins, streams, and what they leave behind (nothing).
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Pool, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"

const setting = Query.one(Schema.String)`SELECT current_setting(${param("name", Schema.String)})`
const healthy = Effect.map(Query.one(Schema.Number)`SELECT 1`(), (n) => assert.strictEqual(n, 1))
const unheld = Effect.flatMap(Pool, (pool) =>
  Effect.map(pool.stats, (stats) => assert.deepStrictEqual(stats, { idle: 1, busy: 0, waiting: 0, max: 1 }))
)

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 1 } })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("Session.pin", (it) => {
      it.effect("keeps a session's state for its body and sweeps it up behind it", () =>
        Effect.gen(function* () {
          const inside = yield* Effect.gen(function* () {
            yield* Query.command`SET work_mem = '7MB'`()
            yield* Query.command`CREATE TEMPORARY TABLE scratch (n int4)`()
            yield* Query.command`SELECT pg_advisory_lock(42)`()
            return yield* setting({ name: "work_mem" })
          }).pipe(Session.pin)
          assert.strictEqual(inside, "7MB")
          assert.notStrictEqual(yield* setting({ name: "work_mem" }), "7MB")
          assert.strictEqual(
            yield* Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`(),
            0n
          )
          const error = yield* Effect.flip(Query.command`SELECT * FROM scratch`())
          assert.strictEqual(error.reason._tag, "SyntaxOrAccessRule")
          yield* unheld
        })
      )

      it.effect("rolls back a transaction that was opened by hand and left open", () =>
        Effect.gen(function* () {
          yield* Session.pin(Query.script("BEGIN; CREATE TABLE left_open (n int4)"))
          const error = yield* Effect.flip(Query.command`SELECT * FROM left_open`())
          assert.strictEqual(error.outcome, "RolledBack")
          yield* healthy
        })
      )

      it.effect("holds transactions and streams inside it on the same connection", () =>
        Effect.gen(function* () {
          const pid = Query.one(Schema.Number)`SELECT pg_backend_pid()`
          const pids = yield* Effect.gen(function* () {
            const streamed = yield* Stream.runCollect(Query.stream(Schema.Number)`SELECT pg_backend_pid()`())
            return [yield* pid(), yield* Transaction.run(pid()), Chunk.unsafeHead(streamed)]
          }).pipe(Session.pin)
          assert.strictEqual(new Set(pids).size, 1)
          // whoever comes next waits for the reset
          yield* healthy
          yield* unheld
        })
      )
    })

    layer(Live)("Query.stream", (it) => {
      const numbers = Query.stream(Schema.Number, {
        fetchSize: 100
      })`SELECT n FROM generate_series(1, ${param("last", Schema.Int)}) n`

      it.effect("gives every row once and in order, whatever the fetch size", () =>
        Effect.gen(function* () {
          for (const last of [0, 1, 99, 100, 101, 1000]) {
            const rows = yield* Stream.runCollect(numbers({ last }))
            assert.deepStrictEqual(
              Chunk.toReadonlyArray(rows),
              Array.from({ length: last }, (_, i) => i + 1)
            )
          }
          yield* unheld
        })
      )

      it.effect("stops early without reading the rest, and gives the connection back", () =>
        Effect.gen(function* () {
          const rows = yield* numbers({ last: 10_000_000 }).pipe(Stream.take(250), Stream.runCount)
          assert.strictEqual(rows, 250)
          yield* unheld
          yield* healthy
        })
      )

      it.effect("emits the rows before an error, then the error", () =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          const failing = Query.stream(Schema.Number, {
            fetchSize: 2
          })`SELECT 10 / (5 - n) FROM generate_series(1, 9) n`
          const error = yield* Effect.flip(Stream.runForEach(failing(), (n) => Effect.sync(() => seen.push(n))))
          assert.strictEqual(error.reason._tag, "DataException")
          assert.deepStrictEqual(seen, [2, 3, 5, 10])
          yield* unheld
          yield* healthy
        })
      )

      it.effect("emits the rows before one that does not decode", () =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          const Small = Schema.Number.pipe(Schema.lessThan(4))
          const rows = Query.stream(Small)`SELECT n FROM generate_series(1, 9) n`
          const error = yield* Effect.flip(Stream.runForEach(rows(), (n) => Effect.sync(() => seen.push(n))))
          assert.deepInclude(error.reason, { _tag: "InvalidRow", row: 4 })
          assert.deepStrictEqual(seen, [1, 2, 3])
          yield* unheld
        })
      )

      it.effect("refuses to write outside a transaction, and writes inside one", () =>
        Effect.gen(function* () {
          yield* Query.command`CREATE TABLE IF NOT EXISTS streamed (n int4)`()
          const write = Query.stream(Schema.Number)`INSERT INTO streamed SELECT generate_series(1, 3) RETURNING n`
          const error = yield* Effect.flip(Stream.runDrain(write()))
          assert.include(error.message, "read-only")
          assert.strictEqual(yield* Transaction.run(Stream.runCount(write())), 3)
          yield* Query.command`DROP TABLE streamed`()
          yield* unheld
        })
      )

      it.effect("inside a transaction leaves room for other statements between its batches", () =>
        Effect.gen(function* () {
          const sums = yield* Transaction.run(
            numbers({ last: 300 }).pipe(
              Stream.mapEffect((n) =>
                n % 100 === 0
                  ? Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`({ n })
                  : Effect.succeed(0)
              ),
              Stream.runSum
            )
          )
          assert.strictEqual(sums, 600)
        })
      )
    })
  })
}
