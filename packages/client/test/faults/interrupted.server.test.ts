// Interruption at a chosen stage of a statement: the answer is held back by a proxy, so that each stage lasts as long as the test wants.
// What is true of the statement, of its transaction and of the connection afterwards.
import { assert, describe, it } from "@effect/vitest"
import type { FaultProxy } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { param, type Postgres, Query, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { behind, eventually, faultProxy, healthy, latest, pause, single } from "./session.ts"

/** A statement that no connection has seen before. */
let texts = 0
const unknown = () => Sql.unsafe(`/* ${++texts} */`)

const table = Query.script(`DROP TABLE IF EXISTS interrupted_at; CREATE TABLE interrupted_at (n int4)`)
const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM interrupted_at`

/** Runs it until the proxy holds back so many bytes of the answer that its first stage has begun, and interrupts it there. */
const interruptedWhileHeld = <A, E, R>(proxy: FaultProxy, self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const connection = latest(proxy)
    const before = connection.passed("toServer")
    connection.stall("toClient")
    const fiber = yield* Effect.fork(self)
    yield* eventually(
      "it was sent",
      Effect.sync(() => connection.passed("toServer") > before)
    )
    const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
    // longer than the grace: the caller goes on, and whatever follows the interruption queues up
    yield* pause(80)
    connection.resume("toClient")
    yield* Fiber.join(interruption)
  })

for (const server of inject("postgres")) {
  const scene = <A, E>(body: (proxy: FaultProxy) => Effect.Effect<A, E, Postgres>) =>
    Effect.gen(function* () {
      const proxy = yield* faultProxy(server)
      yield* body(proxy).pipe(Effect.provide(single(behind(server, proxy))))
    }).pipe(Effect.scoped)

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live("an INSERT that is interrupted while it is being described is never run", () =>
      scene((proxy) =>
        Effect.gen(function* () {
          yield* table
          const insert = Query.one(Schema.Struct({ n: Schema.Number }))`
            INSERT INTO interrupted_at ${unknown()} VALUES (1) RETURNING n`
          yield* interruptedWhileHeld(proxy, insert())
          yield* healthy
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("neither is one in a transaction, whose ROLLBACK would have gone by", () =>
      scene((proxy) =>
        Effect.gen(function* () {
          yield* table
          const insert = Query.one(Schema.Struct({ n: Schema.Number }))`
            INSERT INTO interrupted_at ${unknown()} VALUES (1) RETURNING n`
          yield* interruptedWhileHeld(proxy, Transaction.run(insert()))
          yield* healthy
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("neither is one whose types are being learned", () =>
      scene((proxy) =>
        Effect.gen(function* () {
          yield* table
          yield* Query.script(
            "DROP TYPE IF EXISTS interrupted_mood; CREATE TYPE interrupted_mood AS ENUM ('sad', 'glad')"
          )
          const insert = Query.all(Schema.String)`
            INSERT INTO interrupted_at ${unknown()} SELECT 1 WHERE 'glad' = ANY(${param("moods", Schema.Array(Schema.String))}::interrupted_mood[])
            RETURNING 'glad'::interrupted_mood`
          const connection = latest(proxy)
          // ParseComplete, ParameterDescription, RowDescription and ReadyForQuery of the first stage pass; the catalogue's answer does not
          connection.arm("toClient", 60, "stall")
          const fiber = yield* Effect.fork(insert({ moods: ["glad"] }))
          yield* eventually("the answer is held", Effect.sync(connection.hasFired))
          yield* pause(5)
          const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* pause(20)
          connection.resume("toClient")
          yield* Fiber.join(interruption)
          yield* healthy
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("nor is one repeated that the server refused as out of date", () =>
      scene((proxy) =>
        Effect.gen(function* () {
          yield* table
          const insert = Query.one(Schema.Struct({ n: Schema.Number }))`
            INSERT INTO interrupted_at ${unknown()} VALUES (1) RETURNING n`
          yield* insert()
          // behind the client's back: the tag is that of DO
          yield* Query.command`DO $$ BEGIN DELETE FROM interrupted_at; EXECUTE 'DEALLOCATE ALL'; END $$`()
          yield* interruptedWhileHeld(proxy, insert())
          yield* healthy
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )
  })
}
