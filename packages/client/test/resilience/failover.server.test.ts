// X-10, G15: the primary goes, its standby takes over, and a pool that knows both goes on writing. What was acknowledged is there, and
// nobody was told anything wrong. Replication is synchronous: an acknowledgement of the old primary is the new one's as well.
import { assert, describe, it } from "@effect/vitest"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Pool, type Postgres, type PostgresError, Query, type Settings } from "pgfx"
import { inject } from "vitest"
import { eventually, pause } from "../faults/session.ts"
import { allSlotsWorkAgain, Dials, measured, pooled, slack, urlOf } from "./pooled.ts"

const max = 4
const writers = 8

const insert = Query.command`INSERT INTO written VALUES (${param("id", Schema.Int)})`
const present = Query.all(Schema.BigIntFromSelf)`SELECT id FROM written`
const inRecovery = Query.one(Schema.Boolean)`SELECT pg_is_in_recovery()`
const promote = Query.command`SELECT pg_promote()`
const synchronous = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'`

/** What was told of each id, and when the acknowledged ones were. */
class Told {
  readonly acknowledged = new Map<number, number>()
  readonly failed = new Map<number, PostgresError>()
  private ids = 0
  next(): number {
    return ++this.ids
  }
  /** milliseconds of `performance.now()` of the first acknowledgement from then on */
  firstFrom(moment: number): number | undefined {
    for (const at of this.acknowledged.values()) if (at >= moment) return at
    return undefined
  }
}

const writer = (told: Told): Effect.Effect<never, never, Postgres> =>
  Effect.forever(
    Effect.suspend(() => {
      const id = told.next()
      return Effect.match(insert({ id }), {
        onSuccess: () => void told.acknowledged.set(id, performance.now()),
        onFailure: (error) => void told.failed.set(id, error)
      }).pipe(Effect.zipLeft(pause(3)))
    })
  )

/** Nothing that was acknowledged is missing, nothing is there twice, and nothing is there that was said not to be. */
const judge = (told: Told, ids: ReadonlyArray<bigint>): void => {
  const there = ids.map(Number)
  const seen = new Set(there)
  assert.strictEqual(seen.size, there.length, "ids that are there twice")
  assert.deepStrictEqual(
    [...told.acknowledged.keys()].filter((id) => !seen.has(id)),
    [],
    "acknowledged, and missing"
  )
  assert.deepStrictEqual(
    [...told.failed].filter(([id, { outcome }]) => outcome !== "Unknown" && seen.has(id)).map(([id]) => id),
    [],
    "said not to be there"
  )
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    /** A primary, its synchronous standby, and a pool that knows both and wants to write. */
    const scene = Effect.gen(function* () {
      const started = (start: () => Promise<Cluster>) =>
        Effect.acquireRelease(Effect.promise(start), (cluster) => Effect.promise(() => cluster.stop("immediate")))
      const primary = yield* started(() => startCluster({ major: majorVersion }))
      const standby = yield* started(() => startCluster({ standbyOf: primary }))
      const settings: Settings = {
        hosts: [primary, standby].map(({ host, port }) => ({ host, port })),
        user: primary.user,
        password: Redacted.make(primary.password),
        database: primary.database,
        targetSessionAttrs: "read-write",
        pool: { max, acquireTimeout: "20 seconds" }
      }
      const on = (cluster: Cluster) => pooled({ url: urlOf(cluster), pool: { max: 1 } })
      yield* Effect.promise(() => primary.reload({ configuration: { synchronous_standby_names: "*" } }))
      yield* eventually(
        "the standby is synchronous",
        Effect.map(synchronous(), (count) => count === 1n),
        20_000
      ).pipe(Effect.zipRight(Query.script("CREATE TABLE written (id int8 NOT NULL)")), Effect.provide(on(primary)))
      const promoted = Effect.gen(function* () {
        yield* promote()
        yield* eventually(
          "the standby is promoted",
          Effect.map(inRecovery(), (recovering) => !recovering),
          20_000
        )
        return performance.now()
      })
      return { primary, standby, settings, promoted: Effect.provide(promoted, on(standby)), on }
    })

    const writesAgain = (told: Told, moment: number) =>
      eventually(
        "it writes again",
        Effect.sync(() => told.firstFrom(moment) !== undefined),
        5_000 + slack
      ).pipe(Effect.as(() => (told.firstFrom(moment) ?? Infinity) - moment))

    it.scopedLive(
      "X-10: the primary is killed and the standby promoted: the pool writes to the new primary within five seconds",
      () =>
        Effect.gen(function* () {
          const { on, primary, promoted, settings, standby } = yield* scene
          const told = new Told()
          const dials = new Dials()
          yield* Effect.gen(function* () {
            yield* allSlotsWorkAgain
            const writing = yield* Effect.forkAll(Array.from({ length: writers }, () => writer(told)))
            yield* pause(300)
            yield* Effect.promise(() => primary.killPostmaster())
            const killed = performance.now()
            yield* pause(300)
            const moment = yield* promoted
            const after = yield* writesAgain(told, moment)
            measured("failover: the first write after the promotion", after())
            yield* pause(200)
            yield* Fiber.interrupt(writing)
            // each host once per attempt, and two attempts a second
            const attempts = dials.between(killed, moment)
            assert.isAtMost(attempts.length, 2 * (2 * ((moment - killed) / 1_000) + 2))
            const ids = yield* Effect.provide(present(), on(standby))
            measured("failover: acknowledged", told.acknowledged.size, "writes")
            measured("failover: failed", told.failed.size, "writes")
            judge(told, ids)
            yield* allSlotsWorkAgain
          }).pipe(Effect.provide(pooled(settings, dials)))
        }),
      60_000
    )

    it.scopedLive(
      "X-10: a primary that becomes read-only under its sessions loses them at the first 25006, and the pool finds the new one",
      () =>
        Effect.gen(function* () {
          const { on, primary, promoted, settings, standby } = yield* scene
          const told = new Told()
          yield* Effect.gen(function* () {
            yield* allSlotsWorkAgain
            const writing = yield* Effect.forkAll(Array.from({ length: writers }, () => writer(told)))
            yield* pause(200)
            yield* Effect.promise(() => primary.reload({ configuration: { default_transaction_read_only: "on" } }))
            const refused = Effect.sync(
              () => [...told.failed.values()].filter(({ message }) => message.includes("25006")).length
            )
            yield* eventually(
              "writes are refused",
              Effect.map(refused, (count) => count > 0),
              10_000
            )
            const { stats } = yield* Pool
            yield* eventually(
              "no session with the old primary is left",
              Effect.map(stats, ({ busy, idle }) => busy + idle === 0),
              10_000
            )
            assert.isAtMost(
              yield* refused,
              2 * (max + writers),
              "each session is refused once, and what was sent with it"
            )
            const moment = yield* promoted
            const after = yield* writesAgain(told, moment)
            measured("switch-over: the first write after the promotion", after())
            yield* pause(100)
            yield* Fiber.interrupt(writing)
            judge(told, yield* Effect.provide(present(), on(standby)))
            yield* allSlotsWorkAgain
          }).pipe(Effect.provide(pooled(settings)))
        }),
      60_000
    )
  })
}
