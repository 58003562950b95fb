// A single connection with its own handle: what it says about itself, and how it is cancelled from outside.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres, NodeTransport } from "@pgfx/platform-node"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Connection, param, Postgres, Query, Transaction } from "pgfx"
import { inject } from "vitest"

const pause = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))
const one = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
const held = Query.one(Schema.BigIntFromSelf, { prepare: false })`SELECT count(*) FROM pg_prepared_statements`

for (const server of inject("postgres")) {
  const url = Redacted.make(server.url)
  const Live = Postgres.layerConnection.pipe(
    Layer.provideMerge(Connection.layer({ url })),
    Layer.provide(NodeTransport.layer)
  )

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("Connection", (it) => {
      it.effect("knows its backend and the settings the server reports", () =>
        Effect.gen(function* () {
          const connection = yield* Connection
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`(), connection.processId)
          const parameters = yield* connection.parameters
          assert.strictEqual(Number.parseInt(parameters["server_version"] ?? "", 10), server.majorVersion)
          assert.strictEqual(parameters["client_encoding"], "UTF8")
        })
      )

      it.effect("is cancelled by its handle, and the next statement is not", () =>
        Effect.gen(function* () {
          const connection = yield* Connection
          const slow = yield* Effect.fork(Effect.flip(Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(30)`()))
          yield* pause(50)
          yield* connection.cancel
          assert.deepInclude((yield* Fiber.join(slow)).reason, { _tag: "QueryCanceled", by: "user request" })
          assert.strictEqual(yield* one({ n: 3 }), 3)
          yield* connection.cancel
          assert.strictEqual(yield* one({ n: 4 }), 4)
        })
      )

      it.effect("hands out notices", () =>
        Effect.gen(function* () {
          const connection = yield* Connection
          const seen = yield* Effect.fork(connection.notices.pipe(Stream.take(1), Stream.runCollect))
          yield* pause(20)
          yield* Query.script("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
          assert.strictEqual(Chunk.unsafeHead(yield* Fiber.join(seen)).message, "hello")
        })
      )
    })

    layer(NodePostgres.layer({ url }))("statements that are not to be remembered", (it) => {
      it.effect("leave nothing on the server", () =>
        Effect.gen(function* () {
          const before = yield* held()
          for (let i = 0; i < 3; i++) {
            const passing = Query.one(Schema.Number, {
              prepare: false
            })`SELECT ${param("n", Schema.Int)}::int4 + ${param("m", Schema.Array(Schema.Int))}::int4[][1]`
            yield* Effect.either(passing({ n: i, m: [1] }))
          }
          assert.strictEqual(yield* held(), before)
        })
      )
    })

    layer(NodePostgres.layer({ url, preparedStatements: 0 }))("a connection that names no statements", (it) => {
      it.effect("runs everything unnamed, as often as asked", () =>
        Effect.gen(function* () {
          for (let n = 0; n < 3; n++) assert.strictEqual(yield* one({ n }), n)
          const among = Query.one(Schema.Boolean)`SELECT 2 = ANY(${param("some", Schema.Array(Schema.Int))})`
          for (let n = 0; n < 3; n++) assert.isTrue(yield* among({ some: [1, 2] }))
          assert.strictEqual(yield* held(), 0n)
        })
      )
    })

    layer(NodePostgres.layer({ url }))("an answer that cannot be used", (it) => {
      it.effect("is Pending inside a transaction, and RolledBack once the transaction has failed with it", () =>
        Effect.gen(function* () {
          const two = Query.one(Schema.Number)`SELECT generate_series(1, 2)`
          let inside = ""
          const outside = yield* Effect.flip(
            Transaction.run(Effect.tapError(two(), (error) => Effect.sync(() => (inside = error.outcome))))
          )
          assert.deepStrictEqual([inside, outside.outcome], ["Pending", "RolledBack"])
        })
      )
    })
  })
}
