import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ResolvedSettings } from "../../../../src/internal/startup/settings/ResolvedSettings.ts"
import { services } from "./corpus/readCorpus.ts"
import { makeHome, withFiles } from "./files.ts"
import { refused, refusedIn, resolveIn } from "./resolving.ts"

/** The part of libpq's answers that a resolved connection shows. */
const shown = (settings: ResolvedSettings) =>
  Effect.gen(function* () {
    const [host] = settings.hosts
    const parameters = Object.fromEntries(settings.startupParameters)
    const password = yield* host?.password ?? Effect.succeed(undefined)
    return {
      user: settings.user,
      dbname: settings.database,
      hostaddr: host?.address,
      host: host?.name === host?.address ? undefined : host?.name,
      port: String(host?.port),
      application_name: parameters["application_name"],
      options: parameters["options"],
      password: password === undefined ? undefined : Redacted.value(password)
    }
  })

describe("service files, as libpq reads them", () => {
  const corpus = services()
  it("has a corpus", () => assert.isAbove(corpus.length, 30))

  for (const { environment, file, input, libpq } of corpus) {
    const what = `${JSON.stringify(file)} for ${JSON.stringify(input)} and ${JSON.stringify(environment)}`
    it.effect(`${"refused" in libpq ? "refuses" : "reads"} ${what}`, () =>
      withFiles(
        Effect.gen(function* () {
          const home = yield* makeHome
          const around = { ...environment, PGSERVICEFILE: yield* home.write("services", file) }
          const settings = { url: Redacted.make(input) }
          if ("refused" in libpq) {
            yield* refusedIn(around, settings)
          } else {
            const user = libpq.values["user"] ?? "tester"
            const nobody = { host: undefined, options: undefined, password: undefined, application_name: "pgfx" }
            assert.deepStrictEqual(yield* shown(yield* resolveIn(around, settings)), {
              ...nobody,
              user,
              dbname: user,
              hostaddr: "",
              port: "",
              ...libpq.values
            })
          }
        })
      )
    )
  }
})

describe("the service file", () => {
  it.effect("is the user's, then the system's", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        yield* home.write(".pg_service.conf", "[mine]\nhost=mine\n[both]\nhost=mine\n")
        yield* home.write("etc/pg_service.conf", "[system]\nhost=system\n[both]\nhost=system\n")
        const environment = { HOME: home.directory, PGSYSCONFDIR: `${home.directory}/etc` }
        const hostOf = (service: string) =>
          Effect.map(resolveIn(environment, { service }), ({ hosts }) => hosts[0]?.name)
        assert.strictEqual(yield* hostOf("mine"), "mine")
        assert.strictEqual(yield* hostOf("system"), "system")
        assert.strictEqual(yield* hostOf("both"), "mine")
        assert.strictEqual(
          yield* refusedIn(environment, { service: "none" }),
          "service: the service is defined in no service file"
        )
        const elsewhere = { ...environment, HOME: "/nowhere", service: "system" }
        assert.strictEqual((yield* resolveIn(elsewhere, { service: "both" })).hosts[0]?.name, "system")
      })
    )
  )

  it.effect("must be there if somebody named it", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const servicefile = `${home.directory}/none`
        assert.match(yield* refused({ service: "s", servicefile }), /^servicefile: .*NotFound/)
        assert.match(yield* refusedIn({ PGSERVICEFILE: servicefile }, { service: "s" }), /^servicefile: .*NotFound/)
      })
    )
  )

  it.effect("needs a FileSystem", () =>
    Effect.gen(function* () {
      assert.match(yield* refused({ service: "s" }), /^service: .*no FileSystem/)
      assert.match(yield* refused({ service: "s", servicefile: "/x" }), /^servicefile: .*no FileSystem/)
    })
  )

  it.effect("names the line of what is wrong, and not what stands there", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const issue = (text: string) =>
          Effect.flatMap(home.write("services", text), (servicefile) => refused({ service: "s", servicefile }))
        assert.strictEqual(
          yield* issue("[s]\nhost=a\nhunter2\n"),
          'service: line 3 of the service file has no "=" between keyword and value'
        )
        assert.match(yield* issue("[s]\npasword=hunter2\n"), /^service: line 2 .*did you mean password/)
        assert.notInclude(yield* issue("[s]\npasword=hunter2\n"), "hunter2")
        assert.match(yield* issue("[s]\nservicefile=/x\n"), /names another service/)
        assert.strictEqual(
          yield* issue("[s]\nport=hunter2\n"),
          'port: "port" in the service file must be a whole number from 1 to 65535'
        )
      })
    )
  )
})
