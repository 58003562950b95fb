// What the spans of a statement say, made once per statement. Names and keys: OpenTelemetry semantic conventions for database client calls,
// 1.33 (stable), and for PostgreSQL; where a statement is defined by those for code.
import type * as MetricHook from "effect/MetricHook"
import type { StatementInfo } from "../../PostgresError.ts"
import type { TracingOptions } from "../../Tracing.ts"
import type { Endpoint } from "../../Transport.ts"
import { statementWords } from "../sql/words.ts"
import type { Statement } from "../Statement.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { SpanPlan } from "./spans.ts"

/** What every span of a database says. */
export const attributesOf = (endpoint: Endpoint): Readonly<Record<string, unknown>> => ({
  "db.system.name": "postgresql",
  "db.namespace": endpoint.database,
  "server.address": endpoint.host,
  "server.port": endpoint.port
})

const placeOf = (definedAt: string): Readonly<Record<string, unknown>> => {
  const [, path, line] = /^(.+):(\d+)$/.exec(definedAt) ?? []
  return path === undefined ? {} : { "code.file.path": path, "code.line.number": Number(line) }
}

export class StatementFacts {
  readonly info: StatementInfo
  readonly plan: SpanPlan
  readonly attributes: Readonly<Record<string, unknown>>
  /** of those that succeed */
  readonly duration: MetricHook.MetricHook.Histogram
  private readonly failures = new Map<string, MetricHook.MetricHook.Histogram>()
  private readonly operation: string
  private readonly metrics: ClientMetrics
  constructor(
    { attributes, info }: Pick<Statement, "attributes" | "info">,
    metrics: ClientMetrics,
    endpoint: Endpoint,
    options: TracingOptions
  ) {
    const operation = statementWords(info.sql).first
    this.info = info
    this.metrics = metrics
    this.operation = operation
    this.attributes = {
      ...attributes,
      ...attributesOf(endpoint),
      "db.operation.name": operation,
      ...placeOf(info.definedAt),
      ...(info.name === undefined ? {} : { "db.query.summary": info.name }),
      ...(options.queryText === "omit" ? {} : { "db.query.text": info.sql })
    }
    this.plan = new SpanPlan(info.name ?? `${operation} ${endpoint.database}`, this.attributes)
    this.duration = metrics.duration(operation)
  }

  /** of those that fail so */
  failure(name: string): MetricHook.MetricHook.Histogram {
    const known = this.failures.get(name)
    if (known !== undefined) return known
    const made = this.metrics.duration(this.operation, name)
    this.failures.set(name, made)
    return made
  }
}
