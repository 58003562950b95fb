// The session that listens, message by message, under a virtual clock: how it is proved, watched, given up and replaced.
import { assert, describe, it } from "@effect/vitest"
import { type Backend, Message, type Script, ScriptedBackend } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Notification, type PostgresError } from "pgfx"
import { idle, oneRow } from "../scripted.ts"
import { hear, quietly, shown } from "./listening.ts"

const jobs = Notification.channel("jobs", Schema.String)

/** No connection but that of the listeners, unless somebody queries. */
const listeningTo = (script: Script) => ScriptedBackend.layer(script, { pool: { min: 0, max: 1 } })

/** The name of the channel that only this session has. */
const privateName = (sql: string): string => /^LISTEN "(pgfx_[0-9a-f]{24})"$/.exec(sql)?.[1] ?? assert.fail(sql)

/** LISTEN and NOTIFY on it; the echo is the script's to send. */
const beginProof = (backend: Backend) =>
  Effect.gen(function* () {
    yield* backend.acceptStartup
    const listen = yield* backend.receiveOf("Query")
    const name = privateName(listen.sql)
    const notify = yield* backend.receiveOf("Query")
    assert.strictEqual(notify.sql, `SELECT pg_catalog.pg_notify('${name}', '')`)
    yield* backend.send(Message.commandComplete("LISTEN"), idle)
    yield* backend.send(...oneRow("pg_notify", ""), idle)
    return name
  })

/** What `acceptStartup` says the session's process is. */
const processOf = ({ connection }: Backend): number => 1000 + connection

const prove = (backend: Backend) =>
  Effect.tap(beginProof(backend), (name) => backend.send(Message.notificationResponse(name, "", processOf(backend))))

const acceptListen = (backend: Backend, channel = "jobs") =>
  Effect.zipRight(backend.expect(`LISTEN "${channel}"`), backend.send(Message.commandComplete("LISTEN"), idle))

const expectHeartbeat = (backend: Backend, name: string) =>
  backend.expect(
    `SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels() AS c WHERE c OPERATOR(pg_catalog.=) '${name}'`
  )

const answerHeartbeat = (backend: Backend, count: string) => backend.send(...oneRow("count", count), idle)

/** Virtual time in steps, each followed by all that it sets in motion. */
const pass = (seconds: number) => Effect.repeatN(TestClock.adjust("500 millis"), seconds * 2 - 1)

const failure = <A>(self: Stream.Stream<A, PostgresError>): Effect.Effect<PostgresError> =>
  Effect.catchAll(Effect.flip(Stream.runDrain(self)), () => Effect.dieMessage("the stream has not failed"))

/** A pooler greets with a key of its own: the echo tells of a process that nobody has spoken of. */
const beginBehindPooler = (backend: Backend) =>
  Effect.tap(beginProof(backend), (name) => backend.send(Message.notificationResponse(name, "", 77)))

const fromElsewhere = "from another session"

/** The second session's NOTIFY, on the channel of the first. */
const notifyFromElsewhere = (backend: Backend, name: string) =>
  Effect.gen(function* () {
    yield* backend.acceptStartup
    yield* backend.expect(`SELECT pg_catalog.pg_notify('${name}', '${fromElsewhere}')`)
    yield* backend.send(...oneRow("pg_notify", ""), idle)
    yield* backend.expectEnd
  })

describe("the session that listens", () => {
  it.scoped("is given up as unsupported if its own echo does not come back within connectTimeout", () =>
    Effect.gen(function* () {
      const listening = yield* Effect.fork(
        Stream.runDrain(jobs.events).pipe(
          Effect.flip,
          Effect.provide(listeningTo((backend) => Effect.zipRight(beginProof(backend), backend.expectEnd)))
        )
      )
      yield* pass(6)
      const error = yield* Fiber.join(listening)
      assert.deepStrictEqual([error._tag, error.outcome], ["Permanent", "NotSent"])
      assert.deepStrictEqual(error.reason, { _tag: "ListenUnsupported", waitedMillis: 5_000 })
      assert.include(String(error), "pooler in transaction mode")
    })
  )

  it.scoped("is given up after 10 seconds where connecting has no limit", () =>
    Effect.gen(function* () {
      const script: Script = (backend) => Effect.zipRight(beginProof(backend), backend.expectEnd)
      const patient = ScriptedBackend.layer(script, { connectTimeout: Duration.infinity, pool: { min: 0, max: 1 } })
      const listening = yield* Effect.fork(Stream.runDrain(jobs.events).pipe(Effect.flip, Effect.provide(patient)))
      yield* pass(11)
      const error = yield* Fiber.join(listening)
      assert.deepStrictEqual(error.reason, { _tag: "ListenUnsupported", waitedMillis: 10_000 })
    })
  )

  it.scoped("asks a server itself nothing more than its own echo", () =>
    Effect.gen(function* () {
      const connections: Array<number> = []
      const script: Script = (backend) =>
        Effect.gen(function* () {
          connections.push(backend.connection)
          yield* prove(backend)
          yield* acceptListen(backend)
          yield* backend.expectEnd
        })
      const first = yield* jobs.events.pipe(Stream.runHead, Effect.provide(listeningTo(script)))
      assert.deepStrictEqual(first, Option.some({ _tag: "Listening", gap: false }))
      assert.deepStrictEqual(connections, [1])
    })
  )

  it.scoped("leaves no connection behind when it is interrupted while another session is asked", () =>
    Effect.gen(function* () {
      const ended: Array<number> = []
      const asked = yield* Deferred.make<void>()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          if (backend.connection === 1) yield* beginBehindPooler(backend)
          else {
            yield* backend.acceptStartup
            yield* backend.receiveOf("Query")
            yield* Deferred.succeed(asked, undefined)
          }
          yield* backend.expectEnd
          ended.push(backend.connection)
        })
      yield* Effect.gen(function* () {
        const listening = yield* Effect.fork(Stream.runDrain(jobs.events))
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(listening)
      }).pipe(Effect.provide(listeningTo(script)))
      assert.deepStrictEqual(ended.toSorted(), [1, 2])
    })
  )

  it.scoped("behind a pooler is proved by what another session sends, once nothing is asked any more", () =>
    Effect.gen(function* () {
      const channel = yield* Deferred.make<string>()
      const sent = yield* Effect.makeLatch()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          if (backend.connection === 2) {
            yield* notifyFromElsewhere(backend, yield* Deferred.await(channel))
            yield* sent.open
            return
          }
          const name = yield* beginBehindPooler(backend)
          yield* Deferred.succeed(channel, name)
          yield* sent.await
          yield* backend.send(Message.notificationResponse(name, fromElsewhere, 78))
          yield* acceptListen(backend)
          yield* backend.expectEnd
        })
      const first = yield* jobs.events.pipe(Stream.runHead, Effect.provide(listeningTo(script)))
      assert.deepStrictEqual(first, Option.some({ _tag: "Listening", gap: false }))
    })
  )

  it.scoped("is given up as unsupported if a pooler delivers nothing that another session sends", () =>
    Effect.gen(function* () {
      const channel = yield* Deferred.make<string>()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          if (backend.connection === 2) {
            yield* notifyFromElsewhere(backend, yield* Deferred.await(channel))
            return
          }
          yield* Deferred.succeed(channel, yield* beginBehindPooler(backend))
          yield* backend.expectEnd
        })
      const listening = yield* Effect.fork(
        Stream.runDrain(jobs.events).pipe(Effect.flip, Effect.provide(listeningTo(script)))
      )
      yield* pass(6)
      const error = yield* Fiber.join(listening)
      assert.deepStrictEqual([error._tag, error.outcome], ["Permanent", "NotSent"])
      assert.deepStrictEqual(error.reason, { _tag: "ListenUnsupported", waitedMillis: 5_000 })
    })
  )

  it.scoped("listens all the same, with a warning, if a pooler has no session left to prove it by", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
      )
      const script: Script = (backend) =>
        Effect.gen(function* () {
          if (backend.connection === 2) {
            yield* backend.receiveOf("StartupMessage")
            const report = { sqlState: "53300", message: "no more connections allowed", severity: "FATAL" } as const
            yield* backend.send(Message.errorResponse(report))
            yield* backend.expectEnd
            return
          }
          yield* beginBehindPooler(backend)
          yield* acceptListen(backend)
          yield* backend.expectEnd
        })
      const first = yield* jobs.events.pipe(
        Stream.runHead,
        Effect.provide(Layer.provideMerge(listeningTo(script), logger))
      )
      assert.deepStrictEqual(first, Option.some({ _tag: "Listening", gap: false }))
      assert.match(lines.join("\n"), /level=WARN.*whether notifications arrive.*no more connections allowed/s)
    })
  )

  it.scoped("says that it listens when LISTEN is answered, and not before", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.makeLatch()
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* prove(backend)
          yield* backend.expect('LISTEN "jobs"')
          yield* answer.await
          // committed, but not yet told: what comes here is no part of what was there before
          yield* backend.send(Message.commandComplete("LISTEN"), Message.notificationResponse("jobs", "early"), idle)
          yield* backend.expectEnd
        })
      yield* Effect.gen(function* () {
        const hearing = yield* hear(jobs.events, shown)
        yield* pass(2)
        assert.deepStrictEqual(hearing.heard, [])
        yield* answer.open
        yield* hearing.until(2)
        assert.deepStrictEqual(hearing.heard, ["listening", "early"])
      }).pipe(Effect.scoped, Effect.provide(listeningTo(script)))
    })
  )

  it.scoped("fails those who listen to a channel that the server refuses, with the server's words", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* prove(backend)
          yield* backend.expect('LISTEN "jobs"')
          yield* backend.send(
            Message.errorResponse({ sqlState: "53200", message: "out of memory", severity: "ERROR" }),
            idle
          )
          yield* backend.expectEnd
        })
      const error = yield* Stream.runDrain(jobs.events).pipe(Effect.flip, Effect.provide(listeningTo(script)))
      assert.deepStrictEqual([error._tag, error.outcome], ["Permanent", "RolledBack"])
      assert.include(error.message, "out of memory")
    })
  )

  it.scoped("is asked after 30 quiet seconds whether it is still the one that listens, and goes on if it is", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          const name = yield* prove(backend)
          yield* acceptListen(backend)
          for (let i = 0; i < 3; i++) {
            yield* expectHeartbeat(backend, name)
            yield* backend.send(Message.notificationResponse("jobs", `${i}`))
            yield* answerHeartbeat(backend, "1")
          }
          yield* backend.expectEnd
        })
      yield* Effect.gen(function* () {
        const hearing = yield* hear(jobs.listen)
        yield* pass(29)
        assert.deepStrictEqual(hearing.heard, [])
        yield* pass(2)
        yield* hearing.until(1)
        yield* pass(60)
        yield* hearing.until(3)
        assert.isUndefined(hearing.failure())
      }).pipe(Effect.scoped, Effect.provide(listeningTo(script)))
    })
  )

  it.scoped("is dead if it does not answer for 10 seconds, and another one takes its place (N-13)", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          const name = yield* prove(backend)
          yield* acceptListen(backend)
          if (backend.connection === 1) yield* expectHeartbeat(backend, name)
          yield* backend.silence
        })
      yield* Effect.gen(function* () {
        const strict = yield* hear(jobs.listen)
        const healing = yield* hear(jobs.events, shown)
        yield* healing.until(1)
        yield* pass(39)
        assert.deepStrictEqual(healing.heard, ["listening"])
        yield* pass(2)
        yield* healing.until(2)
        assert.deepStrictEqual(healing.heard, ["listening", "gap"])
        assert.deepStrictEqual(strict.failure()?.reason, {
          _tag: "Unresponsive",
          during: "the heartbeat of the listener"
        })
      }).pipe(Effect.scoped, Effect.provide(listeningTo(script)))
    }).pipe(quietly)
  )

  it.scoped("is lost if another session answers in its place, as behind a pooler", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          const name = yield* prove(backend)
          yield* acceptListen(backend)
          if (backend.connection === 1) {
            yield* expectHeartbeat(backend, name)
            yield* answerHeartbeat(backend, "0")
          }
          yield* backend.expectEnd
        })
      yield* Effect.gen(function* () {
        const strict = yield* hear(jobs.listen)
        const healing = yield* hear(jobs.events, shown)
        yield* healing.until(1)
        yield* pass(32)
        yield* healing.until(2)
        assert.deepStrictEqual(healing.heard, ["listening", "gap"])
        assert.strictEqual(strict.failure()?.reason._tag, "ConnectionLost")
        assert.include(strict.failure()?.message ?? "", "another session has taken the place")
      }).pipe(Effect.scoped, Effect.provide(listeningTo(script)))
    }).pipe(quietly)
  )

  it.scoped("is opened anew at a pace that slows down while there is no server, up to 36 seconds", () =>
    Effect.gen(function* () {
      const attempts: Array<number> = []
      const script: Script = (backend) =>
        Effect.gen(function* () {
          const now = yield* TestClock.currentTimeMillis
          attempts.push(now)
          if (backend.connection === 1) {
            yield* prove(backend)
            yield* acceptListen(backend)
          }
          yield* backend.cutConnection
        })
      yield* Effect.gen(function* () {
        const healing = yield* hear(jobs.events, shown)
        yield* Effect.repeatN(TestClock.adjust("1 seconds"), 149)
        const pauses = attempts.slice(1).map((at, i) => at - (attempts[i] ?? 0))
        // 0.1 s, 0.2 s, … 25.6 s, then 30 s each, all of them 20 % either way
        assert.isAtMost(attempts.length, 16)
        assert.isAtLeast(attempts.length, 9)
        assert.isAtMost(Math.max(...pauses), 37_000)
        assert.isAbove(Math.max(...pauses), 20_000)
        assert.deepStrictEqual(healing.heard, ["listening"])
        assert.isUndefined(healing.failure())
      }).pipe(Effect.scoped, Effect.provide(listeningTo(script)))
    }).pipe(quietly)
  )

  it.scoped("is on a primary where there are several servers: a standby refuses LISTEN", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          if (backend.connection > 1) {
            yield* prove(backend)
            yield* acceptListen(backend)
            return yield* backend.expectEnd
          }
          yield* backend.receiveOf("StartupMessage")
          yield* backend.send(
            Message.authenticationOk(),
            Message.parameterStatus("in_hot_standby", "on"),
            Message.parameterStatus("client_encoding", "UTF8"),
            idle
          )
          return yield* backend.expectEnd
        })
      const settings = { host: undefined, hosts: [{ host: "standby" }, { host: "primary" }], pool: { min: 0 } }
      const first = yield* jobs.events.pipe(Stream.runHead, Effect.provide(ScriptedBackend.layer(script, settings)))
      assert.deepStrictEqual(first, Option.some({ _tag: "Listening", gap: false }))
    })
  )

  it.scoped("breaks the connection when the server speaks out of turn, and says so", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* prove(backend)
          yield* acceptListen(backend)
          yield* backend.send(Message.commandComplete("LISTEN"))
          yield* backend.silence
        })
      const error = yield* failure(Stream.provideSomeLayer(jobs.listen, listeningTo(script)))
      assert.deepStrictEqual([error._tag, error.reason._tag], ["Broken", "ProtocolViolation"])
    })
  )
})
