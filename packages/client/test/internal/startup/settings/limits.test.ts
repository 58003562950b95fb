import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "../../../../src/Settings.ts"
import { refused, resolved } from "./resolving.ts"

const url = (text: string): Settings => ({ url: Redacted.make(text) })

describe("limits", () => {
  it.effect("has the numbers of the design by default", () =>
    Effect.gen(function* () {
      const settings = yield* resolved({})
      assert.deepStrictEqual(settings.pool, {
        min: 0,
        max: 10,
        acquireTimeout: Duration.seconds(5),
        idleTimeout: Duration.minutes(10),
        maxLifetime: Duration.minutes(30),
        maxWaiting: 16_384,
        queueTarget: undefined,
        pipelineDepth: 128,
        checkAfter: Duration.seconds(30)
      })
      assert.deepStrictEqual(settings.keepalives, {
        enabled: true,
        idle: Duration.seconds(60),
        interval: undefined,
        count: undefined
      })
      assert.deepStrictEqual(
        [
          settings.connectTimeout,
          settings.interruptGrace,
          settings.cancelTimeout,
          settings.commitTimeout,
          settings.closeTimeout
        ].map(Duration.toMillis),
        [5_000, 50, 2_000, 30_000, 10_000]
      )
      assert.strictEqual(settings.maxMessageSize, 64 * 1024 * 1024)
      assert.strictEqual(settings.fetchSize, 1_000)
      assert.isFalse(settings.reconnect)
      assert.isFalse(settings.commitProbe)
    })
  )

  it.effect("reads connect_timeout in seconds, where 0 means no limit, and the typed one as a Duration", () =>
    Effect.gen(function* () {
      const timeout = (settings: Settings) =>
        Effect.map(resolved(settings), ({ connectTimeout }) => Duration.toMillis(connectTimeout))
      assert.strictEqual(yield* timeout(url("connect_timeout=7")), 7_000)
      assert.strictEqual(yield* timeout(url("connect_timeout=0")), Number.POSITIVE_INFINITY)
      assert.strictEqual(yield* timeout(url("connect_timeout=-1")), Number.POSITIVE_INFINITY)
      assert.strictEqual(yield* timeout(url("connect_timeout=''")), 5_000)
      assert.strictEqual(yield* timeout({ ...url("connect_timeout=7"), connectTimeout: 250 }), 250)
      assert.strictEqual(yield* timeout({ connectTimeout: Duration.infinity }), Number.POSITIVE_INFINITY)
      assert.match(yield* refused(url("connect_timeout=7s")), /^connectTimeout: /)
      assert.match(yield* refused({ connectTimeout: 0 }), /^connectTimeout: must be longer than zero/)
    })
  )

  it.effect("reads keepalives in libpq's units", () =>
    Effect.gen(function* () {
      const { keepalives } = yield* resolved(
        url("keepalives=0 keepalives_idle=1 keepalives_interval=2 keepalives_count=3")
      )
      assert.deepStrictEqual(keepalives, {
        enabled: false,
        idle: Duration.seconds(1),
        interval: Duration.seconds(2),
        count: 3
      })
      const systems = yield* resolved(url("keepalives_idle=0 keepalives_interval=0 keepalives_count=0"))
      assert.deepStrictEqual(systems.keepalives, {
        enabled: true,
        idle: Duration.seconds(60),
        interval: undefined,
        count: undefined
      })
      assert.deepStrictEqual((yield* resolved({ keepalivesIdle: "30 seconds" })).keepalives.idle, Duration.seconds(30))
      assert.match(yield* refused({ keepalivesIdle: 0 }), /^keepalivesIdle: /)
    })
  )

  it.effect("asks for the protocol versions that were written", () =>
    Effect.gen(function* () {
      const versions = (settings: Settings) =>
        Effect.map(resolved(settings), ({ maxProtocolVersion, minProtocolVersion }) => [
          minProtocolVersion,
          maxProtocolVersion
        ])
      assert.deepStrictEqual(yield* versions({}), [196_608, 196_608])
      assert.deepStrictEqual(yield* versions({ maxProtocolVersion: "latest" }), [196_608, 196_610])
      assert.deepStrictEqual(yield* versions({ minProtocolVersion: "3.2" }), [196_610, 196_610])
      assert.match(
        yield* refused({ minProtocolVersion: "3.2", maxProtocolVersion: "3.0" }),
        /^minProtocolVersion: must not be above/
      )
    })
  )

  it.effect("refuses what is out of bounds, by the name of the setting", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [string, Settings]> = [
        ["pool.max", { pool: { max: 0 } }],
        ["pool.max", { pool: { max: 2.5 } }],
        ["pool.min", { pool: { min: -1 } }],
        ["pool.min", { pool: { min: 3, max: 2 } }],
        ["pool.pipelineDepth", { pool: { pipelineDepth: 0 } }],
        ["pool.acquireTimeout", { pool: { acquireTimeout: 0 } }],
        ["pool.acquireTimeout", { pool: { acquireTimeout: -5 } }],
        ["pool.idleTimeout", { pool: { idleTimeout: Number.NaN } }],
        ["pool.maxLifetime", { pool: { maxLifetime: "-3 seconds" } }],
        ["maxMessageSize", { maxMessageSize: 10 }],
        ["maxMessageSize", { maxMessageSize: 2 ** 31 }],
        ["fetchSize", { fetchSize: Number.POSITIVE_INFINITY }],
        ["commitTimeout", { commitTimeout: 0 }]
      ]
      for (const [key, settings] of wrong) {
        const issue = yield* refused(settings)
        assert.strictEqual(issue.split(":")[0], key)
      }
    })
  )

  it.effect("lets a pool of many have a minimum of many", () =>
    Effect.gen(function* () {
      assert.include((yield* resolved({ pool: { min: 25 } })).pool, { min: 25, max: 25 })
    })
  )
})
