import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { unwrapSettings } from "../src/internal/startup/settings/settingsConfig.ts"
import type { Settings } from "../src/Settings.ts"

const unwrapIn = (variables: Record<string, string>, settings: Config.Config.Wrap<Settings>) =>
  Effect.withConfigProvider(unwrapSettings(settings), ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("settings from Config", () => {
  it.effect("are read field by field, nested ones too", () =>
    Effect.gen(function* () {
      const settings = yield* unwrapIn(
        { DATABASE_URL: "postgres://u:p@h/db", PG_POOL_MAX: "20", ACQUIRE: "3 seconds", SEARCH_PATH: "app" },
        {
          url: Config.redacted("DATABASE_URL"),
          applicationName: Config.string("SERVICE_NAME").pipe(Config.withDefault("orders")),
          user: Config.string("NOBODY").pipe(Config.withDefault(undefined)),
          sslmode: Config.literal("disable", "verify-full")("SSLMODE").pipe(Config.withDefault("verify-full" as const)),
          hosts: Config.succeed([{ host: "a" }, { host: "b", port: 5433 }]),
          password: Config.succeed(Effect.succeed(Redacted.make("token"))),
          parameters: { search_path: Config.string("SEARCH_PATH") },
          pool: { max: Config.integer("PG_POOL_MAX"), acquireTimeout: Config.duration("ACQUIRE") }
        }
      )
      assert.strictEqual(settings.url === undefined ? undefined : Redacted.value(settings.url), "postgres://u:p@h/db")
      assert.strictEqual(settings.applicationName, "orders")
      assert.isUndefined(settings.user)
      assert.strictEqual(settings.sslmode, "verify-full")
      assert.deepStrictEqual(settings.hosts, [{ host: "a" }, { host: "b", port: 5433 }])
      assert.isTrue(Effect.isEffect(settings.password))
      assert.deepStrictEqual(settings.parameters, { search_path: "app" })
      assert.deepStrictEqual(settings.pool, { max: 20, acquireTimeout: Duration.seconds(3) })
    })
  )

  it.effect("are read as a whole, too", () =>
    Effect.gen(function* () {
      const whole = Config.map(Config.string("HOST"), (host): Settings => ({ host }))
      assert.deepStrictEqual(yield* unwrapIn({ HOST: "h" }, whole), { host: "h" })
    })
  )

  it.effect("fail with one ConfigError that has every missing entry", () =>
    Effect.gen(function* () {
      const settings = { url: Config.redacted("DATABASE_URL"), pool: { max: Config.integer("POOL") } }
      const error = yield* Effect.flip(unwrapIn({ POOL: "many" }, settings))
      assert.isTrue(ConfigError.isConfigError(error))
      assert.include(String(error), "DATABASE_URL")
      assert.include(String(error), "POOL")
    })
  )

  it.effect("pass over fields that are undefined", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* unwrapIn({}, { pool: undefined, parameters: undefined }), {})
      assert.deepStrictEqual(yield* unwrapIn({ H: "h" }, { host: Config.string("H"), pool: {} }), { host: "h" })
      assert.deepStrictEqual(yield* unwrapIn({}, {}), {})
    })
  )
})
