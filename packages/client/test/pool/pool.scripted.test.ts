// The whole pool on a scripted wire and TestClock: each wait ends at its own deadline and not before, whatever the other side does, and
// what must happen does not wait for the clock.
import { assert, describe, it } from "@effect/vitest"
import { Message, type Script, ScriptedBackend } from "@pgfx/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { Pool, Postgres, type PostgresError, Retry, Session, type Settings, Transport } from "pgfx"
import { eventually } from "../faults/session.ts"
import { answerHealthy, connected, healthy, idle } from "../scripted.ts"

const stats = Effect.flatMap(Pool, (pool) => pool.stats)
const counts = Effect.map(stats, ({ busy, idle, waiting }) => [idle, busy, waiting])

/** A server that answers questions of health until nobody asks any more, on every connection. */
const answering: Script = connected((backend) => Effect.ignore(Effect.forever(answerHealthy(backend))))

/** A server that lets nobody in. */
const refusing =
  (sqlState: string, message: string): Script =>
  (backend) =>
    backend
      .receiveOf("StartupMessage")
      .pipe(
        Effect.zipRight(backend.send(Message.errorResponse({ severity: "FATAL", sqlState, message }))),
        Effect.zipRight(backend.expectEnd)
      )

/** Nothing is kept open without need. */
const relaxed = { min: 0, max: 1 }

const withPool = (script: Script, settings: Settings = {}) =>
  ScriptedBackend.layer(script, { ...settings, pool: { ...relaxed, ...settings.pool } })

/** Fails with this error no sooner than after so many milliseconds of TestClock, and then at once. */
const failsAfter = <A, R>(
  millis: number,
  self: Effect.Effect<A, PostgresError, R>
): Effect.Effect<PostgresError, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.flip(self))
    yield* TestClock.adjust(millis - 1)
    assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None", `it failed before ${millis} ms`)
    yield* TestClock.adjust(1)
    return yield* Fiber.join(fiber)
  }).pipe(Effect.catchAll(() => Effect.dieMessage("it succeeded")))

/** A transport whose every step may hang. */
const hanging = (step: "lookup" | "connect"): Layer.Layer<Transport> =>
  Layer.succeed(Transport, {
    abilities: { cancel: true, tls: true, terminate: true },
    lookup: () => (step === "lookup" ? Effect.never : Effect.succeed(["192.0.2.1"])),
    connect: () => Effect.never
  })

const over = (
  transport: Layer.Layer<Transport>,
  settings: Settings
): Layer.Layer<Postgres | Pool | Retry, PostgresError> =>
  Postgres.layer({ host: "db.test", user: "scripted", database: "scripted", sslmode: "disable", ...settings }).pipe(
    Layer.provideMerge(Retry.layerNever),
    Layer.provide(transport),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map())))
  )

describe("a pool's deadlines", () => {
  for (const step of ["lookup", "connect"] as const) {
    it.effect(`P-16: acquireTimeout holds while the ${step} hangs, and connectTimeout is not waited for`, () =>
      Effect.gen(function* () {
        const error = yield* failsAfter(5_000, healthy)
        assert.deepInclude(error.reason, { _tag: "PoolTimeout", waitedMillis: 5_000, busy: 0, max: 10 })
        assert.strictEqual(error.outcome, "NotSent")
      }).pipe(Effect.provide(over(hanging(step), { connectTimeout: "1 minute" })))
    )

    it.effect(`P-16: it names the failed attempts if the ${step} hangs beyond connectTimeout`, () =>
      Effect.gen(function* () {
        const error = yield* failsAfter(5_000, healthy)
        assert.strictEqual(error.reason._tag, "PoolTimeout")
        if (error.reason._tag !== "PoolTimeout") return
        assert.strictEqual(error.reason.lastConnectError?.reason._tag, "ConnectFailed")
        assert.include(error.toString(), "within 1s (connectTimeout)")
      }).pipe(Effect.provide(over(hanging(step), { connectTimeout: "1 second" })))
    )
  }

  it.effect("P-16: acquireTimeout holds while the server says nothing at start-up", () =>
    Effect.gen(function* () {
      const error = yield* failsAfter(2_000, healthy)
      assert.strictEqual(error.reason._tag, "PoolTimeout")
    }).pipe(
      Effect.provide(
        withPool((backend) => backend.silence, { connectTimeout: "1 minute", pool: { acquireTimeout: "2 seconds" } })
      )
    )
  )

  it.effect("P-16: acquireTimeout holds for whoever waits behind others, and they keep what they have", () =>
    Effect.gen(function* () {
      const holder = yield* Effect.fork(Session.pin(Effect.never))
      yield* TestClock.adjust(1)
      const error = yield* failsAfter(5_000, healthy)
      assert.deepInclude(error.reason, { _tag: "PoolTimeout", busy: 1, max: 1 })
      yield* Fiber.interrupt(holder)
      yield* healthy
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
    }).pipe(Effect.provide(withPool(answering)))
  )
})

describe("a pool's connections", () => {
  it.effect("P-5: that were quiet for checkAfter are checked with a bare Sync before they are handed over", () =>
    Effect.gen(function* () {
      yield* healthy
      yield* TestClock.adjust("1 minute")
      yield* healthy
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            Effect.gen(function* () {
              yield* answerHealthy(backend)
              yield* backend.receiveOf("Sync")
              yield* backend.send(idle)
              yield* answerHealthy(backend)
            })
          )
        )
      )
    )
  )

  it.effect("P-5: that do not answer the check are replaced, and nobody hears of it", () =>
    Effect.gen(function* () {
      yield* healthy
      yield* TestClock.adjust("1 minute")
      const fiber = yield* Effect.fork(healthy)
      // cancelTimeout
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            Effect.zipRight(answerHealthy(backend), backend.connection === 1 ? backend.silence : Effect.void)
          )
        )
      )
    )
  )

  it.effect("P-9: end at maxLifetime, not while they are leased", () =>
    Effect.gen(function* () {
      yield* Session.pin(
        Effect.gen(function* () {
          yield* healthy
          yield* TestClock.adjust("2 minutes")
          yield* healthy
          assert.deepStrictEqual(yield* counts, [0, 1, 0])
        })
      )
      yield* healthy
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            backend.connection === 1
              ? Effect.zipRight(
                  Effect.zipRight(answerHealthy(backend), answerHealthy(backend)),
                  Effect.map(backend.expectEnd, (departure) => assert.strictEqual(departure, "FIN"))
                )
              : answerHealthy(backend)
          ),
          { pool: { maxLifetime: "1 minute" } }
        )
      )
    )
  )

  it.effect("P-10: end at idleTimeout in good order, down to min", () =>
    Effect.gen(function* () {
      const hold = Session.pin(Effect.zipRight(healthy, Effect.sleep("1 second")))
      const fiber = yield* Effect.fork(Effect.all([hold, hold, hold], { concurrency: "unbounded" }))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* counts, [3, 0, 0])
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(yield* counts, [3, 0, 0])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* stats).idle, 1)
    }).pipe(Effect.provide(withPool(answering, { pool: { min: 1, max: 3, idleTimeout: "1 minute" } })))
  )

  it.effect("P-24: are destroyed by a ReadyForQuery that nobody asked for, and never handed over", () =>
    Effect.gen(function* () {
      yield* healthy
      yield* eventually(
        "it is gone",
        Effect.map(stats, ({ idle }) => idle === 0),
        10_000
      )
      yield* healthy
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            backend.connection === 1
              ? Effect.zipRight(Effect.zipRight(answerHealthy(backend), backend.send(idle)), backend.expectEnd)
              : answerHealthy(backend)
          )
        )
      )
    )
  )
})

describe("a lease that nobody uses", () => {
  it.effect(
    "P-17: is reported after a minute in which others waited, with its fiber, its span and its last statement",
    () =>
      Effect.gen(function* () {
        const logged: Array<string> = []
        const logger = Logger.make<unknown, void>(({ message }) => void logged.push(String(message)))
        const client = withPool(answering, { pool: { acquireTimeout: "1 hour" } }).pipe(
          Layer.provide(Logger.replace(Logger.defaultLogger, logger))
        )
        yield* Effect.gen(function* () {
          const holder = yield* Effect.fork(
            Session.pin(Effect.zipRight(healthy, Effect.never)).pipe(Effect.withSpan("exportInvoices"))
          )
          yield* TestClock.adjust(1)
          const waiting = yield* Effect.fork(healthy)
          yield* TestClock.adjust("55 seconds")
          assert.deepStrictEqual(logged, [])
          yield* TestClock.adjust("2 minutes")
          assert.lengthOf(logged, 1)
          assert.match(
            logged[0] ?? "",
            /^pgfx: #\d+ \(span exportInvoices\) has held a connection for \d+ s without using it for 60 s, while 1 wait; its last statement was "SELECT 'healthy'", defined at .*scripted.ts:/
          )
          yield* Fiber.interrupt(holder)
          yield* Fiber.join(waiting)
        }).pipe(Effect.provide(client))
      })
  )
})

describe("what a new connection runs first", () => {
  const initStatements = ["SET a = 1"]

  it.effect("P-18: that fails closes the connection, frees the slot, and its error is told as it is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(healthy)
      assert.strictEqual(error.reason._tag, "SyntaxOrAccessRule")
      assert.strictEqual(error.outcome, "NotSent")
      assert.deepStrictEqual(yield* counts, [0, 0, 0])
      // half a second is the memory for what was refused for good
      yield* TestClock.adjust("1 second")
      yield* healthy
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            Effect.gen(function* () {
              yield* backend.expect("SET a = 1")
              if (backend.connection === 1) {
                yield* backend.send(
                  Message.errorResponse({ sqlState: "42704", message: "unrecognized parameter" }),
                  idle
                )
                return yield* backend.expectEnd
              }
              yield* backend.send(Message.commandComplete("SET"), idle)
              return yield* answerHealthy(backend)
            })
          ),
          { initStatements }
        )
      )
    )
  )

  it.effect("P-18: that hangs is given up at connectTimeout, and the next attempt serves the one who waits", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(healthy)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(yield* counts, [0, 0, 1])
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
    }).pipe(
      Effect.provide(
        withPool(
          connected((backend) =>
            Effect.gen(function* () {
              yield* backend.expect("SET a = 1")
              if (backend.connection === 1) return yield* backend.silence
              yield* backend.send(Message.commandComplete("SET"), idle)
              return yield* answerHealthy(backend)
            })
          ),
          { initStatements, connectTimeout: "1 second" }
        )
      )
    )
  )
})

describe("a pool with min above 0", () => {
  it.effect("fails at start if the settings are wrong", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.provide(healthy, withPool(refusing("3D000", "no such database"), { pool: { min: 1 } }))
      )
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error.reason._tag, "ServerRefused")
    })
  )

  it.effect("is there at start if the server comes within the Retry policy", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        (backend.connection < 3 ? refusing("57P03", "starting up") : answering)(backend)
      const layer = Postgres.layer({
        host: "scripted",
        user: "scripted",
        database: "scripted",
        sslmode: "disable",
        pool: { min: 1, max: 2 }
      }).pipe(
        Layer.provide(Layer.merge(ScriptedBackend.transport(script), Retry.layer(Schedule.spaced("1 second")))),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map())))
      )
      const fiber = yield* Effect.fork(Effect.provide(Effect.zipRight(healthy, counts), layer))
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 0, 0])
    })
  )
})
