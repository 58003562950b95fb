import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as fc from "fast-check"
import type { Settings } from "../../../../src/Settings.ts"
import { connections } from "./corpus/readCorpus.ts"
import { makeHome, pem, withFiles } from "./files.ts"
import { type Environment, refused, refusedIn, resolved, resolveIn } from "./resolving.ts"

const url = (text: string): Settings => ({ url: Redacted.make(text) })

describe("what libpq would dial with, and what it refuses", () => {
  const corpus = connections()
  it("has a corpus", () => assert.isAbove(corpus.length, 150))

  for (const { differs, environment, input, libpq } of corpus) {
    const verb = libpq.refused === (differs === undefined) ? "refuses" : "takes"
    const because = differs === undefined ? "" : `, unlike libpq: ${differs}`
    it.effect(`${verb} ${JSON.stringify(input.slice(0, 100))} ${JSON.stringify(environment)}${because}`, () =>
      Effect.gen(function* () {
        const result = yield* Effect.either(resolveIn(environment, url(input)))
        assert.strictEqual(Either.isLeft(result), verb === "refuses")
      })
    )
  }
})

describe("precedence", () => {
  it.effect("is settings, url, service file, environment, default: keyword by keyword", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const path = yield* home.write("services", "[s]\nhost=service\nport=2\nuser=service\ndbname=service\n")
        const environment = {
          PGSERVICEFILE: path,
          PGSERVICE: "s",
          PGHOST: "environment",
          PGPORT: "3",
          PGUSER: "environment",
          PGDATABASE: "environment",
          PGAPPNAME: "environment"
        }
        const settings = yield* resolveIn(environment, { ...url("postgres://url@url:1"), host: "settings" })
        assert.deepStrictEqual(
          [settings.hosts[0]?.name, settings.hosts[0]?.port, settings.user, settings.database],
          ["settings", 1, "url", "service"]
        )
        assert.deepInclude(settings.startupParameters, ["application_name", "environment"])
        assert.strictEqual(settings.targetSessionAttrs, "any")
      })
    )
  )

  it.effect("lets the url name the service, and the settings another one", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const servicefile = yield* home.write("services", "[a]\nhost=a\n[b]\nhost=b\n")
        const hostOf = (settings: Settings, environment: Environment = {}) =>
          Effect.map(resolveIn(environment, { ...settings, servicefile }), ({ hosts }) => hosts[0]?.name)
        assert.strictEqual(yield* hostOf(url("postgres:///?service=b"), { PGSERVICE: "a" }), "b")
        assert.strictEqual(yield* hostOf({ ...url("service=b"), service: "a" }), "a")
      })
    )
  )
})

describe("resolve", () => {
  it.effect("takes libpq's words as they are", () =>
    Effect.gen(function* () {
      const text = "postgres://a,b/db?target_session_attrs=prefer-standby&load_balance_hosts=random"
      assert.include(yield* resolved(url(text)), { targetSessionAttrs: "prefer-standby", loadBalanceHosts: "random" })
      const typed: Settings = {
        targetSessionAttrs: "read-write",
        loadBalanceHosts: "disable",
        initStatements: ["SET x = 1"]
      }
      const settings = yield* resolved({ ...url(text), ...typed })
      assert.include(settings, { targetSessionAttrs: "read-write", loadBalanceHosts: "disable" })
      assert.deepStrictEqual(settings.initStatements, ["SET x = 1"])
    })
  )

  it.effect("notes what it ignores, and refuses what would have to hold", () =>
    Effect.gen(function* () {
      const { notes } = yield* resolved(
        url("sslcompression=1 tcp_user_timeout=5 krbsrvname=postgres gssencmode=prefer")
      )
      assert.deepStrictEqual(
        notes.map(({ key }) => key),
        ["sslcompression", "tcp_user_timeout"]
      )
      for (const text of [
        "requirepeer=root",
        "sslcrldir=/x",
        "gssencmode=require",
        "scram_client_key=x",
        "replication=true"
      ]) {
        assert.match(yield* refused(url(text)), /is refused: /, text)
      }
      assert.match(
        yield* refusedIn({ PGREQUIREPEER: "root" }, {}),
        /^requirepeer: PGREQUIREPEER in the environment is refused/
      )
    })
  )

  it.effect("lets a url from a user set only what it may", () =>
    Effect.gen(function* () {
      const urlKeys = ["host", "port", "user", "password", "dbname"]
      yield* resolved({ ...url("postgres://u:p@h:1/d"), urlKeys })
      assert.strictEqual(
        yield* refused({ ...url("postgres://h/d?sslmode=disable"), urlKeys }),
        "url: the connection string sets sslmode, which `urlKeys` does not list"
      )
      assert.match(yield* refused({ ...url("postgres://h/d?ssl=true"), urlKeys }), /sets sslmode/)
      assert.match(yield* refused({ urlKeys: ["sslmod"] }), /^urlKeys: must be keywords of libpq/)
    })
  )

  it.effect("answers with something that nobody can change", () =>
    Effect.gen(function* () {
      const settings = yield* resolved({
        ...url("postgres://a,b/"),
        initStatements: ["SET x = 1"],
        requireAuth: ["md5"]
      })
      const thawed: Array<string> = []
      const visit = (value: unknown, path: string): void => {
        if (typeof value !== "object" || value === null || Effect.isEffect(value) || path.endsWith("Timeout")) return
        const ours = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
        if (ours && !Object.isFrozen(value)) thawed.push(path)
        if (ours) for (const [key, item] of Object.entries(value)) visit(item, `${path}.${key}`)
      }
      visit(settings, "settings")
      assert.deepStrictEqual(thawed, [])
    })
  )
})

/** A word that no message of ours contains. */
const canary = "Zx9Qcanary"

const everyForm = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: null, showHidden: true }),
    value instanceof Error ? value.stack : ""
  ].join("\n")

describe("secrets", () => {
  it.effect("are in no form of resolved settings", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const key = `${pem("PRIVATE KEY")}${canary}`
        const sources: ReadonlyArray<readonly [Environment, Settings]> = [
          [{}, url(`postgres://u:${canary}@h/`)],
          [
            {},
            url(
              `host=h password=${canary} sslpassword=${canary} sslcert=${yield* home.write("crt", pem("CERTIFICATE"))} sslkey=${yield* home.write("key", key)}`
            )
          ],
          [
            {},
            {
              host: "h",
              password: Redacted.make(canary),
              sslcert: pem("CERTIFICATE"),
              sslkey: Redacted.make(key),
              sslpassword: Redacted.make(canary)
            }
          ],
          [{}, { password: Effect.succeed(Redacted.make(canary)) }],
          [{ PGPASSWORD: canary }, {}],
          [{ PGPASSFILE: yield* home.write("passfile", `*:*:*:*:${canary}\n`) }, {}]
        ]
        for (const [environment, settings] of sources) {
          const resolved = yield* resolveIn(environment, settings)
          const password = yield* resolved.hosts[0]?.password ?? Effect.succeed(undefined)
          assert.isTrue(Redacted.isRedacted(password))
          const material = yield* resolved.tls.material
          for (const value of [resolved, password, material]) assert.notInclude(everyForm(value), canary)
        }
      })
    )
  )

  it.effect("are in no form of a refusal, wherever a broken string put them", () =>
    Effect.gen(function* () {
      for (const text of [
        `postgres://user:${canary}`,
        `postgres://user:${canary}/x@host/db`,
        `postgres://user:${canary}%@host/db`,
        `postgres://user:${canary} x@host/db`,
        `postgres://user:a@b${canary}:c@host/db`,
        `postgres://user:pw@[${canary}`,
        `postgres://host/?${canary}=x`,
        `postgres://host/?password=a&${canary}`,
        `postgres://host/?sslmode=${canary}`,
        `postgres://host/?require_auth=${canary}`,
        `postgres://host/?hostaddr=${canary}`,
        ` postgres://user:${canary}@host?a=b`,
        `Postgres://user:${canary}@host?a=b`,
        `http://user:${canary}@host?a=b`,
        `password=a ${canary} host=b`,
        `password=a ${canary}=x`,
        `password='${canary}`,
        canary,
        `port=${canary}`,
        `connect_timeout=${canary}`,
        `service=${canary}`,
        `scram_client_key=${canary}`
      ]) {
        const error = yield* Effect.flip(resolved(url(text)))
        assert.notInclude(everyForm(error), canary, text.replace(canary, "…"))
      }
      const typed = {
        password: Redacted.make(`${canary}\0`),
        sslkey: Redacted.make(canary),
        sslcert: pem("CERTIFICATE"),
        host: "h"
      }
      assert.notInclude(everyForm(yield* Effect.flip(resolved(typed))), canary)
    })
  )
})

describe("resolve under fire", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "",
      "1",
      "0",
      "require",
      "a,b",
      "a,b,c",
      "/tmp",
      "::1",
      "127.0.0.1",
      "md5",
      "!md5",
      "3.2",
      "system",
      canary
    ),
    fc.string({ unit: "binary", maxLength: 8 })
  )
  const names = fc.constantFrom(
    ..."host hostaddr port user password dbname sslmode sslnegotiation sslrootcert sslcertmode sslsni connect_timeout keepalives keepalives_idle require_auth channel_binding target_session_attrs min_protocol_version max_protocol_version client_encoding options application_name passfile gssencmode ssl_min_protocol_version".split(
      " "
    )
  )

  it.effect("answers any url and environment with settings or InvalidSettings, and never dies", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.dictionary(names, word, { maxKeys: 5 }),
          fc.dictionary(fc.constantFrom("PGHOST", "PGPORT", "PGSSLMODE", "PGTZ", "HOME"), word),
          async (values, environment) => {
            const text = Object.entries(values)
              // a word that settings know would be found wherever they are listed
              .map(([name, value]) => [name, name === "password" ? canary : value] as const)
              .map(([name, value]) => `${name}='${value.replaceAll(/['\\]/g, "\\$&")}'`)
              .join(" ")
            const result = await Effect.runPromise(Effect.either(resolveIn(environment, url(text))))
            if (Either.isLeft(result)) {
              assert.strictEqual(result.left.reason._tag, "InvalidSettings")
              assert.notInclude(result.left.toString(), canary)
            } else {
              assert.isAtLeast(result.right.hosts.length, 1)
              for (const { sslmode } of result.right.hosts) assert.isString(sslmode)
            }
          }
        ),
        { numRuns: 500 }
      )
    )
  )
})
