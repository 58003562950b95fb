// Which ways of being asked who we are are acceptable. SCRAM only, unless the user wrote another method's name; a method that
// was not named is refused before a byte of the password is sent. Source: `require_auth` in `pqConnectOptions2`, fe-connect.c.
import * as Either from "effect/Either"
import type { AuthMethod, Settings } from "../../../Settings.ts"
import { type AllGiven, type Given, nonEmpty, wrongValue } from "./given.ts"
import type { ResolvedAuthentication } from "./ResolvedSettings.ts"
import { oneOf, type Read, whole } from "./values.ts"
import { settingsIssue } from "./SettingsIssue.ts"

type Asked = ResolvedAuthentication["methods"][number]
type Policy = Pick<ResolvedAuthentication, "methods" | "none">

const methods: ReadonlyArray<AuthMethod> = ["scram-sha-256", "md5", "password", "none"]
/** libpq knows them; taking one away changes nothing, asking for one cannot be done. */
const notImplemented: ReadonlyArray<string> = ["gss", "sspi", "oauth"]

const standard: Policy = { methods: ["scram-sha-256"], none: "unlessPassword" }

const isAsked = (method: string): method is Asked => methods.some((known) => known === method) && method !== "none"

/**
 * A positive list is the policy. A negative one takes away from our default and adds nothing: in libpq `!gss` allows
 * cleartext, here `md5` and `password` are only ever allowed by their own names.
 */
const parseRequireAuth = (given: Given): Read<Policy> => {
  const entries = given.value.split(",")
  const negative = entries.filter((entry) => entry.startsWith("!"))
  if (negative.length !== 0 && negative.length !== entries.length) {
    return wrongValue(given, "must not mix methods with and without an exclamation mark")
  }
  if (new Set(entries).size !== entries.length) return wrongValue(given, "must not name a method twice")
  const names = entries.map((entry) => entry.replace(/^!/, ""))
  if (!names.every((name) => methods.some((known) => known === name) || notImplemented.includes(name))) {
    return wrongValue(given, `must list, with commas and no blanks, some of ${methods.join(", ")}`)
  }
  if (negative.length !== 0) {
    const left = standard.methods.filter((method) => !names.includes(method))
    const none = names.includes("none") ? "refuse" : standard.none
    return left.length === 0 && none === "refuse"
      ? wrongValue(given, "leaves no method; name those that are accepted")
      : Either.right({ methods: left, none })
  }
  if (names.every((name) => notImplemented.includes(name))) {
    return wrongValue(given, "names only methods that are not implemented (gss, sspi, oauth)")
  }
  return Either.right({ methods: names.filter(isAsked), none: names.includes("none") ? "accept" : "refuse" })
}

const defaultMinIterations = 4096
const defaultMaxIterations = 100_000

export const resolveAuthentication = (settings: Settings, all: AllGiven): Read<ResolvedAuthentication> =>
  Either.gen(function* () {
    const required = nonEmpty(all, "require_auth")
    const policy = required === undefined ? standard : yield* parseRequireAuth(required)
    const channelBinding = (yield* oneOf(all, "channel_binding", ["disable", "prefer", "require"])) ?? "prefer"
    const scram = {
      minIterations: yield* whole(
        "scramMinIterations",
        settings.scramMinIterations ??
          Math.min(defaultMinIterations, settings.scramMaxIterations ?? defaultMinIterations),
        1,
        2_147_483_647
      ),
      maxIterations: yield* whole(
        "scramMaxIterations",
        settings.scramMaxIterations ?? Math.max(defaultMaxIterations, settings.scramMinIterations ?? 0),
        1,
        2_147_483_647
      )
    }
    if (scram.minIterations > scram.maxIterations) {
      return yield* Either.left(settingsIssue("scramMinIterations", "must not be above scramMaxIterations"))
    }
    return {
      ...policy,
      weakOverUnverifiedLink: settings.allowWeakAuthOverUnverifiedLink === true,
      channelBinding,
      scram
    }
  })
