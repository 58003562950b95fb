// Channels on a real server (cases N-4 to N-7, N-10 to N-12): what is heard, by whom, and what is refused before a byte is sent.
import { assert, describe, layer } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Connection, Notification, type NotificationChannel, Postgres, Query, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { eventually, healthy } from "../faults/session.ts"
import { client, failureOf, fresh, gone, hear, hearEvents, patience, sessionsOf, shown } from "./listening.ts"

const textChannel = (name: string, buffer?: number) =>
  Notification.channel(name, Schema.String, buffer === undefined ? {} : { buffer })

/** NOTIFY as written, not as a function call: the name is an identifier of SQL here. */
const notifyAs = (identifier: string, payload: string) =>
  Query.command`NOTIFY ${Sql.unsafe(`${identifier}, '${payload}'`)}`()

/** 1 to 2,000, in one transaction. */
const notifyAll = ({ name }: { readonly name: string }) =>
  Query.script(`SELECT pg_notify('${name}', n::text) FROM generate_series(1, 2000) n`)

/** What the channel hears while something goes on that begins once LISTEN is in effect. */
const heardDuring = <E, R>(channel: NotificationChannel<string>, during: Effect.Effect<unknown, E, R>) =>
  channel.events.pipe(
    Stream.tap((event) => (event._tag === "Listening" ? Effect.zipRight(during, channel.notify("end")) : Effect.void)),
    Stream.takeUntil((event) => event._tag === "Received" && event.message === "end"),
    Stream.runCollect,
    Effect.map((events) => Chunk.toReadonlyArray(events).map(shown).slice(1, -1))
  )

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(client(server.url, fresh("sender")), { excludeTestServices: true })((it) => {
      it.effect("hears everything that is sent once LISTEN is in effect, typed, and says who sent it", () =>
        Effect.gen(function* () {
          const jobs = Notification.channel(fresh("jobs"), Schema.parseJson(Schema.Struct({ id: Schema.Int })))
          const send = Effect.forEach([1, 2, 3], (id) => jobs.notify({ id }), { discard: true })
          const events = yield* jobs.events.pipe(
            Stream.tap((event) => (event._tag === "Listening" ? send : Effect.void)),
            Stream.take(4),
            Stream.runCollect
          )
          const [listening, ...received] = Chunk.toReadonlyArray(events)
          assert.deepStrictEqual(listening, { _tag: "Listening", gap: false })
          const pids = yield* Query.all(Schema.Number)`
            SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('application_name')`()
          assert.deepStrictEqual(
            received.map((event) =>
              event._tag === "Received" && pids.includes(event.processId) ? event.message : event
            ),
            [{ id: 1 }, { id: 2 }, { id: 3 }]
          )
        })
      )

      it.effect("takes a payload of 7,999 bytes and an empty one, and refuses 8,000 before it is sent (N-4)", () =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("payloads"))
          // ends with a character of two bytes, whose second is the 7,999th
          const [fits, tooLong] = [`${"x".repeat(7_997)}é`, `${"x".repeat(7_998)}é`]
          const heard = yield* heardDuring(channel, Effect.zipRight(channel.notify(fits), channel.notify("")))
          assert.deepStrictEqual(heard, [fits, ""])
          const error = yield* Effect.flip(channel.notify(tooLong))
          assert.deepInclude(error.reason, {
            _tag: "InvalidParameter",
            parameter: "message",
            issue: "its payload is 8000 bytes long, PostgreSQL takes at most 7999"
          })
          assert.strictEqual(error.outcome, "NotSent")
          for (const text of ["a\0b", "half \ud800"]) {
            assert.strictEqual((yield* Effect.flip(channel.notify(text))).reason._tag, "InvalidParameter")
          }
          yield* healthy
        })
      )

      it.effect("takes a name of 63 bytes and refuses a longer one, which LISTEN would truncate in silence (N-5)", () =>
        Effect.gen(function* () {
          const longest = `${fresh("long")}_`.padEnd(61, "x") + "é"
          const channel = textChannel(longest)
          assert.deepStrictEqual(yield* heardDuring(channel, channel.notify("heard")), ["heard"])
          for (const name of [`${longest}x`, longest.padEnd(70, "x"), "", "a\0b", "half \udfff"]) {
            const refused = textChannel(name)
            const errors = [
              yield* Effect.flip(refused.notify("")),
              yield* Effect.flip(Stream.runDrain(refused.listen)),
              yield* Effect.flip(Stream.runDrain(refused.events)),
              yield* Effect.flip(refused.waitFor("1 minute"))
            ]
            for (const error of errors) {
              assert.deepInclude(error.reason, { _tag: "InvalidParameter", parameter: "channel" })
              assert.strictEqual(error.outcome, "NotSent")
            }
          }
          yield* healthy
        })
      )

      it.effect("takes a name as it is written, case and all (N-6)", () =>
        Effect.gen(function* () {
          const name = fresh("fooBar")
          const heard = yield* heardDuring(
            textChannel(name),
            Effect.zipRight(notifyAs(name, "folded to lower case"), notifyAs(`"${name}"`, "as it is"))
          )
          assert.deepStrictEqual(heard, ["as it is"])
        })
      )

      it.effect("takes a hostile name for a name (N-7)", () =>
        Effect.gen(function* () {
          for (const name of ['a"; DROP TABLE x; --', '"', "$$", "$1", "'", "\\", "a\nb", "né 🐘", "*", "select"]) {
            const channel = textChannel(name)
            assert.deepStrictEqual(yield* heardDuring(channel, channel.notify(name)), [name])
          }
        })
      )

      it.effect(
        "hears nothing of a transaction that is rolled back, and equal messages of one transaction once (N-11)",
        () =>
          Effect.gen(function* () {
            const channel = textChannel(fresh("transactions"))
            const heard = yield* heardDuring(
              channel,
              Effect.gen(function* () {
                yield* Effect.flip(Effect.zipRight(channel.notify("undone"), Effect.fail("no")).pipe(Transaction.run))
                yield* Effect.forEach(["same", "same", "other"], channel.notify).pipe(Transaction.run)
              })
            )
            assert.deepStrictEqual(heard, ["same", "other"])
          })
      )

      it.effect("refuses a payload that is not what the Schema takes, and does not show it", () =>
        Effect.gen(function* () {
          const name = fresh("typed")
          const numbers = Notification.channel(name, Schema.parseJson(Schema.Struct({ secret: Schema.Number })))
          const hearing = yield* hearEvents(numbers)
          yield* hearing.until(1)
          yield* textChannel(name).notify('{"secret":"hunter2"}')
          const error = yield* failureOf(hearing)
          assert.deepInclude(error.reason, { _tag: "InvalidNotification", channel: name })
          assert.include(error.message, "secret: expected number, actual string")
          assert.notInclude(`${String(error)} ${JSON.stringify(error)}`, "hunter2")
          assert.match(String(error), /query "listen typed_.*channels\.server\.test\.ts:\d+/)
          yield* healthy
        }).pipe(Effect.scoped)
      )

      it.effect("ends on time when nothing comes: Stream.timeout, waitFor", () =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("quiet"))
          assert.strictEqual(yield* Stream.runCount(Stream.timeout(channel.listen, "50 millis")), 0)
          assert.isTrue(Option.isNone(yield* channel.waitFor("50 millis")))
          const waiting = yield* Effect.fork(channel.waitFor("1 minute"))
          // whenever it begins to listen, there is one to hear
          const sending = yield* Effect.fork(Effect.forever(Effect.delay(channel.notify("there"), "5 millis")))
          assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some("there"))
          yield* Fiber.interrupt(sending)
        })
      )

      it.effect("fails a listener that is slower than its buffer is large, after what it kept (N-10)", () =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("slow"), 10)
          const gate = yield* Effect.makeLatch()
          let busy = false
          const slow = yield* hear(
            Stream.tap(channel.listen, () =>
              Effect.zipRight(
                Effect.sync(() => (busy = true)),
                gate.await
              )
            )
          )
          const quick = yield* hearEvents(textChannel(channel.name))
          yield* quick.until(1)
          yield* channel.notify("0")
          yield* eventually(
            "it is busy",
            Effect.sync(() => busy),
            patience
          )
          yield* notifyAll(channel)
          yield* quick.until(2_002)
          yield* gate.open
          const error = yield* failureOf(slow)
          assert.deepInclude(error.reason, { _tag: "SubscriberBehind", undelivered: 10 })
          assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "RolledBack"])
          // the one it was busy with, and what was kept
          assert.deepStrictEqual(
            slow.heard,
            Array.from({ length: 11 }, (_, n) => `${n}`)
          )
          yield* healthy
        }).pipe(Effect.scoped)
      )

      it.effect("drops the oldest of events that are slower than their buffer is large, and marks the gap (N-10)", () =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("slow"), 10)
          const gate = yield* Effect.makeLatch()
          let listening = false
          const slow = yield* hear(
            Stream.tap(channel.events, () =>
              Effect.zipRight(
                Effect.sync(() => (listening = true)),
                gate.await
              )
            ),
            shown
          )
          yield* eventually(
            "it listens",
            Effect.sync(() => listening),
            patience
          )
          const other = yield* hearEvents(textChannel(channel.name))
          yield* notifyAll(channel)
          yield* other.until(2_001)
          yield* gate.open
          yield* slow.until(12)
          assert.deepStrictEqual(slow.heard, [
            "listening",
            "gap",
            ...Array.from({ length: 10 }, (_, n) => `${1_991 + n}`)
          ])
        }).pipe(Effect.scoped)
      )

      it.effect(
        "has one session for all listeners of a client, beside its pool, and none when the last has gone (N-12)",
        () =>
          Effect.gen(function* () {
            const name = fresh("shared")
            const channels = Array.from({ length: 5 }, () => textChannel(fresh("channel")))
            const outside = yield* Postgres
            const found = Effect.provideService(sessionsOf(name), Postgres, outside)
            yield* Effect.gen(function* () {
              const hearings = yield* Effect.forEach([...channels, ...channels, ...channels], hearEvents)
              yield* Effect.forEach(hearings, (hearing) => hearing.until(1))
              assert.strictEqual((yield* found).length, 1)
              // the pool of one is free, whoever listens
              yield* healthy
              yield* Effect.forEach(channels, (channel) => channel.notify(channel.name))
              yield* Effect.forEach(hearings, (hearing) => hearing.until(2))
              assert.deepStrictEqual(
                hearings.map(({ heard }) => heard[1]),
                [...channels, ...channels, ...channels].map((channel) => channel.name)
              )
              // the last of a channel
              const [first = assert.fail()] = channels
              for (let i = 0; i < 15; i += 5) yield* Fiber.interrupt(hearings[i]?.fiber ?? assert.fail())
              yield* eventually(
                "UNLISTEN was sent",
                Effect.map(found, (sessions) => sessions.some(({ query }) => query === `UNLISTEN "${first.name}"`)),
                patience
              )
              yield* Effect.forEach(channels, (channel) => channel.notify("again"))
              yield* Effect.forEach(
                hearings.filter((_, i) => i % 5 !== 0),
                (hearing) => hearing.until(3)
              )
              assert.strictEqual(hearings[0]?.heard.length, 2)
              // the last of all
              yield* Effect.forEach(hearings, ({ fiber }) => Fiber.interrupt(fiber))
              yield* eventually(
                "only the pool's session is left",
                Effect.map(found, (sessions) => sessions.length === 1),
                patience
              )
              yield* healthy
            }).pipe(Effect.scoped, Effect.provide(client(server.url, name, { pool: { max: 1 } })))
            yield* gone(name)
          })
      )

      it.effect("tells whoever still listens when the layer is closed, and leaves no session behind", () =>
        Effect.gen(function* () {
          const name = fresh("closing")
          const channel = textChannel(fresh("channel"))
          const hearing = yield* Effect.gen(function* () {
            const postgres = yield* Postgres
            const hearing = yield* hear(Stream.provideService(channel.events, Postgres, postgres), shown)
            yield* hearing.until(1)
            return hearing
          }).pipe(Effect.provide(client(server.url, name)))
          const error = yield* failureOf(hearing)
          assert.deepStrictEqual([error._tag, error.reason._tag], ["Permanent", "PoolClosed"])
          yield* gone(name)
        }).pipe(Effect.scoped)
      )

      it.effect("listens beside a single connection, too", () =>
        Effect.gen(function* () {
          const single = Postgres.layerConnection.pipe(
            Layer.provideMerge(Connection.layer({ url: Redacted.make(server.url) })),
            Layer.provide(NodeTransport.layer)
          )
          const channel = textChannel(fresh("single"))
          const heard = yield* Effect.provide(heardDuring(channel, Transaction.run(channel.notify("heard"))), single)
          assert.deepStrictEqual(heard, ["heard"])
        })
      )

      it.effect("shows the notices of every connection of the database", () =>
        Effect.gen(function* () {
          const notice = yield* Notification.notices.pipe(
            Stream.filter(({ message }) => message === "look here"),
            Stream.runHead,
            Effect.fork
          )
          const raise = Query.script("DO $$ BEGIN RAISE NOTICE 'look here'; END $$")
          const raising = yield* Effect.fork(Effect.forever(Effect.delay(raise, "5 millis")))
          assert.strictEqual(Option.getOrThrow(yield* Fiber.join(notice)).severity, "NOTICE")
          yield* Fiber.interrupt(raising)
        })
      )

      it.effect("tells at once what is wrong with its settings, and is asked for no second time", () =>
        Effect.gen(function* () {
          const channel = textChannel(fresh("refused"))
          const wrong = client(server.url, fresh("wrong"), { password: Redacted.make("wrong") })
          for (const run of [Stream.runDrain(channel.listen), Stream.runDrain(channel.events)]) {
            const error = yield* run.pipe(Effect.provide(wrong), Effect.flip)
            assert.deepStrictEqual([error._tag, error.reason._tag], ["Permanent", "AuthenticationFailed"])
            assert.strictEqual(error.outcome, "NotSent")
          }
        })
      )
    })
  })
}
