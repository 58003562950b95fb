// Listening on the only session there is: what is heard between statements, and what a reset must not undo.
import { assert, layer } from "@effect/vitest"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Notification, Pool, Query, Session, Transaction } from "pgfx"

const jobs = Notification.channel("jobs", Schema.NumberFromString)

layer(PGlitePostgres.layer(), { excludeTestServices: true, timeout: 60_000 })("PGlite", (it) => {
  it.effect("hears on the one session what its own statements send, also after a reset and a refresh of the pool", () =>
    Effect.gen(function* () {
      const { refresh } = yield* Pool
      const heard = yield* jobs.events.pipe(
        Stream.tap((event) => {
          if (event._tag === "Listening") return event.gap ? jobs.notify(5) : jobs.notify(1)
          switch (event.message) {
            case 1:
              return Transaction.run(jobs.notify(2))
            case 2:
              // swept up behind it, but for LISTEN
              return Session.pin(Query.command`SET work_mem = '5MB'`())
            default:
              return Effect.void
          }
        }),
        Stream.tap((event) => (event._tag === "Received" && event.message === 2 ? jobs.notify(3) : Effect.void)),
        Stream.tap((event) => (event._tag === "Received" && event.message === 3 ? refresh : Effect.void)),
        Stream.take(6),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(heard).map((event) => (event._tag === "Listening" ? `gap: ${event.gap}` : event.message)),
        ["gap: false", 1, 2, 3, "gap: true", 5]
      )
    })
  )

  it.effect("takes the connection from nobody, and gives up LISTEN with its last subscriber", () =>
    Effect.gen(function* () {
      const other = Notification.channel("other", Schema.String)
      const ready = yield* Effect.makeLatch()
      const listening = yield* Effect.fork(Stream.runForEach(jobs.events, () => ready.open))
      yield* ready.await
      const first = yield* Effect.fork(other.waitFor("1 minute"))
      const channels = Query.all(Schema.String)`SELECT pg_listening_channels() AS name ORDER BY name`
      while ((yield* channels()).length < 2) yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* channels(), ["jobs", "other"])
      yield* other.notify("there")
      yield* Fiber.join(first)
      while ((yield* channels()).length > 1) yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* channels(), ["jobs"])
      yield* Fiber.interrupt(listening)
    })
  )
})
