// From the Effect world into the engine and back: one request, one asynchronous boundary. Chooses the connection (the innermost
// scope's, or a shared lease) and turns the engine's failures into errors that know their statement.
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { Permanent, type PostgresError } from "../PostgresError.ts"
import { type Database, type Holder, holderOf } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason, Exchange, ExchangeFailure } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/extendedQuery.ts"
import { errorOfFailure, type FailureContext } from "./failure.ts"

/** What an exchange is made for, apart from its bytes. */
export type RequestContext = Omit<FailureContext, "inTransaction">

/** Submits to a connection that is held. Interruption abandons the answer: it is read and thrown away. */
export const exchangeOn = <A>(
  dispatcher: Dispatcher,
  context: FailureContext,
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> =>
  Effect.async<A, PostgresError>((resume) => {
    dispatcher.submit(make(settleWith(resume, context)))
  })

const settleWith =
  <A>(resume: (effect: Effect.Effect<A, PostgresError>) => void, context: FailureContext): Settle<A> =>
  (answer: A | undefined, failure: ExchangeFailure | undefined) => {
    if (failure !== undefined) resume(Effect.fail(errorOfFailure(failure, context)))
    // A settled exchange has an answer or a failure; `A` never contains undefined.
    else resume(Effect.succeed(answer as A))
  }

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
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> => {
  if (!holder.open) return Effect.fail(finished(context))
  const request = exchangeOn(holder.dispatcher, { ...context, inTransaction: holder.depth > 0 }, make)
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
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> =>
  Effect.async<A, PostgresError>((resume) => {
    const settle = settleWith(resume, { ...context, inTransaction: false })
    const leave = database.lessor.shared({
      granted: (dispatcher) => dispatcher.submit(make(settle)),
      refused: (reason: CloseReason) => settle(undefined, { _tag: "ConnectionClosed", reason, sent: false })
    })
    return Effect.sync(leave)
  })

/** Runs one exchange where the fiber's context says: inside its transaction or pin, else on a shared lease. */
export const exchange = <A>(
  database: Database,
  context: RequestContext,
  make: (settle: Settle<A>) => Exchange
): Effect.Effect<A, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    return holder === undefined ? onSharedLease(database, context, make) : onHolder(holder, context, make)
  })
