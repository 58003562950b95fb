// The environment as libpq sees it, read through Effect's ConfigProvider: the process's variables by default, whatever a test or
// an edge runtime provides otherwise, and no `node:*`. Variables: manual, "Environment Variables"; `PQEnvironmentOptions` and
// `conninfo_add_defaults` in fe-connect.c.
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { KeywordValues } from "./connectionUri.ts"
import { keywords } from "./keywords.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

export interface Environment {
  /** what has a keyword */
  readonly values: KeywordValues
  /** run-time parameters: `PGTZ`, `PGDATESTYLE`, `PGGEQO` */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  /** `PGREQUIRESSL` begins with 1: TLS is the least that will do */
  readonly requireTls: boolean
  /** directory of the system-wide service file, `PGSYSCONFDIR` */
  readonly systemDirectory: string | undefined
  /** the operating system's name for the user */
  readonly userName: string | undefined
  readonly windows: boolean
  /** where libpq's files are by default; `undefined`: nowhere */
  readonly files: DefaultFiles | undefined
}

/** Paths, in libpq's places. */
export interface DefaultFiles {
  readonly passfile: string
  readonly service: string
  readonly roots: string
  readonly crl: string
  readonly certificate: string
  readonly key: string
}

const filesIn = (directory: string, windows: boolean): DefaultFiles => {
  const tls = windows ? `${directory}/postgresql` : `${directory}/.postgresql`
  return {
    passfile: windows ? `${tls}/pgpass.conf` : `${directory}/.pgpass`,
    service: windows ? `${tls}/.pg_service.conf` : `${directory}/.pg_service.conf`,
    roots: `${tls}/root.crt`,
    crl: `${tls}/root.crl`,
    certificate: `${tls}/postgresql.crt`,
    key: `${tls}/postgresql.key`
  }
}

/** Set, possibly to nothing; libpq tells the two apart. */
const load = (name: string): Effect.Effect<string | undefined, SettingsIssue> =>
  Effect.matchEffect(Config.option(Config.string(name)), {
    onSuccess: (value) => Effect.succeed(Option.getOrUndefined(value)),
    onFailure: (cause) => Effect.fail(settingsIssue(name, "the ConfigProvider could not be read", cause))
  })

const processVariables = Context.get(DefaultServices.liveServices, ConfigProvider.ConfigProvider)

/**
 * Whether it is worth loading. A variable that is missing costs an exception with its stack trace, and most of the fifty are: the process's
 * environment is asked for its names once. It tells them up to the first `_`. Other providers may map names, and are asked for each.
 */
const maybeSet: Effect.Effect<(name: string) => boolean> = Effect.configProviderWith((provider) =>
  provider === processVariables
    ? Effect.matchCause(provider.flattened.enumerateChildren([]), {
        // Deno may allow some variables, and no list of them
        onFailure: () => () => true,
        onSuccess: (names) => (name) => HashSet.has(names, name.split("_", 1)[0] ?? name)
      })
    : Effect.succeed(() => true)
)

const parameterVariables = [
  ["PGTZ", "TimeZone"],
  ["PGDATESTYLE", "DateStyle"],
  ["PGGEQO", "geqo"]
] as const

export const readEnvironment: Effect.Effect<Environment, SettingsIssue> = Effect.gen(function* () {
  const isMaybeSet = yield* maybeSet
  const variable = (name: string) => (isMaybeSet(name) ? load(name) : Effect.succeed(undefined))
  const nonEmptyVariable = (name: string) => Effect.map(variable(name), (value) => (value === "" ? undefined : value))
  const values = new Map<string, string>()
  for (const { name, variable: key } of keywords) {
    const value = key === undefined ? undefined : yield* variable(key)
    if (value !== undefined) values.set(name, value)
  }
  const parameters: Array<readonly [string, string]> = []
  for (const [key, name] of parameterVariables) {
    // libpq leaves out the value "default", in any case, so that a script can undo the variable.
    const value = yield* nonEmptyVariable(key)
    if (value !== undefined && value.toLowerCase() !== "default") parameters.push([name, value])
  }
  const windows = (yield* variable("OS")) === "Windows_NT"
  const directory = yield* nonEmptyVariable(windows ? "APPDATA" : "HOME")
  return {
    values,
    parameters,
    requireTls: (yield* variable("PGREQUIRESSL"))?.startsWith("1") === true,
    systemDirectory: yield* nonEmptyVariable("PGSYSCONFDIR"),
    userName:
      (yield* nonEmptyVariable("USER")) ??
      (yield* nonEmptyVariable("LOGNAME")) ??
      (yield* nonEmptyVariable("USERNAME")),
    windows,
    files: directory === undefined ? undefined : filesIn(directory, windows)
  }
})
