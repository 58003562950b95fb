// A server that goes away and comes back, in each of the ways it can, under a pool that goes on being asked, P-6.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Pool, Query, Retry } from "pgfx"
import { inject } from "vitest"
import { eventually, pause } from "../faults/session.ts"
import { allSlotsWork, allSlotsWorkAgain, backend, Dials, echo, measured, pooled, slack, urlOf } from "./pooled.ts"

const max = 8
const waiting = 1_000
const downMillis = 2_000

const sleeping = Query.one(Schema.Number)`SELECT 1 FROM pg_sleep(60)`
const numbers = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, n) => n)

/** So many statements have been sent, and none waits. */
const allRun = (count: number) =>
  Effect.gen(function* () {
    const { stats } = yield* Pool
    // they are asked for, and what was there before is swept up
    yield* pause(100)
    yield* eventually(
      "all of them run",
      Effect.map(stats, ({ busy, waiting }) => busy === count && waiting === 0),
      10_000
    )
    yield* pause(50)
  })

/** When each of many fibers had its answer, in the order in which they had it. */
const answersOf = (count: number) => {
  const at: Array<number> = []
  const one = (n: number) =>
    Effect.map(echo({ n }), (answer) => {
      assert.strictEqual(answer, n)
      at.push(performance.now())
    })
  return Effect.as(Effect.forEach(numbers(count), one, { concurrency: "unbounded", discard: true }), at)
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let cluster: Cluster
    beforeAll(async () => {
      // exactly as many connections as the pool may have: one more, at any moment, is refused with 53300
      const configuration = { max_connections: String(max), superuser_reserved_connections: "0" }
      cluster = await startCluster({ major: majorVersion, configuration })
    })
    afterAll(() => cluster?.stop("immediate"))

    const pool = (dials?: Dials, acquireTimeout: "1 minute" | "1 second" = "1 minute") =>
      pooled({ url: urlOf(cluster), pool: { max, acquireTimeout } }, dials)
    const start = Effect.promise(() => cluster.start())
    const refusals = (): number => cluster.serverLog().split("too many clients").length - 1

    it.live(
      `X-4, P-6: ${waiting} fibers that wait while the server is down are all answered, with two attempts a second at most`,
      () => {
        const dials = new Dials()
        return Effect.gen(function* () {
          yield* allSlotsWork
          const inFlight = yield* Effect.forkAll(numbers(max).map(() => Effect.flip(sleeping())))
          yield* allRun(max)
          const before = refusals()
          yield* Effect.promise(() => cluster.halt("fast"))
          for (const error of yield* Fiber.join(inFlight)) {
            assert.strictEqual(error._tag, "Broken")
            assert.strictEqual(error.reason._tag, "AdminShutdown")
            assert.strictEqual(error.outcome, "Unknown")
          }
          const down = performance.now()
          const answers = yield* Effect.fork(answersOf(waiting))
          yield* pause(downMillis)
          const { stats } = yield* Pool
          assert.deepInclude(yield* stats, { idle: 0, busy: 0, waiting })
          const starting = performance.now()
          yield* start
          const accepting = performance.now()
          const at = yield* Fiber.join(answers)
          assert.strictEqual(at.length, waiting)

          const first = (at[0] ?? Infinity) - accepting
          measured(`PostgreSQL ${majorVersion}: first answer after the server accepts`, first)
          measured(`PostgreSQL ${majorVersion}: all ${waiting} answers`, (at.at(-1) ?? Infinity) - accepting)
          assert.isAtMost(first, 1_000 + slack)
          const attempts = dials.between(down, starting)
          measured(`attempts in ${downMillis} ms`, attempts.length, "attempts")
          // from one to the next, whatever else the machine does
          const gaps = attempts.slice(1).map((moment, index) => moment - (attempts[index] ?? 0))
          assert.isAtLeast(Math.min(...gaps), 495)
          assert.isAtLeast(attempts.length, 1)
          assert.isAtMost(dials.mostOpen, max)
          assert.strictEqual(refusals(), before, "53300")
          yield* allSlotsWork
        }).pipe(Effect.provide(pool(dials)))
      },
      30_000
    )

    it.live("X-4: an immediate shutdown ends what runs as 57P02, and the pool goes on behind it", () =>
      Effect.gen(function* () {
        const running = yield* Effect.fork(Effect.flip(sleeping()))
        yield* eventually(
          "it runs",
          Effect.map(
            Effect.flatMap(Pool, ({ stats }) => stats),
            ({ busy }) => busy === 1
          )
        )
        yield* pause(50)
        yield* Effect.promise(() => cluster.restart("immediate"))
        const error = yield* Fiber.join(running)
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "Unknown")
        assert.include(["AdminShutdown", "ConnectionLost"], error.reason._tag)
        yield* allSlotsWorkAgain
      }).pipe(Effect.provide(pool()))
    )

    it.live("X-4: a smart shutdown lets sessions finish, and the server ends when the pool has replaced them", () =>
      Effect.gen(function* () {
        const { refresh, stats } = yield* Pool
        assert.strictEqual(yield* echo({ n: 1 }), 1)
        const halted = yield* Effect.fork(Effect.promise(() => cluster.halt("smart")))
        yield* eventually(
          "it is shutting down",
          Effect.sync(() => cluster.serverLog().includes("received smart shutdown request")),
          10_000
        )
        // the session that is there goes on; a new one is refused for now (57P03), and whoever wants one waits for it
        assert.strictEqual(yield* echo({ n: 2 }), 2)
        yield* refresh
        const waits = yield* Effect.fork(echo({ n: 3 }))
        yield* Fiber.join(halted)
        assert.deepInclude(yield* stats, { idle: 0, busy: 0, waiting: 1 })
        yield* start
        assert.strictEqual(yield* Fiber.join(waits), 3)
        yield* allSlotsWorkAgain
      }).pipe(Effect.provide(pool()))
    )

    it.live("X-1, X-3: a killed backend takes all sessions with it, and the pool waits out the crash recovery", () =>
      Effect.gen(function* () {
        yield* allSlotsWork
        const pid = yield* backend()
        const others = yield* Effect.forkAll(numbers(max - 1).map(() => Effect.flip(sleeping())))
        yield* pause(100)
        cluster.killBackend(pid)
        for (const error of yield* Fiber.join(others)) {
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.outcome, "Unknown")
        }
        // dialled while the server recovers, refused with 57P03, and dialled again
        assert.strictEqual(yield* Effect.retry(echo({ n: 5 }), Retry.schedules.idempotent), 5)
        yield* allSlotsWorkAgain
      }).pipe(Effect.provide(pool()))
    )

    it.live(
      "X-1: kill -9 of the backend that runs a statement is ConnectionLost with outcome Unknown, and no report",
      () =>
        Effect.gen(function* () {
          const own = Query.one(Schema.Number)`SELECT pg_backend_pid() FROM pg_sleep(60)`
          const running = yield* Effect.fork(Effect.flip(own()))
          const find = Query.all(
            Schema.Number
          )`SELECT pid FROM pg_stat_activity WHERE query LIKE '%FROM pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'`
          let pids: ReadonlyArray<number> = []
          yield* eventually(
            "it runs",
            Effect.map(find(), (found) => (pids = found).length === 1),
            5_000
          )
          cluster.killBackend(pids[0] ?? 0)
          const error = yield* Fiber.join(running)
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.outcome, "Unknown")
          assert.deepInclude(error.reason, { _tag: "ConnectionLost" })
          assert.notProperty(error.reason, "report")
          yield* allSlotsWorkAgain
        }).pipe(Effect.provide(pool()))
    )

    it.live("X-3: whoever does not wait so long hears of the recovery, as the cause of the pool's timeout", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* echo({ n: 1 }), 1)
        yield* Effect.promise(() => cluster.halt("fast"))
        const error = yield* Effect.flip(echo({ n: 2 }))
        assert.strictEqual(error._tag, "Transient")
        assert.strictEqual(error.outcome, "NotSent")
        assert.strictEqual(error.reason._tag, "PoolTimeout")
        if (error.reason._tag === "PoolTimeout") {
          assert.strictEqual(error.reason.lastConnectError?.reason._tag, "ConnectFailed")
          measured("a timeout of 1 s", error.reason.waitedMillis)
          assert.isAtLeast(error.reason.waitedMillis, 995)
          assert.isAtMost(error.reason.waitedMillis, 1_000 + slack)
        }
        yield* start
        yield* allSlotsWorkAgain
      }).pipe(Effect.provide(pool(undefined, "1 second")))
    )
  })
}
