// A request in a transaction or a pin ⚡: one object from the first byte to the answer, one asynchronous boundary. Carries BEGIN in front of it if
// it is the first; its failure, or its interruption, is its scope's. May it be sent at all? runRequest has decided that.
//
// Without object literals and closures where a statement comes by, as SharedRequest.ts.
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import { type Beginning, type Holder, takeBegin } from "./database.ts"
import type { ExchangeFailure } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/Group.ts"
import type { Part } from "./exchange/parts.ts"
import type { Run } from "./exchange/Run.ts"
import { errorOfFailure } from "./failure.ts"
import { abandon, type MakeRun, type RequestContext } from "./runOn.ts"
import { type Resume, untilAnswered } from "./untilAnswered.ts"

const nothing: ReadonlyArray<Part> = []

class HeldRequest<A> {
  private run: Run | undefined = undefined

  private readonly holder: Holder
  private readonly context: RequestContext
  /** what is sent in front; until the server has answered, everybody else of the scope waits */
  private readonly begin: Beginning | undefined
  private readonly resume: Resume<A, PostgresError>
  constructor(holder: Holder, context: RequestContext, begin: Beginning | undefined, resume: Resume<A, PostgresError>) {
    this.holder = holder
    this.context = context
    this.begin = begin
    this.resume = resume
  }

  start(make: MakeRun<A>): void {
    const { begin, context, holder } = this
    if (begin !== undefined) holder.gate.close()
    const run = make(this.answered, begin?.parts ?? nothing)
    this.run = run
    holder.dispatcher.latest = context.statement
    run.start(holder.dispatcher)
  }

  giveUp(): Effect.Effect<void> {
    const { holder, run } = this
    if (holder.depth > 0) holder.doomed = true
    if (run === undefined) return Effect.void
    const abandoned = abandon(holder.dispatcher, run, holder.database.interruptGrace)
    return Effect.zipRight(
      abandoned,
      Effect.sync(() => this.begun(false))
    )
  }

  private readonly answered: Settle<A> = (answer, failure) => {
    if (failure !== undefined) return this.failed(failure)
    this.begun(false)
    // A settled exchange has an answer or a failure; `A` never contains undefined.
    this.resume(Effect.succeed(answer as A))
  }

  private failed(failure: ExchangeFailure): void {
    const { context, holder } = this
    const { depth, dispatcher, failedBy } = holder
    const inTransaction = depth > 0
    const error = errorOfFailure(failure, { ...context, inTransaction, ...(inTransaction ? { failedBy } : {}) })
    if (inTransaction && dispatcher.status === "E") holder.failedBy ??= error
    this.begun(true)
    this.resume(Effect.fail(error))
  }

  /**
   * What has become of BEGIN. Never sent, or refused: there is no transaction yet. Interrupted, there may be one or not, and the scope is doomed.
   * And where all went well and there is none, the statement has ended it.
   */
  private begun(refused: boolean): void {
    const { begin, holder } = this
    if (begin === undefined || begin.isOver) return
    begin.isOver = true
    if (!begin.isWritten || (refused && holder.dispatcher.status === "I")) begin.giveBack()
    holder.gate.open()
  }
}

const request = <A>(
  holder: Holder,
  context: RequestContext,
  make: MakeRun<A>,
  begins: boolean
): Effect.Effect<A, PostgresError> =>
  untilAnswered<A, PostgresError>((resume) => {
    const request = new HeldRequest(holder, context, begins ? takeBegin(holder) : undefined, resume)
    request.start(make)
    return () => request.giveUp()
  })

/** Runs a request in the scope. */
export const runHeld = <A>(
  holder: Holder,
  context: RequestContext,
  make: MakeRun<A>
): Effect.Effect<A, PostgresError> => request(holder, context, make, false)

/** The same, and it carries what has to be sent before a statement of the scope. */
export const runFirst = <A>(
  holder: Holder,
  context: RequestContext,
  make: MakeRun<A>
): Effect.Effect<A, PostgresError> => request(holder, context, make, true)
