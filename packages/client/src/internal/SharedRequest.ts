// A request on a shared lease ⚡: one object from its first placement to its answer, one asynchronous boundary. Outside of every transaction and
// pin; what a statement may not do there is refused before, and after it if it left a transaction open.
//
// Written without object literals and closures where a query comes by: V8 gives those that it has seen survive a place in the old generation,
// where each keeps everything alive that came after it (10 of 30 µs of a query were garbage collection, Node 20).
import { ProtocolViolation } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { PostgresError, StatementInfo } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason, ExchangeFailure } from "./exchange/Exchange.ts"
import type { Settle } from "./exchange/Group.ts"
import type { Run } from "./exchange/Run.ts"
import { errorOfFailure } from "./failure.ts"
import type { Claim, Waiter } from "./lease.ts"
import { abandon, type MakeRun, type RequestContext } from "./runOn.ts"
import type { StatementTrace } from "./tracing/StatementTrace.ts"
import { after } from "./tracing/traceStatements.ts"
import { type Resume, untilAnswered } from "./untilAnswered.ts"

/** Connections may die one after the other under a request; each time it had not been sent. */
const mostMoves = 8

const transactionLeftOpen = (status: string): ProtocolViolation =>
  new ProtocolViolation({
    during: "a statement outside a transaction",
    offset: -1,
    expected: "ReadyForQuery with status I",
    received: `status ${status}`
  })

class SharedRequest<A> implements Waiter {
  private on: Dispatcher | undefined = undefined
  private run: Run | undefined = undefined
  /** the latest; one that was lost keeps its place for the next */
  private claim: Claim | undefined = undefined
  private placements = 0
  private isOver = false
  private isWanted = true
  /** not granted at once */
  private isWaiting = false

  readonly fiber: object
  private readonly database: Database
  private readonly context: RequestContext
  private readonly make: MakeRun<A>
  private readonly trace: StatementTrace<A> | undefined
  private readonly resume: Resume<A, PostgresError>
  constructor(
    database: Database,
    context: RequestContext,
    make: MakeRun<A>,
    fiber: object,
    trace: StatementTrace<A> | undefined,
    resume: Resume<A, PostgresError>
  ) {
    this.trace = trace
    this.database = database
    this.context = context
    this.make = make
    this.fiber = fiber
    this.resume = resume
  }

  get statement(): StatementInfo | undefined {
    return this.context.statement
  }

  place(): void {
    const placement = ++this.placements
    this.on = undefined
    this.run = this.make(this.answered)
    const claim = this.database.lessor.shared(this, this.claim)
    // It may have been granted and settled by now, and placed anew.
    if (this.isOver || this.placements > placement) claim.end()
    else this.claim = claim
    if (this.trace === undefined || this.on !== undefined) return
    this.isWaiting = true
    this.trace.waits()
  }

  granted(dispatcher: Dispatcher): void {
    this.on = dispatcher
    this.trace?.granted(this.isWaiting)
    this.run?.start(dispatcher)
  }

  refused(failure: ExchangeFailure): void {
    this.isOver = true
    this.fail(failure, false)
  }

  giveUp(): Effect.Effect<void> {
    this.isWanted = false
    const { claim, database, on, run, trace } = this
    const report = trace?.interrupted()
    if (on !== undefined && run !== undefined) return after(report, abandon(on, run, database.interruptGrace))
    claim?.end()
    return report ?? Effect.void
  }

  private readonly answered: Settle<A> = (answer, failure) => {
    this.claim?.end()
    this.trace?.released()
    // Placed, and the connection went before a byte was written: another will do (engine design §7).
    if (failure?._tag === "ConnectionClosed" && !failure.sent && this.isWanted && this.placements <= mostMoves) {
      return this.place()
    }
    this.isOver = true
    const { on } = this
    if (on !== undefined && on.closed === undefined && on.status !== "I") return this.leftOpen(on, failure)
    if (failure !== undefined) return this.fail(failure, false)
    // A settled exchange has an answer or a failure; `A` never contains undefined.
    const settled = answer as A
    this.resume(after(this.trace?.succeeded(settled), Effect.succeed(settled)))
  }

  /**
   * A function opened a transaction, or something we do not know did: whoever came next would work inside it. What the statement did is
   * undone with the connection, so it has not succeeded.
   */
  private leftOpen(on: Dispatcher, failure: ExchangeFailure | undefined): void {
    const { recent, status } = on
    const reason: CloseReason = { _tag: "Violation", violation: transactionLeftOpen(status), transcript: recent }
    const told: ExchangeFailure =
      failure?._tag === "Reported"
        ? { ...failure, closed: true }
        : (failure ?? { _tag: "ConnectionClosed", reason, sent: true })
    this.fail(told, true)
    this.database.destroy(on, reason)
  }

  private fail(failure: ExchangeFailure, inTransaction: boolean): void {
    const error = errorOfFailure(failure, { ...this.context, inTransaction })
    this.resume(after(this.trace?.failed(error), Effect.fail(error)))
  }
}

/** Runs a request on whatever connection the database shares with it. */
export const onSharedLease = <A>(
  database: Database,
  context: RequestContext,
  make: MakeRun<A>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  trace: StatementTrace<A> | undefined
): Effect.Effect<A, PostgresError> =>
  untilAnswered<A, PostgresError>((resume) => {
    trace?.start(fiber)
    const request = new SharedRequest(database, context, make, fiber.id(), trace, resume)
    request.place()
    return () => request.giveUp()
  })
