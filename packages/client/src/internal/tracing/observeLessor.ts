// How long requests wait for a connection and how long they keep it. A Lessor around the Lessor, so that leases know nothing of it; a
// span only for those that waited.
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as DefaultServices from "effect/DefaultServices"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { ExchangeFailure } from "../exchange/Exchange.ts"
import type { Claim, Lessor, Waiter } from "../lease.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"

export interface LessorObservation {
  readonly metrics: ClientMetrics
  /** nanoseconds */
  readonly now: () => bigint
  /** of the spans of waits */
  readonly attributes: Readonly<Record<string, unknown>>
}

/** Nanoseconds as seconds. */
export const secondsOf = (nanos: bigint): number => Number(nanos) / 1e9

/** Below the span that the fiber is in; nothing if it is in none, or if nobody traces. */
const spanOfWait = ({ attributes }: LessorObservation, since: bigint): Tracer.Span | undefined => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  if (fiber === undefined || !fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const parent = fiber.currentSpan
  if (parent === undefined) return undefined
  const tracer = Context.get(fiber.getFiberRef(DefaultServices.currentServices), Tracer.Tracer)
  const span = tracer.span("acquire connection", Option.some(parent), Context.empty(), [], since, "internal")
  for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
  return span
}

/** A claim and the observation of it: whoever gives its place back is told by the inner one. */
class ObservedClaim implements Claim {
  inner: Claim | undefined = undefined
  private readonly ended: () => void
  constructor(ended: () => void) {
    this.ended = ended
  }
  end(sweep?: boolean): void {
    this.ended()
    this.inner?.end(sweep)
  }
}

const isTimeout = (failure: ExchangeFailure): boolean =>
  failure._tag === "NotLeased" && failure.error.reason._tag === "PoolTimeout"

export const observeLessor = (lessor: Lessor, observation: LessorObservation): Lessor => {
  const { metrics, now } = observation

  const observed = (waiter: Waiter, ask: (waiter: Waiter) => Claim): Claim => {
    const since = now()
    let grantedAt: bigint | undefined
    let span: Tracer.Span | undefined
    let isOver = false
    const over = (failure: ExchangeFailure | undefined): void => {
      isOver = true
      const at = now()
      if (failure === undefined) {
        grantedAt = at
        metrics.waited(secondsOf(at - since))
      } else if (isTimeout(failure)) metrics.timedOut()
      span?.end(at, failure?._tag === "NotLeased" ? Exit.fail(failure.error) : Exit.void)
      span = undefined
    }
    const claim = new ObservedClaim(() => {
      if (grantedAt !== undefined) metrics.usedFor(secondsOf(now() - grantedAt))
      grantedAt = undefined
      span?.end(now(), Exit.void)
      span = undefined
    })
    claim.inner = ask({
      fiber: waiter.fiber,
      statement: waiter.statement,
      site: waiter.site,
      granted: (line) => {
        over(undefined)
        waiter.granted(line)
      },
      refused: (failure) => {
        over(failure)
        waiter.refused(failure)
      }
    })
    if (!isOver) span = spanOfWait(observation, since)
    return claim
  }

  return {
    shared: (waiter, lost) =>
      observed(waiter, (inner) => lessor.shared(inner, lost instanceof ObservedClaim ? lost.inner : lost)),
    exclusive: (waiter) => observed(waiter, lessor.exclusive)
  }
}
