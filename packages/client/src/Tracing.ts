// What is recorded about queries: spans by OpenTelemetry's database conventions, and a log line for slow ones. An observer: without a
// Layer it does nothing and costs nothing. Where spans go is the application's affair (`@effect/opentelemetry`, a tracer of its own).
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
}

/**
 * Read once, when a `Postgres`, `Pool` or `Connection` layer is built: provide it to those.
 *
 * @since 0.1.0
 * @category services
 */
export class Tracing extends Context.Reference<Tracing>()("pgfx/Tracing", {
  defaultValue: (): TracingOptions | undefined => undefined
}) {
  static readonly layer = (options: TracingOptions): Layer.Layer<never> => Layer.succeed(Tracing, options)
}
