// A server that is there and says nothing: every process of it stopped (SIGSTOP), connections open. X-5: each wait ends at its own deadline
// with an error that tells what is true, and behind SIGCONT every slot works again.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { param, Pool, type Postgres, type PostgresError, Query, type Settings, Transaction } from "pgfx"
import { inject } from "vitest"
import { eventually, pause } from "../faults/session.ts"
import { allSlotsWorkAgain, Dials, echo, measured, pooled, slack, urlOf } from "./pooled.ts"

const max = 3
const insert = Query.command`INSERT INTO frozen VALUES (${param("n", Schema.Int)})`
const present = Query.all(Schema.Number)`SELECT n FROM frozen ORDER BY n`
const deadline = 200
const bounded = Query.one(Schema.Number, { timeout: deadline })`SELECT ${param("n", Schema.Int)}::int4`

/** How long it took, and how it ended. */
const timed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const from = performance.now()
    const exit = yield* Effect.exit(self)
    return { exit, millis: performance.now() - from }
  })

const failureOf = <A>(exit: Exit.Exit<A, PostgresError>): PostgresError => {
  if (Exit.isFailure(exit) && Cause.isFailType(exit.cause)) return exit.cause.error
  return assert.fail(`it should have failed, and ended as ${exit._tag}`)
}

/** Not before its time, and not much later. */
const inTime = (what: string, millis: number, promised: number): void => {
  measured(`${what}, promised ${promised} ms`, millis)
  assert.isAtLeast(millis, promised - 5, what)
  assert.isAtMost(millis, promised + slack, what)
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let cluster: Cluster
    beforeAll(async () => {
      cluster = await startCluster({ major: majorVersion })
    })
    afterAll(() => cluster?.stop("immediate"))

    const settings = (more: Settings = {}): Settings => ({
      url: urlOf(cluster),
      cancelTimeout: "300 millis",
      commitTimeout: "400 millis",
      connectTimeout: "800 millis",
      interruptGrace: "50 millis",
      pool: { max, acquireTimeout: "1 second" },
      ...more
    })

    /** Runs with the server stopped; it goes on whatever comes of it. */
    const frozen = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => cluster.pause()),
        () => self,
        () => Effect.sync(() => cluster.resume())
      )

    const test = (
      name: string,
      body: (dials: Dials) => Effect.Effect<void, PostgresError, Postgres | Pool>,
      more: Settings = {}
    ): void =>
      it.live(name, () =>
        Effect.suspend(() => {
          const dials = new Dials()
          return Effect.gen(function* () {
            yield* allSlotsWorkAgain
            yield* body(dials)
            yield* allSlotsWorkAgain
            const { stats } = yield* Pool
            yield* eventually(
              "no slot is lost and none is held",
              Effect.map(stats, ({ busy, idle, waiting }) => busy === 0 && waiting === 0 && idle <= max),
              10_000
            )
            assert.isAtMost(dials.mostOpen, 2 * max, "a cancel for each connection at most")
          }).pipe(Effect.provide(pooled(settings(more), dials)))
        })
      )

    test("X-5: the deadline of a statement ends it, though its cancel stalls as well: Unresponsive, outcome Unknown", () =>
      Effect.gen(function* () {
        const { exit, millis } = yield* frozen(timed(bounded({ n: 1 })))
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "Unknown")
        assert.deepInclude(error.reason, { _tag: "Unresponsive", during: "cancelling a statement" })
        inTime("a statement's deadline and the cancel's", millis, deadline + 300)
      }))

    test("X-5: an interrupted query gives its fiber back after the grace, and its slot at the cancel's deadline", () =>
      Effect.gen(function* () {
        yield* frozen(
          Effect.gen(function* () {
            const asking = yield* Effect.fork(echo({ n: 2 }))
            yield* pause(50)
            const { millis } = yield* timed(Fiber.interrupt(asking))
            inTime("an interruption", millis, 50)
            yield* pause(500)
          })
        )
      }))

    test("X-5: whoever waits for a connection hears so at the acquire timeout, with the reason why none could be opened", () =>
      Effect.gen(function* () {
        yield* frozen(
          Effect.gen(function* () {
            const stuck = yield* Effect.forkAll(Array.from({ length: max }, (_, n) => Effect.exit(bounded({ n }))))
            yield* pause(50)
            const { exit, millis } = yield* timed(echo({ n: 3 }))
            const error = failureOf(exit)
            assert.strictEqual(error._tag, "Transient")
            assert.strictEqual(error.outcome, "NotSent")
            assert.strictEqual(error.reason._tag, "PoolTimeout")
            inTime("the acquire timeout", millis, 1_000)
            // the statements have been given up by now, and nothing new can be dialled
            yield* Fiber.join(stuck)
            const again = failureOf((yield* timed(echo({ n: 4 }))).exit)
            assert.strictEqual(again.reason._tag, "PoolTimeout")
            if (again.reason._tag === "PoolTimeout") {
              assert.strictEqual(again.reason.lastConnectError?.reason._tag, "ConnectFailed")
            }
          })
        )
      }))

    test("X-5: a COMMIT without an answer is given up at commitTimeout, outcome Unknown, and only then the table knows", () =>
      Effect.gen(function* () {
        yield* Query.script("CREATE TABLE IF NOT EXISTS frozen (n int4); TRUNCATE frozen")
        const { exit, millis } = yield* timed(
          Transaction.run(
            Effect.zipLeft(
              insert({ n: 5 }),
              Effect.sync(() => cluster.pause())
            )
          )
        ).pipe(Effect.ensuring(Effect.sync(() => cluster.resume())))
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "Unknown")
        assert.deepInclude(error.reason, { _tag: "Unresponsive", during: "the answer to COMMIT" })
        inTime("a COMMIT", millis, 400)
        // it was in the socket when the server went on: Unknown is the truth, whatever it turns out to be
        yield* pause(100)
        assert.include([0, 1], (yield* Effect.orElse(present(), () => present())).length)
      }))

    test("X-5: a failed body is not held up by its ROLLBACK for longer than commitTimeout, and keeps its own error", () =>
      Effect.gen(function* () {
        const { exit, millis } = yield* timed(
          Transaction.run(
            Effect.zipRight(
              echo({ n: 6 }),
              Effect.zipRight(
                Effect.sync(() => cluster.pause()),
                Effect.fail("ours" as const)
              )
            )
          )
        ).pipe(Effect.ensuring(Effect.sync(() => cluster.resume())))
        // first its own; what became of the ROLLBACK stands behind it
        assert.strictEqual(Option.getOrUndefined(Option.flatMap(Exit.causeOption(exit), Cause.failureOption)), "ours")
        inTime("a ROLLBACK", millis, 400)
      }))

    test(
      "P-5, X-5: an idle connection is checked before it is handed over, and one that does not answer is replaced",
      () =>
        Effect.gen(function* () {
          const waiting = yield* frozen(
            Effect.gen(function* () {
              const asking = yield* Effect.fork(Effect.exit(echo({ n: 7 })))
              yield* pause(400)
              return asking
            })
          )
          assert.deepStrictEqual(yield* Fiber.join(waiting), Exit.succeed(7))
        }),
      { pool: { max, acquireTimeout: "20 seconds", checkAfter: 0 } }
    )

    it.live("X-5: a pool closes within its deadlines, though nobody answers its goodbyes", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const dials = new Dials()
        const context = yield* Layer.buildWithScope(
          pooled(settings({ closeTimeout: "300 millis", pool: { max, acquireTimeout: "1 second" } }), dials),
          scope
        )
        yield* Effect.provide(allSlotsWorkAgain, context)
        const running = yield* Effect.fork(Effect.provide(Effect.exit(Query.command`SELECT pg_sleep(60)`()), context))
        yield* pause(100)
        const { millis } = yield* frozen(timed(Scope.close(scope, Exit.void)))
        measured("closing, promised 600 ms", millis)
        assert.isAtMost(millis, 300 + 300 + slack)
        const error = failureOf(yield* Fiber.join(running))
        assert.strictEqual(error.outcome, "Unknown")
        yield* eventually(
          "every socket is closed",
          Effect.sync(() => dials.open === 0),
          10_000
        )
      })
    )
  })
}
