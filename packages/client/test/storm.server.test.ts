// G9: thousands of interrupts at random instants over everything that can be interrupted. Afterwards nothing is held, nothing runs, nothing
// is left of sockets, timers and listeners, no work is half done, and every answer belongs to its question.
import { EventEmitter } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import type { ConnectionFacts } from "@pgfx/testing/server/cluster"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Pool, Postgres, type PostgresError, Query, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "./faults/profile.ts"
import { anInstant, Chance } from "./faults/random.ts"
import { eventually, healthy, single } from "./faults/session.ts"

const interrupts = amount(10_000, 1_000_000)
/** Fibers that work side by side, for each client: alone its fiber is hit on the wire, in a crowd mostly in a queue. */
const crowds = [1, 1, 2, 8]
/** No session ends by its age: a million interrupts take more than an hour, and none is to end by them. */
const forGood = { maxLifetime: Duration.infinity, idleTimeout: Duration.infinity }
const fibers = crowds.reduce((sum, crowd) => sum + crowd, 0)

const echo = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
const nap = Query.one(Schema.Number)`
  SELECT ${param("n", Schema.Int)}::int4 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const bounded = Query.one(Schema.Number, { timeout: "2 millis" })`
  SELECT ${param("n", Schema.Int)}::int4 FROM pg_sleep(${param("seconds", Schema.Number)}::float8)`
const many = Query.all(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4 + i FROM generate_series(1, 2000) i`
const rows = Query.stream(Schema.Number, {
  fetchSize: 50
})`SELECT ${param("n", Schema.Int)}::int4 + i FROM generate_series(1, 1000) i`
const half = Query.one(Schema.Struct({ n: Schema.Number }))`
  INSERT INTO storm VALUES (${param("n", Schema.Int)}, ${param("part", Schema.Int)}) RETURNING n`
const lock = Query.command`SELECT pg_advisory_lock(${param("n", Schema.Int)}::int8)`

/** A time-out inside a savepoint, before the statement has ended. */
const late = (chance: Chance) => ({ duration: chance.below(5), onTimeout: () => "late" as const })

type Api = (n: number, chance: Chance) => Effect.Effect<void, PostgresError, Postgres>

const same = (n: number) => (answer: number) => assert.strictEqual(answer, n)
const seconds = (chance: Chance): number => chance.next() * 0.003

/** Each checks its own answer: a crossed one fails the test, interrupted or not. */
const apis: Readonly<Record<string, Api>> = {
  query: (n) => Effect.map(echo({ n }), same(n)),
  "slow query": (n, chance) => Effect.map(nap({ n, seconds: seconds(chance) }), same(n)),
  "many rows": (n) =>
    Effect.map(many({ n }), (answer) => assert.deepStrictEqual([answer[0], answer[1999]], [n + 1, n + 2000])),
  pipeline: (n, chance) =>
    Effect.map(
      Effect.all([echo({ n }), nap({ n: n + 1, seconds: seconds(chance) }), echo({ n: n + 2 })], {
        concurrency: "unbounded"
      }),
      (answer) => assert.deepStrictEqual(answer, [n, n + 1, n + 2])
    ),
  "a statement that nobody knows": (n, chance) =>
    Effect.map(
      Query.one(
        Schema.Number
      )`SELECT ${Sql.unsafe(String(chance.below(1e9)))} - ${Sql.unsafe(String(chance.below(1e9)))} * 0 + ${param("n", Schema.Int)}::int4 * 0`(
        { n }
      ),
      (answer) => assert.isNumber(answer)
    ),
  stream: (n, chance) => {
    const wanted = chance.below(1000) + 1
    return Effect.map(
      Stream.runFold(Stream.take(rows({ n }), wanted), 0, (sum, row) => sum + row - n),
      (sum) => assert.strictEqual(sum, (wanted * (wanted + 1)) / 2)
    )
  },
  "deadline of a statement": (n, chance) =>
    bounded({ n, seconds: seconds(chance) * 2 }).pipe(
      Effect.map(same(n)),
      Effect.catchAll((error) => {
        if (error.reason._tag !== "StatementTimeout") return Effect.fail(error)
        assert.strictEqual(error.outcome, "RolledBack")
        return Effect.void
      })
    ),
  transaction: (n, chance) =>
    Transaction.run(
      Effect.gen(function* () {
        yield* half({ n, part: 1 })
        same(n)(yield* nap({ n, seconds: seconds(chance) }))
        yield* half({ n, part: 2 })
      })
    ),
  "nested transaction": (n, chance) =>
    Transaction.run(
      Effect.gen(function* () {
        yield* half({ n, part: 1 })
        yield* Effect.ignore(Transaction.run(Effect.zipRight(half({ n, part: 3 }), Effect.fail("undone"))))
        yield* Transaction.run(Effect.zipRight(nap({ n, seconds: seconds(chance) }), half({ n, part: 2 })))
      })
    ),
  "stream in a transaction": (n, chance) =>
    Transaction.run(
      Effect.gen(function* () {
        yield* half({ n, part: 1 })
        const sum = yield* Stream.runFold(Stream.take(rows({ n }), 100 + chance.below(100)), 0, (sum, row) => sum + row)
        assert.isAbove(sum, 0)
        yield* half({ n, part: 2 })
      })
    ),
  pin: (n, chance) =>
    Session.pin(
      Effect.gen(function* () {
        yield* Query.command`SET work_mem = '7MB'`()
        same(n)(yield* nap({ n, seconds: seconds(chance) }))
        assert.strictEqual(yield* Query.one(Schema.String)`SELECT current_setting('work_mem')`(), "7MB")
      })
    ),
  command: (n) =>
    Effect.map(Query.command`SELECT ${param("n", Schema.Int)}::int4`({ n }), (tag) =>
      assert.deepStrictEqual(tag, { command: "SELECT", rows: 1 })
    ),
  check: () =>
    Effect.map(Query.check(echo, half), (findings) =>
      assert.deepStrictEqual(
        findings.filter(({ severity }) => severity === "error"),
        []
      )
    ),
  "savepoint in a transaction": (n, chance) =>
    Transaction.run(
      Effect.gen(function* () {
        yield* half({ n, part: 1 })
        yield* Effect.ignore(
          Transaction.savepoint(
            Effect.zipRight(half({ n, part: 3 }), Effect.timeoutFail(nap({ n, seconds: 0.01 }), late(chance)))
          )
        )
        yield* Transaction.savepoint(half({ n, part: 2 }))
      })
    ),
  "advisory lock": (n) => Effect.asVoid(lock({ n })),
  script: (n) =>
    Effect.map(Query.script(`SELECT ${n}; SELECT pg_sleep(0.001); CREATE TEMP TABLE left_behind (n int4)`), (results) =>
      assert.deepStrictEqual(results[0]?.rows, [{ "?column?": n }])
    )
}

let numbers = 0

/** What was hit, and what was not hit and has to be there. */
interface Ledger {
  readonly hits: Map<string, number>
  readonly committed: Set<number>
}

/** One piece of work, interrupted at some instant of it, or missed; true if it was hit. */
const strike = (chance: Chance, { committed, hits }: Ledger): Effect.Effect<boolean, never, Postgres> =>
  Effect.gen(function* () {
    const [name, api] = chance.of(Object.entries(apis))
    const n = ++numbers
    const fiber = yield* Effect.fork(api(n, chance))
    yield* anInstant(chance, 4)
    const exit = yield* Fiber.interrupt(fiber)
    if (Exit.isFailure(exit) && !Exit.isInterrupted(exit))
      return yield* Effect.dieMessage(`${name}: ${Cause.pretty(exit.cause)}`)
    if (Exit.isSuccess(exit) && name.includes("transaction")) committed.add(n)
    if (Exit.isFailure(exit)) hits.set(name, (hits.get(name) ?? 0) + 1)
    return Exit.isFailure(exit)
  })

/** Strikes until so many have hit. */
const work = (chance: Chance, wanted: number, ledger: Ledger) =>
  Effect.gen(function* () {
    for (let hits = 0; hits < wanted;) if (yield* strike(chance, ledger)) hits++
  })

const idlePool = Effect.flatMap(Pool, (pool) =>
  Effect.map(pool.stats, ({ busy, waiting }) => busy === 0 && waiting === 0)
)
const unsettled = Query.all(Schema.Struct({ state: Schema.NullOr(Schema.String), query: Schema.String }))`
  SELECT state, query FROM pg_stat_activity WHERE application_name = 'storm' AND state <> 'idle'`
const backends = Query.all(
  Schema.Number
)`SELECT pid FROM pg_stat_activity WHERE application_name = 'storm' ORDER BY pid`
const halfDone = Query.all(Schema.Number)`
  SELECT n FROM storm GROUP BY n HAVING array_agg(part ORDER BY part) <> ARRAY[1, 2]`
const done = Query.all(Schema.Number)`SELECT DISTINCT n FROM storm`
const locks = Query.all(Schema.String)`SELECT locktype FROM pg_locks WHERE locktype = 'advisory'`

/** What keeps the process alive, by kind, and who listens to it. */
const resources = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = { listeners: 0 }
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  // Not part of Node's documented surface, and the only way to see sockets from outside.
  const handles: unknown = Reflect.apply(Reflect.get(process, "_getActiveHandles"), process, [])
  for (const handle of Array.isArray(handles) ? handles : []) {
    if (!(handle instanceof EventEmitter)) continue
    for (const event of handle.eventNames()) counts.listeners = (counts.listeners ?? 0) + handle.listenerCount(event)
  }
  return counts
}

type Observe = <A, E>(self: Effect.Effect<A, E, Postgres>) => Effect.Effect<A, E>

const rage = (server: ConnectionFacts, seed: number, observe: Observe) =>
  Effect.gen(function* () {
    const sockets = resources().TCPSocketWrap ?? 0
    const contexts = yield* Effect.forEach(crowds, () =>
      Layer.build(NodePostgres.layer({ url: Redacted.make(server.url), applicationName: "storm", pool: forGood }))
    )
    for (const context of contexts) yield* Effect.provide(healthy, context)
    const pids = yield* observe(backends())
    const ledger: Ledger = { hits: new Map(), committed: new Set() }
    const places = contexts.flatMap((context, index) => Array.from({ length: crowds[index] ?? 0 }, () => context))
    yield* Effect.forEach(
      places,
      (context, index) =>
        Effect.provide(work(new Chance(seed + index), Math.ceil(interrupts / fibers), ledger), context),
      { concurrency: "unbounded", discard: true }
    )
    for (const context of contexts) yield* Effect.provide(eventually("no lease is held", idlePool), context)
    yield* observe(
      eventually(
        "nothing runs",
        Effect.map(unsettled(), (found) => found.length === 0)
      )
    )
    assert.deepStrictEqual(yield* observe(locks()), [])
    // Nothing was destroyed on the way: a session that was interrupted was brought back. And no cancel is still on its way.
    const after = yield* observe(backends())
    assert.includeMembers([...after], [...pids])
    yield* eventually(
      "every socket belongs to a session",
      Effect.sync(() => resources().TCPSocketWrap === sockets + after.length)
    )
    // A transaction is there as a whole or not at all; there is every one that was not interrupted.
    assert.deepStrictEqual(yield* observe(halfDone()), [])
    const found = new Set(yield* observe(done()))
    assert.deepStrictEqual(
      [...ledger.committed].filter((n) => !found.has(n)),
      []
    )
    const questions = Array.from({ length: 1000 }, (_, n) => n)
    for (const context of contexts) {
      const answers = yield* Effect.provide(
        Effect.forEach(questions, (n) => echo({ n }), { concurrency: 20 }),
        context
      )
      assert.deepStrictEqual(answers, questions)
    }
    assert.hasAllKeys(Object.fromEntries(ledger.hits), Object.keys(apis))
  }).pipe(Effect.scoped)

const storm = (server: ConnectionFacts, seed: number) =>
  Effect.gen(function* () {
    const observer = yield* Layer.build(single(server))
    const observe: Observe = (self) => Effect.provide(self, observer)
    yield* observe(Query.script("DROP TABLE IF EXISTS storm; CREATE UNLOGGED TABLE storm (n int4, part int4)"))
    const before = resources()
    yield* rage(server, seed, observe)
    yield* eventually(
      "sockets, timers and listeners are those of before",
      Effect.sync(() => {
        const after = resources()
        return Object.keys(after).every((kind) => (after[kind] ?? 0) <= (before[kind] ?? 0))
      })
    )
  }).pipe(Effect.scoped)

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}`, () => {
    const seed = 20_260_824
    it.live(
      `G9: ${interrupts} interrupts at random instants over every API leave nothing behind (seed ${seed})`,
      () => storm(server, seed),
      withinMinutes(6, 120)
    )
  })
}
