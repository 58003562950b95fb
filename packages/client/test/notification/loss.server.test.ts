// What is lost, and how it is told (cases N-1 to N-3, N-8, N-13): listeners whose sessions are killed, whose links go silent, whose
// server comes back another. Real servers; time is virtual only where a heartbeat is waited for.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Notification, Postgres, Query, Retry, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { behind, eventually, faultProxy, healthy, latest, pause } from "../faults/session.ts"
import { startSecureCluster } from "../startup/secureCluster.ts"
import { client, failureOf, fresh, gone, hear, type Hearing, kill, patience, quietly, shown } from "./listening.ts"

const textChannel = (name: string) => Notification.channel(name, Schema.String)

/** Runs a Stream on the client that listens, inside a test whose own client sends and kills. */
type OnListener = <A, E>(stream: Stream.Stream<A, E, Postgres>) => Stream.Stream<A, E>

const gaps = ({ heard }: Hearing): number => heard.filter((word) => word === "gap").length

const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  eventually(what, Effect.sync(holds), patience)

for (const server of inject("postgres")) {
  const scene = <A, E>(
    body: (on: OnListener, name: string) => Effect.Effect<A, E, Postgres | Scope.Scope>,
    place: { readonly url: string } = server
  ) => {
    const name = fresh("listener")
    return Effect.gen(function* () {
      const listener = yield* Postgres
      const sender = client(server.url, fresh("sender"))
      return yield* Effect.provide(body(Stream.provideService(Postgres, listener), name), sender)
    }).pipe(Effect.provide(client(place.url, name)), Effect.scoped, quietly)
  }

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live("fails listen, marks events, and hears nothing of what was sent in between (N-1, N-2, N-8)", () =>
      Effect.gen(function* () {
        const proxy = yield* faultProxy(server)
        yield* scene(
          (on, name) =>
            Effect.gen(function* () {
              const channels = [textChannel(fresh("plain")), textChannel(`$$ "${fresh("hostile")}"; --`)]
              const toAll = (text: string) => Effect.forEach(channels, (channel) => channel.notify(text))
              const strict = yield* hear(on(channels[0]?.listen ?? assert.fail()))
              const healing = yield* Effect.forEach(channels, (channel) => hear(on(channel.events), shown))
              const allHear = (count: number) => Effect.forEach(healing, (hearing) => hearing.until(count))
              yield* allHear(1)
              yield* toAll("before")
              yield* allHear(2)
              proxy.admit(() => "reset")
              assert.strictEqual(yield* kill(name), 1)
              const error = yield* failureOf(strict)
              yield* toAll("during")
              proxy.admit(() => "forward")
              yield* allHear(3)
              yield* toAll("after")
              yield* allHear(4)
              for (const { heard } of healing) assert.deepStrictEqual(heard, ["listening", "before", "gap", "after"])
              assert.deepStrictEqual(strict.heard, ["before"])
              const { _tag, outcome, reason } = error
              assert.deepStrictEqual([_tag, reason._tag, outcome], ["Broken", "AdminShutdown", "RolledBack"])
              assert.include(error.statement?.sql ?? "", "LISTEN")
            }),
          behind(server, proxy)
        )
      }).pipe(Effect.scoped)
    )

    const kills = amount(15, 100)
    it.live(
      `signals every gap and loses no subscription, killed ${kills} times under a stream of notifications (N-1, N-2)`,
      () =>
        scene((on, name) =>
          Effect.gen(function* () {
            const channels = Array.from({ length: 3 }, (_, i) => textChannel(fresh(`channel_${i}`)))
            const [first = assert.fail()] = channels
            const healing = yield* Effect.forEach(channels, (channel) => hear(on(channel.events), shown))
            let failures = 0
            const counted = Stream.tapError(first.listen, () => Effect.sync(() => failures++))
            const strict = yield* hear(on(Stream.retry(counted, Retry.schedules.connect)))
            let sent = 0
            const sending = yield* Effect.suspend(() => {
              const text = String(++sent)
              return Effect.forEach(channels, (channel) => channel.notify(text))
            }).pipe(Effect.delay("1 millis"), Effect.forever, Effect.fork)
            for (let killed = 0; killed < kills; killed++) {
              yield* until(`something is heard after ${killed} kills`, () =>
                healing.every(({ heard }) => heard.length > 0 && /^\d+$/.test(heard.at(-1) ?? ""))
              )
              assert.strictEqual(yield* kill(name), 1)
              yield* until(`the gap of kill ${killed + 1} is signalled`, () =>
                healing.every((hearing) => gaps(hearing) === killed + 1)
              )
            }
            const heardByStrict = strict.heard.length
            yield* until("the strict listener is back", () => strict.heard.length > heardByStrict)
            yield* Fiber.interrupt(sending)
            yield* Effect.forEach(channels, (channel) => channel.notify("end"))
            yield* until("all subscriptions live", () => [strict, ...healing].every((h) => h.heard.at(-1) === "end"))
            for (const { heard } of healing) {
              let expected: number | undefined
              for (const word of heard.slice(1, -1)) {
                const n = Number(word)
                if (word === "gap") expected = undefined
                else if (expected !== undefined) assert.strictEqual(n, expected, "missing, and no mark in its place")
                if (word !== "gap") expected = n + 1
              }
              assert.strictEqual(heard.filter((word) => word === "gap").length, kills)
              const numbers = heard.filter((word) => /^\d+$/.test(word)).map(Number)
              assert.deepStrictEqual(
                numbers,
                [...new Set(numbers)].sort((a, b) => a - b)
              )
              assert.isAbove(numbers.length, kills)
            }
            assert.isAtLeast(failures, 1)
            assert.isAtMost(failures, kills)
            yield* healthy
          })
        ),
      withinMinutes(1, 5)
    )

    it.live("misses no row whose notification is lost, if the table is read at each mark", () =>
      scene((on, name) =>
        Effect.gen(function* () {
          const table = fresh("rows")
          yield* Query.script(`CREATE UNLOGGED TABLE ${table} (n int4 PRIMARY KEY)`)
          const insert = (n: number) => Query.script(`INSERT INTO ${table} VALUES (${n}); NOTIFY ${table}, '${n}'`)
          const known = new Set<number>()
          const rows = Query.all(Schema.Number)`SELECT n FROM ${Sql.identifier(table)}`
          const numbers = Notification.channel(table, Schema.NumberFromString)
          const following = yield* on(numbers.events).pipe(
            Stream.runForEach((event) =>
              event._tag === "Received"
                ? Effect.sync(() => known.add(event.message))
                : Effect.map(rows(), (all) => all.forEach((n) => known.add(n)))
            ),
            Effect.fork
          )
          let n = 0
          for (let round = 0; round < 5; round++) {
            yield* Effect.repeatN(
              Effect.suspend(() => insert(++n)),
              20
            )
            yield* kill(name)
            yield* Effect.repeatN(
              Effect.suspend(() => insert(++n)),
              20
            )
            yield* until(`all ${n} are known`, () => known.size === n)
          }
          yield* Fiber.interrupt(following)
          yield* Query.script(`DROP TABLE ${table}`)
        })
      )
    )

    it.effect(
      "finds out that a link is half-open within twice the heartbeat's interval, and marks the gap (N-13)",
      () =>
        Effect.gen(function* () {
          const proxy = yield* faultProxy(server)
          yield* scene(
            (on) =>
              Effect.gen(function* () {
                const channel = textChannel(fresh("half_open"))
                const strict = yield* hear(on(channel.listen))
                const healing = yield* hear(on(channel.events), shown)
                yield* healing.until(1)
                const link = latest(proxy)
                link.stall("toClient")
                link.stall("toServer")
                yield* channel.notify("lost")
                let seconds = 0
                while (strict.failure() === undefined && seconds < 120) {
                  yield* TestClock.adjust("1 seconds")
                  seconds++
                  yield* pause(5)
                }
                assert.isAtLeast(seconds, 40)
                assert.isAtMost(seconds, 60)
                // the pause before the next attempt; how long that takes is the machine's affair
                yield* eventually(
                  "another session listens",
                  Effect.map(TestClock.adjust("5 millis"), () => gaps(healing) === 1),
                  patience
                )
                yield* channel.notify("heard")
                yield* healing.until(3)
                assert.deepStrictEqual(healing.heard, ["listening", "gap", "heard"])
                const error = yield* failureOf(strict)
                assert.deepInclude(error.reason, { _tag: "Unresponsive", during: "the heartbeat of the listener" })
              }),
            behind(server, proxy)
          )
        }).pipe(Effect.scoped)
    )

    it.live("tells listen that there is no server, and lets events wait for one", () =>
      Effect.gen(function* () {
        const proxy = yield* faultProxy(server)
        proxy.admit(() => "reset")
        yield* scene(
          (on) =>
            Effect.gen(function* () {
              const channel = textChannel(fresh("absent"))
              const error = yield* failureOf(yield* hear(on(channel.listen)))
              assert.deepStrictEqual(
                [error._tag, error.reason._tag, error.outcome],
                ["Broken", "ConnectFailed", "NotSent"]
              )
              const healing = yield* hear(on(channel.events), shown)
              const retrying = yield* hear(on(Stream.retry(channel.listen, Retry.schedules.connect)))
              yield* pause(150)
              proxy.admit(() => "forward")
              yield* healing.until(1)
              const sending = yield* Effect.fork(Effect.forever(Effect.delay(channel.notify("there"), "5 millis")))
              yield* retrying.until(1)
              yield* Fiber.interrupt(sending)
              assert.strictEqual(healing.heard[0], "listening", "nothing was promised before, so nothing was missed")
            }),
          behind(server, proxy)
        )
      }).pipe(Effect.scoped)
    )

    it.live(
      "ends with TlsFailed when the server comes back with less security than the settings ask for (N-3)",
      () =>
        Effect.gen(function* () {
          const { cluster, secure } = yield* Effect.acquireRelease(
            Effect.promise(() => startSecureCluster(server.majorVersion)),
            (secured) => Effect.promise(() => secured.cluster.stop("immediate"))
          )
          yield* Effect.gen(function* () {
            const channel = textChannel(fresh("secure"))
            const healing = yield* hear(channel.events, shown)
            yield* healing.until(1)
            yield* Effect.promise(() => cluster.restart("fast", { tls: undefined }))
            const error = yield* failureOf(healing)
            assert.deepStrictEqual([error._tag, error.reason._tag, error.outcome], ["Broken", "TlsFailed", "NotSent"])
            assert.deepStrictEqual(healing.heard, ["listening"])
          }).pipe(Effect.provide(NodePostgres.layer(secure("scrammer"))), quietly)
        }).pipe(Effect.scoped),
      withinMinutes(1, 1)
    )

    it.live("leaves a transaction alone in which somebody listens", () =>
      scene((on, name) =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("inside"))
          const heard = yield* on(channel.events).pipe(
            Stream.tap((event) => (event._tag === "Listening" ? kill(name) : Effect.void)),
            Stream.take(2),
            Stream.runCollect,
            Transaction.run
          )
          assert.deepStrictEqual(Array.from(heard, shown), ["listening", "gap"])
          yield* gone(name)
        })
      )
    )
  })
}
