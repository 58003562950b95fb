// A single connection that is lost and replaced: what of its session is rebuilt, in which order, and what never goes on in the new one.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import {
  Connection,
  param,
  type Postgres,
  PostgresError,
  Query,
  Retry,
  Session,
  type Settings,
  Transaction
} from "pgfx"
import { inject } from "vitest"
import { behind, discarded, eventually, faultProxy, healthy, latest, pause, single } from "../faults/session.ts"
import { backend, echo, measured, slack } from "./pooled.ts"

const setting = Query.one(Schema.NullOr(Schema.String))`SELECT current_setting(${param("name", Schema.String)}, true)`
const currentUser = Query.one(Schema.String)`SELECT current_user::text`
const terminate = Query.one(Schema.Boolean)`SELECT pg_terminate_backend(${param("pid", Schema.Int)})`
const still = Query.one(
  Schema.BigIntFromSelf
)`SELECT count(*) FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)}`

type Test = Effect.Effect<void, unknown, Postgres | Connection>

for (const server of inject("postgres")) {
  /** Ends the session of the connection in the context, and waits until the server has forgotten it. */
  const lose = Effect.gen(function* () {
    const { processId } = yield* Connection
    yield* Effect.provide(
      terminate({ pid: processId }).pipe(
        Effect.zipRight(
          eventually(
            "its backend is gone",
            Effect.map(still({ pid: processId }), (count) => count === 0n),
            10_000
          )
        )
      ),
      single(server)
    )
    // and until the news is here
    const { isHealthy } = yield* Connection
    yield* eventually(
      "it is known to be lost",
      Effect.map(isHealthy, (healthy) => !healthy),
      10_000
    )
  })

  const on = (self: Test, settings: Omit<Settings, "url"> = {}, place: { readonly url: string } = server) =>
    Effect.provide(self, single(place, { reconnect: true, ...settings }))

  /** Runs SQL on another session. */
  const besides = (sql: string) => Effect.provide(Effect.asVoid(Query.script(sql)), single(server))

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    describe("a lost connection", () => {
      it.live("stays lost unless `reconnect` says otherwise", () =>
        on(
          Effect.gen(function* () {
            yield* healthy
            yield* lose
            yield* discarded
            assert.strictEqual(yield* Effect.flatMap(Connection, ({ reconnects }) => reconnects), 0)
          }),
          { reconnect: false }
        )
      )

      it.live("is replaced when somebody asks for it, and says so", () =>
        on(
          Effect.gen(function* () {
            const connection = yield* Connection
            const before = connection.processId
            assert.strictEqual(yield* connection.reconnects, 0)
            assert.isTrue(yield* connection.isHealthy)
            yield* lose
            assert.strictEqual(yield* connection.reconnects, 0, "nobody has asked yet")
            // all of them wait for the one connection
            const answers = yield* Effect.forEach([1, 2, 3, 4], (n) => echo({ n }), { concurrency: "unbounded" })
            assert.deepStrictEqual(answers, [1, 2, 3, 4])
            assert.strictEqual(yield* connection.reconnects, 1)
            assert.notStrictEqual(connection.processId, before)
            assert.strictEqual(connection.processId, yield* backend())
            assert.isTrue(yield* connection.isHealthy)
            yield* lose
            yield* healthy
            assert.strictEqual(yield* connection.reconnects, 2)
          })
        )
      )

      it.live("fails what was under way with its outcome, and repeats none of it by itself", () =>
        on(
          Effect.gen(function* () {
            const running = yield* Effect.fork(Effect.flip(Query.command`SELECT pg_sleep(60)`()))
            yield* pause(50)
            yield* lose
            const error = yield* Fiber.join(running)
            assert.strictEqual(error._tag, "Broken")
            assert.strictEqual(error.outcome, "Unknown")
            yield* healthy
          })
        )
      )
    })

    describe("its session", () => {
      it.live(
        "is rebuilt: start-up parameters, then initial statements, then what was set, in the order it was set",
        () =>
          Effect.gen(function* () {
            yield* besides("DROP ROLE IF EXISTS reconnect_weak; CREATE ROLE reconnect_weak")
            yield* on(
              Effect.gen(function* () {
                const { resetParameter, setParameter } = yield* Connection
                yield* setParameter("app.second", "set")
                // only a superuser may set this one, so the role has to come behind it
                yield* setParameter("ROLE", "none")
                yield* setParameter("log_min_duration_statement", "60001")
                yield* setParameter("role", "reconnect_weak")
                yield* setParameter("app.forgotten", "x")
                yield* resetParameter("app.forgotten")
                yield* setParameter("app.quoted", 'it\'s \\ "quoted" — Ünïcödé')
                // another role may not be asked about the pid of this one
                const expected = ["startup", "set", "60001ms", "reconnect_weak", "", 'it\'s \\ "quoted" — Ünïcödé']
                const state = Effect.gen(function* () {
                  assert.strictEqual(yield* currentUser(), "reconnect_weak")
                  return yield* Effect.forEach(
                    ["app.first", "app.second", "log_min_duration_statement", "role", "app.forgotten", "app.quoted"],
                    (name) => setting({ name })
                  )
                })
                assert.deepStrictEqual(yield* state, expected)
                for (let times = 1; times <= 2; times++) {
                  yield* lose
                  assert.deepStrictEqual(
                    (yield* state).map((value) => value ?? ""),
                    expected
                  )
                }
              }),
              {
                parameters: { "app.first": "startup", "app.second": "startup" },
                initStatements: ["SET app.second = 'init'", "SET app.third = 'init'"]
              }
            )
            yield* besides("DROP ROLE reconnect_weak")
          })
      )

      it.live("is kept behind a pin as well", () =>
        on(
          Effect.gen(function* () {
            const { setParameter } = yield* Connection
            yield* setParameter("work_mem", "5MB")
            yield* Session.pin(
              Effect.gen(function* () {
                yield* Query.command`SET work_mem = '6MB'`()
                yield* setParameter("app.pinned", "yes")
                assert.strictEqual(yield* setting({ name: "work_mem" }), "6MB")
              })
            )
            assert.strictEqual(yield* setting({ name: "work_mem" }), "5MB")
            assert.strictEqual(yield* setting({ name: "app.pinned" }), "yes")
            yield* lose
            assert.strictEqual(yield* setting({ name: "work_mem" }), "5MB")
            assert.strictEqual(yield* setting({ name: "app.pinned" }), "yes")
          })
        )
      )

      it.live("has of a transaction what was committed, and nothing of what was rolled back", () =>
        on(
          Effect.gen(function* () {
            const { setParameter } = yield* Connection
            const named = (name: string) => setParameter(`app.${name}`, "set")
            yield* Transaction.run(
              Effect.gen(function* () {
                yield* named("committed")
                yield* Transaction.run(named("released"))
                yield* Effect.ignore(Transaction.run(Effect.zipRight(named("undone"), Effect.fail("no"))))
              })
            )
            yield* Effect.ignore(Transaction.run(Effect.zipRight(named("rolled_back"), Effect.fail("no"))))
            yield* Transaction.dryRun(named("dry"))
            const values = Effect.forEach(["committed", "released", "undone", "rolled_back", "dry"], (name) =>
              Effect.map(setting({ name: `app.${name}` }), (value) => value ?? "")
            )
            assert.deepStrictEqual(yield* values, ["set", "set", "", "", ""])
            yield* lose
            assert.deepStrictEqual(yield* values, ["set", "set", "", "", ""])
          })
        )
      )

      it.live("is not handed over if it cannot be rebuilt, and is as soon as it can", () =>
        Effect.gen(function* () {
          yield* besides("DROP ROLE IF EXISTS reconnect_gone; CREATE ROLE reconnect_gone")
          yield* on(
            Effect.gen(function* () {
              const { reconnects, setParameter } = yield* Connection
              yield* setParameter("role", "reconnect_gone")
              yield* besides("DROP ROLE reconnect_gone")
              yield* lose
              const error = yield* Effect.flip(echo({ n: 1 }))
              assert.strictEqual(error._tag, "Permanent")
              assert.strictEqual(error.outcome, "NotSent")
              assert.include(error.message, "22023")
              // answered from memory: the server is not asked that often
              assert.strictEqual((yield* Effect.flip(echo({ n: 2 })))._tag, "Permanent")
              assert.strictEqual(yield* reconnects, 0)
              yield* besides("CREATE ROLE reconnect_gone")
              const user = yield* Effect.retry(currentUser(), { times: 100, schedule: Schedule.spaced("50 millis") })
              assert.strictEqual(user, "reconnect_gone")
            })
          )
          yield* besides("DROP ROLE reconnect_gone")
        })
      )

      it.live("takes no parameter that the client could not work with, and no change that the server refused", () =>
        on(
          Effect.gen(function* () {
            const { setParameter } = yield* Connection
            for (const [name, value] of [
              ["client_encoding", "LATIN1"],
              ["datestyle", "German"],
              ["bytea_output", "escape"]
            ] as const) {
              const error = yield* Effect.flip(setParameter(name, value))
              assert.strictEqual(error.outcome, "NotSent")
              assert.deepInclude(error.reason, { _tag: "InvalidParameter", parameter: name })
            }
            const wrong = yield* Effect.flip(setParameter("work_mem", "much"))
            assert.strictEqual(wrong.outcome, "RolledBack")
            const unknown = yield* Effect.flip(setParameter("no_such_parameter", "x"))
            assert.strictEqual(unknown.reason._tag, "SyntaxOrAccessRule")
            yield* lose
            yield* healthy
          })
        )
      )

      it.scopedLive("is what would be rebuilt, also where nobody waited for the answer to a change", () =>
        Effect.gen(function* () {
          const proxy = yield* faultProxy(server)
          yield* on(
            Effect.gen(function* () {
              const { setParameter } = yield* Connection
              yield* setParameter("app.sure", "before")
              const link = latest(proxy)
              link.stall("toClient")
              const changing = yield* Effect.fork(setParameter("app.sure", "after"))
              // the server has long answered
              yield* pause(100)
              yield* Fiber.interrupt(changing)
              link.resume("toClient")
              const value = yield* setting({ name: "app.sure" })
              assert.include(["before", "after"], value)
              yield* lose
              assert.strictEqual(yield* setting({ name: "app.sure" }), value)
            }),
            {},
            behind(server, proxy)
          )
        })
      )
    })

    describe("what was open in the lost session", () => {
      it.live("a transaction never goes on in the new one; repeated as a whole, it does its work once", () =>
        on(
          Effect.gen(function* () {
            yield* Query.script("DROP TABLE IF EXISTS reconnect_work; CREATE TABLE reconnect_work (n int4)")
            const insert = Query.command`INSERT INTO reconnect_work VALUES (${param("n", Schema.Int)})`
            const rows = Query.all(Schema.Number)`SELECT n FROM reconnect_work ORDER BY n`
            const lost = yield* Deferred.make<void>()
            const replaced = yield* Deferred.make<void>()
            const inside = yield* Effect.fork(
              Effect.either(
                Transaction.run(
                  Effect.gen(function* () {
                    yield* insert({ n: 1 })
                    yield* Deferred.succeed(lost, undefined)
                    yield* Deferred.await(replaced)
                    // another session is there by now; this is not its business
                    const error = yield* Effect.flip(insert({ n: 2 }))
                    assert.strictEqual(error._tag, "Broken")
                    assert.strictEqual(error.outcome, "RolledBack")
                    yield* insert({ n: 3 })
                  })
                )
              )
            )
            yield* Deferred.await(lost)
            yield* lose
            yield* healthy
            yield* Deferred.succeed(replaced, undefined)
            const result = yield* Fiber.join(inside)
            if (result._tag === "Left" && PostgresError.is(result.left))
              assert.strictEqual(result.left.outcome, "RolledBack")
            else assert.fail("it should have failed")
            assert.deepStrictEqual(yield* rows(), [])

            let attempts = 0
            yield* Retry.transient(
              Transaction.run(
                Effect.gen(function* () {
                  yield* insert({ n: ++attempts })
                  if (attempts === 1) yield* lose
                  yield* insert({ n: 10 })
                })
              )
            )
            assert.strictEqual(attempts, 2)
            assert.deepStrictEqual(yield* rows(), [2, 10])
            yield* Query.script("DROP TABLE reconnect_work")
          }).pipe(Effect.provide(Retry.layerDefault))
        )
      )

      it.live("a change that nobody announced cannot be rebuilt, and whoever asks next is told so, once", () =>
        on(
          Effect.gen(function* () {
            const { reconnects, setParameter } = yield* Connection
            // one that was announced is no loss
            yield* setParameter("TimeZone", "Asia/Kathmandu")
            yield* Transaction.run(setParameter("application_name", "announced"))
            yield* lose
            assert.strictEqual(yield* setting({ name: "TimeZone" }), "Asia/Kathmandu")
            assert.strictEqual(yield* setting({ name: "application_name" }), "announced")
            yield* Query.command`DO $$ BEGIN EXECUTE 'SET Time' || 'Zone = ''Africa/Lagos'''; END $$`()
            assert.strictEqual(yield* setting({ name: "TimeZone" }), "Africa/Lagos")
            yield* lose
            const error = yield* Effect.flip(echo({ n: 1 }))
            assert.strictEqual(error._tag, "Broken")
            assert.strictEqual(error.outcome, "NotSent")
            assert.deepStrictEqual(error.reason, { _tag: "SessionLost", lost: ["what was changed by a new TimeZone"] })
            assert.strictEqual(yield* reconnects, 1)
            assert.strictEqual(yield* setting({ name: "TimeZone" }), "Asia/Kathmandu")
            assert.strictEqual(yield* reconnects, 2)
          })
        )
      )

      it.live("a pin stays lost to its end, so that nothing runs without what it had set up", () =>
        on(
          Effect.gen(function* () {
            const path = Query.one(Schema.String)`SELECT current_setting('search_path')`
            const usual = yield* path()
            yield* Session.pin(
              Effect.gen(function* () {
                yield* Query.command`SET search_path = reconnect_nowhere`()
                yield* lose
                for (let times = 0; times < 2; times++) {
                  const error = yield* Effect.flip(path())
                  assert.strictEqual(error._tag, "Broken")
                  assert.strictEqual(error.outcome, "NotSent")
                }
                // a repetition cannot help, so there is none
                const from = performance.now()
                yield* Effect.flip(Effect.retry(path(), Retry.schedules.transient))
                assert.isAtMost(performance.now() - from, slack)
              })
            )
            assert.strictEqual(yield* path(), usual)
          })
        )
      )
    })

    describe("while the server is away", () => {
      it.scopedLive(
        "requests wait for it, two attempts a second are made, and whoever has waited for connectTimeout is told why",
        () =>
          Effect.gen(function* () {
            const proxy = yield* faultProxy(server)
            yield* on(
              Effect.gen(function* () {
                yield* healthy
                const dials: Array<number> = []
                proxy.admit(() => {
                  dials.push(performance.now())
                  return "reset"
                })
                latest(proxy).reset()
                const { isHealthy } = yield* Connection
                yield* eventually(
                  "it is known to be lost",
                  Effect.map(isHealthy, (healthy) => !healthy),
                  10_000
                )
                yield* pause(300)
                assert.deepStrictEqual(dials, [], "nobody has asked")
                const from = performance.now()
                const patient = yield* Effect.fork(Effect.flip(echo({ n: 1 })))
                const impatient = yield* Effect.fork(echo({ n: 2 }))
                yield* pause(100)
                yield* Fiber.interrupt(impatient)
                assert.isBelow(performance.now() - from, 1_500, "the impatient one leaves at once")
                const error = yield* Fiber.join(patient)
                const waited = performance.now() - from
                measured("a wait for reconnection, promised 2000 ms", waited)
                assert.isAtLeast(waited, 1_990)
                assert.isAtMost(waited, 2_000 + slack)
                assert.strictEqual(error._tag, "Broken")
                assert.strictEqual(error.outcome, "NotSent")
                assert.strictEqual(error.reason._tag, "ConnectFailed")
                const gaps = dials.slice(1).map((moment, index) => moment - (dials[index] ?? 0))
                assert.isAbove(dials.length, 1)
                assert.isAtLeast(Math.min(...gaps), 490)
                // and when it is back, the next one is answered
                const next = yield* Effect.fork(echo({ n: 3 }))
                yield* pause(100)
                proxy.admit(() => "forward")
                assert.strictEqual(yield* Fiber.join(next), 3)
              }),
              { connectTimeout: "2 seconds" },
              behind(server, proxy)
            )
          })
      )

      it.live("a password that is no longer right is told at once, and asked for anew the next time", () =>
        Effect.gen(function* () {
          let password = server.password
          const { database, host, port, user } = server
          const ask = Effect.gen(function* () {
            yield* healthy
            yield* lose
            password = "wrong"
            const error = yield* Effect.flip(healthy)
            assert.strictEqual(error.reason._tag, "AuthenticationFailed")
            assert.strictEqual(error.outcome, "NotSent")
            password = server.password
            yield* pause(700)
            yield* healthy
          })
          yield* Effect.provide(
            ask,
            single(
              { url: "" },
              {
                host,
                port,
                database,
                user,
                password: Effect.sync(() => Redacted.make(password)),
                reconnect: true
              }
            )
          )
        })
      )
    })

    it.live("isHealthy and isStale tell what is known without asking", () =>
      on(
        Effect.gen(function* () {
          const { isHealthy, isStale } = yield* Connection
          yield* Effect.ignore(
            Transaction.run(
              Effect.gen(function* () {
                assert.isTrue(yield* isHealthy)
                yield* Effect.ignore(Query.command`SELECT 1 / 0`())
                assert.isFalse(yield* isHealthy)
              })
            )
          )
          assert.isTrue(yield* isHealthy)
          yield* pause(60)
          assert.isTrue(yield* isStale("50 millis"))
          assert.isFalse(yield* isStale("10 minutes"))
          yield* healthy
          assert.isFalse(yield* isStale("30 seconds"))
        })
      )
    )
  })
}
