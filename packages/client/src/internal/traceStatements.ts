// One span per execution, its attributes computed once per statement. Names and keys: OpenTelemetry semantic conventions for database
// client calls, 1.33 (stable), and for PostgreSQL.
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { PostgresError, type StatementInfo } from "../PostgresError.ts"
import type { TracingOptions } from "../Tracing.ts"
import type { Endpoint } from "../Transport.ts"
import { statementWords } from "./sql/words.ts"
import type { Statement } from "./Statement.ts"

export type TraceStatement = <A, E, R>(
  statement: Statement,
  values: ReadonlyArray<unknown>,
  self: Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R>

/** Observes nothing: the effect itself. */
export const untraced: TraceStatement = (_statement, _values, self) => self

interface SpanFacts {
  readonly name: string
  readonly attributes: Record<string, unknown>
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
export const traceStatements = (options: TracingOptions | undefined, endpoint: Endpoint): TraceStatement => {
  if (options === undefined) return untraced
  const known = new WeakMap<StatementInfo, SpanFacts>()
  const slow = options.slowQuery === undefined ? undefined : Duration.decode(options.slowQuery)

  const factsOf = ({ info }: Statement): SpanFacts => {
    const before = known.get(info)
    if (before !== undefined) return before
    const operation = statementWords(info.sql).first
    const facts: SpanFacts = {
      name: info.name ?? `${operation} ${endpoint.database}`,
      attributes: {
        "db.system.name": "postgresql",
        "db.namespace": endpoint.database,
        "server.address": endpoint.host,
        "server.port": endpoint.port,
        "db.operation.name": operation,
        "code.location": info.definedAt,
        ...(info.name === undefined ? {} : { "db.query.summary": info.name }),
        ...(options.queryText === "omit" ? {} : { "db.query.text": info.sql })
      }
    }
    known.set(info, facts)
    return facts
  }

  const parametersOf = ({ placeholders }: Statement, values: ReadonlyArray<unknown>): Record<string, unknown> => {
    if (options.parameters === undefined || options.parameters === "omit") return {}
    const tell = options.parameters === "record" ? shown : kindOf
    return Object.fromEntries(placeholders.map(({ name }, i) => [`db.query.parameter.${name}`, tell(values[i])]))
  }

  const annotateFailure = (error: unknown): Effect.Effect<void> =>
    PostgresError.is(error)
      ? Effect.annotateCurrentSpan({ ...error.details, "pgfx.outcome": error.outcome })
      : Effect.void

  const timed = <A, E, R>({ info }: Statement, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    if (slow === undefined) return self
    return Effect.flatMap(Clock.currentTimeNanos, (start) =>
      Effect.ensuring(
        self,
        Effect.flatMap(Clock.currentTimeNanos, (end) => {
          const took = Duration.nanos(end - start)
          if (Duration.lessThan(took, slow)) return Effect.void
          const statement = info.name ?? info.sql.trim().slice(0, 200)
          return Effect.annotateLogs(Effect.logWarning(`slow query: ${Duration.format(took)}`), {
            statement,
            definedAt: info.definedAt
          })
        })
      )
    )
  }

  return (statement, values, self) => {
    const { attributes, name } = factsOf(statement)
    const span: Tracer.SpanOptions = {
      kind: "client",
      captureStackTrace: false,
      attributes: { ...attributes, ...parametersOf(statement, values) }
    }
    return Effect.withSpan(Effect.tapError(timed(statement, self), annotateFailure), name, span)
  }
}
