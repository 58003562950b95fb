// Connecting in daily life, on real servers: Unix sockets, the system's user name, what is said about settings, and what is left behind.
import { chmodSync } from "node:fs"
import { userInfo } from "node:os"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { Connection } from "pgfx"
import type { Settings } from "pgfx/Settings"
import { inject } from "vitest"
import { withoutRefusable } from "../../src/internal/startup/initialSql.ts"
import { resolve } from "../../src/internal/startup/settings/resolve.ts"
import { open, say } from "./opening.ts"

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let cluster: Cluster
    const abstract = `@pgfx-test-${process.pid}-${majorVersion}`
    beforeAll(async () => {
      cluster = await startCluster({
        major: majorVersion,
        hba: ["local all all trust", "host all all all scram-sha-256"]
      })
      if (process.platform === "linux") {
        const both = `"${cluster.socketDirectory}", "${abstract}"`
        await cluster.restart("fast", { configuration: { unix_socket_directories: both } })
      }
      chmodSync(cluster.socketDirectory, 0o755)
    })
    afterAll(() => cluster?.stop())

    const local = (more: Settings = {}): Settings => ({
      host: cluster.socketDirectory,
      port: cluster.port,
      user: cluster.user,
      database: "postgres",
      ...more
    })
    const remote = (more: Settings = {}): Settings => ({
      ...local(),
      host: "127.0.0.1",
      password: Redacted.make(cluster.password),
      ...more
    })
    const addressSeen = (settings: Settings) =>
      Effect.scoped(
        Effect.flatMap(open(settings), (connection) =>
          say(connection, "SELECT coalesce(host(inet_client_addr()), 'no address')")
        )
      )

    it.live("is reached over its Unix socket, with a file and without", (context) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* addressSeen(local()), "no address")
        // sslmode has no meaning there, as in libpq
        assert.strictEqual(yield* addressSeen(local({ sslmode: "verify-full" })), "no address")
        assert.strictEqual(yield* addressSeen(remote()), "127.0.0.1")
        if (process.platform !== "linux") return context.skip("sockets without a file exist on Linux only")
        const answer = addressSeen(local({ host: abstract }))
        if (Number.parseInt(process.versions.node, 10) >= 22) return assert.strictEqual(yield* answer, "no address")
        assert.include((yield* Effect.flip(answer)).message, "sockets without a file need Node 22 or later")
      })
    )

    it.live("has the same settings by statement, behind a pooler, as by start-up packet", () =>
      Effect.gen(function* () {
        const values = {
          "app.a": "it's \\ 'quoted'",
          "app.b": "Ünï\n\tcode",
          search_path: '"a b", public',
          work_mem: "3MB"
        }
        const options = "-c app.c=back\\\\slash\\ and\\ blank --app.d=x=y"
        const names = [...Object.keys(values), "app.c", "app.d"]
        const shown = `SELECT concat_ws('|', ${names.map((name) => `current_setting('${name}')`).join(", ")})`
        const settings = local({ parameters: values, options })
        const direct = yield* Effect.scoped(Effect.flatMap(open(settings), (connection) => say(connection, shown)))
        const { startupParameters } = yield* resolve(settings)
        const split = withoutRefusable(startupParameters)
        assert.strictEqual(split?.statements.length, 1)
        const moved = local({ initStatements: ["SET standard_conforming_strings = off", ...(split?.statements ?? [])] })
        const behind = yield* Effect.scoped(Effect.flatMap(open(moved), (connection) => say(connection, shown)))
        assert.strictEqual(behind, direct)
        assert.include(direct, "back\\slash and blank|x=y")
      })
    )

    it.live("is told the system's name of the user where nobody says another", () =>
      Effect.gen(function* () {
        const { user: _, ...nobody } = local()
        const name = userInfo().username
        yield* Effect.scoped(
          Effect.flatMap(open(local()), (connection) => say(connection, `CREATE ROLE "${name}" LOGIN`))
        )
        const said: Array<unknown> = []
        const logger = Logger.make(({ message }) => void said.push(message))
        const connected = Effect.scoped(Layer.build(Connection.layer(nobody))).pipe(
          Effect.provide(Layer.merge(NodeTransport.layer, Logger.replace(Logger.defaultLogger, logger)))
        )
        // no USER, as in a container; another USER, as after su
        for (const variables of [new Map<string, string>(), new Map([["USER", "somebody else"]])]) {
          yield* Effect.withConfigProvider(connected, ConfigProvider.fromMap(variables))
        }
        assert.deepStrictEqual(said, [])
      })
    )

    it.live("is connected to with a word in the log about each setting that changes nothing", () =>
      Effect.gen(function* () {
        const said: Array<unknown> = []
        const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel.label} ${String(message)}`))
        const url = `host=127.0.0.1 port=${cluster.port} dbname=postgres krbsrvname=other keepalives_interval=7`
        const settings: Settings = {
          url: Redacted.make(url),
          user: cluster.user,
          password: Redacted.make(cluster.password),
          sslmode: "disable",
          acceptInvalidCertificatesForDevelopment: true
        }
        yield* Effect.scoped(Layer.build(Connection.layer(settings))).pipe(
          Effect.provide(Layer.merge(NodeTransport.layer, Logger.replace(Logger.defaultLogger, logger))),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))
        )
        assert.isTrue(said.every((line) => String(line).startsWith("WARN pgfx: setting ")))
        const keys = said.map((line) => /"(.*?)"/.exec(String(line))?.[1])
        assert.deepStrictEqual(keys, ["krbsrvname", "keepalivesInterval", "acceptInvalidCertificatesForDevelopment"])
      })
    )

    it.live("leaves no socket, timer or listener behind, whether connections open or fail", () =>
      Effect.gen(function* () {
        const held = () =>
          process
            .getActiveResourcesInfo()
            .filter((kind) => /TCP|Pipe|Timeout|TLS/.test(kind))
            .sort()
        const wrong = remote({ password: Redacted.make("a wrong word") })
        const refused = remote({ port: 1 })
        const some = (settings: Settings, times: number) =>
          Effect.replicateEffect(Effect.ignore(Effect.scoped(open(settings))), times, {
            concurrency: 10,
            discard: true
          })
        yield* some(remote(), 5)
        yield* Effect.sleep("50 millis")
        const before = held()
        yield* Effect.all([some(remote(), 50), some(wrong, 30), some(refused, 300), some(local(), 100)], {
          concurrency: "unbounded",
          discard: true
        })
        // The runner's own timers come and go: what counts is that nothing more is held than before.
        const leftover = () => {
          const known = [...before]
          return held().filter((kind) => {
            const at = known.indexOf(kind)
            if (at >= 0) known.splice(at, 1)
            return at < 0
          })
        }
        yield* Effect.sleep("20 millis").pipe(Effect.repeat({ while: () => leftover().length > 0, times: 100 }))
        assert.deepStrictEqual(leftover(), [])
      })
    )
  })
}
