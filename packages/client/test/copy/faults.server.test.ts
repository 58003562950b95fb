// Group Y of the faults on a real server: whatever ends a COPY, the caller hears why, nothing is half loaded, and the connection is healthy or
// gone.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, param, Pool, type Postgres, type PostgresError, Query, Session, Sql, Transaction } from "pgfx"
import { inject } from "vitest"
import { discarded, eventually, healthy, pause, single } from "../faults/session.ts"
import { encode, lines, textOf } from "./data.ts"

const backend = Query.one(Schema.Number)`SELECT pg_backend_pid()`
const kill = Query.one(Schema.Boolean)`SELECT pg_terminate_backend(${param("pid", Schema.Int)})`
const waiting = Query.option(Schema.NullOr(Schema.String))`
  SELECT wait_event FROM pg_stat_activity WHERE pid = ${param("pid", Schema.Int)}`

class SourceFailed {
  readonly _tag = "SourceFailed"
}

let tables = 0

for (const server of inject("postgres")) {
  const major = server.majorVersion
  /** Another session, for looking and for breaking. */
  const elsewhere = <A, E>(self: Effect.Effect<A, E, Postgres>): Effect.Effect<A, E | PostgresError> =>
    Effect.provide(self, Layer.fresh(single(server)))
  /** A table of the test's own, which other sessions see. */
  const table = Effect.acquireRelease(
    Effect.suspend(() => {
      const name = Sql.identifier(`copied_${process.pid}_${++tables}`)
      return Effect.as(elsewhere(Query.command`CREATE TABLE ${name} (n int4 PRIMARY KEY, line text)`()), name)
    }),
    (name) => Effect.orDie(elsewhere(Query.command`DROP TABLE ${name}`()))
  )
  const pinned = <A, E, R>(body: Effect.Effect<A, E, R>) =>
    Query.command`CREATE TEMP TABLE lines (n int4 PRIMARY KEY, line text)`().pipe(
      Effect.zipRight(body),
      Effect.zipLeft(healthy),
      Session.pin,
      Effect.provide(single(server))
    )
  const load = Copy.inBytes`COPY lines FROM STDIN`
  const count = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM lines`

  describe(`PostgreSQL ${major}`, () => {
    it.live("Y-2: tells line and column of what the server refused", () =>
      pinned(
        Effect.gen(function* () {
          const error = yield* Effect.flip(Stream.run(Stream.make(lines(0, 2), encode("two\tx\n")), load))
          assert.deepStrictEqual(
            [error._tag, error.reason._tag, error.outcome],
            ["Permanent", "DataException", "RolledBack"]
          )
          if (!("report" in error.reason)) return assert.fail("a report was expected")
          assert.strictEqual(error.reason.report?.where, 'COPY lines, line 3, column n: "two"')
          // the value is in the report, and in no rendering
          assert.notInclude(String(error), "two")
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("Y-2: hears of a duplicate that is found while data is being sent", () =>
      pinned(
        Effect.gen(function* () {
          let pulled = 0
          const source = Stream.repeatEffect(
            Effect.sync(() => {
              pulled++
              return lines(0, 1000)
            })
          )
          const error = yield* Effect.flip(Stream.run(source, load))
          assert.strictEqual(error.reason._tag, "UniqueViolation")
          assert.isAbove(pulled, 1)
          assert.strictEqual(yield* count(), 0n)
        })
      )
    )

    it.live("Y-2: hears of a constraint that is checked when everything has been counted", () =>
      pinned(
        Effect.gen(function* () {
          const references = "n int4 REFERENCES lines DEFERRABLE INITIALLY DEFERRED"
          yield* Query.script(`CREATE TEMP TABLE referring (${references}); INSERT INTO lines VALUES (1)`)
          const refer = Copy.inBytes`COPY referring FROM STDIN`
          assert.strictEqual(yield* Stream.run(Stream.make(encode("1\n")), refer), 1)
          const late = [
            Stream.run(Stream.make(encode("2\n")), refer),
            Transaction.run(Stream.run(Stream.make(encode("2\n")), refer)),
            Stream.runDrain(Copy.outBytes`COPY (INSERT INTO referring VALUES (2) RETURNING n) TO STDOUT`)
          ]
          for (const copy of late) {
            const error = yield* Effect.flip(copy)
            assert.deepStrictEqual([error.reason._tag, error.outcome], ["ForeignKeyViolation", "RolledBack"])
          }
          assert.strictEqual(yield* Query.one(Schema.Int)`SELECT count(*)::int4 FROM referring`(), 1)
        })
      )
    )

    it.live("Y-4: fails with the loss when the backend is killed, and closes the source", () =>
      Effect.gen(function* () {
        const name = yield* table
        const started = yield* Deferred.make<void>()
        let closed = false
        const pid = yield* backend()
        const source = Stream.concat(
          Stream.make(lines(0, 10)),
          Stream.fromEffect(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
        ).pipe(Stream.ensuring(Effect.sync(() => (closed = true))))
        const fiber = yield* Effect.fork(Effect.flip(Stream.run(source, Copy.inBytes`COPY ${name} FROM STDIN`)))
        yield* Deferred.await(started)
        yield* elsewhere(kill({ pid }))
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag, "Broken")
        assert.isTrue(closed)
        yield* discarded
        const rows = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM ${name}`
        assert.strictEqual(yield* elsewhere(rows()), 0n)
      }).pipe(Effect.provide(single(server)), Effect.scoped)
    )

    it.live("Y-3: a COPY that waits for a lock is cancelled by an interruption", () =>
      Effect.gen(function* () {
        const name = yield* table
        const locked = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(
          elsewhere(
            Transaction.run(
              Query.command`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`().pipe(
                Effect.zipRight(Deferred.succeed(locked, undefined)),
                Effect.zipRight(Effect.never)
              )
            )
          )
        )
        yield* Deferred.await(locked)
        const pid = yield* backend()
        const fiber = yield* Effect.fork(Stream.run(Stream.make(lines(0, 10)), Copy.inBytes`COPY ${name} FROM STDIN`))
        yield* eventually(
          "it waits for the lock",
          Effect.map(elsewhere(waiting({ pid })), (event) => Option.getOrNull(event) === "relation"),
          10_000
        )
        yield* Fiber.interrupt(fiber)
        yield* healthy
        assert.strictEqual(yield* backend(), pid)
        yield* Fiber.interrupt(holder)
      }).pipe(Effect.scoped, Effect.provide(single(server)))
    )

    it.live("Y-7: a source that is faster than the server waits for it", () =>
      Effect.gen(function* () {
        const name = yield* table
        const inserted = yield* Deferred.make<void>()
        const release = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(
          elsewhere(
            Transaction.run(
              Query.command`INSERT INTO ${name} VALUES (500, 'mine')`().pipe(
                Effect.zipRight(Deferred.succeed(inserted, undefined)),
                Effect.zipRight(Deferred.await(release)),
                Effect.zipRight(Query.command`DELETE FROM ${name}`())
              )
            )
          )
        )
        yield* Deferred.await(inserted)
        const piece = 64 * 1024
        const wanted = 400
        let pulled = 0
        const source = Stream.concat(
          Stream.make(lines(0, 1000)),
          Stream.mapEffect(Stream.range(1, wanted), (n) =>
            Effect.sync(() => {
              pulled = n
              return encode(`${n + 1000}\t${"x".repeat(piece)}\n`)
            })
          )
        )
        const fiber = yield* Effect.fork(Stream.run(source, Copy.inBytes`COPY ${name} FROM STDIN`))
        // the server waits for the other transaction at row 500, and reads nothing meanwhile
        for (;;) {
          const before = pulled
          yield* pause(150)
          if (before > 0 && pulled === before) break
        }
        // 1 MiB here, and what the sockets of both sides hold
        assert.isBelow(pulled, wanted)
        yield* Deferred.succeed(release, undefined)
        assert.strictEqual(yield* Fiber.join(fiber), 1000 + wanted)
        yield* Fiber.join(holder)
        yield* healthy
      }).pipe(Effect.scoped, Effect.provide(single(server)))
    )

    it.live("Y-7: a server that is faster than the consumer waits for him", () =>
      Effect.gen(function* () {
        const pid = yield* backend()
        let taken = 0
        const done = yield* Deferred.make<void>()
        const dump = Copy.outBytes`COPY (SELECT repeat('x', 1000) FROM generate_series(1, 64000)) TO STDOUT`
        const fiber = yield* Effect.fork(
          Stream.runForEach(dump, (piece) =>
            Effect.zipRight(
              Effect.sync(() => void (taken += piece.length)),
              Deferred.await(done)
            )
          )
        )
        yield* eventually(
          "the server waits for the client",
          Effect.map(elsewhere(waiting({ pid })), (event) => Option.getOrNull(event) === "ClientWrite"),
          10_000
        )
        assert.isBelow(taken, 2 * 1024 * 1024)
        yield* Deferred.succeed(done, undefined)
        yield* Fiber.join(fiber)
        assert.strictEqual(taken, 64_000 * 1001)
        yield* healthy
      }).pipe(Effect.provide(single(server)))
    )

    it.live("Y-6: a query that turns out to be COPY, and COPY in a script, are told to use Copy", () =>
      pinned(
        Effect.gen(function* () {
          for (const query of [
            Effect.asVoid(Query.command`COPY lines TO STDOUT`()),
            Effect.asVoid(Query.script("SELECT 1; COPY lines FROM STDIN"))
          ]) {
            const error = yield* Effect.flip(query)
            assert.strictEqual(error.reason._tag, "UseCopy")
          }
        })
      )
    )

    it.live("Y-8: what is no COPY of its own, through the connection, is refused before it is sent", () =>
      pinned(
        Effect.gen(function* () {
          const refused = [
            Stream.run(Stream.empty, Copy.inBytes`COPY lines TO STDOUT`),
            Stream.run(Stream.empty, Copy.inBytes`COPY lines FROM '/etc/passwd'`),
            Stream.run(Stream.empty, Copy.inBytes`COPY lines FROM PROGRAM 'cat'`),
            Stream.run(Stream.empty, Copy.inBytes`SELECT 1`),
            Stream.run(Stream.empty, Copy.inBytes`COPY lines FROM STDIN WHERE n = ${Sql.value(1)}`),
            Stream.runDrain(Copy.outBytes`COPY lines FROM STDIN`),
            Stream.runDrain(Copy.outBytes`/* COPY */ DELETE FROM lines`),
            Stream.runDrain(Copy.outBytes`COPY (SELECT 1`)
          ]
          for (const one of refused) {
            const error = yield* Effect.flip(one)
            assert.deepStrictEqual([error.reason._tag, error.outcome], ["InvalidCopy", "NotSent"])
          }
          const several = yield* Effect.flip(Stream.run(Stream.empty, Copy.inBytes`COPY lines FROM STDIN; SELECT 1`))
          assert.strictEqual(several.reason._tag, "SyntaxOrAccessRule")
        })
      )
    )

    it.live("Y-9: tells what is wrong with binary data", () =>
      pinned(
        Effect.gen(function* () {
          const binary = Copy.inBytes`COPY lines FROM STDIN (FORMAT binary)`
          const good = yield* Stream.runCollect(Copy.outBytes`COPY (SELECT 1, 'one') TO STDOUT (FORMAT binary)`)
          const whole = Uint8Array.from(Chunk.toReadonlyArray(good).flatMap((piece) => [...piece]))
          const cases: ReadonlyArray<readonly [Uint8Array, string]> = [
            [encode("PGCOPX"), "COPY file signature not recognized"],
            [whole.subarray(0, 15), "invalid COPY file header (missing length)"],
            [whole.subarray(0, whole.length - 4), "unexpected EOF in COPY data"],
            [Uint8Array.of(...whole, 1), "received copy data after EOF marker"]
          ]
          for (const [bytes, message] of cases) {
            const error = yield* Effect.flip(Stream.run(Stream.make(bytes), binary))
            if (!("report" in error.reason)) return assert.fail("a report was expected")
            assert.strictEqual(error.reason.report?.message, message)
          }
          assert.strictEqual(yield* Stream.run(Stream.make(whole), binary), 1)
        })
      )
    )

    it.live("Y-9: ends text at \\., and CSV only before PostgreSQL 18", () =>
      pinned(
        Effect.gen(function* () {
          const ended = Stream.make(encode("1\ta\n\\.\n"))
          assert.strictEqual(yield* Stream.run(ended, load), 1)
          yield* Query.command`CREATE TEMP TABLE words (word text)`()
          const csv = Stream.run(Stream.make(encode("a\n\\.\nb\n")), Copy.inBytes`COPY words FROM STDIN CSV`)
          const stored = Query.all(Schema.String)`SELECT word FROM words`
          if (major >= 18) {
            assert.strictEqual(yield* csv, 3)
            assert.deepStrictEqual(yield* stored(), ["a", "\\.", "b"])
          } else {
            assert.strictEqual(yield* csv, 1)
            assert.deepStrictEqual(yield* stored(), ["a"])
          }
        })
      )
    )

    it.live("Y-11: quotes options, and lets none of them out of its place", () =>
      pinned(
        Effect.gen(function* () {
          const none = '"; DROP TABLE lines; --'
          const options = Copy.options({ format: "csv", delimiter: "'", null: none, quote: "\\", escape: "\\" })
          const data = encode(`1'${none}\n2'\\'\\\n`)
          assert.strictEqual(yield* Stream.run(Stream.make(data), Copy.inBytes`COPY lines FROM STDIN ${options}`), 2)
          assert.deepStrictEqual(yield* Query.all(Schema.NullOr(Schema.String))`SELECT line FROM lines ORDER BY n`(), [
            null,
            "'"
          ])
        })
      )
    )

    it.live("an open transaction fails with its COPY, and says so when it is to be committed", () =>
      pinned(
        Effect.gen(function* () {
          const body = Effect.gen(function* () {
            yield* Query.command`INSERT INTO lines VALUES (1, 'before')`()
            const failing = Stream.concat(Stream.make(lines(5, 9)), Stream.fail(new SourceFailed()))
            yield* Effect.ignore(Stream.run(failing, load))
          })
          const error = yield* Effect.flip(Transaction.run(body))
          assert.strictEqual(error.reason._tag, "CommitRolledBack")
          assert.strictEqual(yield* count(), 0n)
          // in a savepoint it is undone alone
          yield* Transaction.run(
            Effect.gen(function* () {
              yield* Query.command`INSERT INTO lines VALUES (1, 'before')`()
              yield* Effect.ignore(Transaction.run(Stream.run(Stream.make(encode("bad")), load)))
              assert.strictEqual(yield* Stream.run(Stream.make(lines(2, 9)), load), 7)
            })
          )
          assert.strictEqual(yield* count(), 8n)
        })
      )
    )

    it.live("interrupted inside a transaction it leaves nothing, and the connection goes on", () =>
      pinned(
        Effect.gen(function* () {
          for (const copy of [
            Stream.run(Stream.concat(Stream.make(lines(0, 5000)), Stream.never), load),
            Stream.runForEach(Copy.outBytes`COPY (SELECT generate_series(1, 400000)) TO STDOUT`, () => Effect.never)
          ]) {
            const fiber = yield* Effect.fork(
              Transaction.run(Effect.zipRight(Query.command`INSERT INTO lines VALUES (-1, '')`(), copy))
            )
            yield* pause(60)
            yield* Fiber.interrupt(fiber)
            assert.strictEqual(yield* count(), 0n)
          }
        })
      )
    )

    it.live("takes a connection of the pool for itself, and gives it back", () =>
      Effect.gen(function* () {
        const stats = Effect.flatMap(Pool, (pool) => pool.stats)
        const outside = yield* Effect.scoped(
          Effect.gen(function* () {
            const pull = yield* Stream.toPull(Copy.outBytes`COPY (SELECT generate_series(1, 100000)) TO STDOUT`)
            yield* pull
            assert.strictEqual((yield* stats).busy, 1)
            // another connection answers meanwhile
            return yield* backend()
          })
        )
        yield* eventually(
          "both are idle",
          Effect.map(stats, ({ busy, idle }) => busy === 0 && idle === 2),
          10_000
        )
        assert.isAbove(outside, 0)
        yield* healthy
      }).pipe(Effect.provide(NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 2 } })))
    )

    it.live("COPY of a data-modifying query that is stopped early has not happened", () =>
      pinned(
        Effect.gen(function* () {
          const insert = Copy.outBytes`COPY (
            INSERT INTO lines SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n RETURNING *) TO STDOUT`
          const first = yield* Stream.runHead(insert)
          assert.isTrue(Option.isSome(first))
          yield* healthy
          assert.strictEqual(yield* count(), 0n)
          assert.isAbove(textOf(yield* Stream.runCollect(insert)).length, 20_000_000)
          assert.strictEqual(yield* count(), 20_000n)
        })
      )
    )
  })
}
