// Every sslmode against every kind of server, certificate and pg_hba.conf line: which connections are made in which order, held against
// what libpq 18 did in the same case (libpqMatrix.json, captured by captureMatrix.ts). A useless or an unsafe attempt shows up here even
// if the outcome is right.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { makeAuthority } from "@pgfx/testing/server/certificates"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import { inject } from "vitest"
import { open, say } from "./opening.ts"
import { type RecordingProxy, startRecordingProxy } from "./recordingProxy.ts"
import { type Case, casesOf, hba, hostName, nameOf, type Server, servers, tlsOf, users } from "./tlsMatrix.ts"

const libpq: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "libpqMatrix.json"), "utf8")
)

const doubtful: ReadonlySet<Server> = new Set(["expired", "unknown authority", "self-signed"])

/** Where we mean to differ, and what we do instead. */
const expected = (one: Case, majorVersion: number): string => {
  // A root certificate was given and the server's is not from it: libpq goes on in plain text, which is what an attacker would ask for.
  if (one.mode === "prefer" && one.roots && doubtful.has(one.server)) return "connect, sslaccept -> fail"
  // Direct TLS came with 17; before, the server takes the ClientHello for a start-up packet.
  if (one.negotiation === "direct" && majorVersion < 17) return "connect, directssl -> fail"
  return libpq[nameOf(one)] ?? "not in libpqMatrix.json"
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    const authority = makeAuthority()
    let cluster: Cluster
    let proxy: RecordingProxy

    beforeAll(async () => {
      cluster = await startCluster({ major: majorVersion, hba })
      proxy = await startRecordingProxy(cluster)
      const roles = Object.values(users).map((user) => `CREATE ROLE ${user} LOGIN`)
      const admin = open({
        host: cluster.socketDirectory,
        port: cluster.port,
        user: cluster.user,
        database: "postgres"
      })
      await Effect.runPromise(Effect.scoped(Effect.flatMap(admin, (connection) => say(connection, roles.join(";")))))
    })
    afterAll(async () => {
      await proxy?.close()
      await cluster?.stop()
    })

    const traceOf = (one: Case): Effect.Effect<string> =>
      open({
        host: hostName,
        hostaddr: "127.0.0.1",
        port: proxy.port,
        user: users[one.line],
        database: "postgres",
        sslmode: one.mode,
        sslnegotiation: one.negotiation,
        sslrootcert: one.roots ? authority.certificate : undefined
      }).pipe(
        Effect.match({ onSuccess: ({ tls }) => (tls ? "ssl" : "plain"), onFailure: () => "fail" }),
        Effect.scoped,
        Effect.map((outcome) => `${proxy.take().join(", ")} -> ${outcome}`)
      )

    for (const server of servers) {
      it.effect(`makes the attempts that libpq makes: server ${server}`, () =>
        Effect.gen(function* () {
          yield* Effect.promise(() => cluster.reload({ tls: tlsOf(server, authority) }))
          for (const one of casesOf(server)) {
            assert.strictEqual(yield* traceOf(one), expected(one, majorVersion), nameOf(one))
          }
        })
      )
    }
  })
}
