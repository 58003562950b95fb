import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Broken, Permanent } from "../../../../src/PostgresError.ts"
import type { Settings } from "../../../../src/Settings.ts"
import { passfiles } from "./corpus/readCorpus.ts"
import { makeHome, withFiles } from "./files.ts"
import { type Environment, refused, refusedIn, resolved, resolveIn } from "./resolving.ts"

const passwordIn = (environment: Environment, settings: Settings) =>
  Effect.gen(function* () {
    const { hosts } = yield* resolveIn(environment, settings)
    const password = yield* hosts[0]?.password ?? Effect.dieMessage("no host")
    return password === undefined ? undefined : Redacted.value(password)
  })

const url = (text: string): Settings => ({ url: Redacted.make(text) })

describe("a given password", () => {
  it.effect("comes from the settings, the url or the environment, in that order", () =>
    Effect.gen(function* () {
      const environment = { PGPASSWORD: "of the environment" }
      const both = url("postgres://u:of%20the%20url@h/")
      assert.strictEqual(yield* passwordIn(environment, { ...both, password: Redacted.make("typed") }), "typed")
      assert.strictEqual(yield* passwordIn(environment, both), "of the url")
      assert.strictEqual(yield* passwordIn(environment, {}), "of the environment")
      assert.isUndefined(yield* passwordIn({}, {}))
      assert.isUndefined(yield* passwordIn({ PGPASSWORD: "" }, url("password=''")))
    })
  )

  it.effect("is refused if it is empty", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refused({ password: Redacted.make("") }), "password: is empty")
    })
  )
})

describe("a password that is an Effect", () => {
  it.effect("is run once for every attempt, and not before the first", () =>
    Effect.gen(function* () {
      let runs = 0
      const password = Effect.sync(() => Redacted.make(`token ${++runs}`))
      const { hosts } = yield* resolved({ password, host: "h" })
      assert.strictEqual(runs, 0)
      const attempt = hosts[0]?.password ?? Effect.dieMessage("no host")
      for (const expected of ["token 1", "token 2"]) {
        const given = yield* attempt
        assert.strictEqual(given === undefined ? undefined : Redacted.value(given), expected)
      }
    })
  )

  it.effect("fails the attempt with its failure as the cause", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        passwordIn({}, { host: "h", port: 7, password: Effect.fail("token service down") })
      )
      assert.instanceOf(error, Broken)
      assert.deepStrictEqual(error.reason, { _tag: "ConnectFailed", address: "h:7", cause: "token service down" })
      assert.strictEqual(error.outcome, "NotSent")
    })
  )

  it.effect("passes a PostgresError on, and a defect as a defect", () =>
    Effect.gen(function* () {
      const own = new Permanent({ reason: { _tag: "PoolClosed" }, outcome: "NotSent" })
      assert.strictEqual(yield* Effect.flip(passwordIn({}, { password: Effect.fail(own) })), own)
      const defect = yield* Effect.sandbox(passwordIn({}, { password: Effect.die("bug") })).pipe(Effect.flip)
      assert.isTrue(Cause.isDie(defect))
    })
  )

  it.effect("is refused if what it gives is empty", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(passwordIn({}, { password: Effect.succeed(Redacted.make("")) }))
      assert.deepStrictEqual(error.reason, { _tag: "InvalidSettings", key: "password", issue: "is empty" })
    })
  )
})

describe("the password file", () => {
  it.effect("is refused or not by its permissions, as by libpq", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const corpus = passfiles().filter(({ mode }) => mode !== 0o600)
        assert.isAbove(corpus.length, 3)
        for (const { file, input, libpq, mode } of corpus) {
          const environment = { PGPASSFILE: yield* home.write("passfile", file, mode) }
          if (libpq.password === "") {
            const issue = "passfile: its file is accessible to group or world: its mode must be 0600 or less"
            assert.strictEqual(yield* refusedIn(environment, url(input)), issue, mode.toString(8))
          } else {
            assert.strictEqual(yield* passwordIn(environment, url(input)), libpq.password, mode.toString(8))
          }
        }
      })
    )
  )

  it.effect("is found in the home directory", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        yield* home.write(".pgpass", "h:5432:d:u:secret\n")
        const settings = { host: "h", database: "d", user: "u" }
        assert.strictEqual(yield* passwordIn({ HOME: home.directory }, settings), "secret")
        assert.isUndefined(yield* passwordIn({ HOME: home.directory }, { ...settings, port: 1 }))
        assert.strictEqual(
          yield* passwordIn({ HOME: home.directory }, { ...settings, password: Redacted.make("given") }),
          "given"
        )
        yield* home.write("postgresql/pgpass.conf", "*:*:*:*:windows\n", 0o666)
        const windows = { OS: "Windows_NT", APPDATA: home.directory }
        assert.strictEqual(yield* passwordIn(windows, settings), "windows")
      })
    )
  )

  it.effect("is read again for every attempt, by the host that is dialled", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const passfile = yield* home.write("passfile", "a:*:*:*:first\nlocalhost:*:*:*:local\n")
        const { hosts } = yield* resolved({
          passfile,
          hosts: [
            { host: "a" },
            { host: "localhost" },
            { host: "localhost", hostaddr: "203.0.113.7" },
            { host: "/tmp" }
          ]
        })
        const read = Effect.forEach(hosts, ({ password }) =>
          Effect.map(password, (given) => (given === undefined ? undefined : Redacted.value(given)))
        )
        assert.deepStrictEqual(yield* read, ["first", "local", undefined, "local"])
        yield* home.write("passfile", "*:*:*:*:second\n")
        assert.deepStrictEqual(yield* read, ["second", "second", "second", "second"])
        yield* home.write("passfile", "*:*:*:*:third\n", 0o644)
        assert.strictEqual((yield* Effect.flip(read)).reason._tag, "InvalidSettings")
      })
    )
  )

  it.effect("must be there, be a file and be text if somebody named it", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        assert.match(yield* refused({ passfile: `${home.directory}/none` }), /^passfile: .*NotFound/)
        assert.match(yield* refused({ passfile: home.directory }), /^passfile: .*not a regular file/)
        const latin1 = yield* home.write("latin1", Uint8Array.of(0x2a, 0xe4, 0x0a))
        assert.match(yield* refused({ passfile: latin1 }), /^passfile: .*not UTF-8/)
        assert.isUndefined(yield* passwordIn({ PGPASSFILE: "/dev/null" }, {}))
        const files = yield* FileSystem.FileSystem
        const large = yield* home.write("large", "")
        yield* files.truncate(large, 5 * 1024 * 1024)
        assert.match(yield* refused({ passfile: large }), /^passfile: .*larger than 4 MiB/)
      })
    )
  )

  it.effect("is left aside, with a note, if the default one may not be used", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        yield* home.write(".pgpass", "*:*:*:*:secret\n", 0o644)
        const settings = yield* resolveIn({ HOME: home.directory }, {})
        assert.deepStrictEqual(
          settings.notes.map(({ key }) => key),
          ["passfile"]
        )
        assert.include(settings.notes[0]?.because, "accessible to group or world")
        assert.isUndefined(yield* passwordIn({ HOME: home.directory }, {}))
      })
    )
  )

  it.effect("needs a FileSystem if somebody named it, and is passed over without one otherwise", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refused({ passfile: "/home/x" }),
        /^passfile: .*there is no FileSystem.*NodeFileSystem\.layer/
      )
      assert.strictEqual(yield* passwordIn({ PGPASSFILE: "/home/x" }, { password: Redacted.make("given") }), "given")
      assert.isUndefined(yield* passwordIn({ HOME: "/home" }, {}))
    })
  )
})
