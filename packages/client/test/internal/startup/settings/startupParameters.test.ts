import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "../../../../src/Settings.ts"
import { type Environment, refused, refusedIn, resolved, resolveIn } from "./resolving.ts"

const parametersOf = (settings: Settings, environment: Environment = {}) =>
  Effect.map(resolveIn(environment, settings), ({ startupParameters }) => Object.fromEntries(startupParameters))

describe("start-up parameters", () => {
  it.effect("sends who asks, and what the decoders rely on", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* resolved({ database: "app" })).startupParameters, [
        ["user", "tester"],
        ["database", "app"],
        ["application_name", "pgfx"],
        ["client_encoding", "UTF8"],
        ["DateStyle", "ISO"],
        ["IntervalStyle", "postgres"],
        ["bytea_output", "hex"],
        ["extra_float_digits", "1"]
      ])
    })
  )

  it.effect("calls the database by the user's name if it has none", () =>
    Effect.gen(function* () {
      assert.include(yield* parametersOf({ user: "u" }), { user: "u", database: "u" })
      assert.include(yield* parametersOf({ user: "u", url: Redacted.make("dbname=''") }), { database: "u" })
      assert.include(yield* parametersOf({}, { PGUSER: "p", PGDATABASE: "d" }), { user: "p", database: "d" })
      assert.match(yield* refusedIn({ USER: "" }, {}), /^user: is needed/)
      assert.include(yield* parametersOf({}, { USER: "", USERNAME: "w" }), { user: "w" })
    })
  )

  it.effect("has a name for the application, a fallback, or none", () =>
    Effect.gen(function* () {
      assert.propertyVal(yield* parametersOf({ applicationName: "a" }), "application_name", "a")
      assert.propertyVal(yield* parametersOf({ fallbackApplicationName: "f" }), "application_name", "f")
      assert.propertyVal(
        yield* parametersOf({ fallbackApplicationName: "f" }, { PGAPPNAME: "e" }),
        "application_name",
        "e"
      )
      assert.notProperty(yield* parametersOf({ applicationName: "" }), "application_name")
    })
  )

  it.effect("adds the user's, whatever their case, and those of the environment", () =>
    Effect.gen(function* () {
      const environment = { PGTZ: "UTC", PGGEQO: "default", PGDATESTYLE: "ISO, DMY" }
      const parameters = yield* parametersOf(
        {
          parameters: { search_path: "app, public", datestyle: "iso, ymd", "app.tenant": "7" },
          options: "-c geqo=off"
        },
        environment
      )
      assert.include(parameters, {
        search_path: "app, public",
        DateStyle: "iso, ymd",
        "app.tenant": "7",
        TimeZone: "UTC",
        options: "-c geqo=off"
      })
      assert.notProperty(parameters, "geqo")
    })
  )

  it.effect("sends statementTimeout in whole milliseconds", () =>
    Effect.gen(function* () {
      const timeout = (statementTimeout: Duration.DurationInput) =>
        Effect.map(parametersOf({ statementTimeout }), (parameters) => parameters["statement_timeout"])
      assert.strictEqual(yield* timeout("2 seconds"), "2000")
      assert.strictEqual(yield* timeout(Duration.micros(1n)), "1")
      assert.strictEqual(yield* timeout(0), "0")
      assert.strictEqual(yield* timeout(Duration.infinity), "0")
      assert.match(yield* refused({ statementTimeout: "30 days" }), /^statementTimeout: must be at most/)
      assert.match(yield* refused({ statementTimeout: 1, parameters: { Statement_Timeout: "1" } }), /also set by/)
    })
  )

  it.effect("refuses what the client could not read, or says in another place", () =>
    Effect.gen(function* () {
      for (const [name, value] of [
        ["client_encoding", "LATIN1"],
        ["datestyle", "German"],
        ["DATESTYLE", "isolated"],
        ["IntervalStyle", "iso_8601"],
        ["bytea_output", "escape"],
        ["extra_float_digits", "0"],
        ["user", "admin"],
        ["database", "x"],
        ["replication", "database"],
        ["application_name", "x"],
        ["options", "-c a=b"],
        ["_pq_.command_progress", "on"],
        ["", "x"],
        ["a b", "x"]
      ] as const) {
        assert.match(yield* refused({ parameters: { [name]: value } }), /^parameters: /, name)
      }
      assert.match(yield* refused({ parameters: { work_mem: "1MB", WORK_MEM: "2MB" } }), /twice/)
      assert.match(yield* refusedIn({ PGDATESTYLE: "German" }, {}), /DateStyle needs/)
      assert.match(yield* refusedIn({ PGCLIENTENCODING: "LATIN1" }, {}), /^client_encoding: PGCLIENTENCODING/)
      for (const encoding of ["UTF8", "utf-8", "auto", ""]) {
        assert.propertyVal(yield* parametersOf({}, { PGCLIENTENCODING: encoding }), "client_encoding", "UTF8")
      }
    })
  )

  it.effect("refuses a NUL in any of them", () =>
    Effect.gen(function* () {
      const injected = "x\0user\0admin"
      for (const settings of [
        { user: injected },
        { database: injected },
        { applicationName: injected },
        { options: injected },
        { parameters: { search_path: injected } },
        { parameters: { [injected]: "x" } },
        { host: injected },
        { password: Redacted.make(injected) },
        { url: Redacted.make(`user='${injected}'`) }
      ]) {
        assert.include(yield* refused(settings), "NUL")
      }
    })
  )

  it.effect("refuses a packet that servers drop without a word", () =>
    Effect.gen(function* () {
      const { startupParameters } = yield* resolved({ options: "x" })
      const used = startupParameters.flat().reduce((sum, text) => sum + text.length + 1, 0) + 5 - 1
      yield* resolved({ options: "x".repeat(10_000 - used) })
      assert.include(yield* refused({ options: "x".repeat(10_001 - used) }), "10001 bytes; servers take 10000")
      assert.include(yield* refused({ options: "é".repeat((10_002 - used) / 2) }), "servers take 10000")
    })
  )
})
