import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { readEnvironment } from "../../../../src/internal/startup/settings/environment.ts"
import { keywords } from "../../../../src/internal/startup/settings/keywords.ts"
import { invalidSettings } from "../../../../src/internal/startup/settings/invalidSettings.ts"
import { resolve } from "../../../../src/internal/startup/settings/resolve.ts"

const readIn = (variables: Record<string, string>) =>
  Effect.withConfigProvider(readEnvironment, ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("the environment", () => {
  it.effect("gives every keyword its variable", () =>
    Effect.gen(function* () {
      const variables = keywords.flatMap(({ name, variable }) => (variable === undefined ? [] : [{ name, variable }]))
      assert.strictEqual(new Set(variables.map(({ variable }) => variable)).size, variables.length)
      const { values } = yield* readIn(
        Object.fromEntries(variables.map(({ name, variable }) => [variable, `of ${name}`]))
      )
      assert.deepStrictEqual(
        Object.fromEntries(values),
        Object.fromEntries(variables.map(({ name }) => [name, `of ${name}`]))
      )
    })
  )

  it.effect("tells empty from absent, as libpq does", () =>
    Effect.gen(function* () {
      const { values } = yield* readIn({ PGHOST: "" })
      assert.deepStrictEqual([...values], [["host", ""]])
    })
  )

  it.effect("is the process's own, character for character", () => {
    const before = { ...process.env }
    const restore = Effect.sync(() => {
      for (const name of ["PGPASSWORD", "PGHOST", "PGUSER"]) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    })
    return Effect.gen(function* () {
      Object.assign(process.env, { PGPASSWORD: " a, b_c=d\\ ", PGHOST: "h1,h2", PGUSER: "u" })
      const environment = yield* readEnvironment
      assert.strictEqual(environment.values.get("password"), " a, b_c=d\\ ")
      assert.strictEqual(environment.values.get("host"), "h1,h2")
      const settings = yield* resolve({})
      assert.deepStrictEqual(
        settings.hosts.map(({ name }) => name),
        ["h1", "h2"]
      )
      assert.strictEqual(settings.user, "u")
    }).pipe(Effect.ensuring(restore))
  })

  it.effect("of the process has every keyword's variable, too", () => {
    const before = { ...process.env }
    const variables = keywords.flatMap(({ name, variable }) => (variable === undefined ? [] : [{ name, variable }]))
    const restore = Effect.sync(() => {
      for (const { variable } of variables) {
        if (before[variable] === undefined) delete process.env[variable]
        else process.env[variable] = before[variable]
      }
    })
    const readAlone = ({ name, variable }: (typeof variables)[number]) =>
      Effect.gen(function* () {
        for (const each of variables) delete process.env[each.variable]
        process.env[variable] = `of ${name}`
        assert.deepStrictEqual([...(yield* readEnvironment).values], [[name, `of ${name}`]])
      })
    return Effect.ensuring(Effect.forEach(variables, readAlone), restore)
  })

  it.effect("is asked for each variable by its name where a provider maps names", () =>
    Effect.gen(function* () {
      const lower = ConfigProvider.fromMap(new Map([["pghost", "h"]]), { pathDelim: "." }).pipe(
        ConfigProvider.lowerCase
      )
      const { values } = yield* Effect.withConfigProvider(readEnvironment, lower)
      assert.deepStrictEqual([...values], [["host", "h"]])
    })
  )

  it.effect("fails with a typed issue if the ConfigProvider cannot be read", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make({
        load: () => Effect.fail(ConfigError.SourceUnavailable(["PGHOST"], "vault is sealed", Cause.die("sealed"))),
        flattened: ConfigProvider.fromMap(new Map()).flattened
      })
      const issue = yield* Effect.flip(Effect.withConfigProvider(readEnvironment, broken))
      assert.strictEqual(issue._tag, "SettingsIssue")
      assert.strictEqual(invalidSettings(issue).reason._tag, "InvalidSettings")
    })
  )
})
