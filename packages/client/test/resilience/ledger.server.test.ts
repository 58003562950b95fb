// X-19, G6: workers insert ids that nobody else inserts, while sessions are ended, backends and the postmaster killed and connections cut.
// Each says what it was told of each id; afterwards the table is asked. `PGFX_LEDGER_SECONDS=600` makes it longer, `PGFX_LEDGER_SEED` another one.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { FaultProxy, ProxiedConnection } from "@pgfx/testing"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { param, type Postgres, type PostgresError, Query, Retry, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount } from "../faults/profile.ts"
import { Chance } from "../faults/random.ts"
import { behind, faultProxy, pause } from "../faults/session.ts"
import { pooled, urlOf } from "./pooled.ts"

const seconds = Number(process.env.PGFX_LEDGER_SECONDS ?? amount(5, 60))
/** of the faults and the work; the instants at which they meet are the machine's */
const seed = Number(process.env.PGFX_LEDGER_SEED ?? 19)
const workers = 16
const max = 6

// no constraint on `id`: an id that is there twice is to be seen, not refused
const table = Query.script("CREATE TABLE ledger (id int8 NOT NULL, part int4 NOT NULL)")
const insert = Query.command`INSERT INTO ledger VALUES (${param("id", Schema.Int)}, ${param("part", Schema.Int)})`
const insertReturning = Query.one(Schema.BigIntFromSelf)`
  INSERT INTO ledger VALUES (${param("id", Schema.Int)}, 1) RETURNING id`
const insertBounded = Query.command({
  timeout: "300 millis"
})`INSERT INTO ledger SELECT ${param("id", Schema.Int)}::int8, 1 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const terminateSome = Query.all(Schema.Boolean)`
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name = 'ledger' AND pid <> pg_backend_pid() ORDER BY random() LIMIT ${param("some", Schema.Int)}`
const backends = Query.all(Schema.Number)`
  SELECT pid FROM pg_stat_activity WHERE application_name = 'ledger' AND pid <> pg_backend_pid()`
const contents = Query.all(Schema.Struct({ id: Schema.BigIntFromSelf, parts: Schema.BigIntFromSelf }))`
  SELECT id, count(*) AS parts FROM ledger GROUP BY id`

interface Kind {
  readonly parts: number
  readonly work: (id: number, chance: Chance) => Effect.Effect<unknown, PostgresError, Postgres | Retry>
}

const both = (id: number) => Transaction.run(Effect.zipRight(insert({ id, part: 1 }), insert({ id, part: 2 })))

const kinds: Readonly<Record<string, Kind>> = {
  statement: { parts: 1, work: (id) => insert({ id, part: 1 }) },
  "statement, repeated where that is safe": { parts: 1, work: (id) => Retry.transient(insert({ id, part: 1 })) },
  "statement with rows": { parts: 1, work: (id) => insertReturning({ id }) },
  "statement with a time-out": {
    parts: 1,
    work: (id, chance) => insertBounded({ id, seconds: chance.next() * 0.4 })
  },
  script: { parts: 2, work: (id) => Query.script(`INSERT INTO ledger VALUES (${id}, 1), (${id}, 2)`) },
  transaction: { parts: 2, work: both },
  "transaction, repeated where that is safe": { parts: 2, work: (id) => Retry.transient(both(id)) },
  "transaction with a savepoint": {
    parts: 2,
    work: (id) =>
      Transaction.run(Effect.zipRight(insert({ id, part: 1 }), Transaction.run(Effect.asVoid(insert({ id, part: 2 })))))
  },
  pin: { parts: 1, work: (id) => Session.pin(insert({ id, part: 1 })) }
}
const names = Object.keys(kinds)

type Fate = "acknowledged" | PostgresError["outcome"]

/** What was told of each id, and how it had been inserted. */
class Ledger {
  readonly told = new Map<number, { readonly kind: string; readonly fate: Fate; readonly error?: PostgresError }>()
  private ids = 0
  next(): number {
    return ++this.ids
  }
  count(fate: Fate): number {
    let count = 0
    for (const entry of this.told.values()) if (entry.fate === fate) count++
    return count
  }
}

const worker = (ledger: Ledger, chance: Chance, isOver: () => boolean) =>
  Effect.gen(function* () {
    while (!isOver()) {
      const id = ledger.next()
      const kind = chance.of(names)
      yield* Effect.match(kinds[kind]!.work(id, chance), {
        onSuccess: () => ledger.told.set(id, { kind, fate: "acknowledged" }),
        onFailure: (error) => ledger.told.set(id, { kind, fate: error.outcome, error })
      })
      if (chance.below(4) === 0) yield* pause(chance.below(4))
    }
  })

/** Nobody is told anything wrong, whatever was done to them. */
const judge = (ledger: Ledger, rows: ReadonlyArray<{ readonly id: bigint; readonly parts: bigint }>): void => {
  const present = new Map(rows.map(({ id, parts }) => [Number(id), Number(parts)]))
  const wrong: Array<string> = []
  for (const [id, { error, fate, kind }] of ledger.told) {
    const expected = kinds[kind]!.parts
    const actual = present.get(id) ?? 0
    const right =
      fate === "acknowledged"
        ? actual === expected
        : fate === "Unknown"
          ? actual === 0 || actual === expected
          : fate === "Committed"
            ? actual === expected
            : actual === 0
    if (!right) wrong.push(`${id} (${kind}): ${fate}, and ${actual} of ${expected} rows are there; ${error?.message}`)
    present.delete(id)
  }
  assert.deepStrictEqual(wrong, [])
  assert.deepStrictEqual([...present.keys()], [], "ids that nobody was told about")
}

/** One fault after the other. Each leaves the server running. */
const faults = (cluster: Cluster, proxy: FaultProxy, chance: Chance) => {
  const live = (): ReadonlyArray<ProxiedConnection> => proxy.connections.slice(-2 * max)
  const some = (damage: (connection: ProxiedConnection) => void): Effect.Effect<void> =>
    Effect.sync(() => {
      for (const connection of live()) if (chance.below(2) === 0) damage(connection)
    })
  const direction = () => chance.of(["toServer", "toClient"] as const)
  const terminated = Effect.ignore(terminateSome({ some: 1 + chance.below(3) }))
  const kinds = {
    "cut by the proxy": some((connection) =>
      connection.arm(direction(), chance.below(2_000), chance.of(["cut", "reset"]))
    ),
    "RST of all": Effect.sync(() => {
      for (const connection of live()) connection.reset()
    }),
    "half closed": some((connection) => connection.arm(direction(), chance.below(500), "halfClose")),
    "a black hole": some((connection) => connection.arm(direction(), chance.below(500), "stall")).pipe(
      Effect.zipRight(pause(250)),
      Effect.zipRight(Effect.sync(() => live().forEach((connection) => connection.reset())))
    ),
    pg_terminate_backend: terminated,
    "kill -9 of a backend": Effect.gen(function* () {
      const pids = yield* Effect.orElseSucceed(backends(), (): ReadonlyArray<number> => [])
      if (pids.length > 0) {
        // it may have ended by itself meanwhile
        yield* Effect.ignore(Effect.try(() => cluster.killBackend(chance.of(pids))))
      }
    }),
    "kill -9 of the postmaster": Effect.promise(() => cluster.killPostmaster().then(() => cluster.start())),
    "an immediate restart": Effect.promise(() => cluster.restart("immediate")),
    "a fast restart": Effect.promise(() => cluster.restart("fast"))
  } satisfies Record<string, Effect.Effect<void, never, Postgres>>
  return kinds
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let cluster: Cluster
    beforeAll(async () => {
      cluster = await startCluster({ major: majorVersion })
    })
    afterAll(() => cluster?.stop("immediate"))

    it.scopedLive(
      `X-19: for ${seconds} s of kills and cuts nobody is told anything wrong about what is in the table`,
      () =>
        Effect.gen(function* () {
          const chance = new Chance(seed)
          const proxy = yield* faultProxy(cluster)
          const besides = pooled({ url: urlOf(cluster), pool: { max: 1, acquireTimeout: "30 seconds" } })
          const settings = {
            url: urlOf(behind(cluster, proxy)),
            applicationName: "ledger",
            cancelTimeout: "300 millis",
            commitTimeout: "500 millis",
            connectTimeout: "2 seconds",
            pool: { max, acquireTimeout: "700 millis", checkAfter: "100 millis" }
          } as const
          const ledger = new Ledger()
          const done = new Map<string, number>()
          yield* Effect.gen(function* () {
            yield* table
            const end = performance.now() + seconds * 1000
            const working = yield* Effect.forEach(
              Array.from({ length: workers }, (_, n) => n),
              (n) => worker(ledger, new Chance(seed + n), () => performance.now() > end),
              { concurrency: "unbounded", discard: true }
            ).pipe(Effect.provide(pooled(settings)), Effect.fork)
            const possible = faults(cluster, proxy, chance)
            while (performance.now() < end - 500) {
              yield* pause(100 + chance.below(300))
              const name = chance.of(Object.keys(possible) as Array<keyof typeof possible>)
              done.set(name, (done.get(name) ?? 0) + 1)
              yield* possible[name]
            }
            yield* Fiber.join(working)
            const rows = yield* Effect.retry(contents(), Retry.schedules.idempotent)
            process.stdout.write(
              `ledger, seed ${seed}: ${ledger.told.size} ids, ${(
                ["acknowledged", "Unknown", "RolledBack", "NotSent", "Committed"] as const
              )
                .map((fate) => `${ledger.count(fate)} ${fate}`)
                .join(", ")}; ${[...done].map(([name, times]) => `${times} × ${name}`).join(", ")}\n`
            )
            judge(ledger, rows)
            assert.isAbove(ledger.count("acknowledged"), 0)
          }).pipe(Effect.provide(besides))
        }),
      seconds * 1000 + 60_000
    )
  })
}
