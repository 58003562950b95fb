// Links that break or starve under a pool. What was asked is told with the truth about it, in its time, and the pool goes on.
import { assert, describe, it } from "@effect/vitest"
import type { FaultProxy } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Pool, type Postgres, Query, type Settings } from "pgfx"
import { inject } from "vitest"
import { behind, eventually, faultProxy, latest } from "../faults/session.ts"
import { allSlotsWorkAgain, echo, measured, pooled, slack, urlOf } from "./pooled.ts"

const wide = Query.all(Schema.String)`SELECT repeat('x', 1000) FROM generate_series(1, 1000)`

for (const server of inject("postgres")) {
  const test = (
    name: string,
    body: (proxy: FaultProxy) => Effect.Effect<void, unknown, Postgres | Pool>,
    settings: Settings = {}
  ): void =>
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const proxy = yield* faultProxy(server)
        const all = {
          url: urlOf(behind(server, proxy)),
          pool: { max: 1, acquireTimeout: "20 seconds" },
          ...settings
        } as const
        yield* Effect.zipRight(echo({ n: 0 }), Effect.zipLeft(body(proxy), allSlotsWorkAgain)).pipe(
          Effect.provide(pooled(all))
        )
      })
    )

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    test("X-6: RST in the middle of an answer is ConnectionLost, outcome Unknown, with what the system said", (proxy) =>
      Effect.gen(function* () {
        yield* wide()
        latest(proxy).arm("toClient", 100_000, "reset")
        const error = yield* Effect.flip(wide())
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "Unknown")
        assert.strictEqual(error.reason._tag, "ConnectionLost")
        // Node sends FIN in front of RST, and either may be what is seen first.
        assert.match(
          JSON.stringify(error.reason) + String(error.cause) + String(Object(error.cause).cause),
          /ECONNRESET|the end of the stream after \d+ bytes/
        )
      }))

    test("X-6: RST in the middle of a request is told as Unknown too: nobody knows how much arrived", (proxy) =>
      Effect.gen(function* () {
        latest(proxy).arm("toServer", 10, "reset")
        const error = yield* Effect.flip(echo({ n: 1 }))
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "Unknown")
      }))

    test("X-6: RST on an idle connection costs nobody anything", (proxy) =>
      Effect.gen(function* () {
        latest(proxy).reset()
        const { stats } = yield* Pool
        yield* eventually(
          "it is removed",
          Effect.map(stats, ({ idle }) => idle === 0),
          10_000
        )
        assert.strictEqual(yield* echo({ n: 2 }), 2)
      }))

    test(
      "X-7: a black hole under an idle connection is found by the check, and whoever asks gets another one",
      (proxy) =>
        Effect.gen(function* () {
          const link = latest(proxy)
          link.stall("toServer")
          link.stall("toClient")
          const from = performance.now()
          assert.strictEqual(yield* echo({ n: 3 }), 3)
          const waited = performance.now() - from
          measured("an idle connection in a black hole, promised 300 ms and a connect", waited)
          assert.isAtLeast(waited, 295)
          assert.isAtMost(waited, 300 + slack)
        }),
      { cancelTimeout: "300 millis", pool: { max: 1, acquireTimeout: "20 seconds", checkAfter: 0 } }
    )

    test(
      "X-8: an answer that drips does not hold up the deadline of its statement",
      (proxy) =>
        Effect.gen(function* () {
          const bounded = Query.all(Schema.String, {
            timeout: "300 millis"
          })`SELECT repeat('x', 1000) FROM generate_series(1, 1000)`
          yield* bounded()
          latest(proxy).throttle("toClient", 1, 50)
          const from = performance.now()
          const error = yield* Effect.flip(bounded())
          measured("a dripping answer, promised 600 ms", performance.now() - from)
          assert.isAtMost(performance.now() - from, 300 + 300 + slack)
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.outcome, "Unknown")
        }),
      { cancelTimeout: "300 millis" }
    )
  })
}
