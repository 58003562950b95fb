// Group C on a real server: what an interruption, or a deadline, does to the statement, to the connection and to everybody else. What
// happens to the CancelRequest on its way is the proxy's choice: it is the second connection through it.
import { assert, describe, it } from "@effect/vitest"
import type { Admission, FaultProxy } from "@pgfx/testing"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Connection, param, Postgres, Query, Session, type Settings, Transaction } from "pgfx"
import { afterAll, beforeAll, inject } from "vitest"
import { type SecureCluster, startSecureCluster } from "../startup/secureCluster.ts"
import { amount, withinMinutes } from "./profile.ts"
import { anInstant, Chance } from "./random.ts"
import { behind, connection, discarded, eventually, faultProxy, healthy, latest, pause, single } from "./session.ts"

const sleep = Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const echo = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
const running = Query.one(Schema.Boolean)`
  SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)} AND state = 'active')`
/** `active` it is already while it is being parsed, or described, and whoever is interrupted then never runs it. */
const sleeping = Query.one(Schema.Boolean)`
  SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)} AND wait_event = 'PgSleep')`
const alive = Query.one(
  Schema.Boolean
)`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)})`
const terminate = Query.one(Schema.Boolean)`SELECT pg_terminate_backend(${param("pid", Schema.Int)})`
const processId = Effect.map(Connection, (connection) => connection.processId)

const elapsed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* self
    return performance.now() - start
  })

/** A statement that runs on the server when this returns. */
const started = (seconds: number, observe: Observe) =>
  Effect.gen(function* () {
    const pid = yield* processId
    const fiber = yield* Effect.fork(sleep({ seconds }))
    yield* observe(eventually("the statement runs", sleeping({ pid }), 10_000))
    return fiber
  })

type Observe = <A, E>(self: Effect.Effect<A, E, Postgres>) => Effect.Effect<A, E>

interface Scene {
  readonly proxy: FaultProxy
  /** on a connection of its own, past the proxy */
  readonly observe: Observe
}

for (const server of inject("postgres")) {
  /** One connection through a proxy, and an observer next to it. */
  const scene = <A, E>(
    body: (scene: Scene) => Effect.Effect<A, E, Postgres | Connection>,
    {
      cancels = "forward",
      settings = {}
    }: { readonly cancels?: Admission; readonly settings?: Omit<Settings, "url"> } = {}
  ) =>
    Effect.gen(function* () {
      const proxy = yield* faultProxy(server)
      proxy.admit((index) => (index === 0 ? "forward" : cancels))
      const observer = yield* Layer.build(single(server))
      const observe: Observe = (self) => Effect.provide(self, observer)
      yield* body({ proxy, observe }).pipe(Effect.provide(single(behind(server, proxy), settings)))
    }).pipe(Effect.scoped)

  describe(`PostgreSQL ${server.majorVersion}: group C`, () => {
    const rounds = amount(2_000, 100_000)
    it.live(
      `C-2: ${rounds} interrupts aimed at the end of a statement, four connections at a time, hit no innocent one, and no backend runs on`,
      () =>
        Effect.gen(function* () {
          const observer = yield* Layer.build(single(server))
          const connections = yield* Effect.forEach([1, 2, 3, 4], (seed) =>
            Effect.map(Layer.build(single(server)), (context) => ({ context, chance: new Chance(seed) }))
          )
          const strike = (chance: Chance, n: number) =>
            Effect.gen(function* () {
              const fiber = yield* Effect.fork(sleep({ seconds: 0.0005 }))
              yield* anInstant(chance, 3)
              yield* Fiber.interrupt(fiber)
              assert.strictEqual(yield* echo({ n }), n)
            })
          const strikeAll = Effect.forEach(
            connections,
            ({ chance, context }) =>
              Effect.gen(function* () {
                const pid = yield* processId
                for (let n = 0; n < rounds / connections.length; n++) {
                  yield* strike(chance, n)
                  if (n % 100 === 0) {
                    yield* Effect.fork(sleep({ seconds: 5 })).pipe(
                      Effect.tap(() => anInstant(chance, 3)),
                      Effect.flatMap(Fiber.interrupt)
                    )
                    const idle = Effect.map(running({ pid }), (runs) => !runs)
                    // the promise is a second; a machine that does ten other things at a time is given more
                    yield* Effect.provide(eventually("the backend is idle", idle, 10_000), observer)
                  }
                }
                assert.strictEqual(yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`(), pid)
              }).pipe(Effect.provide(context)),
            { concurrency: "unbounded", discard: true }
          )
          yield* strikeAll
        }).pipe(Effect.scoped),
      withinMinutes(1, 30)
    )

    it.live("C-1, C-9: two slow statements in one pipeline, both interrupted, are both cancelled", () =>
      scene(({ observe }) =>
        Effect.gen(function* () {
          const pid = yield* processId
          const first = yield* started(30, observe)
          const second = yield* Effect.fork(sleep({ seconds: 30 }))
          yield* pause(10)
          yield* Fiber.interruptAll([first, second])
          yield* observe(
            eventually(
              "the backend is idle",
              Effect.map(running({ pid }), (runs) => !runs),
              1000
            )
          )
          yield* healthy
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`(), pid)
        })
      )
    )

    it.live("C-3: nothing is sent while the cancel is on its way, though the answer is there", () =>
      scene(
        ({ observe, proxy }) =>
          Effect.gen(function* () {
            const fiber = yield* started(30, observe)
            const session = latest(proxy)
            yield* Fiber.interrupt(fiber)
            const next = yield* Effect.fork(echo({ n: 3 }))
            yield* eventually(
              "the cancel was sent",
              Effect.sync(() => proxy.connections.length === 2)
            )
            const sent = session.passed("toServer")
            yield* pause(60)
            assert.strictEqual(session.passed("toServer"), sent)
            latest(proxy).resume("toClient")
            assert.strictEqual(yield* Fiber.join(next), 3)
            assert.isAbove(session.passed("toServer"), sent)
            yield* healthy
          }),
        { cancels: "mute" }
      )
    )

    it.live("C-3: nothing is sent while the answer is on its way, though the cancel is over", () =>
      scene(({ observe, proxy }) =>
        Effect.gen(function* () {
          const fiber = yield* started(30, observe)
          const session = latest(proxy)
          session.stall("toClient")
          yield* Fiber.interrupt(fiber)
          const next = yield* Effect.fork(echo({ n: 3 }))
          yield* eventually(
            "the cancel was sent",
            Effect.sync(() => proxy.connections.length === 2)
          )
          yield* Effect.promise(() => latest(proxy).serverDone)
          const sent = session.passed("toServer")
          yield* pause(60)
          assert.strictEqual(session.passed("toServer"), sent)
          session.resume("toClient")
          assert.strictEqual(yield* Fiber.join(next), 3)
          yield* healthy
        })
      )
    )

    for (const cancels of ["hold", "mute"] as const) {
      it.live(
        `C-4, X-7: a cancel that is ${cancels === "hold" ? "swallowed" : "never confirmed"} costs the connection, after cancelTimeout`,
        () =>
          scene(
            ({ observe }) =>
              Effect.gen(function* () {
                const pid = yield* processId
                const fiber = yield* started(30, observe)
                const waiting = yield* Effect.fork(Effect.flip(echo({ n: 1 })))
                yield* pause(5)
                // the waiting one is behind the slow one, so nothing may be cancelled until it is gone too
                yield* Fiber.interrupt(waiting)
                // the caller waits for the grace, not for the cancel
                assert.isBelow(yield* elapsed(Fiber.interrupt(fiber)), 250)
                const next = yield* Effect.fork(Effect.flip(echo({ n: 2 })))
                const millis = yield* elapsed(Fiber.join(next))
                assert.isBelow(millis, 1000)
                const error = yield* Fiber.join(next)
                assert.deepInclude(error.reason, { _tag: "Unresponsive", during: "cancelling a statement" })
                assert.strictEqual(error.outcome, "NotSent")
                yield* discarded
                yield* observe(terminate({ pid }))
              }),
            { cancels, settings: { cancelTimeout: "400 millis" } }
          )
      )
    }

    it.live("C-1: a cancel that is there before its statement is lost on an idle backend, and is sent again", () =>
      scene(({ observe, proxy }) =>
        Effect.gen(function* () {
          // known, so that its bytes are those that run it
          yield* sleep({ seconds: 0 })
          const pid = yield* processId
          latest(proxy).stall("toServer")
          const main = latest(proxy)
          const fiber = yield* Effect.fork(sleep({ seconds: 30 }))
          yield* pause(5)
          yield* Fiber.interrupt(fiber)
          // the cancel has overtaken it
          yield* eventually(
            "a cancel has come and gone",
            Effect.sync(() => proxy.connections.length > 1),
            5000
          )
          yield* Effect.promise(() => proxy.connections[1]?.serverDone ?? Promise.resolve())
          main.resume("toServer")
          yield* healthy
          assert.strictEqual(yield* processId, pid)
          assert.isFalse(yield* observe(running({ pid })))
        })
      )
    )

    it.live("C-5: where cancels are refused, the answer is awaited", () =>
      scene(({ observe, proxy }) =>
        Effect.gen(function* () {
          const pid = yield* processId
          const fiber = yield* started(0.3, observe)
          proxy.refuse()
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* Query.one(Schema.Number)`SELECT pg_backend_pid()`(), pid)
          yield* healthy
        })
      )
    )

    it.live("C-5: where cancels are reset and the statement does not end, the connection is given up", () =>
      scene(
        ({ observe }) =>
          Effect.gen(function* () {
            const pid = yield* processId
            const fiber = yield* started(30, observe)
            yield* Fiber.interrupt(fiber)
            const error = yield* Effect.flip(echo({ n: 1 }))
            assert.deepInclude(error.reason, { _tag: "Unresponsive" })
            yield* discarded
            yield* observe(terminate({ pid }))
          }),
        { cancels: "reset", settings: { cancelTimeout: "300 millis" } }
      )
    )

    for (const [version, keyBytes] of [
      ["3.0", 4],
      ...(server.majorVersion >= 18 ? [["latest", 32] as const] : [])
    ] as const) {
      it.live(`C-8: echoes a key of ${keyBytes} bytes (protocol ${version})`, () =>
        scene(
          ({ observe, proxy }) =>
            Effect.gen(function* () {
              const fiber = yield* started(30, observe)
              yield* Fiber.interrupt(fiber)
              yield* healthy
              assert.strictEqual(proxy.connections.length, 2)
              assert.strictEqual(latest(proxy).passed("toServer"), 12 + keyBytes)
            }),
          { settings: { maxProtocolVersion: version } }
        )
      )
    }

    it.live("C-11: 1,000 interrupts at once dial a few times, and bring the connection back", () =>
      scene(({ observe, proxy }) =>
        Effect.gen(function* () {
          const first = yield* started(30, observe)
          const others = yield* Effect.forEach(
            Array.from({ length: 999 }, (_, n) => n),
            (n) => Effect.fork(echo({ n }))
          )
          yield* pause(20)
          yield* Fiber.interruptAll([...others, first])
          yield* healthy
          assert.isAtMost(proxy.connections.length, 1 + 3)
        })
      )
    )

    it.live("C-12, T-13: COMMIT is not cancelled: the interruption waits for its answer", () =>
      scene(({ observe, proxy }) =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS c12; CREATE TABLE c12 (n int4)")
          const session = latest(proxy)
          const fiber = yield* Effect.fork(
            Transaction.run(
              Effect.zipRight(
                Query.command`INSERT INTO c12 VALUES (1)`(),
                Effect.sync(() => session.stall("toClient"))
              )
            )
          )
          yield* observe(eventually("it has committed", Query.one(Schema.Boolean)`SELECT EXISTS (SELECT FROM c12)`()))
          const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* pause(100)
          assert.isTrue((yield* Fiber.poll(interruption))._tag === "None")
          assert.strictEqual(proxy.connections.length, 1)
          session.resume("toClient")
          yield* Fiber.join(interruption)
          yield* healthy
          yield* Query.script("DROP TABLE c12")
        })
      )
    )

    it.live("C-12, X-7: COMMIT that nobody answers is Unknown after commitTimeout, though it was interrupted", () =>
      scene(
        ({ observe, proxy }) =>
          Effect.gen(function* () {
            yield* Query.script("DROP TABLE IF EXISTS c12; CREATE TABLE c12 (n int4)")
            const session = latest(proxy)
            const stall = Effect.sync(() => session.stall("toClient"))
            const work = Transaction.run(Effect.zipRight(Query.command`INSERT INTO c12 VALUES (1)`(), stall))
            const fiber = yield* Effect.fork(work)
            yield* observe(eventually("it has committed", Query.one(Schema.Boolean)`SELECT EXISTS (SELECT FROM c12)`()))
            const exit = yield* Fiber.interrupt(fiber)
            const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : undefined
            assert.strictEqual(failure?._tag === "Some" ? failure.value.outcome : "", "Unknown")
            yield* discarded
            yield* observe(Query.script("DROP TABLE c12"))
          }),
        { settings: { commitTimeout: "300 millis" } }
      )
    )

    it.live("T-13: ROLLBACK is not cancelled, and nobody goes on before it is answered", () =>
      scene(({ proxy }) =>
        Effect.gen(function* () {
          const session = latest(proxy)
          const stalled = yield* Deferred.make<void>()
          const fiber = yield* Effect.fork(
            Transaction.run(
              Effect.gen(function* () {
                yield* healthy
                session.stall("toClient")
                yield* Deferred.succeed(stalled, undefined)
                return yield* Effect.fail("undo it")
              })
            )
          )
          yield* Deferred.await(stalled)
          yield* pause(20)
          const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* pause(60)
          assert.isTrue((yield* Fiber.poll(interruption))._tag === "None")
          assert.strictEqual(proxy.connections.length, 1)
          session.resume("toClient")
          yield* Fiber.join(interruption)
          yield* healthy
        })
      )
    )
  })

  describe(`PostgreSQL ${server.majorVersion}: deadlines of statements`, () => {
    const bounded = Query.one(Schema.Number, { timeout: "100 millis" })`
      SELECT 1 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`

    it.live("hold although the connection is still being recovered", () =>
      scene(
        ({ observe, proxy }) =>
          Effect.gen(function* () {
            const fiber = yield* started(30, observe)
            yield* Fiber.interrupt(fiber)
            const error = yield* Effect.fork(Effect.flip(bounded({ seconds: 10 })))
            yield* pause(200)
            latest(proxy).resume("toClient")
            const told = yield* Effect.timeout(Fiber.join(error), "2 seconds")
            assert.deepInclude(told.reason, { _tag: "StatementTimeout", afterMillis: 100 })
            yield* healthy
          }),
        { cancels: "mute", settings: { cancelTimeout: "5 seconds" } }
      )
    )

    it.live("cancel no sibling in a pin", () =>
      scene(() =>
        Effect.gen(function* () {
          const [first, second] = yield* Session.pin(
            Effect.all([sleep({ seconds: 0.3 }), Effect.either(bounded({ seconds: 30 }))], { concurrency: "unbounded" })
          )
          assert.strictEqual(first, 1)
          assert.strictEqual(second._tag, "Left")
          if (second._tag === "Left") assert.strictEqual(second.left.reason._tag, "StatementTimeout")
          yield* healthy
        })
      )
    )

    it.live("cancel no sibling in a pin that is behind them", () =>
      scene(() =>
        Effect.gen(function* () {
          const [first, second] = yield* Session.pin(
            Effect.all([Effect.either(bounded({ seconds: 30 })), sleep({ seconds: 0.2 })], { concurrency: "unbounded" })
          )
          assert.strictEqual(first._tag === "Left" ? first.left.reason._tag : "", "StatementTimeout")
          assert.strictEqual(second, 1)
          yield* healthy
        })
      )
    )

    it.live("are kept by scripts, and by each batch of a stream", () =>
      scene(() =>
        Effect.gen(function* () {
          const script = yield* Effect.flip(Query.script("SELECT 1; SELECT pg_sleep(30)", { timeout: "80 millis" }))
          assert.deepInclude(script.reason, { _tag: "StatementTimeout", afterMillis: 80 })
          yield* healthy
          const naps = Query.stream(Schema.Number, { timeout: "150 millis", fetchSize: 2 })`
            SELECT n FROM generate_series(1, 6) n, pg_sleep(CASE n WHEN 5 THEN 30 ELSE 0.02 END)`
          const seen: Array<number> = []
          const all = Stream.runForEach(naps(), (n) =>
            Effect.zipRight(
              pause(80),
              Effect.sync(() => seen.push(n))
            )
          )
          for (const place of [<A, E, R>(self: Effect.Effect<A, E, R>) => self, Session.pin, Transaction.run]) {
            seen.length = 0
            const error = yield* Effect.flip(place(all))
            assert.deepInclude(error.reason, { _tag: "StatementTimeout", afterMillis: 150 })
            assert.deepStrictEqual(seen, [1, 2, 3, 4])
            yield* healthy
          }
        })
      )
    )

    it.live("that the server does not obey end the connection after cancelTimeout, outcome Unknown", () =>
      scene(
        ({ observe }) =>
          Effect.gen(function* () {
            const pid = yield* processId
            const error = yield* Effect.flip(bounded({ seconds: 30 }))
            assert.deepInclude(error.reason, { _tag: "Unresponsive" })
            assert.strictEqual(error.outcome, "Unknown")
            yield* discarded
            yield* observe(terminate({ pid }))
          }),
        { cancels: "hold", settings: { cancelTimeout: "300 millis" } }
      )
    )

    it.live("that fall together with the end of the statement tell the truth about it", () =>
      scene(() =>
        Effect.gen(function* () {
          yield* Query.script("DROP TABLE IF EXISTS deadline; CREATE UNLOGGED TABLE deadline (n int4)")
          const insert = Query.command({ timeout: "3 millis" })`
            INSERT INTO deadline SELECT ${param("n", Schema.Int)}::int4 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
          const outcomes = new Map<number, string>()
          for (let n = 0; n < 300; n++) {
            const result = yield* Effect.either(insert({ n, seconds: 0.001 + (n % 30) * 0.0001 }))
            outcomes.set(n, result._tag === "Right" ? "success" : result.left.outcome)
          }
          const found = new Set(yield* Query.all(Schema.Number)`SELECT n FROM deadline`())
          const lies = [...outcomes].filter(([n, outcome]) => (outcome === "success") !== found.has(n))
          assert.deepStrictEqual(lies, [])
          // NotSent: it passed while the one before was still being recovered from
          assert.includeMembers(["success", "RolledBack", "NotSent"], [...outcomes.values()])
          assert.includeMembers([...outcomes.values()], ["success", "RolledBack"])
          yield* Query.script("DROP TABLE deadline")
        })
      )
    )
  })

  describe(`PostgreSQL ${server.majorVersion}: over TLS`, () => {
    let secure: SecureCluster | undefined
    beforeAll(async () => {
      secure = await startSecureCluster(server.majorVersion)
    })
    afterAll(() => secure?.cluster.stop("immediate"))

    it.live("C-7: the cancel travels encrypted as well", () =>
      Effect.gen(function* () {
        if (secure === undefined) return assert.fail("no server")
        const { cluster } = secure
        const proxy = yield* faultProxy(cluster)
        const settings: Settings = { ...secure.secure("scrammer"), port: proxy.port }
        const observer = yield* Layer.build(
          connection({ host: cluster.socketDirectory, port: cluster.port, user: cluster.user, database: "postgres" })
        )
        const observe: Observe = (self) => Effect.provide(self, observer)
        const client = connection(settings)
        yield* Effect.gen(function* () {
          const pid = yield* processId
          const fiber = yield* started(30, observe)
          yield* Fiber.interrupt(fiber)
          yield* observe(
            eventually(
              "the backend is idle",
              Effect.map(running({ pid }), (runs) => !runs)
            )
          )
          yield* healthy
          assert.strictEqual(proxy.connections.length, 2)
          // in clear text it is 16 bytes, or 44 with a long key; a TLS handshake is many hundreds
          assert.isAbove(latest(proxy).passed("toServer"), 200)
          assert.isTrue(yield* observe(alive({ pid })))
        }).pipe(Effect.provide(client))
      }).pipe(Effect.scoped)
    )
  })
}
