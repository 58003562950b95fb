// From what the user wrote to what start-up works with: the url, the service file, the environment and the defaults merged,
// judged and frozen. Reads files and variables; dials nothing. Every stage is a file beside this one.
//
// Precedence, keyword by keyword: fields of Settings > url > service file > environment > default. The same as libpq's.
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Permanent } from "../../../PostgresError.ts"
import type { Settings } from "../../../Settings.ts"
import { resolveAuthentication } from "./authentication.ts"
import { parseConnectionString } from "./connectionString.ts"
import type { KeywordValues } from "./connectionUri.ts"
import { type Environment, readEnvironment } from "./environment.ts"
import { type AllGiven, judgeSupport, mergeGiven, nonEmpty, type Origin } from "./given.ts"
import { resolveHosts } from "./hosts.ts"
import { invalidSettings } from "./invalidSettings.ts"
import { findKeyword } from "./keywords.ts"
import { resolveKeepalives, resolveLimits, resolvePool, resolveVersions } from "./limits.ts"
import { planPassword } from "./password.ts"
import type { ResolvedHost, ResolvedSettings } from "./ResolvedSettings.ts"
import { readService } from "./serviceFile.ts"
import type { MaybeFileSystem } from "./settingsFile.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { checkSettings } from "./shape.ts"
import { resolveSslModes } from "./sslModes.ts"
import { resolveStartupParameters } from "./startupParameters.ts"
import { resolveTls } from "./tls.ts"
import { typedValues } from "./typedValues.ts"
import { oneOf, type Read } from "./values.ts"

const readUrl = ({ url, urlKeys }: Settings): Read<KeywordValues> =>
  Either.gen(function* () {
    const unknown = urlKeys?.find((name) => findKeyword(name) === undefined)
    if (unknown !== undefined) return yield* Either.left(settingsIssue("urlKeys", "must be keywords of libpq"))
    const values = url === undefined ? new Map<string, string>() : yield* parseConnectionString(Redacted.value(url))
    const refused = [...values.keys()].find((name) => urlKeys?.includes(name) === false)
    return refused === undefined
      ? values
      : yield* Either.left(
          settingsIssue("url", `the connection string sets ${refused}, which \`urlKeys\` does not list`)
        )
  })

/** `service` may be named anywhere but in a service file. */
const gather = (
  settings: Settings,
  environment: Environment,
  fileSystem: MaybeFileSystem
): Effect.Effect<AllGiven, SettingsIssue> =>
  Effect.gen(function* () {
    const written: ReadonlyArray<readonly [Origin, KeywordValues]> = [
      ["settings", typedValues(settings)],
      ["url", yield* readUrl(settings)]
    ]
    const around: readonly [Origin, KeywordValues] = ["environment", environment.values]
    const named = mergeGiven([...written, around])
    const service = named.get("service")?.value
    if (service === undefined) return named
    const servicefile = nonEmpty(named, "servicefile")?.value
    const values = yield* readService(fileSystem, environment, { service, servicefile })
    return mergeGiven([...written, ["service", values], around])
  })

/** What the platform knows and no variable says. */
export interface Platform {
  /** the operating system's name for the user; libpq asks for nothing else */
  readonly userName?: Effect.Effect<string | undefined> | undefined
}

interface Surroundings {
  readonly environment: Environment
  readonly fileSystem: MaybeFileSystem
  readonly platform: Platform
}

const unknownUser: Effect.Effect<string | undefined> = Effect.succeed(undefined)

const sessionOwner = (all: AllGiven, { environment, platform }: Surroundings) =>
  Effect.gen(function* () {
    // the system is asked only where nobody has said it
    const user = nonEmpty(all, "user")?.value ?? (yield* platform.userName ?? unknownUser) ?? environment.userName
    if (user === undefined) {
      return yield* Effect.fail(
        settingsIssue("user", "is needed: PGUSER is not set, and the system has no name for this user")
      )
    }
    return { user, database: nonEmpty(all, "dbname")?.value ?? user }
  })

/** Objects and arrays of ours only: Durations, Redacted values and Effects are immutable themselves, and shared. */
const frozen = (settings: ResolvedSettings): ResolvedSettings => {
  const { authentication, codecs, hosts, initStatements, keepalives, notes, pool, startupParameters, tls } = settings
  for (const list of [hosts, startupParameters, notes]) for (const item of list) Object.freeze(item)
  for (const part of [authentication.methods, authentication.scram]) Object.freeze(part)
  for (const part of [hosts, startupParameters, notes, initStatements, codecs, authentication, keepalives, pool, tls]) {
    Object.freeze(part)
  }
  return Object.freeze(settings)
}

const targets = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] as const

const build = (settings: Settings, surroundings: Surroundings): Effect.Effect<ResolvedSettings, SettingsIssue> =>
  Effect.gen(function* () {
    const { environment, fileSystem } = surroundings
    const all = yield* gather(settings, environment, fileSystem)
    const ignored = yield* judgeSupport(all)
    const named = yield* resolveHosts(settings, all)
    const modes = yield* resolveSslModes(settings, all, environment, named)
    const owner = yield* sessionOwner(all, surroundings)
    const wanted = modes.some((mode) => mode.sslmode !== "disable")
    const chainOnly = modes.some((mode) => mode.sslmode === "verify-ca")
    const tls = yield* resolveTls({ settings, all, environment, fileSystem, wanted, chainOnly })
    const passwords = yield* planPassword({ settings, all, environment, fileSystem, ...owner })
    const hosts = named.map((host, index): ResolvedHost => ({
      ...host,
      // one mode per host, in the same order
      ...(modes[index] ?? { sslmode: "verify-full", onlyLoopback: false }),
      password: passwords.of(host)
    }))
    return frozen({
      hosts,
      ...owner,
      targetSessionAttrs: (yield* oneOf(all, "target_session_attrs", targets)) ?? "any",
      loadBalanceHosts: (yield* oneOf(all, "load_balance_hosts", ["disable", "random"])) ?? "disable",
      tls,
      authentication: yield* resolveAuthentication(settings, all),
      ...(yield* resolveVersions(all)),
      startupParameters: yield* resolveStartupParameters(settings, all, environment, owner),
      initStatements: [...(settings.initStatements ?? [])],
      ...(yield* resolveLimits(settings, all)),
      keepalives: yield* resolveKeepalives(settings, all),
      commitProbe: settings.commitProbe === true,
      reconnect: settings.reconnect === true,
      codecs: [...(settings.codecs ?? [])],
      pool: yield* resolvePool(settings.pool),
      notes: [...ignored, ...passwords.notes]
    })
  })

/**
 * Everything that is known about a database before it is dialled.
 *
 * Files are read through the FileSystem service of the context, if there is one; default files are passed over without it.
 * Variables come from the ConfigProvider. Fails with `Permanent`, reason `InvalidSettings`, outcome `NotSent`.
 */
export const resolve = (settings: Settings, platform: Platform = {}): Effect.Effect<ResolvedSettings, Permanent> =>
  Effect.gen(function* () {
    yield* checkSettings(settings)
    const fileSystem = yield* Effect.serviceOption(FileSystem.FileSystem)
    return yield* build(settings, { environment: yield* readEnvironment, fileSystem, platform })
  }).pipe(Effect.mapError(invalidSettings))
