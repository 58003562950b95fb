// One span per execution, its attributes computed once per statement. Names and keys: OpenTelemetry semantic conventions for database
// client calls, 1.33 (stable), and for PostgreSQL.
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import type { PostgresError, StatementInfo } from "../../PostgresError.ts"
import type { TracingOptions } from "../../Tracing.ts"
import type { Endpoint } from "../../Transport.ts"
import { statementWords } from "../sql/words.ts"
import type { Statement } from "../Statement.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { secondsOf } from "./observeLessor.ts"

/** One execution, as far as it is observed. */
export interface Observed {
  readonly statement: Statement
  readonly values: ReadonlyArray<unknown>
  /** the database has been told by a server what it is */
  readonly known: boolean
}

/** `run` is given what is to be appended to the SQL text, usually nothing. */
export type TraceStatement = <A extends { readonly received: { readonly rows: number } }, R>(
  observed: Observed,
  run: (comment?: string) => Effect.Effect<A, PostgresError, R>
) => Effect.Effect<A, PostgresError, R>

/** What every span of a database says. */
export const attributesOf = (endpoint: Endpoint): Readonly<Record<string, unknown>> => ({
  "db.system.name": "postgresql",
  "db.namespace": endpoint.database,
  "server.address": endpoint.host,
  "server.port": endpoint.port
})

/** Of a span that is sampled: `traceparent` of W3C Trace Context, as the comment of sqlcommenter. Identifiers of any other form are left out. */
export const traceComment = (span: Tracer.AnySpan | undefined): string =>
  span !== undefined && span.sampled && /^[0-9a-f]{32}$/.test(span.traceId) && /^[0-9a-f]{16}$/.test(span.spanId)
    ? ` /*traceparent='00-${span.traceId}-${span.spanId}-01'*/`
    : ""

interface SpanFacts {
  readonly name: string
  readonly operation: string
  readonly attributes: Record<string, unknown>
  readonly span: Tracer.SpanOptions
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

export interface StatementTracing {
  readonly options: TracingOptions
  readonly endpoint: Endpoint
  readonly metrics: ClientMetrics
  /** nanoseconds */
  readonly now: () => bigint
}

/** How this database's executions are observed. */
export const traceStatements = ({ endpoint, metrics, now, options }: StatementTracing): TraceStatement => {
  const known = new WeakMap<StatementInfo, SpanFacts>()
  const slow = options.slowQuery === undefined ? undefined : Duration.decode(options.slowQuery)
  const ofDatabase = attributesOf(endpoint)

  const factsOf = ({ attributes, info }: Statement): SpanFacts => {
    const before = known.get(info)
    if (before !== undefined) return before
    const operation = statementWords(info.sql).first
    const all = {
      ...attributes,
      ...ofDatabase,
      "db.operation.name": operation,
      "code.location": info.definedAt,
      ...(info.name === undefined ? {} : { "db.query.summary": info.name }),
      ...(options.queryText === "omit" ? {} : { "db.query.text": info.sql })
    }
    const facts: SpanFacts = {
      name: info.name ?? `${operation} ${endpoint.database}`,
      operation,
      attributes: all,
      span: { kind: "client", captureStackTrace: false, attributes: all }
    }
    known.set(info, facts)
    return facts
  }

  /** Per execution only where its values are told. */
  const spanOf = (
    { attributes, span }: SpanFacts,
    { placeholders }: Statement,
    values: ReadonlyArray<unknown>
  ): Tracer.SpanOptions => {
    if (options.parameters === undefined || options.parameters === "omit") return span
    const tell = options.parameters === "record" ? shown : kindOf
    const told = placeholders.map(({ name }, i) => [`db.query.parameter.${name}`, tell(values[i])])
    return { ...span, attributes: { ...attributes, ...Object.fromEntries(told) } }
  }

  const reportIfSlow = (info: StatementInfo, nanos: bigint): Effect.Effect<void> => {
    if (slow === undefined) return Effect.void
    const took = Duration.nanos(nanos)
    if (Duration.lessThan(took, slow)) return Effect.void
    return Effect.annotateLogs(Effect.logWarning(`slow query: ${Duration.format(took)}`), {
      statement: info.name ?? info.sql.trim().slice(0, 200),
      definedAt: info.definedAt
    })
  }

  return ({ known, statement, values }, run) => {
    const facts = factsOf(statement)
    metrics.lookedUp(known)
    return Effect.useSpan(facts.name, spanOf(facts, statement, values), (span) => {
      const since = now()
      const self = run(options.traceContext === "comment" ? traceComment(span) : undefined)
      return Effect.onExit(Effect.withParentSpan(self, span), (exit) => {
        const took = now() - since
        if (Exit.isSuccess(exit)) {
          metrics.operation(facts.operation, undefined, secondsOf(took))
          metrics.returned(exit.value.received.rows)
        } else {
          metrics.operation(facts.operation, failureName(exit.cause), secondsOf(took))
          annotateFailure(span, exit.cause)
        }
        return reportIfSlow(statement.info, took)
      })
    })
  }
}

const annotateFailure = (span: Tracer.Span, cause: Cause.Cause<PostgresError>): void => {
  const failure = Cause.failureOption(cause)
  if (failure._tag === "None") return
  for (const [key, value] of Object.entries(failure.value.details)) span.attribute(key, value)
}

/** As `error.type`: the SQLSTATE if there is one, else the reason. */
const failureName = (cause: Cause.Cause<PostgresError>): string => {
  const failure = Cause.failureOption(cause)
  if (failure._tag === "Some") return String(failure.value.details["error.type"])
  return Cause.isInterrupted(cause) ? "interrupted" : "defect"
}
