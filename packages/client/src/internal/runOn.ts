// From the Effect world into the engine and back: one request on a connection that is held, one asynchronous boundary. The engine's
// failures become errors that know their statement.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { Exchange } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/Group.ts"
import type { Part } from "./exchange/parts.ts"
import { type Run, SingleExchange } from "./exchange/Run.ts"
import { errorOfFailure, type FailureContext } from "./failure.ts"
import { untilAnswered } from "./untilAnswered.ts"

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

/** Runs on a connection that is held. */
export const runOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: MakeRun<A>,
  grace: Duration.Duration = Duration.zero
): Effect.Effect<A, PostgresError> =>
  untilAnswered<A, PostgresError>((resume) => {
    const run = make((answer, failure) => {
      // A settled exchange has an answer or a failure; `A` never contains undefined.
      if (failure === undefined) return resume(Effect.succeed(answer as A))
      resume(Effect.fail(errorOfFailure(failure, context)))
    })
    dispatcher.latest = context.statement
    run.start(dispatcher)
    return () => abandon(dispatcher, run, grace)
  })

/** One exchange on a connection that is held. */
export const exchangeOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> => runOn(dispatcher, context, (settle) => new SingleExchange(make(settle)))
