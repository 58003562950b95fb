// What is recorded about a database: spans and metrics by OpenTelemetry's database conventions, log lines for slow queries, connections
// and their loss. An observer: without a Layer it does nothing and costs nothing. Where spans and metrics go is the application's affair
// (`@effect/opentelemetry`, a tracer of its own).
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

export interface TracingOptions {
  /** `db.query.text`: the statement with `$1 …`, never with values. Default `"parameterized"`. */
  readonly queryText?: "omit" | "parameterized"
  /**
   * `db.query.parameter.<name>`: `redact` tells the names and the kinds of values, `record` the values themselves, for development.
   * Default `"omit"`.
   */
  readonly parameters?: "omit" | "redact" | "record"
  /** a statement that takes longer is logged as a warning, with its name and where it was defined */
  readonly slowQuery?: Duration.DurationInput
  /**
   * `"comment"`: the span that a statement runs in is told to the server, as a comment with `traceparent` behind the text, for its log and
   * for `pg_stat_activity`. Every text is then a new one: nothing is prepared by name, and each execution is parsed and planned anew.
   * Default `"omit"`.
   */
  readonly traceContext?: "omit" | "comment"
}

/**
 * Read once, when a `Postgres`, `Pool` or `Connection` layer is built: provide it to those. The tracer is that of the fiber that runs a
 * statement; where a program has chosen none there are metrics and log lines, and no spans that nobody would see. Times are in seconds, as
 * the conventions say, and include the wait for a connection, which has a span of its own.
 *
 * @since 0.1.0
 * @category services
 */
export class Tracing extends Context.Reference<Tracing>()("pgfx/Tracing", {
  defaultValue: (): TracingOptions | undefined => undefined
}) {
  static readonly layer = (options: TracingOptions): Layer.Layer<never> => Layer.succeed(Tracing, options)
}
