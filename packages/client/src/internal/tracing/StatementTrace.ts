// One execution of a statement, observed ⚡: a span, its duration, its rows, how long it waited for a connection and how long it had one, a line if
// it was slow. Told by whoever runs the statement; adds no Effect to one that is quick. Each is used once, by one fiber.
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import { PostgresError, type StatementInfo } from "../../PostgresError.ts"
import type { TracingOptions } from "../../Tracing.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { beginSpan, SpanPlan } from "./spans.ts"
import type { StatementFacts } from "./statementFacts.ts"

/** Nanoseconds as seconds. */
export const secondsOf = (nanos: bigint): number => Number(nanos) / 1e9

/** What is the same for all executions on a database. */
export interface StatementTracing {
  readonly options: TracingOptions
  readonly metrics: ClientMetrics
  /** nanoseconds */
  readonly now: () => bigint
  /** of the span of a wait for a connection */
  readonly waiting: SpanPlan
  /** seconds; what takes longer is logged */
  readonly slow: number | undefined
}

/** Of a span that is sampled: `traceparent` of W3C Trace Context, as the comment of sqlcommenter. Identifiers of any other form are left out. */
export const traceComment = (span: Tracer.AnySpan | undefined): string =>
  span !== undefined && span.sampled && /^[0-9a-f]{32}$/.test(span.traceId) && /^[0-9a-f]{16}$/.test(span.spanId)
    ? ` /*traceparent='00-${span.traceId}-${span.spanId}-01'*/`
    : ""

/** As `error.type`: the SQLSTATE if there is one, else the reason. */
const failureName = (error: unknown): string =>
  PostgresError.is(error) ? String(error.details["error.type"]) : "defect"

const slowQuery = ({ definedAt, name, sql }: StatementInfo, seconds: number): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning(`slow query: ${Duration.format(Duration.millis(seconds * 1e3))}`), {
    statement: name ?? sql.trim().slice(0, 200),
    definedAt
  })

/** `A`: what the execution answers. */
export class StatementTrace<A> {
  /** of the execution, once it has started and if there is one */
  span: Tracer.Span | undefined = undefined
  private waitSpan: Tracer.Span | undefined = undefined
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  private since = 0n
  /** when it had to wait for its connection */
  private grantedAt: bigint | undefined = undefined
  /** when it gave its connection back, and how long that was after its start, in seconds */
  private endedAt: bigint | undefined = undefined
  private took = 0
  private isGranted = false
  private isOver = false

  private readonly tracing: StatementTracing
  private readonly facts: StatementFacts
  private readonly plan: SpanPlan
  private readonly rowsOf: (answer: A) => number
  /** `plan`: the statement's own, or with the values of this execution; `rowsOf`: how many rows the server has returned */
  constructor(tracing: StatementTracing, facts: StatementFacts, plan: SpanPlan, rowsOf: (answer: A) => number) {
    this.tracing = tracing
    this.facts = facts
    this.plan = plan
    this.rowsOf = rowsOf
  }

  /** what is to be appended to the SQL text; nothing unless that is asked for */
  get comment(): string | undefined {
    return this.tracing.options.traceContext === "comment" ? traceComment(this.span) : undefined
  }

  /** In the fiber that runs it, before anything else. */
  start(fiber: Fiber.RuntimeFiber<unknown, unknown>): void {
    const { options, now } = this.tracing
    this.fiber = fiber
    this.since = now()
    this.span = beginSpan(fiber, this.plan, this.since, undefined, options.traceContext === "comment")
  }

  /** No connection was free: there will be a span of that, below the statement's. */
  waits(): void {
    if (this.isGranted || this.isOver || this.waitSpan !== undefined) return
    if (this.span === undefined || this.fiber === undefined) return
    this.waitSpan = beginSpan(this.fiber, this.tracing.waiting, this.since, this.span)
  }

  /** `waited`: not at once. It may be granted another one later, if that one went: only the first counts. */
  granted(waited: boolean): void {
    if (this.isGranted) return
    this.isGranted = true
    const { metrics, now } = this.tracing
    if (!waited) return metrics.waited.update(0)
    const at = now()
    this.grantedAt = at
    metrics.waited.update(secondsOf(at - this.since))
    if (this.waitSpan !== undefined) this.endWait(at, Exit.void)
  }

  /** It needs its connection no longer. */
  released(): void {
    if (!this.isGranted) return
    const { grantedAt, since, tracing } = this
    const at = tracing.now()
    const took = secondsOf(at - since)
    if (!this.isOver) {
      this.endedAt = at
      this.took = took
    }
    tracing.metrics.used.update(grantedAt === undefined ? took : secondsOf(at - grantedAt))
  }

  /** What it answers is to be run before its caller goes on. */
  succeeded(answer: A): Effect.Effect<void> | undefined {
    if (this.isOver) return undefined
    const { facts, tracing } = this
    const took = this.end(Exit.void)
    facts.duration.update(took)
    tracing.metrics.returned.update(this.rowsOf(answer))
    return this.reportIfSlow(took)
  }

  failed(error: unknown): Effect.Effect<void> | undefined {
    if (this.isOver) return undefined
    if (PostgresError.is(error)) {
      if (error.reason._tag === "PoolTimeout") this.tracing.metrics.timedOut.update(1)
      if (this.span !== undefined) {
        for (const [key, value] of Object.entries(error.details)) this.span.attribute(key, value)
      }
    }
    return this.unsuccessful(failureName(error), Exit.fail(error))
  }

  interrupted(): Effect.Effect<void> | undefined {
    const { fiber } = this
    return this.unsuccessful("interrupted", fiber === undefined ? Exit.void : Exit.interrupt(fiber.id()))
  }

  /** For what is not told step by step. */
  ended(exit: Exit.Exit<A, unknown>): Effect.Effect<void> | undefined {
    if (Exit.isSuccess(exit)) return this.succeeded(exit.value)
    if (Cause.isInterrupted(exit.cause)) return this.interrupted()
    const failure = Cause.failureOption(exit.cause)
    return this.failed(failure._tag === "Some" ? failure.value : Cause.squash(exit.cause))
  }

  private unsuccessful(name: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    if (this.isOver) return undefined
    const took = this.end(exit)
    this.facts.failure(name).update(took)
    return this.reportIfSlow(took)
  }

  /** Seconds that it took. */
  private end(exit: Exit.Exit<unknown, unknown>): number {
    this.isOver = true
    const at = this.endedAt ?? this.tracing.now()
    if (this.endedAt === undefined) this.took = secondsOf(at - this.since)
    if (this.waitSpan !== undefined) this.endWait(at, exit)
    this.span?.end(at, exit)
    return this.took
  }

  private endWait(at: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.waitSpan?.end(at, exit)
    this.waitSpan = undefined
  }

  private reportIfSlow(took: number): Effect.Effect<void> | undefined {
    const { slow } = this.tracing
    return slow === undefined || took < slow ? undefined : slowQuery(this.facts.info, took)
  }
}
