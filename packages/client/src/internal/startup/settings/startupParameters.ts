// The parameters of StartupMessage, in order. What our decoders rely on is set here and cannot be set to anything else; what
// is set here is what RESET returns to. Source: manual, "StartupMessage"; `build_startup_packet` in fe-protocol3.c,
// `ProcessStartupPacket` in backend_startup.c.
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { Settings } from "../../../Settings.ts"
import type { Environment } from "./environment.ts"
import { type AllGiven, nonEmpty, wrongValue } from "./given.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { type Read, time } from "./values.ts"

type Parameters = ReadonlyArray<readonly [name: string, value: string]>

interface Relied {
  readonly name: string
  readonly standard: string
  readonly accepts: (value: string) => boolean
  readonly needs: string
}

const isUtf8 = (value: string): boolean => /^utf-?_?8$|^unicode$/i.test(value)

/**
 * What text decoders and queries are written for. `DateStyle` may also say in which order dates are read; 1 to 3 of
 * `extra_float_digits` are all the shortest exact form (PostgreSQL 12).
 */
const reliedOn: ReadonlyArray<Relied> = [
  { name: "client_encoding", standard: "UTF8", accepts: isUtf8, needs: "UTF8" },
  { name: "DateStyle", standard: "ISO", accepts: (value) => /^\s*iso\b/i.test(value), needs: 'to begin with "ISO"' },
  { name: "IntervalStyle", standard: "postgres", accepts: (value) => /^postgres$/i.test(value), needs: "postgres" },
  { name: "bytea_output", standard: "hex", accepts: (value) => /^hex$/i.test(value), needs: "hex" },
  { name: "extra_float_digits", standard: "1", accepts: (value) => /^[123]$/.test(value), needs: "1, 2 or 3" }
]

/** Written by another setting, or another kind of connection. */
const notParameters: Readonly<Record<string, string>> = {
  user: "`user`",
  database: "`database`",
  options: "`options`",
  application_name: "`applicationName`",
  replication: "no setting: replication connections are not implemented"
}

const wrong = (issue: string): Either.Either<never, SettingsIssue> => Either.left(settingsIssue("parameters", issue))

/** Names of run-time parameters are compared without case, as the server does; the last one written stays. */
class ParameterList {
  readonly #entries = new Map<string, readonly [name: string, value: string]>()
  set(name: string, value: string): void {
    const key = name.toLowerCase()
    this.#entries.set(key, [this.#entries.get(key)?.[0] ?? name, value])
  }
  has(name: string): boolean {
    return this.#entries.has(name.toLowerCase())
  }
  toArray(): Parameters {
    return [...this.#entries.values()]
  }
}

/** Why a run-time parameter may not have this value, whoever sets it; `undefined`: it may. */
export const unreadable = (name: string, value: string): string | undefined => {
  const relied = reliedOn.find((relied) => relied.name.toLowerCase() === name.toLowerCase())
  return relied === undefined || relied.accepts(value)
    ? undefined
    : `${relied.name} needs ${relied.needs}: the client reads no other form`
}

const setChecked = (list: ParameterList, name: string, value: string): Read<void> => {
  const issue = unreadable(name, value)
  if (issue !== undefined) return wrong(issue)
  list.set(name, value)
  return Either.right(undefined)
}

const setWritten = (list: ParameterList, parameters: Readonly<Record<string, string>>): Read<void> => {
  const seen = new Set<string>()
  for (const [name, value] of Object.entries(parameters)) {
    const key = name.toLowerCase()
    // An empty name ends the list of the packet; what follows would be read as something else.
    if (!/^[a-z_][a-z0-9_$.]*$/.test(key)) return wrong("a name is not that of a run-time parameter")
    if (key.startsWith("_pq_.")) return wrong("names that begin with _pq_. are for protocol extensions")
    if (Object.hasOwn(notParameters, key)) return wrong(`${key} is written in ${notParameters[key]}`)
    if (seen.has(key)) return wrong("a name is there twice, in different case")
    seen.add(key)
    const set = setChecked(list, name, value)
    if (Either.isLeft(set)) return set
  }
  return Either.right(undefined)
}

const applicationName = (all: AllGiven): string | undefined => {
  // Written and empty means none, as in libpq.
  const name = all.get("application_name")?.value ?? all.get("fallback_application_name")?.value ?? "pgfx"
  return name === "" ? undefined : name
}

/** Milliseconds as PostgreSQL counts them: whole, 0 for none, at most 2^31 − 1. */
const milliseconds = (timeout: Duration.Duration): Read<string> => {
  const millis = Duration.isFinite(timeout) ? Math.ceil(Duration.toMillis(timeout)) : 0
  return millis > 2_147_483_647
    ? Either.left(settingsIssue("statementTimeout", "must be at most 2,147,483,647 milliseconds, or infinite"))
    : Either.right(String(millis))
}

/** `MAX_STARTUP_PACKET_LENGTH`: beyond it the server closes the connection without a word. Its own length word not counted. */
const largestPacket = 10_000

const packetSize = (parameters: Parameters): number => {
  const encoder = new TextEncoder()
  const sizes = parameters.flat().map((text) => encoder.encode(text).length + 1)
  return 4 + sizes.reduce((sum, size) => sum + size, 0) + 1
}

export interface SessionOwner {
  readonly user: string
  readonly database: string
}

export const resolveStartupParameters = (
  settings: Settings,
  all: AllGiven,
  environment: Environment,
  { database, user }: SessionOwner
): Read<Parameters> =>
  Either.gen(function* () {
    const encoding = nonEmpty(all, "client_encoding")
    if (encoding !== undefined && encoding.value !== "auto" && !isUtf8(encoding.value)) {
      return yield* wrongValue(encoding, "must be UTF8 or auto: the client speaks nothing else")
    }
    const list = new ParameterList()
    const application = applicationName(all)
    if (application !== undefined) list.set("application_name", application)
    for (const { name, standard } of reliedOn) list.set(name, standard)
    for (const [name, value] of environment.parameters) yield* setChecked(list, name, value)
    const options = nonEmpty(all, "options")?.value
    if (options !== undefined) list.set("options", options)
    yield* setWritten(list, settings.parameters ?? {})
    if (settings.statementTimeout !== undefined) {
      if (list.has("statement_timeout")) return yield* wrong("statement_timeout is also set by `statementTimeout`")
      list.set("statement_timeout", yield* milliseconds(yield* time("statementTimeout", settings.statementTimeout)))
    }
    const parameters: Parameters = [["user", user], ["database", database], ...list.toArray()]
    const size = packetSize(parameters)
    return size > largestPacket
      ? yield* wrong(`the start-up packet would be ${size} bytes; servers take ${largestPacket}`)
      : parameters
  })
