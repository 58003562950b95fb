// The reference system's severe defects (6.1 of its report), each as a sentence about what happens here. Those that concern bytes,
// settings or COPY stand with their units: 1 in startup/settings, 10 and 12 in protocol, 14 and 15 with COPY, 16 with the start-up.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import { makeAuthority } from "@pgfx/testing/server/certificates"
import { startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Pool, type Postgres, type PostgresError, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"

const healthy = Effect.map(Query.one(Schema.Number)`SELECT 1`(), (n) => assert.strictEqual(n, 1))
const length = Query.one(Schema.Number)`SELECT length(${param("text", Schema.String)}::text)`

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("6.1", (it) => {
      it.effect("3: a stream that was given up leaves nothing behind", () =>
        Effect.gen(function* () {
          const rows = Query.stream(Schema.Number, { fetchSize: 10 })`SELECT generate_series(1, 1000)`
          for (let i = 0; i < 20; i++) yield* Stream.runHead(rows())
          yield* Stream.runHead(rows()).pipe(Transaction.run)
          yield* healthy
          const { busy } = yield* Effect.flatMap(Pool, (pool) => pool.stats)
          assert.strictEqual(busy, 0)
        })
      )

      it.effect("4: what a holder did to its session, its successor does not see", () =>
        Effect.gen(function* () {
          yield* Query.script(
            "SET search_path = pg_catalog; CREATE TEMP TABLE dirty (); LISTEN dirt; SELECT pg_advisory_lock(7); BEGIN"
          ).pipe(Session.pin)
          const State = Schema.Struct({
            path: Schema.String,
            temp: Schema.BigIntFromSelf,
            locks: Schema.BigIntFromSelf,
            channels: Schema.BigIntFromSelf
          })
          const state = yield* Query.one(State)`
            SELECT current_setting('search_path') AS path,
                   (SELECT count(*) FROM pg_class WHERE relpersistence = 't') AS temp,
                   (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks,
                   (SELECT count(*) FROM pg_listening_channels()) AS channels
          `()
          assert.deepStrictEqual(state, { path: '"$user", public', temp: 0n, locks: 0n, channels: 0n })
        })
      )

      it.effect("6: an argument that cannot be encoded costs nothing but itself", () =>
        Effect.gen(function* () {
          const hostile = ["a\u0000b", "\ud800", "x".repeat(10)]
          const results = yield* Effect.forEach(hostile, (text) => Effect.either(length({ text })), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            results.map((r) => (r._tag === "Right" ? r.right : r.left.outcome)),
            ["NotSent", "NotSent", 10]
          )
          yield* healthy
        })
      )

      it.effect("9: a stream of no rows ends", () =>
        Effect.gen(function* () {
          const none = Query.stream(Schema.Number)`SELECT 1 WHERE ${param("yes", Schema.Boolean)}`
          assert.strictEqual(yield* Stream.runCount(none({ yes: false })), 0)
          yield* healthy
        })
      )

      it.effect("11: no type is read as another of the same width", () =>
        Effect.gen(function* () {
          const refused = <A>(query: () => Effect.Effect<A, PostgresError, Postgres>) =>
            Effect.gen(function* () {
              // in text on first use, in binary afterwards
              for (let run = 0; run < 2; run++) {
                const error = yield* Effect.flip(query())
                assert.oneOf(error.reason._tag, ["StatementMismatch", "InvalidRow"])
              }
            })
          yield* refused(Query.one(Schema.Boolean)`SELECT 1::int4`)
          yield* refused(Query.one(Schema.Number)`SELECT now()`)
          yield* refused(Query.one(Schema.Uint8ArrayFromSelf)`SELECT '{}'::jsonb`)
          yield* refused(Query.one(Schema.BigIntFromSelf)`SELECT 1.5::float8`)
          yield* healthy
        })
      )

      it.effect("13: a connection lost in a transaction does not go on in autocommit", () =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS halves; CREATE TABLE halves (n int4)").pipe(Effect.provide(Live))
          const insert = Query.command`INSERT INTO halves VALUES (${param("n", Schema.Int)})`
          const error = yield* Effect.gen(function* () {
            yield* insert({ n: 1 })
            const pid = yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`()
            yield* Effect.provide(
              Query.command`SELECT pg_terminate_backend(${param("pid", Schema.Int)})`({ pid }),
              Layer.fresh(Live)
            )
            yield* insert({ n: 2 })
          }).pipe(Transaction.run, Effect.provide(Layer.fresh(Live)), Effect.flip)
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.outcome, "RolledBack")
          const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM halves`
          assert.strictEqual(yield* Effect.provide(count(), Layer.fresh(Live)), 0n)
        })
      )
    })
  })
}

const Encrypted = Layer.unwrapScoped(
  Effect.gen(function* () {
    const authority = yield* Effect.promise(async () => makeAuthority())
    const leaf = yield* Effect.promise(async () => authority.issue({ names: ["localhost", "127.0.0.1"] }))
    const cluster = yield* Effect.acquireRelease(
      Effect.promise(() => startCluster({ tls: { certificate: leaf.chain, key: leaf.key } })),
      (started) => Effect.promise(() => started.stop())
    )
    return NodePostgres.layer({ url: Redacted.make(cluster.url), sslmode: "require" })
  })
)

layer(Encrypted)("6.1 over TLS", (it) => {
  it.effect("2: frames far above TLS's own buffers go out and come in", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* Query.one(Schema.Boolean)`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`())
      for (const size of [65_535, 65_536, 1_000_000, 20_000_000]) {
        assert.strictEqual(yield* length({ text: "x".repeat(size) }), size)
      }
      const back = yield* Query.one(Schema.String)`SELECT repeat('y', 20000000)`()
      assert.strictEqual(back.length, 20_000_000)
      yield* healthy
    })
  )
})
