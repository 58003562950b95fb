// A cluster of three: one host is down, one is a standby, one is the primary. Each value of targetSessionAttrs lands where libpq lands
// (CONNECTION_CHECK_TARGET in fe-connect.c), in whatever order the hosts are written.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import { freePort } from "@pgfx/testing/server/freePort"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type { Settings, TargetSessionAttrs } from "pgfx/Settings"
import { inject } from "vitest"
import { open, say } from "./opening.ts"

type Name = "down" | "standby" | "primary"

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let primary: Cluster
    let standby: Cluster
    let ports: Readonly<Record<Name, number>>
    beforeAll(async () => {
      primary = await startCluster({ major: majorVersion })
      standby = await startCluster({ standbyOf: primary })
      ports = { down: await freePort(), standby: standby.port, primary: primary.port }
    })
    afterAll(async () => {
      await standby?.stop()
      await primary?.stop()
    })

    const settingsOf = (names: ReadonlyArray<Name>, more: Settings): Settings => ({
      hosts: names.map((name) => ({ host: "127.0.0.1", port: ports[name] })),
      user: primary.user,
      password: Redacted.make(primary.password),
      database: "postgres",
      ...more
    })

    /** Where it lands, or why nowhere. */
    const landing = (names: ReadonlyArray<Name>, more: Settings): Effect.Effect<string> =>
      open(settingsOf(names, more)).pipe(
        Effect.map(({ destination: { dialled } }) =>
          dialled.port === ports.standby ? "standby" : dialled.port === ports.primary ? "primary" : "elsewhere"
        ),
        Effect.scoped,
        Effect.catchAll(({ _tag, outcome, reason }) => Effect.succeed(`${_tag} ${reason._tag} ${outcome}`))
      )

    const nowhere = "Broken ConnectFailed NotSent"
    const expectAll = (
      cases: ReadonlyArray<readonly [ReadonlyArray<Name>, TargetSessionAttrs, string]>
    ): Effect.Effect<void> =>
      Effect.forEach(
        cases,
        ([names, targetSessionAttrs, where]) =>
          Effect.map(landing(names, { targetSessionAttrs }), (actual) =>
            assert.strictEqual(actual, where, `${targetSessionAttrs} of ${names.join(", ")}`)
          ),
        { discard: true }
      )

    it.live("is found whatever stands before it", () =>
      expectAll([
        [["down", "standby", "primary"], "any", "standby"],
        [["down", "primary", "standby"], "any", "primary"],
        [["down", "standby", "primary"], "read-write", "primary"],
        [["primary", "standby"], "read-write", "primary"],
        [["down", "primary", "standby"], "read-only", "standby"],
        [["down", "standby", "primary"], "primary", "primary"],
        [["primary", "down", "standby"], "standby", "standby"],
        [["down", "primary", "standby"], "prefer-standby", "standby"],
        [["primary", "down"], "prefer-standby", "primary"],
        [["down", "primary"], "prefer-standby", "primary"]
      ])
    )

    it.live("is not there, and each host is named with what it was", () =>
      Effect.gen(function* () {
        yield* expectAll([
          [["down"], "any", nowhere],
          [["down", "standby"], "primary", nowhere],
          [["standby"], "read-write", nowhere],
          [["primary"], "standby", nowhere],
          [["down", "primary"], "read-only", nowhere],
          [["down"], "prefer-standby", nowhere]
        ])
        const error = yield* Effect.flip(
          Effect.scoped(
            open(settingsOf(["down", "standby", "primary"], { targetSessionAttrs: "primary", database: "missing" }))
          )
        )
        // a word that will not change ends the search where it was said
        assert.strictEqual(error.reason._tag, "ServerRefused")
        const shown = yield* Effect.flip(
          Effect.scoped(open(settingsOf(["down", "standby"], { targetSessionAttrs: "primary" })))
        )
        assert.include(shown.message, `127.0.0.1:${ports.down}, the network connection: connect ECONNREFUSED`)
        assert.include(
          shown.message,
          `127.0.0.1:${ports.standby}, the check of targetSessionAttrs: it is a standby, and targetSessionAttrs=primary asks for another`
        )
      })
    )

    it.live("counts as read-only if its sessions are, standby or not", () =>
      Effect.gen(function* () {
        const readOnly = (value: "on" | "off") =>
          Effect.promise(() => primary.reload({ configuration: { default_transaction_read_only: value } }))
        yield* readOnly("on")
        yield* expectAll([
          [["primary"], "read-only", "primary"],
          [["primary"], "read-write", nowhere],
          [["primary"], "primary", "primary"]
        ])
        yield* readOnly("off")
        // what we ask for ourselves counts as well
        const asked = { options: "-c default_transaction_read_only=on" }
        assert.strictEqual(yield* landing(["primary"], { ...asked, targetSessionAttrs: "read-only" }), "primary")
        assert.strictEqual(yield* landing(["primary"], { ...asked, targetSessionAttrs: "read-write" }), nowhere)
      })
    )

    it.live("is not looked for any further after a wrong password", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.scoped(open(settingsOf(["down", "standby", "primary"], { password: Redacted.make("a wrong word") })))
        )
        assert.strictEqual(error._tag, "Permanent")
        assert.strictEqual(error.reason._tag, "AuthenticationFailed")
        assert.instanceOf(error.cause, AggregateError)
        const places = error.cause instanceof AggregateError ? error.cause.errors.map(({ place }) => place) : []
        assert.deepStrictEqual(places, [`127.0.0.1:${ports.down}`, `127.0.0.1:${ports.standby}`])
      })
    )

    it.live("is chosen at random where that was asked for, and by a seed the same each time", () =>
      Effect.gen(function* () {
        const some = (seed: string) =>
          Effect.withRandom(
            Effect.replicateEffect(landing(["standby", "primary"], { loadBalanceHosts: "random" }), 12),
            Random.make(seed)
          )
        const first = yield* some("one seed")
        assert.sameMembers([...new Set(first)], ["standby", "primary"])
        assert.deepStrictEqual(yield* some("one seed"), first)
        assert.deepStrictEqual(yield* Effect.replicateEffect(landing(["standby", "primary"], {}), 3), [
          "standby",
          "standby",
          "standby"
        ])
      })
    )

    it.live("is passed over while it starts or recovers, and waited for by who asks again", () =>
      Effect.gen(function* () {
        // A standby that takes no sessions answers 57P03 for as long as it lives.
        yield* Effect.promise(() => standby.restart("fast", { configuration: { hot_standby: "off" } }))
        assert.strictEqual(yield* landing(["standby", "primary"], {}), "primary")
        assert.strictEqual(yield* landing(["standby"], {}), "Transient CannotConnectNow NotSent")
        assert.strictEqual(yield* landing(["standby", "standby"], {}), "Transient CannotConnectNow NotSent")
        yield* Effect.promise(() => standby.restart("fast", { configuration: { hot_standby: "on" } }))
        assert.strictEqual(yield* landing(["standby", "primary"], {}), "standby")
      })
    )

    it.live("is another one after a promotion", () =>
      Effect.gen(function* () {
        yield* Effect.promise(() => primary.halt("immediate"))
        assert.strictEqual(yield* landing(["primary", "standby"], { targetSessionAttrs: "primary" }), nowhere)
        yield* Effect.scoped(
          Effect.flatMap(open(settingsOf(["standby"], {})), (connection) =>
            say(connection, "SELECT pg_promote(true, 10)")
          )
        )
        assert.strictEqual(yield* landing(["primary", "standby"], { targetSessionAttrs: "read-write" }), "standby")
      })
    )
  })
}
