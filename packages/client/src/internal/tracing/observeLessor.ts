// How long exclusive leases are waited for and held: those of transactions, pins, streams and COPY. A Lessor around the Lessor, so that leases
// know nothing of it; a span only for those that waited. Shared ones are the affair of the statement that runs on them (StatementTrace.ts).
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import type { ExchangeFailure } from "../exchange/Exchange.ts"
import type { Claim, Lessor, Waiter } from "../lease.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { beginSpan, type SpanPlan } from "./spans.ts"
import { secondsOf } from "./StatementTrace.ts"

export interface LessorObservation {
  readonly metrics: ClientMetrics
  /** nanoseconds */
  readonly now: () => bigint
  /** the span of a wait */
  readonly waiting: SpanPlan
}

const isTimeout = (failure: ExchangeFailure): boolean =>
  failure._tag === "NotLeased" && failure.error.reason._tag === "PoolTimeout"

/** In the place of the waiter for the Lessor, and in the place of its claim for the waiter. */
class ObservedLease implements Waiter, Claim {
  private claim: Claim | undefined = undefined
  private span: Tracer.Span | undefined = undefined
  private grantedAt: bigint | undefined = undefined
  private isOver = false

  private readonly since: bigint
  private readonly waiter: Waiter
  private readonly observation: LessorObservation
  constructor(waiter: Waiter, observation: LessorObservation) {
    this.waiter = waiter
    this.observation = observation
    this.since = observation.now()
  }

  get fiber(): Waiter["fiber"] {
    return this.waiter.fiber
  }
  get statement(): Waiter["statement"] {
    return this.waiter.statement
  }
  get site(): Waiter["site"] {
    return this.waiter.site
  }

  ask(lessor: Lessor): this {
    this.claim = lessor.exclusive(this)
    const fiber = this.isOver ? undefined : Option.getOrUndefined(Fiber.getCurrentFiber())
    // a span of its own would say nothing: there is nobody whose wait it is
    if (fiber?.currentSpan !== undefined) this.span = beginSpan(fiber, this.observation.waiting, this.since)
    return this
  }

  granted(line: Dispatcher): void {
    const { metrics, now } = this.observation
    this.grantedAt = now()
    metrics.waited.update(secondsOf(this.grantedAt - this.since))
    this.over(this.grantedAt, Exit.void)
    this.waiter.granted(line)
  }

  refused(failure: ExchangeFailure): void {
    const { metrics, now } = this.observation
    if (isTimeout(failure)) metrics.timedOut.update(1)
    this.over(now(), failure._tag === "NotLeased" ? Exit.fail(failure.error) : Exit.void)
    this.waiter.refused(failure)
  }

  end(sweep?: boolean): void {
    const { metrics, now } = this.observation
    const at = now()
    if (this.grantedAt !== undefined) metrics.used.update(secondsOf(at - this.grantedAt))
    this.grantedAt = undefined
    this.over(at, Exit.void)
    this.claim?.end(sweep)
  }

  private over(at: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.isOver = true
    this.span?.end(at, exit)
    this.span = undefined
  }
}

export const observeLessor = (lessor: Lessor, observation: LessorObservation): Lessor => ({
  shared: lessor.shared,
  exclusive: (waiter) => new ObservedLease(waiter, observation).ask(lessor)
})
