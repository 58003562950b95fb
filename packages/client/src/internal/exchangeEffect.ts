// From the Effect world into the engine and back: one request, one asynchronous boundary. Chooses the connection (the innermost
// scope's, or a shared lease) and turns the engine's failures into errors that know their statement.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { Permanent, type PostgresError } from "../PostgresError.ts"
import { type Database, type Holder, holderOf } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason, Exchange, ExchangeFailure } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/Group.ts"
import { type Run, SingleExchange } from "./exchange/Run.ts"
import { errorOfFailure, type FailureContext } from "./failure.ts"

/** What an exchange is made for, apart from its bytes. */
export type RequestContext = Omit<FailureContext, "inTransaction">

/**
 * Gives up a request: unsent it is not sent, sent it is cancelled as soon as nobody else's answer is at stake. Waits for the recovery
 * of the connection, but not longer than the grace.
 */
const abandon = (dispatcher: Dispatcher, run: Run, grace: Duration.Duration): Effect.Effect<void> =>
  Effect.suspend(() => {
    run.abandon()
    if (!dispatcher.isHeld) return Effect.void
    const released = Effect.async<void>((resume) => {
      const takeBack = dispatcher.onReleased(() => resume(Effect.void))
      return Effect.sync(takeBack)
    })
    return Effect.raceFirst(Effect.interruptible(released), Effect.interruptible(Effect.sleep(grace)))
  })

const settleWith =
  <A>(resume: (effect: Effect.Effect<A, PostgresError>) => void, context: FailureContext): Settle<A> =>
  (answer: A | undefined, failure: ExchangeFailure | undefined) => {
    if (failure !== undefined) resume(Effect.fail(errorOfFailure(failure, context)))
    // A settled exchange has an answer or a failure; `A` never contains undefined.
    else resume(Effect.succeed(answer as A))
  }

/** Runs on a connection that is held. */
export const runOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: (settle: Settle<A>) => Run,
  grace: Duration.Duration = Duration.zero
): Effect.Effect<A, PostgresError> =>
  Effect.async<A, PostgresError>((resume) => {
    const run = make(settleWith(resume, context))
    run.start(dispatcher)
    return abandon(dispatcher, run, grace)
  })

/** One exchange on a connection that is held. */
export const exchangeOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> => runOn(dispatcher, context, (settle) => new SingleExchange(make(settle)))

const finished = (context: RequestContext): Permanent =>
  new Permanent({
    reason: { _tag: "TransactionFinished" },
    outcome: "NotSent",
    statement: context.statement,
    parameters: context.parameters
  })

const onHolder = <A>(
  holder: Holder,
  context: RequestContext,
  make: (settle: Settle<A>) => Run
): Effect.Effect<A, PostgresError> => {
  if (!holder.open) return Effect.fail(finished(context))
  const { dispatcher, database } = holder
  const request = runOn(dispatcher, { ...context, inTransaction: holder.depth > 0 }, make, database.interruptGrace)
  if (holder.depth === 0) return request
  return Effect.onInterrupt(request, () =>
    Effect.sync(() => {
      holder.doomed = true
    })
  )
}

const onSharedLease = <A>(
  database: Database,
  context: RequestContext,
  make: (settle: Settle<A>) => Run
): Effect.Effect<A, PostgresError> =>
  Effect.async<A, PostgresError>((resume) => {
    const settle = settleWith(resume, { ...context, inTransaction: false })
    const run = make(settle)
    let on: Dispatcher | undefined
    const leave = database.lessor.shared({
      granted: (dispatcher) => {
        on = dispatcher
        run.start(dispatcher)
      },
      refused: (reason: CloseReason) => settle(undefined, { _tag: "ConnectionClosed", reason, sent: false })
    })
    return Effect.suspend(() => (on === undefined ? Effect.sync(leave) : abandon(on, run, database.interruptGrace)))
  })

/** Runs where the fiber's context says: inside its transaction or pin, else on a shared lease. */
export const runRequest = <A>(
  database: Database,
  context: RequestContext,
  make: (settle: Settle<A>) => Run
): Effect.Effect<A, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    return holder === undefined ? onSharedLease(database, context, make) : onHolder(holder, context, make)
  })
