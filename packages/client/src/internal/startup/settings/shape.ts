// Whether an object is a Settings: the compiler says so in TypeScript, but settings also come from JSON, from JavaScript and
// through casts. A key that is not ours is an error with its near matches; a misspelt `sslmode` must not mean the default.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { HostSettings, PoolSettings, Settings } from "../../../Settings.ts"
import { nearMatches } from "./nearMatch.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

type Kind =
  | "string"
  | "number"
  | "boolean"
  | "time"
  | "Redacted string"
  | "Redacted string, or an Effect of one"
  | "string, or a Redacted one"
  | "list of strings"
  | "list of objects"
  | "object"

type Shape<A> = { readonly [K in keyof Required<A>]: Kind }

const settingsShape: Shape<Settings> = {
  url: "Redacted string",
  urlKeys: "list of strings",
  service: "string",
  servicefile: "string",
  host: "string",
  hostaddr: "string",
  port: "number",
  hosts: "list of objects",
  targetSessionAttrs: "string",
  loadBalanceHosts: "string",
  database: "string",
  user: "string",
  password: "Redacted string, or an Effect of one",
  passfile: "string",
  requireAuth: "list of strings",
  allowWeakAuthOverUnverifiedLink: "boolean",
  channelBinding: "string",
  scramMinIterations: "number",
  scramMaxIterations: "number",
  sslmode: "string",
  sslnegotiation: "string",
  sslrootcert: "string",
  sslcert: "string",
  sslkey: "string, or a Redacted one",
  sslpassword: "Redacted string",
  sslcertmode: "string",
  sslcrl: "string",
  sslsni: "boolean",
  sslMinProtocolVersion: "string",
  sslMaxProtocolVersion: "string",
  acceptInvalidCertificatesForDevelopment: "boolean",
  minProtocolVersion: "string",
  maxProtocolVersion: "string",
  connectTimeout: "time",
  keepalives: "boolean",
  keepalivesIdle: "time",
  keepalivesInterval: "time",
  keepalivesCount: "number",
  maxMessageSize: "number",
  applicationName: "string",
  fallbackApplicationName: "string",
  statementTimeout: "time",
  parameters: "object",
  options: "string",
  initStatements: "list of strings",
  interruptGrace: "time",
  cancelTimeout: "time",
  commitTimeout: "time",
  closeTimeout: "time",
  fetchSize: "number",
  preparedStatements: "number",
  commitProbe: "boolean",
  reconnect: "boolean",
  codecs: "list of objects",
  pool: "object"
}

const poolShape: Shape<PoolSettings> = {
  min: "number",
  max: "number",
  acquireTimeout: "time",
  idleTimeout: "time",
  maxLifetime: "time",
  maxWaiting: "number",
  queueTarget: "time",
  pipelineDepth: "number",
  checkAfter: "time"
}

const hostShape: Shape<HostSettings> = { host: "string", hostaddr: "string", port: "number" }

/** Why `text` can be no value, or `undefined`. A lone surrogate would silently become U+FFFD on the wire. */
const unsendable = (text: string): string | undefined =>
  text.includes("\0")
    ? "has a NUL, which no value may contain"
    : /\p{Surrogate}/u.test(text)
      ? "is not Unicode: it has half a surrogate pair"
      : undefined

const isRedactedString = (value: unknown): value is Redacted.Redacted =>
  Redacted.isRedacted(value) && typeof Redacted.value(value) === "string"

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isOfKind = (value: unknown, kind: Kind): boolean => {
  switch (kind) {
    case "string":
    case "number":
    case "boolean":
      return typeof value === kind
    case "time":
      return Option.isSome(Duration.decodeUnknown(value))
    case "Redacted string":
      return isRedactedString(value)
    case "Redacted string, or an Effect of one":
      return isRedactedString(value) || Effect.isEffect(value)
    case "string, or a Redacted one":
      return typeof value === "string" || isRedactedString(value)
    case "list of strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string")
    case "list of objects":
      return Array.isArray(value) && value.every(isObject)
    case "object":
      return isObject(value)
  }
}

const textsOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : isRedactedString(value)
      ? [Redacted.value(value)]
      : Array.isArray(value)
        ? value.filter((item) => typeof item === "string")
        : []

const checkShape = (value: object, shape: Readonly<Record<string, Kind>>, path: string): SettingsIssue | undefined => {
  for (const [key, item] of Object.entries(value)) {
    const kind = Object.hasOwn(shape, key) ? shape[key] : undefined
    if (kind === undefined) {
      const near = nearMatches(key, Object.keys(shape))
      const meant = near.length === 0 ? "" : `: did you mean ${near.join(" or ")}?`
      return settingsIssue(`${path}${key}`, `is not a setting${meant}; valid are ${Object.keys(shape).join(", ")}`)
    }
    if (item === undefined) continue
    if (!isOfKind(item, kind)) return settingsIssue(`${path}${key}`, `must be a ${kind}`)
    // A connection string says itself where in it the NUL is.
    const issue =
      key === "url"
        ? undefined
        : textsOf(item)
            .map(unsendable)
            .find((issue) => issue !== undefined)
    if (issue !== undefined) return settingsIssue(`${path}${key}`, issue)
  }
  return undefined
}

const checkParameters = (parameters: object): SettingsIssue | undefined => {
  for (const [name, value] of Object.entries(parameters)) {
    const issue = typeof value === "string" ? (unsendable(name) ?? unsendable(value)) : "must be a string"
    if (issue !== undefined) return settingsIssue("parameters", `a name or its value ${issue}`)
  }
  return undefined
}

/** What a program cannot be told by the compiler when it is JavaScript: codecs are code. */
const checkCodecs = (codecs: ReadonlyArray<object>): SettingsIssue | undefined => {
  const names = new Set<string>()
  for (const [index, codec] of codecs.entries()) {
    const name: unknown = Reflect.get(codec, "name")
    const isCodec = typeof name === "string" && name !== "" && typeof Reflect.get(codec, "reader") === "function"
    if (!isCodec) return settingsIssue(`codecs[${index}]`, "must be a codec of @pgfx/codecs, with the name of a type")
    if (names.has(name)) return settingsIssue(`codecs[${index}]`, "has the name of another codec in the list")
    names.add(name)
  }
  return undefined
}

/** Keys and kinds only; whether the values make sense is judged where they are used. */
export const checkSettings = (settings: Settings): Either.Either<void, SettingsIssue> => {
  const issue =
    checkShape(settings, settingsShape, "") ??
    (settings.pool === undefined ? undefined : checkShape(settings.pool, poolShape, "pool.")) ??
    (settings.codecs === undefined ? undefined : checkCodecs(settings.codecs)) ??
    (settings.parameters === undefined ? undefined : checkParameters(settings.parameters)) ??
    settings.hosts
      ?.map((host, index) => checkShape(host, hostShape, `hosts[${index}].`))
      .find((issue) => issue !== undefined)
  return issue === undefined ? Either.right(undefined) : Either.left(issue)
}
