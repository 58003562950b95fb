// From a statement to the observation of one execution of it, and from there to the Effects that are observed as a whole: scripts, streams, COPY.
// Values are told only where that is asked for.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { StatementInfo } from "../../PostgresError.ts"
import type { Endpoint } from "../../Transport.ts"
import type { Statement } from "../Statement.ts"
import { SpanPlan } from "./spans.ts"
import { StatementFacts } from "./statementFacts.ts"
import { StatementTrace, type StatementTracing } from "./StatementTrace.ts"

/** One execution, as far as it is observed. */
export interface Observed {
  readonly statement: Pick<Statement, "attributes" | "info" | "placeholders">
  readonly values: ReadonlyArray<unknown>
  /** the database has been told by a server what it is */
  readonly known: boolean
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "array"
      : typeof value === "object"
        ? value.constructor.name
        : typeof value

const shown = (value: unknown): string =>
  typeof value === "string"
    ? value
    : value instanceof Uint8Array
      ? `${value.length} bytes`
      : JSON.stringify(value, bigints)

const bigints = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value)

/** How this database's executions are observed. */
export class StatementTracer {
  private readonly known = new WeakMap<StatementInfo, StatementFacts>()

  private readonly tracing: StatementTracing
  private readonly endpoint: Endpoint
  constructor(tracing: StatementTracing, endpoint: Endpoint) {
    this.tracing = tracing
    this.endpoint = endpoint
  }

  trace<A>({ known, statement, values }: Observed, rowsOf: (answer: A) => number): StatementTrace<A> {
    const { metrics, options } = this.tracing
    const lookups = known ? metrics.known : metrics.unknown
    lookups.update(1)
    const facts = this.factsOf(statement)
    const { parameters = "omit" } = options
    const plan = parameters === "omit" ? facts.plan : this.planOf(facts, statement, values, parameters)
    return new StatementTrace(this.tracing, facts, plan, rowsOf)
  }

  /** Of what is sent as it is, and is in no cache of statements. */
  traceText<A>(info: StatementInfo, rowsOf: (answer: A) => number): StatementTrace<A> {
    const facts = this.factsOf({ info, attributes: undefined })
    return new StatementTrace(this.tracing, facts, facts.plan, rowsOf)
  }

  private factsOf(statement: Pick<Statement, "attributes" | "info">): StatementFacts {
    const { info } = statement
    const before = this.known.get(info)
    if (before !== undefined) return before
    const made = new StatementFacts(statement, this.tracing.metrics, this.endpoint, this.tracing.options)
    this.known.set(info, made)
    return made
  }

  private planOf(
    { attributes, plan }: StatementFacts,
    { placeholders }: Pick<Statement, "placeholders">,
    values: ReadonlyArray<unknown>,
    parameters: "redact" | "record"
  ): SpanPlan {
    const tell = parameters === "record" ? shown : kindOf
    const told = placeholders.map(({ name }, i) => [`db.query.parameter.${name}`, tell(values[i])])
    return new SpanPlan(plan.name, { ...attributes, ...Object.fromEntries(told) })
  }
}

/** The effect, observed from its start to its end. `around`: its span is that of whatever the effect waits for. */
export const observed = <A, E, R>(
  trace: StatementTrace<A>,
  self: Effect.Effect<A, E, R>,
  around: boolean
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.uninterruptibleMask((restore) => {
      trace.start(fiber)
      const inside = around && trace.span !== undefined ? Effect.withParentSpan(self, trace.span) : self
      return Effect.matchCauseEffect(restore(inside), {
        onSuccess: (answer) => after(trace.succeeded(answer), Effect.succeed(answer)),
        onFailure: (cause) => after(trace.ended(Exit.failCause(cause)), Effect.failCause(cause))
      })
    })
  )

/** A report that there may be, then the result. */
export const after = <A, E, R>(
  report: Effect.Effect<void> | undefined,
  result: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => (report === undefined ? result : Effect.zipRight(report, result))

/** For as long as the Scope lives, `first` included: what is waited for there has the span around it. */
export const observedInScope = <A, E, R>(
  trace: StatementTrace<void>,
  first: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.zipRight(
      Effect.acquireRelease(
        Effect.sync(() => trace.start(fiber)),
        (_, exit) => trace.ended(Exit.asVoid(exit)) ?? Effect.void
      ),
      Effect.suspend(() => (trace.span === undefined ? first : Effect.withParentSpan(first, trace.span)))
    )
  )
