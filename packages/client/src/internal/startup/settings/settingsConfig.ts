// Settings whose values come from Effect's Config, field by field or as a whole: what stands behind every `layerConfig`.
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type { Settings } from "../../../Settings.ts"

/**
 * Without the fields that are undefined: they are fields that were not given. `undefined` if nothing is left. Config.unwrap
 * throws a TypeError for both (effect 3.22, `Config.all({})`).
 */
const present = <A extends object>(record: A | undefined): A | undefined => {
  if (record === undefined || Config.isConfig(record)) return record
  const copy = { ...record }
  for (const [key, value] of Object.entries(record)) if (value === undefined) Reflect.deleteProperty(copy, key)
  return Object.keys(copy).length === 0 ? undefined : copy
}

/** All missing and malformed entries are in one ConfigError. */
export const unwrapSettings = (
  settings: Config.Config.Wrap<Settings>
): Effect.Effect<Settings, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    if (Config.isConfig(settings)) return settings
    const { parameters: allParameters, pool: wholePool, ...rest } = settings
    const parameters = present(allParameters)
    const pool = present(wholePool)
    const given = present({
      ...rest,
      ...(pool === undefined ? {} : { pool }),
      ...(parameters === undefined ? {} : { parameters })
    })
    return given === undefined ? Effect.succeed({}) : Config.unwrap<Settings>(given)
  })
