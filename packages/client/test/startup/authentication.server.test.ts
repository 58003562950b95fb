// Who we are and how we were asked, on real servers: what is accepted, and what is refused by whom and why.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { PostgresError } from "pgfx"
import type { Settings } from "pgfx/Settings"
import { inject } from "vitest"
import { type OpenConnection, openConnection } from "../../src/internal/startup/openConnection.ts"
import { resolve } from "../../src/internal/startup/settings/resolve.ts"
import { open, say, unheard } from "./opening.ts"
import { password, type SecureCluster, startSecureCluster } from "./secureCluster.ts"

/** What became of it, in a few words. */
const outcomeOf = (settings: Settings): Effect.Effect<string> =>
  open(settings).pipe(
    Effect.map(
      ({ channelBound, method, tls }: OpenConnection) =>
        `${method}${channelBound ? ", bound" : ""}${tls ? ", TLS" : ", plain"}`
    ),
    Effect.scoped,
    Effect.catchAll((error) => Effect.succeed(refusalOf(error)))
  )

const refusalOf = (error: PostgresError): string => {
  assert.strictEqual(error.outcome, "NotSent")
  const { reason } = error
  if (reason._tag === "AuthenticationRefused") return `refused ${reason.method}, see ${reason.setting}`
  if (reason._tag === "InvalidSettings") return `settings: ${reason.key}`
  if (reason._tag === "TlsFailed") return `TLS: ${reason.check}`
  return "report" in reason && reason.report !== undefined
    ? `${error._tag} ${reason._tag} ${reason.report.sqlState}`
    : `${error._tag} ${reason._tag}`
}

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let server: SecureCluster
    beforeAll(async () => {
      server = await startSecureCluster(majorVersion)
    })
    afterAll(() => server?.cluster.stop())

    const expectAll = (cases: ReadonlyArray<readonly [settings: Settings, outcome: string]>) =>
      Effect.forEach(cases, ([settings, outcome], index) =>
        Effect.map(outcomeOf(settings), (actual) => assert.strictEqual(actual, outcome, `case ${index + 1}`))
      )

    it.live("proves itself by SCRAM, bound to the TLS channel where there is one", () =>
      expectAll([
        [server.plain("scrammer"), "scram-sha-256, plain"],
        [server.secure("scrammer"), "scram-sha-256, bound, TLS"],
        [server.secure("scrammer", { channelBinding: "require" }), "scram-sha-256, bound, TLS"],
        [server.secure("scrammer", { channelBinding: "disable" }), "scram-sha-256, TLS"]
      ])
    )

    it.live("insists on channel binding where it was required, whatever the server asks instead", () =>
      Effect.gen(function* () {
        const required: Settings = { channelBinding: "require" }
        const anything: Settings = { ...required, requireAuth: ["md5", "password", "none"] }
        yield* expectAll([
          [server.secure("md5er", anything), "refused md5, see channelBinding"],
          [server.secure("clearer", anything), "refused password, see channelBinding"],
          [server.secure("truster", anything), "refused none, see channelBinding"]
        ])
        const error = yield* Effect.flip(Effect.scoped(open(server.plain("scrammer", required))))
        assert.include(error.message, "the connection is not encrypted")
      })
    )

    it.live("gives a password in clear text or as MD5 only to whom it was allowed, over a verified link", () =>
      expectAll(
        (["md5", "password"] as const).flatMap((method): ReadonlyArray<readonly [Settings, string]> => {
          const user = method === "md5" ? "md5er" : "clearer"
          const requireAuth = [method]
          const unverified: Settings = { requireAuth, sslmode: "require", sslrootcert: undefined }
          const bothWords: Settings = { requireAuth, allowWeakAuthOverUnverifiedLink: true }
          const refused = `refused ${method}, see requireAuth`
          const doubted = `refused ${method}, see allowWeakAuthOverUnverifiedLink`
          return [
            [server.secure(user), refused],
            [server.plain(user), refused],
            [server.secure(user, { requireAuth }), `${method}, TLS`],
            [server.secure(user, { requireAuth, sslmode: "verify-ca" }), `${method}, TLS`],
            [server.plain(user, { requireAuth }), doubted],
            [server.secure(user, unverified), doubted],
            [server.secure(user, { ...unverified, ...bothWords }), `${method}, TLS`],
            [server.plain(user, bothWords), `${method}, plain`],
            [server.secure(user, { requireAuth: ["none"] }), refused]
          ]
        })
      )
    )

    it.live("says once that a weak way was used, although it was allowed", () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        const log = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ logLevel, message }) => void said.push(`${logLevel.label} ${String(message)}`))
        )
        const connectTwice = (settings: Settings) =>
          Effect.flatMap(resolve(settings), (resolved) =>
            Effect.replicateEffect(Effect.scoped(openConnection(resolved, unheard)), 2)
          ).pipe(Effect.provide(Layer.merge(log, NodeTransport.layer)))
        yield* connectTwice(server.secure("md5er", { requireAuth: ["md5"] }))
        yield* connectTwice(server.secure("clearer", { requireAuth: ["password"] }))
        yield* connectTwice(server.secure("scrammer"))
        assert.strictEqual(said.length, 2)
        assert.include(said[0], "asked for an MD5 hash of the password")
        assert.include(said[1], "asked for the password in clear text")
      })
    )

    it.live("is let in without a question only where that was expected", () =>
      expectAll([
        [server.plain("truster"), "refused none, see requireAuth"],
        [server.plain("truster", { requireAuth: ["none"] }), "none, plain"],
        [server.plain("truster", { password: undefined }), "none, plain"],
        [server.plain("truster", { password: undefined, requireAuth: ["!none"] }), "refused none, see requireAuth"],
        [server.plain("truster", { requireAuth: ["scram-sha-256", "none"] }), "none, plain"],
        [server.plain("scrammer", { requireAuth: ["none"] }), "refused scram-sha-256, see requireAuth"]
      ])
    )

    it.live("keeps the class and the SQLSTATE of what the server refuses, after AuthenticationOk too", () =>
      Effect.gen(function* () {
        const wrong = { password: Redacted.make("a wrong word") }
        yield* expectAll([
          [server.secure("scrammer", wrong), "Permanent AuthenticationFailed 28P01"],
          [server.secure("missing"), "Permanent AuthenticationFailed 28P01"],
          [server.secure("nobody"), "Permanent AuthenticationFailed 28000"],
          [server.plain("certified"), "Permanent AuthenticationFailed 28P01"],
          [server.secure("scrammer", { database: "missing" }), "Permanent ServerRefused 3D000"],
          [
            server.secure("limited", { password: Redacted.make("a limited word") }),
            "Transient TooManyConnections 53300"
          ],
          [server.secure("scrammer", { parameters: { work_mem: "much" } }), "Permanent ServerRefused 22023"],
          [server.secure("scrammer", { password: undefined }), "refused scram-sha-256, see password"]
        ])
      })
    )

    it.live("shows a client certificate to a server that asks for one", () =>
      Effect.gen(function* () {
        const { authority, secure } = server
        const own = authority.issue({ commonName: "certified", usage: "client" })
        const other = authority.issue({ commonName: "another", usage: "client" })
        const { encryptedKey } = own
        const certified = (more: Settings): Settings => secure("certified", { password: undefined, ...more })
        const sslcert = own.certificate
        yield* expectAll([
          [certified({ sslcert, sslkey: Redacted.make(own.key) }), "none, TLS"],
          [
            certified({ sslcert, sslkey: Redacted.make(encryptedKey("open")), sslpassword: Redacted.make("open") }),
            "none, TLS"
          ],
          [
            certified({ sslcert, sslkey: Redacted.make(encryptedKey("open")), sslpassword: Redacted.make("shut") }),
            "settings: sslpassword"
          ],
          [certified({ sslcert, sslkey: Redacted.make(encryptedKey("open")) }), "settings: sslpassword"],
          [certified({ sslcert, sslkey: Redacted.make(other.key) }), "settings: sslkey"],
          [certified({}), "Permanent AuthenticationFailed 28000"],
          [
            certified({ sslcert, sslkey: Redacted.make(own.key), sslcertmode: "disable" }),
            "Permanent AuthenticationFailed 28000"
          ],
          [
            certified({ sslcert: other.certificate, sslkey: Redacted.make(other.key) }),
            "Permanent AuthenticationFailed 28000"
          ],
          [secure("certified", { sslcert, sslkey: Redacted.make(own.key) }), "refused none, see requireAuth"]
        ])
      })
    )

    it.live("prepares passwords as the server does", () =>
      Effect.gen(function* () {
        // src/test/authentication/t/002_saslprep.pl: what SASLprep makes equal opens the same door, what it cannot prepare is taken raw
        const roles: ReadonlyArray<readonly [stored: string, typed: string, fits: boolean]> = [
          ["IX", "I\u00adX", true],
          ["IX", "\u2168", true],
          ["a", "\u00aa", true],
          // NFKC would make an "a" of it, but Unicode 3.2 does not know it, so it is taken raw
          ["a", "\u1d43", false],
          ["foo\u0007bar", "foo\u0007bar", true],
          ["foo\u0007bar", "foobar", false],
          ["foo\u00a0bar", "foo bar", true],
          ["\u0627\u0031bc", "\u0627\u0031bc", true],
          ["\u{10400}", "\u{10400}", true],
          ["caf\u00e9", "cafe\u0301", true]
        ]
        for (const [index, [stored, typed, fits]] of roles.entries()) {
          const user = `prepared${index}`
          yield* Effect.promise(() =>
            server.asSuperuser(`CREATE ROLE ${user} LOGIN PASSWORD '${stored.replaceAll("'", "''")}'`)
          )
          const outcome = yield* outcomeOf(server.plain(user, { password: Redacted.make(typed) }))
          assert.strictEqual(
            outcome,
            fits ? "scram-sha-256, plain" : "Permanent AuthenticationFailed 28P01",
            `password ${index}`
          )
        }
      })
    )

    it.live("knows passwords of any length", () =>
      Effect.gen(function* () {
        for (const length of [1, 255, 1_024, 9_000]) {
          const long = "x".repeat(length)
          yield* Effect.promise(() =>
            server.asSuperuser("DROP ROLE IF EXISTS long", `CREATE ROLE long LOGIN PASSWORD '${long}'`)
          )
          const outcome = yield* outcomeOf(server.plain("long", { password: Redacted.make(long) }))
          assert.strictEqual(outcome, "scram-sha-256, plain", `${length} bytes`)
        }
      })
    )

    it.live("says where no session was opened, and what to look at", () =>
      Effect.gen(function* () {
        const refusedIn = (settings: Settings) => Effect.flip(Effect.scoped(open(settings)))
        const wrong = yield* refusedIn(server.plain("scrammer", { password: Redacted.make("a wrong word") }))
        assert.match(wrong.message, /PGPASSWORD.* Nothing was sent; no session was opened at .*:\d+\.$/)
        const missing = yield* refusedIn(server.plain("scrammer", { database: "missing" }))
        assert.match(missing.message, /CREATE DATABASE.* Nothing was sent; no session was opened at .*:\d+\.$/)
        const none = yield* refusedIn(server.plain("scrammer", { password: undefined }))
        assert.match(none.message, /Hint: give one: .* Nothing was sent; no session was opened at .*:\d+\.$/)
      })
    )

    it.live("asks for the password anew for each attempt, and says so if there is none to be had", () =>
      Effect.gen(function* () {
        let asked = 0
        const words = ["a wrong word", password]
        const rotating = Effect.sync(() => Redacted.make(words[asked++] ?? password))
        const settings = server.plain("scrammer", { password: rotating })
        assert.strictEqual(yield* outcomeOf(settings), "Permanent AuthenticationFailed 28P01")
        assert.strictEqual(yield* outcomeOf(settings), "scram-sha-256, plain")
        assert.strictEqual(asked, 2)

        const failing = server.plain("scrammer", { password: Effect.fail("the vault is shut") })
        const error = yield* Effect.flip(Effect.scoped(open(failing)))
        assert.strictEqual(error._tag, "Broken")
        assert.include(error.message, "the vault is shut")

        const hanging = server.plain("scrammer", { password: Effect.never, connectTimeout: "200 millis" })
        const late = yield* Effect.flip(Effect.scoped(open(hanging)))
        assert.include(late.message, "no answer during the reading of the password within 200ms (connectTimeout)")
      })
    )

    it.live("speaks the newest protocol that both sides know, if asked to", () =>
      Effect.gen(function* () {
        const versionOf = (more: Settings) =>
          Effect.scoped(
            Effect.map(open(server.secure("scrammer", more)), ({ key, protocolVersion }) => [
              (protocolVersion & 0xffff).toString(),
              key?.secretKey.length
            ])
          )
        const newest = majorVersion >= 18 ? ["2", 32] : ["0", 4]
        assert.deepStrictEqual(yield* versionOf({}), ["0", 4])
        assert.deepStrictEqual(yield* versionOf({ maxProtocolVersion: "latest" }), newest)
        const outcome = yield* outcomeOf(server.secure("scrammer", { minProtocolVersion: "3.2" }))
        assert.strictEqual(
          outcome,
          majorVersion >= 18 ? "scram-sha-256, bound, TLS" : "refused protocol version, see minProtocolVersion"
        )
      })
    )

    it.live("runs initial statements before anybody has the connection, and lets none through if one fails", () =>
      Effect.gen(function* () {
        const settings = server.secure("scrammer", {
          parameters: { search_path: "app, public" },
          initStatements: ["SET work_mem = '5MB'; SET statement_timeout = 1234", "CREATE TEMP TABLE mine (n int4)"]
        })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* open(settings)
            const shown =
              "current_setting('work_mem') || current_setting('statement_timeout') || current_setting('search_path')"
            assert.strictEqual(yield* say(connection, `SELECT ${shown}`), "5MB1234msapp, public")
            assert.strictEqual(yield* say(connection, "SELECT count(*) FROM mine"), "0")
          })
        )
        const broken = server.secure("scrammer", {
          applicationName: "broken",
          initStatements: ["SET work_mem = 'much'"]
        })
        const error = yield* Effect.flip(Effect.scoped(open(broken)))
        assert.strictEqual(refusalOf(error), "Permanent DataException 22023")
        assert.strictEqual(error.statement?.name, "initStatements[0]")
        const sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'broken'"
        // a backend takes a moment to go
        yield* Effect.promise(() => server.asSuperuser(sessions)).pipe(
          Effect.filterOrFail((count) => count === "0"),
          Effect.retry(Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(50)))
        )
      })
    )
  })
}
