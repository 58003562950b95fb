// One connection, and another one in its place once it is lost, if the settings say so. That one is opened when somebody asks for it, and
// handed over when its session is what the lost one was: start-up parameters, initial statements, the parameters that were set since.
// Nothing that was asked of the lost one is asked again here.
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { Broken, PostgresError } from "../PostgresError.ts"
import { Transport } from "../Transport.ts"
import type { Database } from "./database.ts"
import type { Timers } from "./Deadlines.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason } from "./exchange/Exchange.ts"
import { SingleConnectionLessor } from "./lease.ts"
import { ConnectPace } from "./pool/ConnectPace.ts"
import { recoveryOf } from "./pool/recoveryOf.ts"
import { lostAtOnce } from "./pool/refusals.ts"
import { resetSession } from "./resetSession.ts"
import type { SessionParameters } from "./sessionParameters.ts"
import { openConnection, type OpenConnection } from "./startup/openConnection.ts"
import type { ResolvedSettings } from "./startup/settings/ResolvedSettings.ts"
import type { ConnectionOutlets } from "./startup/startSession.ts"

/** The connection of the moment; a closed one until there is another. */
interface Current extends OpenConnection {
  /** milliseconds */
  readonly openedAt: number
  /** its socket, its reader, its goodbye */
  readonly end: Effect.Effect<void>
}

export interface SingleConnection {
  readonly lessor: SingleConnectionLessor
  readonly current: () => OpenConnection
  /** how often a lost connection has been replaced */
  readonly reconnects: () => number
  /** milliseconds since bytes came from the server */
  readonly silence: () => number
  readonly destroy: (dispatcher: Dispatcher, reason: CloseReason) => void
  readonly schedule: Database["schedule"]
  readonly timers: Timers
}

export interface SingleConnectionOptions {
  readonly settings: ResolvedSettings
  readonly outlets: Pick<ConnectionOutlets, "notice" | "notification" | "closed">
  readonly parameters: SessionParameters
  readonly database: () => Database
}

/** A connection that ends so soon may end so again: the next one is waited for. */
const shortLife = 1_000

/** A defect on the way to a connection is our bug; the waiters shall hear of it all the same. */
const errorOf = (cause: Cause.Cause<PostgresError>, address: string): PostgresError => {
  const error = Cause.squash(cause)
  if (PostgresError.is(error)) return error
  return new Broken({ reason: { _tag: "ConnectFailed", address, cause: error }, outcome: "NotSent", cause: error })
}

const unresponsive = (): Broken =>
  new Broken({ reason: { _tag: "Unresponsive", during: "the parameters of the session" }, outcome: "NotSent" })

/** A statement has changed the session behind our back, and the next one may count on it. */
const sessionGone = (evidence: string): Broken =>
  new Broken({ reason: { _tag: "SessionLost", lost: [`what was changed by ${evidence}`] }, outcome: "NotSent" })

export const keepConnection = ({
  database,
  outlets,
  parameters,
  settings
}: SingleConnectionOptions): Effect.Effect<SingleConnection, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities } = yield* Transport
    const clock = yield* Effect.clock
    const random = yield* Effect.random
    const runFork = yield* FiberSet.makeRuntime<Transport>()
    const fork = (effect: Effect.Effect<unknown, never, Transport>): { readonly stop: () => void } => {
      // Layers are often built where nothing can be interrupted, and a fiber inherits that.
      const fiber = runFork(Effect.interruptible(effect))
      return { stop: () => fiber.unsafeInterruptAsFork(fiber.id()) }
    }
    // ended behind whoever waits, and before the fibers that serve them
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const schedule: Database["schedule"] = (after, callback) => fork(Effect.delay(Effect.sync(callback), after)).stop
    const now = (): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const timers: Timers = { now, schedule: (millis, callback) => schedule(Duration.millis(millis), callback) }
    const address = settings.hosts.map(({ name }) => name).join(", ")
    const timeout = Duration.toMillis(settings.connectTimeout)

    let current: Current | undefined
    let lessor: SingleConnectionLessor | undefined
    let heardAt = now()
    let lostAt = 0
    let reconnects = 0
    /** to be told to whoever asks next */
    let sessionLost: Broken | undefined
    let opening = false
    let closing = false
    let stopExpiry: (() => void) | undefined

    const destroy = (dispatcher: Dispatcher, reason: CloseReason): void => {
      if (dispatcher !== current?.dispatcher || dispatcher.closed !== undefined) return
      dispatcher.close(reason)
      current.duplex.destroy()
      fork(current.end)
      lost(current, reason)
    }

    const lost = ({ dispatcher, openedAt }: Current, reason: CloseReason): void => {
      lostAt = now()
      // What a pin or a script has changed would have been swept up; whoever ran it knows of the loss.
      const { evidence } = dispatcher.session
      if (evidence !== undefined && lessor?.isHeld === false) sessionLost = sessionGone(evidence)
      if (lostAt - openedAt > shortLife) pace.used()
      else pace.lost(lostAtOnce(dispatcher))
      outlets.closed(reason)
      lessor?.lost(reason)
    }

    const restored = (dispatcher: Dispatcher): Effect.Effect<void, PostgresError> => {
      const restore = parameters.restore(dispatcher, { starting: true })
      if (!Duration.isFinite(settings.connectTimeout)) return restore
      return Effect.timeoutFail(restore, { duration: settings.connectTimeout, onTimeout: unresponsive })
    }

    const open: Effect.Effect<Current, PostgresError, Transport> = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const end = Effect.uninterruptible(Scope.close(own, Exit.void))
        const recovery = recoveryOf({ resolved: settings, abilities, destroy })
        let opened: Current | undefined
        const all = openConnection(settings, {
          ...outlets,
          heard: () => {
            heardAt = now()
          },
          idle: () => lessor?.idle(),
          allAbandoned: () => void fork(recovery.run),
          closed: (reason) => {
            fork(end)
            if (opened !== undefined && opened === current) lost(opened, reason)
          }
        }).pipe(Effect.tap(({ dispatcher }) => restored(dispatcher)))
        const exit = yield* Effect.exit(restore(Scope.extend(all, own)))
        if (Exit.isFailure(exit)) {
          yield* Scope.close(own, exit)
          return yield* Effect.failCause(exit.cause)
        }
        recovery.of(exit.value)
        opened = { ...exit.value, openedAt: now(), end }
        return opened
      })
    )

    const replaceWith = (next: Current): void => {
      opening = false
      // it was lost between the last answer and now
      if (next.dispatcher.closed !== undefined) return failed(lostAtOnce(next.dispatcher))
      current = next
      reconnects++
      pace.opened()
      fork(Effect.logInfo(`pgfx: the lost connection to ${address} was replaced (backend ${next.key?.processId ?? 0})`))
      lessor?.replaced(next.dispatcher)
    }

    const failed = (error: PostgresError): void => {
      opening = false
      pace.failed(error)
      if (pace.isRefused) lessor?.refuse(error)
    }

    const dial = (): void => {
      const isNeeded = (lessor?.waiting ?? 0) > 0 && current?.dispatcher.closed !== undefined
      if (closing || opening || !isNeeded || pace.limit === 0) return
      opening = true
      fork(
        Effect.matchCause(open, {
          onSuccess: replaceWith,
          onFailure: (cause) => {
            if (!Cause.isInterruptedOnly(cause)) failed(errorOf(cause, address))
          }
        })
      )
    }

    const pace = new ConnectPace({ ...timers, random: () => Effect.runSync(random.next) }, dial)

    /** Nobody waits for another connection for longer than for the first. */
    const armExpiry = (): void => {
      const since = lessor?.waitingSince
      if (stopExpiry !== undefined || since === undefined || !Number.isFinite(timeout)) return
      const left = Math.max(0, Math.max(since, lostAt) + timeout - now())
      stopExpiry = schedule(Duration.millis(left), () => {
        stopExpiry = undefined
        if (current?.dispatcher.closed === undefined) return
        // half a millisecond: timers are not more exact than that
        const before = now() - timeout + 0.5
        if (lostAt <= before) lessor?.refuse(pace.lastError ?? tooLate(), before)
        armExpiry()
      })
    }

    const tooLate = (): Broken => {
      const cause = `no connection within ${Duration.format(settings.connectTimeout)} (connectTimeout)`
      return new Broken({ reason: { _tag: "ConnectFailed", address, cause }, outcome: "NotSent" })
    }

    const first = yield* open
    const leases = new SingleConnectionLessor(
      first.dispatcher,
      (dispatcher, done) => {
        const { initialStatements } = current ?? first
        const restore = parameters.restore(dispatcher, { starting: false })
        fork(Effect.ensuring(resetSession(database(), dispatcher, initialStatements, restore), Effect.sync(done)))
      },
      settings.reconnect
        ? {
            now,
            wanted: () => {
              const refusal = sessionLost ?? pace.refusal
              sessionLost = undefined
              if (refusal !== undefined) return refusal
              armExpiry()
              dial()
              return undefined
            }
          }
        : undefined
    )
    current = first
    lessor = leases
    if (first.dispatcher.closed !== undefined) lost(first, first.dispatcher.closed)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closing = true
        pace.stop()
        stopExpiry?.()
        leases.close({ _tag: "Closed" })
      })
    )
    return {
      lessor: leases,
      current: () => current ?? first,
      reconnects: () => reconnects,
      silence: () => now() - heardAt,
      destroy,
      schedule,
      timers
    }
  })
