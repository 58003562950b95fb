// Sessions for tests that break things: one connection of its own per call, through a proxy or not, over real sockets and real time.
// The proofs at the end of such tests: a connection is either healthy or gone, never in between.
import { assert } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import { type Cluster, type ConnectionFacts, startCluster } from "@pgfx/testing/server/cluster"
import { type FaultProxy, type ProxiedConnection, startFaultProxy } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Connection, param, Postgres, type PostgresError, Query, type Settings } from "pgfx"
import { afterAll, beforeAll } from "vitest"

/** Where a test connects to: a server, or a proxy in front of it. */
export interface Place {
  readonly url: string
}

export const behind = (server: ConnectionFacts, { port }: { readonly port: number }): Place => {
  const url = new URL(server.url)
  url.port = String(port)
  return { url: url.href }
}

/**
 * A server without passwords, for the tests around this call: a connection is there in half the time. For tests that need hundreds of
 * them; how a session is proved is tested elsewhere.
 */
export const trustingServer = (major: number): (() => ConnectionFacts) => {
  let cluster: Cluster | undefined
  beforeAll(async () => {
    cluster = await startCluster({ major, hba: ["host all all 127.0.0.1/32 trust"] })
  })
  afterAll(() => cluster?.stop("immediate"))
  return () => {
    if (cluster === undefined) throw new Error("the server has not been started")
    const url = new URL(cluster.url)
    url.password = ""
    return { ...cluster, url: url.href }
  }
}

/** One connection and nothing around it. */
export const connection = (settings: Settings): Layer.Layer<Postgres | Connection, PostgresError> =>
  Postgres.layerConnection.pipe(Layer.provideMerge(Connection.layer(settings)), Layer.provide(NodeTransport.layer))

export const single = (
  { url }: Place,
  settings: Omit<Settings, "url"> = {}
): Layer.Layer<Postgres | Connection, PostgresError> => connection({ url: Redacted.make(url), ...settings })

export const faultProxy = (server: ConnectionFacts): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startFaultProxy({ target: server })),
    (proxy) => Effect.promise(proxy.close)
  )

/** The connection that came last: a test's own, while its session has sent no cancel. */
export const latest = (proxy: FaultProxy): ProxiedConnection => {
  const connection = proxy.connections.at(-1)
  if (connection === undefined) throw new Error("nobody has connected")
  return connection
}

/** Real time, whatever the Clock. */
export const pause = (millis: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

/** Asks until it holds; fails the test after that many milliseconds. */
export const eventually = <E, R>(
  what: string,
  holds: Effect.Effect<boolean, E, R>,
  millis = 1000
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const end = performance.now() + millis
    while (!(yield* holds)) {
      if (performance.now() > end) return assert.fail(`not within ${millis} ms: ${what}`)
      yield* pause(2)
    }
  })

const echo = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
let told = 0

/** It answers, and with the answer to this question. */
export const healthy: Effect.Effect<void, PostgresError, Postgres> = Effect.suspend(() => {
  const n = ++told
  return Effect.map(echo({ n }), (answer) => assert.strictEqual(answer, n))
})

/** It is gone, and says so before it sends anything. The news may be on its way: one statement may still be lost with it. */
export const discarded: Effect.Effect<void, never, Postgres> = Effect.gen(function* () {
  const first = yield* Effect.flip(healthy)
  assert.strictEqual(first._tag, "Broken")
  if (first.outcome === "NotSent") return
  const second = yield* Effect.flip(healthy)
  assert.strictEqual(second.outcome, "NotSent")
}).pipe(Effect.catchAll(() => Effect.sync(() => assert.fail("the connection still answers"))))
