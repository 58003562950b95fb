// Acquire, use, release, interrupt, kill, thousands of times over real connections: no slot is lost, none is had twice, and the server agrees
// with the pool about how many sessions there are. The same against the state machine alone, 10⁵ times: model.test.ts.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { param, Pool, type Postgres, type PostgresError, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { Chance } from "../faults/random.ts"
import { eventually, pause } from "../faults/session.ts"
import { allSlotsWorkAgain, Dials, echo, pooled, urlOf } from "../resilience/pooled.ts"

const operations = amount(2_000, 100_000)
const workers = 40
const max = 4
const seed = 20261122

const nap = Query.one(Schema.Number)`
  SELECT ${param("n", Schema.Int)}::int4 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const sessions = Query.one(Schema.Number)`
  SELECT count(*)::int4 FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)}`
const killOne = Query.command`
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)} LIMIT 1`

const stats = Effect.flatMap(Pool, (pool) => pool.stats)

/** One way to have a connection for a while. */
const use = (n: number, chance: Chance): Effect.Effect<unknown, PostgresError, Postgres> => {
  const answered = (self: Effect.Effect<number, PostgresError, Postgres>) =>
    Effect.map(self, (answer) => assert.strictEqual(answer, n))
  const seconds = chance.next() * 0.003
  switch (chance.below(6)) {
    case 0:
      return answered(nap({ n, seconds }))
    case 1:
      return Session.pin(Effect.zipRight(Query.command`SET work_mem = '7MB'`(), answered(echo({ n }))))
    case 2:
      return Session.pin(Effect.zipRight(answered(nap({ n, seconds })), answered(echo({ n }))))
    case 3:
      return Transaction.run(answered(echo({ n })))
    case 4:
      return Transaction.run(Effect.zipRight(answered(nap({ n, seconds })), answered(echo({ n }))))
    default:
      return answered(echo({ n }))
  }
}

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}: the slots of a pool`, () => {
    it.live(
      `P-1, P-2: are all there after ${operations} operations, half of them interrupted`,
      () =>
        Effect.gen(function* () {
          const name = "pgfx-slots"
          const chance = new Chance(seed)
          const observe = yield* Layer.build(pooled({ url: urlOf(server), pool: { max: 1 } }))
          const dials = new Dials()
          const client = pooled(
            { url: urlOf(server), applicationName: name, pool: { max, acquireTimeout: "1 minute" } },
            dials
          )
          const tally = { done: 0, interrupted: 0, broken: 0 }
          yield* Effect.gen(function* () {
            let started = 0
            const work = Effect.gen(function* () {
              while (started < operations) {
                const n = ++started
                const fiber = yield* Effect.fork(use(n, chance))
                const patience = chance.below(2) === 0 ? chance.next() * 8 : undefined
                if (patience !== undefined) {
                  yield* patience < 1 ? Effect.yieldNow() : pause(patience)
                  yield* Fiber.interruptFork(fiber)
                }
                const exit = yield* Fiber.await(fiber)
                const { busy, idle } = yield* stats
                assert.isAtMost(idle + busy, max)
                if (exit._tag === "Success") tally.done++
                else if (patience === undefined) {
                  // only those that were killed may fail
                  const error = yield* Effect.flip(exit)
                  assert.strictEqual(error._tag, "Broken", error.toString())
                  tally.broken++
                } else tally.interrupted++
              }
            })
            const killer = yield* Effect.fork(
              Effect.forever(Effect.zipRight(pause(150), Effect.provide(killOne({ name }), observe)))
            )
            yield* Effect.all(
              Array.from({ length: workers }, () => work),
              { concurrency: "unbounded" }
            )
            yield* Fiber.interrupt(killer)
            yield* eventually(
              "nobody has a connection, and nobody waits",
              Effect.map(stats, ({ busy, waiting }) => busy === 0 && waiting === 0),
              20_000
            )
            yield* allSlotsWorkAgain
            yield* eventually(
              "the server counts as many sessions as the pool",
              Effect.zipWith(stats, Effect.provide(sessions({ name }), observe), ({ idle }, all) => idle === all),
              20_000
            )
          }).pipe(Effect.provide(client))
          assert.strictEqual(dials.open, 0)
          assert.isAbove(tally.done, operations / 4)
          assert.isAbove(tally.interrupted, operations / 20)
          assert.isBelow(tally.broken, operations / 10)
          yield* eventually(
            "the server has no session left",
            Effect.map(Effect.provide(sessions({ name }), observe), (all) => all === 0),
            20_000
          )
        }).pipe(Effect.scoped),
      withinMinutes(2, 20)
    )
  })
}
