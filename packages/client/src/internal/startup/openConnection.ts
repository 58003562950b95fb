// Hosts and their addresses, one after the other, until one will do: `targetSessionAttrs`, `loadBalanceHosts`, and one deadline over it
// all. What an attempt consists of is in attempt.ts. What ends the search, and why not always as libpq: decisions/0006-several-hosts.md.
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import { Transport } from "../../Transport.ts"
import { attemptAddress, type OpenConnection } from "./attempt.ts"
import { AttemptFailed, connectFailure, type Where } from "./connectFailure.ts"
import { judgeLoopback } from "./openLink.ts"
import { observeOpening } from "../tracing/observeOpening.ts"
import { placeOf } from "./place.ts"
import { newProgress, type Progress } from "./progress.ts"
import { type Requirement, rounds } from "./sessionAttributes.ts"
import { isAddress } from "./settings/address.ts"
import type { ResolvedHost, ResolvedSettings } from "./settings/ResolvedSettings.ts"
import type { ConnectionOutlets } from "./startSession.ts"

export type { OpenConnection } from "./attempt.ts"
export type { ConnectionOutlets } from "./startSession.ts"

const millisNow: Effect.Effect<number> = Effect.clockWith((clock) =>
  // monotonic; wall time jumps
  Effect.sync(() => Number(clock.unsafeCurrentTimeNanos()) / 1e6)
)

/** An end, and how many more shares of the time up to it are still needed. */
class Budget {
  readonly end: number
  readonly total: Duration.Duration
  constructor(end: number, total: Duration.Duration) {
    this.end = end
    this.total = total
  }
  /** An equal part of what is left: who fails at once leaves its time to the others. */
  readonly share = (parts: number): Effect.Effect<number> =>
    Effect.map(millisNow, (now) => Math.max(0, this.end - now) / parts)
}

const budgetOf = (total: Duration.Duration): Effect.Effect<Budget> =>
  Effect.map(millisNow, (now) => new Budget(now + Duration.toMillis(total), total))

interface Bounded {
  readonly place: string
  readonly progress: Progress
  readonly budget: Budget
  /** milliseconds */
  readonly share: number
  /** nothing else is planned: the share is all there is */
  readonly only: boolean
}

const noAnswer = ({ budget, only, place, progress, share }: Bounded): Broken => {
  const whole = Duration.format(budget.total)
  const time = only
    ? `${whole} (connectTimeout)`
    : `${Duration.format(Duration.millis(Math.round(share)))} (a share of connectTimeout, ${whole})`
  return new Broken({
    reason: {
      _tag: "ConnectFailed",
      address: place,
      cause: `no answer during ${progress.stage} within ${time}`
    },
    outcome: "NotSent"
  })
}

const within = <A, E, R>(self: Effect.Effect<A, E, R>, bounded: Bounded): Effect.Effect<A, E | Broken, R> =>
  Number.isFinite(bounded.share)
    ? Effect.timeoutFail(self, { duration: Duration.millis(bounded.share), onTimeout: () => noAnswer(bounded) })
    : self

const shuffled = <A>(
  items: ReadonlyArray<A>,
  { loadBalanceHosts }: ResolvedSettings
): Effect.Effect<ReadonlyArray<A>> =>
  loadBalanceHosts === "random" && items.length > 1
    ? Effect.map(Random.shuffle(items), Chunk.toReadonlyArray)
    : Effect.succeed(items)

/** What a host may be dialled by. */
const addressesOf = (
  host: ResolvedHost,
  settings: ResolvedSettings
): Effect.Effect<ReadonlyArray<string>, Broken, Transport> =>
  Effect.gen(function* () {
    const { lookup } = yield* Transport
    if (host.kind === "unix" || lookup === undefined || isAddress(host.address)) return [host.address]
    const found = yield* lookup(host.address)
    if (found.length > 0) return yield* shuffled(found, settings)
    return yield* new Broken({
      reason: { _tag: "ConnectFailed", address: placeOf(host), cause: "the name has no address" },
      outcome: "NotSent"
    })
  })

/** Permanent: the user's own words, or the server's final ones. The next server would be asked the same question. */
const endsTheSearch = ({ error }: AttemptFailed): boolean => error._tag === "Permanent"

/** One search: what it looks for, and what it met. */
interface Search {
  readonly settings: ResolvedSettings
  readonly outlets: ConnectionOutlets
  readonly budget: Budget
  readonly failures: Array<AttemptFailed>
}

type Found = Effect.Effect<OpenConnection | undefined, PostgresError, Transport | Scope.Scope>

/** Remembers the failure; fails with all of them if it makes going on pointless. */
const passOver = (search: Search, where: Where, error: PostgresError) =>
  Effect.suspend(() => {
    const failure = new AttemptFailed(where, error)
    search.failures.push(failure)
    return endsTheSearch(failure) ? Effect.fail(connectFailure(search.failures)) : Effect.succeed(undefined)
  })

interface Target {
  readonly host: ResolvedHost
  readonly address: string
  readonly requirement: Requirement
  readonly share: number
  readonly only: boolean
}

const tryAddress = (search: Search, { address, host, only, requirement, share }: Target): Found =>
  Effect.suspend(() => {
    const { budget, outlets, settings } = search
    const progress = newProgress("the network connection")
    const place = placeOf(host, host.kind === "unix" ? undefined : address)
    const judged = host.kind === "tcp" && isAddress(address) ? judgeLoopback(host, address) : Effect.void
    return judged.pipe(
      Effect.zipRight(attemptAddress({ settings, host, address, requirement, outlets, progress })),
      (attempt) => within(attempt, { place, progress, budget, share, only }),
      Effect.catchAll((error) => passOver(search, { host: placeOf(host), place, stage: progress.stage }, error))
    )
  })

/** `parts`: how many hosts share what is left of the time, this one included. */
const tryHost = (
  search: Search,
  { host, parts, requirement }: { host: ResolvedHost; requirement: Requirement; parts: number }
): Found =>
  Effect.gen(function* () {
    const { budget, failures, settings } = search
    const own = new Budget((yield* millisNow) + (yield* budget.share(parts)), budget.total)
    const place = placeOf(host)
    const progress = newProgress("the look-up of the name")
    const only = parts === 1 && failures.length === 0
    const addresses = yield* addressesOf(host, settings).pipe(
      (look) => Effect.flatMap(own.share(1), (share) => within(look, { place, progress, budget, share, only })),
      Effect.catchAll((error) => Effect.as(passOver(search, { host: place, place, stage: progress.stage }, error), []))
    )
    for (const [index, address] of addresses.entries()) {
      const share = yield* own.share(addresses.length - index)
      const target = { host, address, requirement, share, only: only && addresses.length === 1 }
      const found = yield* tryAddress(search, target)
      if (found !== undefined) return found
    }
    return undefined
  })

/** A link that was not safe is said aloud, even if another server made up for it. */
const report = ({ failures }: Search): Effect.Effect<void> =>
  Effect.forEach(
    failures,
    ({ error, message }) =>
      error.reason._tag === "TlsFailed" || error.reason._tag === "ProtocolViolation"
        ? Effect.logWarning(`pgfx: passed over ${message}`)
        : Effect.logDebug(`pgfx: passed over ${message}`),
    { discard: true }
  )

const weakMethods = {
  md5: "an MD5 hash of the password, which whoever records it can use as the password; PostgreSQL 18 deprecates it",
  password: "the password in clear text"
}

/** Settings about which this was said; a pool opens many connections by the same ones. */
const warned = new WeakSet<ResolvedSettings>()

/** The user has asked for it, but perhaps for a server that has long learned SCRAM. */
const warnOnce = (settings: ResolvedSettings, { destination, method }: OpenConnection): Effect.Effect<void> =>
  Effect.suspend(() => {
    if ((method !== "md5" && method !== "password") || warned.has(settings)) return Effect.void
    warned.add(settings)
    return Effect.logWarning(`pgfx: ${placeOf(destination.host)} asked for ${weakMethods[method]}`)
  })

/**
 * Opens a connection to the first server that will do and brings it to its first ReadyForQuery, initial statements included.
 *
 * Fails with the error of the only attempt, or with one that has all of them as its cause; outcome `NotSent` throughout. The connection
 * lives as long as the Scope; what failed is gone when this returns.
 */
export const openConnection: (
  settings: ResolvedSettings,
  outlets: ConnectionOutlets
) => Effect.Effect<OpenConnection, PostgresError, Transport | Scope.Scope> = observeOpening((settings, outlets) =>
  Effect.gen(function* () {
    const budget = yield* budgetOf(settings.connectTimeout)
    const search: Search = { settings, outlets, budget, failures: [] }
    const requirements = rounds(settings.targetSessionAttrs)
    let parts = requirements.length * settings.hosts.length
    for (const requirement of requirements) {
      for (const host of yield* shuffled(settings.hosts, settings)) {
        const found = yield* tryHost(search, { host, requirement, parts })
        if (found !== undefined) {
          yield* report(search)
          yield* warnOnce(settings, found)
          return found
        }
        parts--
      }
    }
    return yield* Effect.fail(connectFailure(search.failures))
  })
)
