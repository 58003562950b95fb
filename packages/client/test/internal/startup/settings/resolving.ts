// How these tests resolve settings: in an environment they state in full, so that the machine's own PG* variables say nothing.
import { assert } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type { ResolvedSettings } from "../../../../src/internal/startup/settings/ResolvedSettings.ts"
import { resolve } from "../../../../src/internal/startup/settings/resolve.ts"
import type { Permanent } from "../../../../src/PostgresError.ts"
import type { Settings } from "../../../../src/Settings.ts"

export type Environment = Readonly<Record<string, string>>

export const resolveIn = (environment: Environment, settings: Settings): Effect.Effect<ResolvedSettings, Permanent> =>
  Effect.withConfigProvider(
    resolve(settings),
    ConfigProvider.fromMap(new Map(Object.entries({ USER: "tester", ...environment })))
  )

export const resolved = (settings: Settings) => resolveIn({}, settings)

/** The reason, as `key: issue`, of settings that must be refused before anything is sent. */
export const refusedIn = (environment: Environment, settings: Settings): Effect.Effect<string> =>
  resolveIn(environment, settings).pipe(
    Effect.flip,
    Effect.catchAll(() => Effect.dieMessage("these settings were accepted")),
    Effect.map(({ outcome, reason }) => {
      assert.strictEqual(outcome, "NotSent")
      return reason._tag === "InvalidSettings" ? `${reason.key}: ${reason.issue}` : assert.fail(reason._tag)
    })
  )

export const refused = (settings: Settings) => refusedIn({}, settings)

/** What no checker would let through, as it comes from JSON or JavaScript. */
export const unchecked = (settings: unknown): Settings => Object.assign({}, settings)
