// Where the password of an attempt comes from: what was given, the user's Effect, or the password file. An Effect that is run
// once per attempt, inside its deadline; nothing is kept between two attempts.
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Broken, PostgresError } from "../../../PostgresError.ts"
import type { Settings } from "../../../Settings.ts"
import type { Environment } from "./environment.ts"
import { type AllGiven, nonEmpty } from "./given.ts"
import type { NamedHost } from "./hosts.ts"
import { invalidSettings } from "./invalidSettings.ts"
import { findPassword, passfileNames } from "./passfile.ts"
import type { ResolvedHost, SettingsNote } from "./ResolvedSettings.ts"
import { type MaybeFileSystem, ownerOnly, readSettingsFile } from "./settingsFile.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

type Password = Redacted.Redacted | undefined

const judge = (password: Redacted.Redacted): Effect.Effect<Redacted.Redacted, SettingsIssue> => {
  const text = Redacted.value(password)
  if (typeof text !== "string") return Effect.fail(settingsIssue("password", "must be a Redacted string"))
  // Servers refuse empty passwords anyway (CVE-2017-7546); sending one says that none was meant.
  if (text === "") return Effect.fail(settingsIssue("password", "is empty"))
  return text.includes("\0") ? Effect.fail(settingsIssue("password", "has a NUL")) : Effect.succeed(password)
}

/** The token service failed, not the settings: worth another attempt, and nothing was sent. Its own PostgresError passes. */
const providerFailed = (host: NamedHost) => (cause: unknown) =>
  PostgresError.is(cause)
    ? cause
    : new Broken({
        reason: { _tag: "ConnectFailed", address: `${host.name}:${host.port}`, cause },
        outcome: "NotSent",
        state: "the Effect that provides the password failed",
        cause
      })

export interface PasswordSources {
  readonly settings: Settings
  readonly all: AllGiven
  readonly environment: Environment
  readonly fileSystem: MaybeFileSystem
  readonly user: string
  readonly database: string
}

interface Passfile {
  readonly path: string
  readonly explicit: boolean
}

const readPassfile = (
  { environment, fileSystem }: PasswordSources,
  { explicit, path }: Passfile
): Effect.Effect<string | undefined, SettingsIssue> =>
  readSettingsFile(fileSystem, {
    key: "passfile",
    path,
    explicit,
    permissions: environment.windows ? undefined : ownerOnly
  })

const lookUp = (sources: PasswordSources, passfile: Passfile, host: NamedHost): ResolvedHost["password"] =>
  readPassfile(sources, passfile).pipe(
    // A default file that may not be used was noted when the settings were resolved; libpq warns and goes on, too.
    Effect.catchIf(
      () => !passfile.explicit,
      () => Effect.succeed(undefined)
    ),
    Effect.map((text): Password => {
      const { database, user } = sources
      const found =
        text === undefined
          ? undefined
          : findPassword(text, { names: passfileNames(host), port: host.port, database, user })
      return found === undefined ? undefined : Redacted.make(found)
    }),
    Effect.mapError(invalidSettings)
  )

export interface PasswordPlan {
  readonly of: (host: NamedHost) => ResolvedHost["password"]
  readonly notes: ReadonlyArray<SettingsNote>
}

const givenPassword = (sources: PasswordSources): Settings["password"] => {
  const written = nonEmpty(sources.all, "password")?.value
  return sources.settings.password ?? (written === undefined ? undefined : Redacted.make(written))
}

/** Judges what can be judged before any attempt: a given password, a file that somebody named. */
export const planPassword = (sources: PasswordSources): Effect.Effect<PasswordPlan, SettingsIssue> =>
  Effect.gen(function* () {
    const given = givenPassword(sources)
    if (Effect.isEffect(given)) {
      const of = (host: NamedHost): ResolvedHost["password"] =>
        given.pipe(
          Effect.mapError(providerFailed(host)),
          Effect.flatMap((password) => Effect.mapError(judge(password), invalidSettings))
        )
      return { of, notes: [] }
    }
    if (given !== undefined) {
      const password = yield* judge(given)
      return { of: () => Effect.succeed(password), notes: [] }
    }
    const written = nonEmpty(sources.all, "passfile")?.value
    const path = written ?? sources.environment.files?.passfile
    if (path === undefined) return { of: () => Effect.succeed(undefined), notes: [] }
    const passfile = { path, explicit: written !== undefined }
    const notes = yield* readPassfile(sources, passfile).pipe(
      Effect.as<ReadonlyArray<SettingsNote>>([]),
      Effect.catchIf(
        () => !passfile.explicit,
        (issue) => Effect.succeed([{ key: issue.key, because: `the default one is not used: ${issue.issue}` }])
      )
    )
    return { of: (host: NamedHost) => lookUp(sources, passfile, host), notes }
  })
