// Group S on a real server: streams that are stopped, interrupted, broken off, read slowly or not at all. What is under way ends with them,
// and nobody else waits for their consumers.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { param, Pool, type Postgres, type PostgresError, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { behind, discarded, eventually, faultProxy, healthy, latest, pause, single } from "./session.ts"

const last = param("last", Schema.Int)
const numbers = Query.stream(Schema.Number)`SELECT generate_series(1, ${last})`
/** a quarter of the window each, so that the window is full in the middle of the first batch */
const wide = Query.stream(Schema.String)`
  SELECT repeat(chr(64 + n % 26), 65536) FROM generate_series(1, ${last}) n`
const slowly = Query.stream(Schema.Number, { fetchSize: 10 })`
  SELECT n FROM generate_series(1, ${last}) n, pg_sleep(CASE WHEN n > 10 THEN 0.05 ELSE 0 END)`
const pid = Query.one(Schema.Number)`SELECT pg_backend_pid()`
const stateOf = Query.option(Schema.NullOr(Schema.String))`
  SELECT state FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)}`
const cursors = Query.one(Schema.Number)`SELECT count(*)::int4 FROM pg_cursors WHERE name LIKE 'pgfx%'`
type Rows = Stream.Stream<unknown, PostgresError, Postgres>
const plain = <A, E, R>(self: Effect.Effect<A, E, R>) => self

const sleepy = (index: number): Rows => (index % 2 === 0 ? wide({ last: 100_000 }) : numbers({ last: 100_000 }))

/** Generous: other tests run beside this one. */
const soon = 10_000

for (const server of inject("postgres")) {
  const pooled = (max: number) => NodePostgres.layer({ url: Redacted.make(server.url), pool: { max } })
  const live = (name: string, body: Effect.Effect<unknown, unknown, Postgres>) =>
    it.live(name, () => Effect.provide(Effect.zipLeft(body, healthy), single(server)))
  const observe = <A, E>(self: Effect.Effect<A, E, Postgres>) => Effect.provide(self, single(server))
  const comesToRest = (backend: number) =>
    eventually(
      "the backend is idle",
      Effect.map(stateOf({ pid: backend }), (state) => state._tag === "None" || state.value === "idle"),
      soon
    )

  describe(`PostgreSQL ${server.majorVersion}: group S`, () => {
    for (const [where, place] of [
      ["on its own", plain],
      ["in a pin", Session.pin],
      ["in a transaction", Transaction.run]
    ] as const) {
      live(
        `S-1: ten of ten million rows, ${where}: the rest is not read, and the portal is gone`,
        Effect.gen(function* () {
          const backend = yield* pid()
          const seen = yield* place(
            Effect.gen(function* () {
              const rows = yield* Stream.runCollect(Stream.take(numbers({ last: 10_000_000 }), 10))
              // whoever holds the connection goes on with it
              assert.strictEqual(yield* cursors(), 0)
              return Chunk.toReadonlyArray(rows)
            })
          )
          assert.deepStrictEqual(
            seen,
            Array.from({ length: 10 }, (_, i) => i + 1)
          )
          yield* observe(comesToRest(backend))
        })
      )

      live(
        `S-1: one of a thousand wide rows, ${where}: stopped in the middle of a batch, and nothing is failed by it`,
        Effect.gen(function* () {
          const result = yield* place(
            Effect.gen(function* () {
              const rows = yield* Stream.runCollect(Stream.take(wide({ last: 1000 }), 1))
              yield* healthy
              return Chunk.toReadonlyArray(rows).map((row) => row.length)
            })
          )
          assert.deepStrictEqual(result, [65536])
        })
      )

      live(
        `S-3: rows before an error, then the error, ${where}, in the middle of a batch and of the window`,
        Effect.gen(function* () {
          const failing = Query.stream(
            Schema.String
          )`SELECT repeat('x', 65536 / (20 - n) * (20 - n)) FROM generate_series(1, 100) n`
          let seen = 0
          const error = yield* Effect.flip(place(Stream.runForEach(failing(), () => Effect.sync(() => seen++))))
          assert.strictEqual(error.reason._tag, "DataException")
          assert.strictEqual(seen, 19)
        })
      )
    }

    live(
      "S-4: an interruption between two chunks, in the middle of a batch, or while rows are awaited gives the connection back",
      Effect.gen(function* () {
        const backend = yield* pid()
        const streams: ReadonlyArray<Rows> = [
          numbers({ last: 1_000_000 }),
          wide({ last: 1000 }),
          slowly({ last: 1000 })
        ]
        for (const rows of streams) {
          for (const rest of [Effect.never, Effect.void]) {
            const started = yield* Deferred.make<void>()
            const reading = Stream.runForEachChunk(rows, () =>
              Effect.zipRight(Deferred.succeed(started, undefined), rest)
            )
            const fiber = yield* Effect.fork(reading)
            yield* Deferred.await(started)
            yield* pause(5)
            const exit = yield* Fiber.interrupt(fiber)
            assert.isTrue(Exit.isInterrupted(exit) || Exit.isSuccess(exit))
            yield* healthy
            yield* observe(comesToRest(backend))
          }
        }
      })
    )

    live(
      "S-4: a consumer that fails or dies takes the stream with it, and nothing else",
      Effect.gen(function* () {
        const streams: ReadonlyArray<Rows> = [numbers({ last: 1_000_000 }), wide({ last: 1000 })]
        for (const rows of streams) {
          const failed = yield* Effect.exit(Stream.runForEach(rows, () => Effect.fail("no")))
          assert.deepStrictEqual(failed, Exit.fail("no"))
          yield* healthy
          const died = yield* Effect.exit(Stream.runForEach(rows, () => Effect.die("a bug")))
          assert.isTrue(Exit.isFailure(died))
          yield* healthy
        }
      })
    )

    live(
      "S-4: in a transaction an interruption in the middle of a batch dooms it, one between two batches does not",
      Effect.gen(function* () {
        const told = (rows: Rows) =>
          Effect.either(
            Transaction.run(
              Effect.gen(function* () {
                const started = yield* Deferred.make<void>()
                const fiber = yield* Effect.fork(
                  Stream.runForEachChunk(rows, () =>
                    Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
                  )
                )
                yield* Deferred.await(started)
                yield* Fiber.interrupt(fiber)
                return yield* pid()
              })
            )
          )
        const between = yield* told(numbers({ last: 1_000_000 }))
        assert.strictEqual(between._tag, "Right")
        const inside = yield* told(wide({ last: 1000 }))
        assert.strictEqual(
          inside._tag === "Left" && typeof inside.left === "object" ? inside.left.reason._tag : "",
          "InFailedSqlTransaction"
        )
      })
    )

    live(
      "S-5: in a transaction its consumer may ask other things, also in the middle of a batch that is too wide for the window",
      Transaction.run(
        Effect.gen(function* () {
          let seen = 0
          yield* Stream.runForEach(wide({ last: 200 }), (row) =>
            Effect.gen(function* () {
              assert.strictEqual(row.length, 65536)
              if (seen++ % 10 === 0) yield* healthy
            })
          )
          assert.strictEqual(seen, 200)
        })
      )
    )

    live(
      "S-5: two streams side by side in a transaction each give their own rows",
      Transaction.run(
        Effect.gen(function* () {
          const pairs = Stream.zip(wide({ last: 150 }), numbers({ last: 10_000 }))
          const seen = yield* Stream.runFold(pairs, 0, (count, [text, n]) => {
            assert.strictEqual(n, count + 1)
            assert.strictEqual(text[0], String.fromCharCode(64 + (n % 26)))
            return n
          })
          assert.strictEqual(seen, 150)
          yield* healthy
        })
      )
    )

    it.live("S-6: a server that stalls in the middle of a row is given up at the stream's own time-out", () =>
      Effect.gen(function* () {
        const proxy = yield* faultProxy(server)
        const rows = Query.stream(Schema.String, { timeout: "1 second", fetchSize: 2 })`
          SELECT repeat('x', 10000) FROM generate_series(1, 10)`
        yield* Effect.gen(function* () {
          yield* healthy
          let seen = 0
          const error = yield* Effect.flip(
            Stream.runForEach(rows(), () =>
              Effect.sync(() => {
                if (seen++ === 0) {
                  latest(proxy).arm("toClient", 5000, "stall")
                  // nor does the cancel help
                  proxy.admit(() => "hold")
                }
              })
            )
          )
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.reason._tag, "Unresponsive")
          yield* discarded
        }).pipe(Effect.provide(single(behind(server, proxy), { cancelTimeout: "300 millis" })))
      }).pipe(Effect.scoped)
    )

    it.live(
      "S-8: ten streams whose consumers sleep, and one that reads on, hold up neither each other nor the queries",
      () =>
        Effect.gen(function* () {
          const open = yield* Effect.makeSemaphore(11)
          yield* open.take(11)
          const sleepers = yield* Effect.forEach(Array.from({ length: 10 }), (_, index) =>
            Effect.fork(Stream.runForEach(sleepy(index), () => Effect.zipRight(open.release(1), Effect.never)))
          )
          const reader = yield* Effect.fork(Stream.runCount(numbers({ last: 300_000 })))
          yield* open.take(10)
          const waits: Array<number> = []
          for (let n = 0; n < 300; n++) {
            const start = performance.now()
            yield* healthy
            waits.push(performance.now() - start)
          }
          assert.strictEqual(yield* Fiber.join(reader), 300_000)
          waits.sort((one, other) => one - other)
          // A query that waited for a stream would wait for ever. The figure is for the eye: other tests run beside this one.
          process.stdout.write(
            `      queries beside 11 streams: median ${waits[150]?.toFixed(1)} ms, p99 ${waits[297]?.toFixed(1)} ms\n`
          )
          assert.isBelow(waits[297] ?? Infinity, 2_000)
          yield* Effect.forEach(sleepers, Fiber.interrupt)
        }).pipe(Effect.provide(pooled(12)))
    )

    it.live(
      "S-9: a stream takes a connection when it is run, each time another, and gives it back with its scope",
      () =>
        Effect.gen(function* () {
          const pool = yield* Pool
          const busy = Effect.map(pool.stats, (stats) => stats.busy)
          const backends = Query.stream(Schema.Number, {
            fetchSize: 1
          })`SELECT pg_backend_pid() FROM generate_series(1, 10)`
          const rows = backends()
          assert.strictEqual(yield* busy, 0)
          const pairs = yield* Stream.runCollect(Stream.zip(rows, rows))
          for (const [one, other] of pairs) assert.notStrictEqual(one, other)
          yield* eventually(
            "no lease is held",
            Effect.map(busy, (count) => count === 0),
            soon
          )
          const scope = yield* Scope.make()
          const pull = yield* Scope.extend(Stream.toPull(rows), scope)
          yield* pull
          assert.strictEqual(yield* busy, 1)
          yield* Scope.close(scope, Exit.void)
          yield* eventually(
            "the lease ends with its scope",
            Effect.map(busy, (count) => count === 0),
            soon
          )
          yield* healthy
        }).pipe(Effect.provide(Layer.fresh(pooled(2))))
    )
  })
}
