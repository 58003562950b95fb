// The proxy between this client and a real server: what it shows, and what it must not.
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Query } from "pgfx"
import { inject } from "vitest"
import { startTracingProxy } from "../src/tracing-proxy/tracingProxy.ts"

const server = inject("postgres")[0]
const shout = Query.one(Schema.String)`SELECT upper(${param("text", Schema.String)})`

it.effect("shows every message of a session and no secret", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => startTracingProxy(0, { upstream: server, print: (line) => lines.push(line) })),
      (started) => Effect.sync(() => started.close())
    )
    const { port } = proxy.address() as AddressInfo
    const Live = NodePostgres.layer({
      host: "127.0.0.1",
      port,
      user: server.user,
      database: server.database,
      password: Redacted.make(server.password),
      sslmode: "prefer"
    })
    assert.strictEqual(yield* Effect.provide(shout({ text: "canary" }), Live), "CANARY")
    const shown = lines.join("\n")
    for (const name of [
      "SSLRequest",
      "StartupMessage",
      "AuthenticationSASL",
      "ReadyForQuery",
      "Parse",
      "Bind",
      "DataRow",
      "CommandComplete"
    ]) {
      assert.include(shown, name)
    }
    assert.notInclude(shown, server.password)
    assert.notInclude(shown.toLowerCase(), "canary")
    assert.notInclude(shown, "!")
  }).pipe(Effect.scoped)
)
