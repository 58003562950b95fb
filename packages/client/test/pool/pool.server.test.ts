// Group P on real servers: connections that end by themselves, pools that close under load, servers that are full, passwords that change.
// What happens when whole servers stop is in ../resilience; what borrowers leave behind is in borrowers.server.test.ts.
import { assert, describe, it } from "@effect/vitest"
import { startCluster } from "@pgfx/testing/server/cluster"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { param, Pool, Query, Session, type Settings, Transaction } from "pgfx"
import { inject } from "vitest"
import { behind, eventually, faultProxy, latest, pause } from "../faults/session.ts"
import { allSlotsWork, backend, Dials, echo, pooled, urlOf } from "../resilience/pooled.ts"

const stats = Effect.flatMap(Pool, (pool) => pool.stats)
const terminate = Query.one(Schema.Boolean)`SELECT pg_terminate_backend(${param("pid", Schema.Int)})`
const sleep = Query.command`SELECT pg_sleep(${param("seconds", Schema.Number)}::float8)`

/** Sessions of the pool with that application_name, as the server sees them. */
const sessions = Query.one(Schema.Struct({ all: Schema.Number, active: Schema.Number }))`
  SELECT count(*)::int4 AS all, (count(*) FILTER (WHERE state = 'active'))::int4 AS active
  FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)}`

/** So many connections, all idle. */
const warm = (count: number) =>
  Effect.gen(function* () {
    const all = yield* Deferred.make<void>()
    let there = 0
    const hold = Session.pin(
      Effect.zipRight(
        Effect.suspend(() => (++there === count ? Deferred.succeed(all, undefined) : Effect.void)),
        Deferred.await(all)
      )
    )
    yield* Effect.all(
      Array.from({ length: count }, () => hold),
      { concurrency: "unbounded" }
    )
    yield* eventually(
      "all are idle",
      Effect.map(stats, ({ idle }) => idle === count),
      10_000
    )
  })

for (const server of inject("postgres")) {
  const url = urlOf(server)

  /** A client beside the pool under test. */
  const observer = Layer.build(pooled({ url, pool: { max: 2 } }))

  describe(`PostgreSQL ${server.majorVersion}: a pool`, () => {
    it.live("P-3: removes idle connections that the server terminates, at once, and nobody notices", () =>
      Effect.gen(function* () {
        const observe = yield* observer
        yield* Effect.gen(function* () {
          yield* warm(3)
          const pids = yield* Effect.provide(
            Query.all(Schema.Number)`SELECT pid FROM pg_stat_activity WHERE application_name = 'pgfx-p3'`(),
            observe
          )
          assert.lengthOf(pids, 3)
          for (const pid of pids) yield* Effect.provide(terminate({ pid }), observe)
          yield* eventually(
            "none is left",
            Effect.map(stats, ({ busy, idle }) => idle + busy === 0),
            10_000
          )
          assert.strictEqual(yield* echo({ n: 3 }), 3)
          yield* allSlotsWork
        }).pipe(Effect.provide(pooled({ url, applicationName: "pgfx-p3", pool: { max: 3 } })))
      }).pipe(Effect.scoped)
    )

    it.live("P-4: removes idle connections at the server's idle_session_timeout, and nobody notices", () =>
      Effect.gen(function* () {
        yield* Effect.all([sleep({ seconds: 0.1 }), sleep({ seconds: 0.1 })], { concurrency: "unbounded" })
        yield* eventually(
          "none is left",
          Effect.map(stats, ({ busy, idle }) => idle + busy === 0),
          10_000
        )
        assert.strictEqual(yield* echo({ n: 4 }), 4)
      }).pipe(Effect.provide(pooled({ url, parameters: { idle_session_timeout: "300ms" }, pool: { max: 2 } })))
    )

    it.live(
      "P-7: that closes refuses those who wait, cancels what runs at closeTimeout, and leaves nothing behind",
      () =>
        Effect.gen(function* () {
          const observe = yield* observer
          const applicationName = "pgfx-p7"
          const scope = yield* Scope.make()
          const settings: Settings = { url, applicationName, closeTimeout: "1500 millis", pool: { max: 10 } }
          const context = yield* Layer.buildWithScope(pooled(settings), scope)
          const use = <A, E>(self: Effect.Effect<A, E, Layer.Layer.Success<ReturnType<typeof pooled>>>) =>
            Effect.fork(Effect.exit(Effect.provide(self, context)))
          const running = yield* Effect.forEach(Array.from({ length: 8 }), () => use(sleep({ seconds: 60 })))
          const done = yield* Deferred.make<void>()
          const orderly = yield* use(Session.pin(Effect.zipRight(Deferred.await(done), echo({ n: 7 }))))
          const stubborn = yield* use(Session.pin(Effect.zipRight(echo({ n: 8 }), Effect.never)))
          const named = { name: applicationName }
          yield* eventually(
            "ten are there, eight of them at work",
            Effect.map(Effect.provide(sessions(named), observe), ({ active, all }) => all === 10 && active === 8),
            10_000
          )
          const waiting = yield* Effect.forEach(Array.from({ length: 50 }), () => use(Session.pin(echo({ n: 1 }))))
          yield* eventually(
            "fifty wait",
            Effect.provide(
              Effect.map(stats, ({ waiting }) => waiting === 50),
              context
            ),
            10_000
          )
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          for (const fiber of waiting) {
            const error = yield* Effect.flip(Effect.flatten(Fiber.join(fiber)))
            assert.strictEqual(error.reason._tag, "PoolClosed")
            assert.strictEqual(error.outcome, "NotSent")
          }
          // who holds a connection may go on using it
          yield* Deferred.succeed(done, undefined)
          assert.deepStrictEqual(yield* Fiber.join(orderly), Exit.succeed(7))
          yield* Fiber.join(closing)
          for (const fiber of running) {
            const error = yield* Effect.flip(Effect.flatten(Fiber.join(fiber)))
            // the answer to the cancel, or the end of the connection, whichever came first
            const truths = ["QueryCanceled, RolledBack", "ConnectionLost, Unknown"]
            assert.include(truths, `${error.reason._tag}, ${error.outcome}`)
          }
          // the second close has nothing to do
          yield* Scope.close(scope, Exit.void)
          yield* eventually(
            "the server has no session of it left, and runs nothing",
            Effect.map(Effect.provide(sessions(named), observe), ({ all }) => all === 0),
            10_000
          )
          yield* Fiber.interrupt(stubborn)
        }).pipe(Effect.scoped)
    )

    it.live("P-7: that closes right behind an interruption still cancels what ran", () =>
      Effect.gen(function* () {
        const observe = yield* observer
        const applicationName = "pgfx-p7-interrupted"
        const named = { name: applicationName }
        const client = pooled({ url, applicationName, interruptGrace: 0, pool: { max: 2 } })
        // it is a matter of chance whether the cancel is sent before the pool closes
        for (let round = 1; round <= 6; round++) {
          const fiber = yield* Effect.fork(Effect.provide(sleep({ seconds: 60 }), client))
          yield* eventually(
            "it runs",
            Effect.map(Effect.provide(sessions(named), observe), ({ active }) => active === 1),
            10_000
          )
          yield* Fiber.interrupt(fiber)
          yield* eventually(
            "it does not run on for nobody",
            Effect.map(Effect.provide(sessions(named), observe), ({ all }) => all === 0),
            10_000
          )
        }
      }).pipe(Effect.scoped)
    )

    it.live("P-8: serves everybody with the connections that a full server gives it", () =>
      Effect.gen(function* () {
        const cluster = yield* Effect.acquireRelease(
          Effect.promise(() =>
            startCluster({
              major: server.majorVersion,
              configuration: { max_connections: "10", superuser_reserved_connections: "3" }
            })
          ),
          (cluster) => Effect.promise(() => cluster.stop("immediate"))
        )
        const superuser = yield* Layer.build(pooled({ url: urlOf(cluster), pool: { max: 1 } }))
        yield* Effect.provide(Query.script("CREATE ROLE pgfx_p8 LOGIN PASSWORD 'p8'"), superuser)
        const ours = new URL(cluster.url)
        ours.username = "pgfx_p8"
        ours.password = "p8"
        const dials = new Dials()
        yield* Effect.gen(function* () {
          const answers = yield* Effect.forEach(
            Array.from({ length: 60 }, (_, n) => n),
            (n) => Session.pin(Effect.zipRight(pause(10), echo({ n }))),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            answers,
            Array.from({ length: 60 }, (_, n) => n)
          )
          const { busy, idle } = yield* stats
          assert.isAtLeast(idle + busy, 1)
          assert.isAtMost(idle + busy, 9)
        }).pipe(
          Effect.provide(
            pooled({ url: Redacted.make(ours.href), pool: { max: 20, acquireTimeout: "30 seconds" } }, dials)
          )
        )
        assert.match(cluster.serverLog(), /connection slots|too many clients/, "it was refused")
      }).pipe(Effect.scoped)
    )

    it.live("P-19: asks for the password anew for each connection", () =>
      Effect.gen(function* () {
        const observe = yield* observer
        const role = "pgfx_p19"
        const change = (password: string) =>
          Effect.provide(Query.script(`ALTER ROLE ${role} PASSWORD '${password}'`), observe)
        yield* Effect.provide(Query.script(`DROP ROLE IF EXISTS ${role}; CREATE ROLE ${role} LOGIN`), observe)
        yield* change("old")
        let current = "old"
        const address = new URL(server.url)
        const client = pooled({
          host: server.host,
          port: server.port,
          database: address.pathname.slice(1),
          user: role,
          password: Effect.sync(() => Redacted.make(current)),
          pool: { max: 2 }
        })
        yield* Effect.gen(function* () {
          const pid = yield* backend()
          yield* change("new")
          assert.strictEqual(yield* backend(), pid, "who is in stays in")
          current = "new"
          yield* Effect.flatMap(Pool, (pool) => pool.refresh)
          assert.notStrictEqual(yield* backend(), pid)
          yield* allSlotsWork
          current = "wrong"
          yield* Effect.flatMap(Pool, (pool) => pool.refresh)
          const error = yield* Effect.flip(backend())
          assert.strictEqual(error.reason._tag, "AuthenticationFailed")
          current = "new"
          yield* pause(600)
          yield* allSlotsWork
        }).pipe(Effect.provide(client))
        yield* Effect.provide(Query.script(`DROP ROLE ${role}`), observe)
      }).pipe(Effect.scoped)
    )

    it.live("P-20: that closes in the middle of a connect storm leaves no session behind", () =>
      Effect.gen(function* () {
        const observe = yield* observer
        const applicationName = "pgfx-p20"
        const dials = new Dials()
        for (let round = 0; round < 10; round++) {
          const scope = yield* Scope.make()
          const context = yield* Layer.buildWithScope(pooled({ url, applicationName, pool: { max: 20 } }, dials), scope)
          const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
            Effect.fork(Effect.exit(Effect.provide(Session.pin(echo({ n: 20 })), context)))
          )
          yield* pause(round * 3)
          yield* Scope.close(scope, Exit.void)
          for (const fiber of fibers) {
            const exit = yield* Fiber.join(fiber)
            if (Exit.isSuccess(exit)) continue
            const { reason } = yield* Effect.flip(exit)
            assert.strictEqual(reason._tag, "PoolClosed")
          }
          assert.strictEqual(dials.open, 0, "every socket is closed when the pool is")
        }
        yield* eventually(
          "the server has no session of it left",
          Effect.map(Effect.provide(sessions({ name: applicationName }), observe), ({ all }) => all === 0),
          10_000
        )
      }).pipe(Effect.scoped)
    )

    it.live(
      "P-22: keeps the settings it was made with, whatever becomes of the object, and shares nothing with another",
      () =>
        Effect.gen(function* () {
          const initStatements = ["SET work_mem = '9MB'"]
          const parameters: Record<string, string> = { search_path: "pg_catalog" }
          const settings = { url, initStatements, parameters, pool: { max: 1 } }
          const one = yield* Layer.build(pooled(settings))
          initStatements[0] = "SET work_mem = '8MB'"
          parameters.search_path = "public"
          settings.pool.max = 5
          const other = yield* Layer.build(pooled(settings))
          const state = Effect.all([
            Query.one(Schema.String)`SELECT current_setting('work_mem')`(),
            Query.one(Schema.String)`SELECT current_setting('search_path')`(),
            Effect.map(stats, ({ max }) => max)
          ])
          assert.deepStrictEqual(yield* Effect.provide(state, one), ["9MB", "pg_catalog", 1])
          assert.deepStrictEqual(yield* Effect.provide(state, other), ["8MB", "public", 5])
          assert.deepStrictEqual(yield* Effect.provide(Session.pin(Effect.provide(state, other)), one), [
            "8MB",
            "public",
            5
          ])
        }).pipe(Effect.scoped)
    )

    it.live("tells a fiber that waits for itself so at once: a stream whose consumer queries a pool of one", () =>
      Effect.gen(function* () {
        const numbers = Query.stream(Schema.Number)`SELECT generate_series(1, 3)`
        const error = yield* Effect.flip(Stream.runForEach(numbers(), (n) => echo({ n })))
        if (error.reason._tag !== "PoolDeadlock") return assert.fail(error.toString())
        assert.lengthOf(error.reason.chain, 1)
        assert.match(
          error.reason.chain[0] ?? "",
          /^#\d+ holds a connection and waits for another, the fiber that asks$/
        )
        // inside a transaction they share its connection
        const seen: Array<number> = []
        yield* Transaction.run(
          Stream.runForEach(numbers(), (n) => Effect.map(echo({ n }), (answer) => void seen.push(answer)))
        )
        assert.deepStrictEqual(seen, [1, 2, 3])
        yield* allSlotsWork
      }).pipe(Effect.provide(pooled({ url, pool: { max: 1 } })))
    )

    it.live(
      "writes no further when the network takes no more: what waits for that can be given up, and is not sent",
      () =>
        Effect.gen(function* () {
          const proxy = yield* faultProxy(server)
          const length = Query.one(Schema.Number)`SELECT length(${param("text", Schema.String)}::text)`
          const text = "x".repeat(256 * 1024)
          const place = behind(server, proxy)
          yield* Effect.gen(function* () {
            assert.strictEqual(yield* length({ text }), text.length)
            const connection = latest(proxy)
            const before = connection.passed("toServer")
            connection.stall("toServer")
            // more than the buffers of two kernels and ours
            const fibers = yield* Effect.forEach(Array.from({ length: 160 }), () => Effect.fork(length({ text })))
            yield* pause(200)
            yield* Fiber.interruptAll(fibers.slice(100))
            connection.resume("toServer")
            for (const fiber of fibers.slice(0, 100)) assert.strictEqual(yield* Fiber.join(fiber), text.length)
            assert.strictEqual(yield* length({ text: "end" }), 3)
            const sent = (connection.passed("toServer") - before) / text.length
            assert.isAtLeast(sent, 100)
            assert.isBelow(sent, 150, "most of those that were given up were never sent")
          }).pipe(Session.pin, Effect.provide(pooled({ url: Redacted.make(place.url), pool: { max: 1 } })))
        }).pipe(Effect.scoped)
    )
  })
}
