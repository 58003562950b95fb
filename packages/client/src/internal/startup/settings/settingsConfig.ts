// Settings whose values come from Effect's Config, field by field or as a whole: what stands behind every `layerConfig`.
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type { Settings } from "../../../Settings.ts"

const present = <A extends object>(record: A): A => {
  const copy = { ...record }
  // A field that is there and undefined is one that is not given; Config.unwrap would fail on it with a TypeError.
  for (const [key, value] of Object.entries(record)) if (value === undefined) Reflect.deleteProperty(copy, key)
  return copy
}

/** All missing and malformed entries are in one ConfigError. */
export const unwrapSettings = (
  settings: Config.Config.Wrap<Settings>
): Effect.Effect<Settings, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    if (Config.isConfig(settings)) return settings
    const { parameters, pool, ...rest } = settings
    return Config.unwrap<Settings>(
      present({
        ...rest,
        ...(pool === undefined ? {} : { pool: Config.isConfig(pool) ? pool : present(pool) }),
        ...(parameters === undefined
          ? {}
          : { parameters: Config.isConfig(parameters) ? parameters : present(parameters) })
      })
    )
  })
