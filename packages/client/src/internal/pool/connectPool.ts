// Settings become a database with a pool of connections behind it, for as long as the Scope lives: the pool's decisions carried out. Each
// connection has a Scope of its own, forked here; nothing in this file decides who gets it.
import type { ReportFields } from "@pgfx/protocol"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broken, PostgresError, type ServerReport } from "../../PostgresError.ts"
import { Retry } from "../../Retry.ts"
import type { Settings } from "../../Settings.ts"
import { Tracing } from "../../Tracing.ts"
import { type Endpoint, Transport } from "../../Transport.ts"
import type { ConnectedDatabase } from "../connectDatabase.ts"
import type { Database } from "../database.ts"
import { Deadlines } from "../Deadlines.ts"
import { serverReport } from "../errorFromReport.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import { connectListener } from "../notification/connectListener.ts"
import { logNotes } from "../startup/logNotes.ts"
import { hasBecomeReadOnly } from "../startup/sessionAttributes.ts"
import { openConnection } from "../startup/openConnection.ts"
import type { ResolvedPool, ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import { resolve } from "../startup/settings/resolve.ts"
import { Descriptions } from "../StatementCache.ts"
import { unnamedStatements } from "../unnamedStatements.ts"
import { countingBytes, observe } from "../tracing/Observer.ts"
import { TypeStore } from "../TypeStore.ts"
import { PoolLessor } from "./PoolLessor.ts"
import type { MemberEvents, Opening, PoolLimits, PoolPorts } from "./PoolPorts.ts"
import { pooledConnection } from "./pooledConnection.ts"
import { recoveryOf } from "./recoveryOf.ts"

export type ConnectedPool = Pick<ConnectedDatabase, "database" | "endpoint" | "notices" | "stats"> & {
  readonly refresh: Effect.Effect<void>
}

/** statements described, over all connections (engine design §5) */
const descriptionsKept = 1024

/** notices kept for a subscriber that is slow */
const noticesKept = 64

const limitsOf = (pool: ResolvedPool, maxSessions: number | undefined): PoolLimits => {
  const max = Math.min(pool.max, maxSessions ?? pool.max)
  // The only session there is does not age: what listens on it would be lost with it.
  const isOnly = maxSessions === 1
  return {
    max,
    min: Math.min(pool.min, max),
    acquireTimeout: Duration.toMillis(pool.acquireTimeout),
    idleTimeout: isOnly ? Infinity : Duration.toMillis(pool.idleTimeout),
    maxLifetime: isOnly ? Infinity : Duration.toMillis(pool.maxLifetime),
    maxWaiting: pool.maxWaiting,
    queueTarget: pool.queueTarget === undefined ? undefined : Duration.toMillis(pool.queueTarget),
    pipelineDepth: pool.pipelineDepth,
    checkAfter: Duration.toMillis(pool.checkAfter)
  }
}

/** A defect on the way to a connection is our bug; the waiters shall hear of it all the same. */
const errorOf = (cause: Cause.Cause<PostgresError>, settings: ResolvedSettings): PostgresError => {
  const error = Cause.squash(cause)
  if (PostgresError.is(error)) return error
  const address = settings.hosts.map(({ name }) => name).join(", ")
  return new Broken({ reason: { _tag: "ConnectFailed", address, cause: error }, outcome: "NotSent", cause: error })
}

const worthAnotherTry = (error: PostgresError): boolean =>
  PostgresError.isSafeToRetry(error) && error.reason._tag !== "TlsFailed"

type Fork = <A, E>(effect: Effect.Effect<A, E, Transport>) => { readonly stop: () => void }

export const connectPool = (
  settings: Settings
): Effect.Effect<ConnectedPool, PostgresError, Transport | Retry | Scope.Scope> => countingBytes(connect(settings))

const connect = (settings: Settings): Effect.Effect<ConnectedPool, PostgresError, Transport | Retry | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities, userName } = yield* Transport
    const { schedule: retrySchedule } = yield* Retry
    const resolved = yield* resolve(settings, { userName })
    yield* logNotes(resolved, abilities)
    const clock = yield* Effect.clock
    const random = yield* Effect.random
    const notices = yield* PubSub.sliding<ServerReport>(noticesKept)
    const notice = (fields: ReportFields): void => void notices.unsafeOffer(serverReport(fields, "NOTICE"))
    const runFork = yield* FiberSet.makeRuntime<Transport>()
    const fork: Fork = (effect) => {
      // Layers are often built where nothing can be interrupted, and a fiber inherits that.
      const fiber = runFork(Effect.interruptible(effect))
      return { stop: () => fiber.unsafeInterruptAsFork(fiber.id()) }
    }
    const schedule = (after: Duration.DurationInput, callback: () => void): (() => void) =>
      fork(Effect.delay(Effect.sync(callback), after)).stop

    /** Connections opened before the last retreat from a server that no longer writes are of an older one. */
    let generation = 0
    const retreat = (born: number): void => {
      if (born !== generation) return
      generation++
      fork(
        Effect.logWarning(
          "pgfx: the server has become read-only, and the pool is to write; its connections are replaced"
        )
      )
      pool.refresh()
    }
    const host = resolved.hosts[0]
    const endpoint: Endpoint = {
      host: host?.name ?? "",
      port: host?.port ?? 0,
      database: resolved.database,
      user: resolved.user
    }
    const tracing = yield* Tracing
    const observer = tracing === undefined ? undefined : observe(tracing, endpoint, clock)
    const listening = yield* connectListener({ settings: resolved, notice, lessor: () => pool })

    /** A connection of the pool, from the first packet on; `join` makes it a member. */
    const openMember = (join: Opening<Dispatcher>["opened"]): Effect.Effect<void, PostgresError, Transport> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          let events: MemberEvents | undefined
          let dispatcher: Dispatcher | undefined
          const born = generation
          const recovery = recoveryOf({ resolved, abilities, destroy: pool.destroy })
          const exit = yield* Effect.exit(
            restore(
              Scope.extend(
                openConnection(resolved, {
                  notice,
                  notification: (notification) => listening.received(notification),
                  idle: () => events?.idle(),
                  allAbandoned: () => {
                    fork(recovery.run)
                    if (dispatcher !== undefined) pool.held(dispatcher)
                  },
                  writeRefused: () => {
                    if (dispatcher === undefined) return
                    if (hasBecomeReadOnly(dispatcher, resolved.targetSessionAttrs)) retreat(born)
                  },
                  closed: () => {
                    events?.lost()
                    fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
                  }
                }),
                scope
              )
            )
          )
          if (Exit.isFailure(exit)) {
            yield* Scope.close(scope, exit)
            return yield* Effect.failCause(exit.cause)
          }
          recovery.of(exit.value)
          dispatcher = exit.value.dispatcher
          yield* Scope.addFinalizer(
            scope,
            Effect.sync(() => listening.closed(exit.value.dispatcher.closed ?? { _tag: "Closed" }))
          )
          const { initialStatements } = exit.value
          events = join(
            pooledConnection({
              ...exit.value,
              scope,
              fork,
              schedule,
              database,
              initialStatements,
              cancel: recovery.cancel,
              checkTimeout: resolved.cancelTimeout
            })
          )
        })
      )

    const ports: PoolPorts<Dispatcher> = {
      now: () => Number(clock.unsafeCurrentTimeNanos()) / 1e6,
      schedule: (millis, callback) => schedule(Duration.millis(millis), callback),
      random: () => Effect.runSync(random.next),
      open: ({ failed, opened }) =>
        fork(
          Effect.catchAllCause(openMember(opened), (cause) =>
            Cause.isInterruptedOnly(cause) ? Effect.void : Effect.sync(() => failed(errorOf(cause, resolved)))
          )
        ).stop,
      nameOf: (fiber) => (FiberId.isFiberId(fiber) ? FiberId.threadName(fiber) : "a fiber"),
      warn: (message) => void fork(Effect.logWarning(message))
    }
    const pool: PoolLessor<Dispatcher> = new PoolLessor(limitsOf(resolved.pool, abilities.maxSessions), ports)
    const database: Database = {
      ...(observer === undefined ? {} : { observer }),
      lessor: observer?.lessor(pool) ?? pool,
      descriptions: new Descriptions(descriptionsKept, () => fork(unnamedStatements)),
      types: new TypeStore(resolved.codecs),
      destroy: pool.destroy,
      schedule,
      commitTimeout: resolved.commitTimeout,
      commitDeadlines: new Deadlines(Duration.toMillis(resolved.commitTimeout), ports),
      commitProbe: resolved.commitProbe,
      interruptGrace: resolved.interruptGrace,
      fetchSize: resolved.fetchSize,
      copyInWhole: abilities.copyIn === "whole",
      listener: listening.listener
    }
    yield* Effect.addFinalizer(() => Effect.zipRight(listening.close, closePool(pool, resolved)))
    yield* observer?.watch(() => pool.stats) ?? Effect.void
    // The rest of `min` is opened by the pool itself; what is wrong with the settings shows at the first.
    if (pool.limits.min > 0) {
      yield* openMember(pool.adopt).pipe(Effect.retry({ while: worthAnotherTry, schedule: retrySchedule }))
      pool.fill()
    }
    return {
      database,
      endpoint,
      notices: Stream.fromPubSub(notices),
      stats: Effect.sync(() => pool.stats),
      refresh: Effect.sync(() => pool.refresh())
    }
  })

const sleepOf = (duration: Duration.Duration): Effect.Effect<void> =>
  Duration.isFinite(duration) ? Effect.sleep(duration) : Effect.never

/** Leases in use get `closeTimeout`; then what runs is cancelled on the server, and the sockets are dropped. */
const closePool = (
  pool: PoolLessor<Dispatcher>,
  { cancelTimeout, closeTimeout }: ResolvedSettings
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const within = (duration: Duration.Duration, self: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.raceFirst(Effect.interruptible(self), Effect.interruptible(sleepOf(duration)))
    pool.close()
    yield* within(
      closeTimeout,
      Effect.async((resume) => pool.onEmpty(() => resume(Effect.void)))
    )
    const { members } = pool
    const left = [...members.all]
    if (left.length === 0) return
    yield* within(
      cancelTimeout,
      Effect.forEach(
        left,
        ({ connection }) => Effect.async<void>((resume) => connection.cancel(() => resume(Effect.void))),
        { concurrency: "unbounded", discard: true }
      )
    )
    for (const member of left) if (members.all.has(member)) members.drop(member, { _tag: "Closed" })
  })
