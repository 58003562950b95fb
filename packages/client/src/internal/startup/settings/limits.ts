// Deadlines, sizes and counts of connection, engine and pool, with their defaults. Why each number: design of the engine §14.
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { PoolSettings, Settings } from "../../../Settings.ts"
import { type AllGiven, nonEmpty } from "./given.ts"
import type { ResolvedKeepalives, ResolvedPool, ResolvedSettings } from "./ResolvedSettings.ts"
import { settingsIssue } from "./SettingsIssue.ts"
import { oneOf, type Read, seconds, switched, time, type TimeLimits, whole, wholeNumber } from "./values.ts"

const int32 = 2_147_483_647

/** A typed length of time, or its default. */
const timeOr = (
  key: string,
  input: Duration.DurationInput | undefined,
  fallback: Duration.DurationInput,
  limits?: TimeLimits
): Read<Duration.Duration> => time(key, input ?? fallback, limits)

const longerThanZero: TimeLimits = { zero: "refuse" }

export const resolvePool = (pool: PoolSettings = {}): Read<ResolvedPool> =>
  Either.gen(function* () {
    const max = yield* whole("pool.max", pool.max ?? Math.max(10, pool.min ?? 0), 1, int32)
    const min = yield* whole("pool.min", pool.min ?? 0, 0, int32)
    if (min > max) return yield* Either.left(settingsIssue("pool.min", "must not be above pool.max"))
    return {
      min,
      max,
      acquireTimeout: yield* timeOr("pool.acquireTimeout", pool.acquireTimeout, "5 seconds", longerThanZero),
      idleTimeout: yield* timeOr("pool.idleTimeout", pool.idleTimeout, "10 minutes"),
      maxLifetime: yield* timeOr("pool.maxLifetime", pool.maxLifetime, "30 minutes", longerThanZero),
      maxWaiting: yield* whole("pool.maxWaiting", pool.maxWaiting ?? 16_384, 0, int32),
      queueTarget:
        pool.queueTarget === undefined ? undefined : yield* time("pool.queueTarget", pool.queueTarget, longerThanZero),
      pipelineDepth: yield* whole("pool.pipelineDepth", pool.pipelineDepth ?? 128, 1, 65_536),
      checkAfter: yield* timeOr("pool.checkAfter", pool.checkAfter, "30 seconds")
    }
  })

/** Typed, or whole seconds from a string; there 0 and less mean no limit. */
const connectTimeout = (settings: Settings, all: AllGiven): Read<Duration.Duration> =>
  settings.connectTimeout !== undefined
    ? time("connectTimeout", settings.connectTimeout, longerThanZero)
    : Either.map(seconds(all, "connect_timeout"), (number) =>
        number === undefined ? Duration.seconds(5) : number <= 0 ? Duration.infinity : Duration.seconds(number)
      )

/** Typed, or whole seconds from a string; there 0 means the system's own. */
const keepaliveTime = (
  typed: readonly [key: string, input: Duration.DurationInput | undefined],
  all: AllGiven,
  name: string
): Read<Duration.Duration | undefined> =>
  typed[1] !== undefined
    ? time(typed[0], typed[1], { zero: "refuse", infinite: "refuse" })
    : Either.map(seconds(all, name), (number) =>
        number === undefined || number <= 0 ? undefined : Duration.seconds(number)
      )

export const resolveKeepalives = (settings: Settings, all: AllGiven): Read<ResolvedKeepalives> =>
  Either.gen(function* () {
    const idle = yield* keepaliveTime(["keepalivesIdle", settings.keepalivesIdle], all, "keepalives_idle")
    const count = yield* wholeNumber(all, "keepalives_count")
    // ignored, but libpq judges it
    yield* wholeNumber(all, "tcp_user_timeout")
    return {
      enabled: (yield* switched(all, "keepalives")) ?? true,
      idle: idle ?? Duration.seconds(60),
      interval: yield* keepaliveTime(["keepalivesInterval", settings.keepalivesInterval], all, "keepalives_interval"),
      count: count === undefined || count <= 0 ? undefined : count
    }
  })

const versions = { "3.0": 0x3_0000, "3.2": 0x3_0002, latest: 0x3_0002 } as const
const versionWords = ["3.0", "3.2", "latest"] as const

/** `3 << 16 | minor`. Asking for a minimum above 3.0 asks for the newest, as in libpq 18. */
export const resolveVersions = (
  all: AllGiven
): Read<Pick<ResolvedSettings, "minProtocolVersion" | "maxProtocolVersion">> =>
  Either.gen(function* () {
    const min = versions[(yield* oneOf(all, "min_protocol_version", versionWords)) ?? "3.0"]
    const word = yield* oneOf(all, "max_protocol_version", versionWords)
    const max = versions[word ?? (min > versions["3.0"] ? "latest" : "3.0")]
    return min > max
      ? yield* Either.left(settingsIssue("minProtocolVersion", "must not be above maxProtocolVersion"))
      : { minProtocolVersion: min, maxProtocolVersion: max }
  })

type Limits = Pick<
  ResolvedSettings,
  | "connectTimeout"
  | "maxMessageSize"
  | "interruptGrace"
  | "cancelTimeout"
  | "commitTimeout"
  | "closeTimeout"
  | "fetchSize"
  | "preparedStatements"
>

const mebibyte = 1024 * 1024

export const resolveLimits = (settings: Settings, all: AllGiven): Read<Limits> =>
  Either.gen(function* () {
    // An empty connect_timeout is no number to libpq either, but it is what an unset variable of a container looks like.
    const stated = nonEmpty(all, "connect_timeout") === undefined ? new Map() : all
    return {
      connectTimeout: yield* connectTimeout(settings, stated),
      // below 30,000 the server's own answers to start-up would not fit; 1 GiB is PostgreSQL's largest message
      maxMessageSize: yield* whole("maxMessageSize", settings.maxMessageSize ?? 64 * mebibyte, 30_000, 1024 * mebibyte),
      interruptGrace: yield* timeOr("interruptGrace", settings.interruptGrace, "50 millis"),
      cancelTimeout: yield* timeOr("cancelTimeout", settings.cancelTimeout, "2 seconds"),
      commitTimeout: yield* timeOr("commitTimeout", settings.commitTimeout, "30 seconds", longerThanZero),
      closeTimeout: yield* timeOr("closeTimeout", settings.closeTimeout, "10 seconds"),
      fetchSize: yield* whole("fetchSize", settings.fetchSize ?? 1_000, 1, int32),
      preparedStatements: yield* whole("preparedStatements", settings.preparedStatements ?? 256, 0, 65_536)
    }
  })
