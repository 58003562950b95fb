// From the Effect world into the engine and back: one request on a connection that is held, one asynchronous boundary. The engine's
// failures become errors that know their statement.
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { Exchange } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/Group.ts"
import type { Part } from "./exchange/parts.ts"
import { type Run, SingleExchange } from "./exchange/Run.ts"
import { errorOfFailure, type FailureContext } from "./failure.ts"

/** `before`: what has to travel in front of the first group; never given to a run that does not join. */
export type MakeRun<A> = (settle: Settle<A>, before?: ReadonlyArray<Part>) => Run

/** What an exchange is made for, apart from its bytes. */
export type RequestContext = Omit<FailureContext, "inTransaction">

/**
 * Gives up a request: unsent it is not sent, sent it is cancelled as soon as nobody else's answer is at stake. Waits for the recovery
 * of the connection, but not longer than the grace.
 */
export const abandon = (dispatcher: Dispatcher, run: Run, grace: Duration.Duration): Effect.Effect<void> =>
  Effect.suspend(() => {
    run.abandon()
    if (!dispatcher.isHeld) return Effect.void
    const released = Effect.async<void>((resume) => {
      const takeBack = dispatcher.onReleased(() => resume(Effect.void))
      return Effect.sync(takeBack)
    })
    return Effect.raceFirst(Effect.interruptible(released), Effect.interruptible(Effect.sleep(grace)))
  })

type Resume<A> = (effect: Effect.Effect<A, PostgresError>) => void

/**
 * The one asynchronous boundary of a request: as `Effect.async` with a finalizer, in half as many steps. `start` answers what is to be done if the
 * fiber is interrupted, which is waited for.
 */
export const untilAnswered = <A>(
  start: (resume: Resume<A>) => () => Effect.Effect<void>
): Effect.Effect<A, PostgresError> =>
  Effect.uninterruptibleMask((restore) => {
    let giveUp: (() => Effect.Effect<void>) | undefined
    const answer = Effect.async<A, PostgresError>((resume) => {
      giveUp = start(resume)
    })
    return Effect.catchAllCause(restore(answer), (cause) =>
      giveUp !== undefined && Cause.isInterruptedOnly(cause)
        ? Effect.zipRight(giveUp(), Effect.failCause(cause))
        : Effect.failCause(cause)
    )
  })

/** What a request tells the transaction it runs in. */
export interface Observer {
  failed(error: PostgresError): void
  interrupted(): void
}

/** Runs on a connection that is held. */
export const runOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: MakeRun<A>,
  grace: Duration.Duration = Duration.zero,
  observer?: Observer
): Effect.Effect<A, PostgresError> =>
  untilAnswered<A>((resume) => {
    const run = make((answer, failure) => {
      // A settled exchange has an answer or a failure; `A` never contains undefined.
      if (failure === undefined) return resume(Effect.succeed(answer as A))
      const error = errorOfFailure(failure, context)
      observer?.failed(error)
      resume(Effect.fail(error))
    })
    dispatcher.latest = context.statement
    run.start(dispatcher)
    return () => {
      observer?.interrupted()
      return abandon(dispatcher, run, grace)
    }
  })

/** One exchange on a connection that is held. */
export const exchangeOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> => runOn(dispatcher, context, (settle) => new SingleExchange(make(settle)))
