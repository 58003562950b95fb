// What Tracing adds to a database: spans, metrics and log lines, put around its parts from outside. Made once per Layer; where Tracing is
// absent nothing of this exists, and nothing asks for it per statement.
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PostgresError } from "../../PostgresError.ts"
import { Tracing, type TracingOptions } from "../../Tracing.ts"
import { type Endpoint, Transport } from "../../Transport.ts"
import type { Lessor } from "../lease.ts"
import { ClientMetrics } from "./ClientMetrics.ts"
import { countBytes } from "./countBytes.ts"
import { observeLessor, secondsOf } from "./observeLessor.ts"
import { attributesOf, type TraceStatement, traceStatements } from "./traceStatements.ts"

interface Stats {
  readonly idle: number
  readonly busy: number
  readonly waiting: number
  readonly max: number
}

export interface Observer {
  readonly trace: TraceStatement
  /** a span of that name around what is not one statement */
  readonly within: <A, E, R>(name: string, self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly lessor: (lessor: Lessor) => Lessor
  /** a span, the duration, and a log line of each attempt to connect */
  readonly connecting: <A, R>(self: Effect.Effect<A, PostgresError, R>) => Effect.Effect<A, PostgresError, R>
  /** a log line */
  readonly lost: Effect.Effect<void>
  /** for as long as the Scope lives */
  readonly watch: (stats: () => Stats) => Effect.Effect<void, never, Scope.Scope>
}

/** Gauges are as old as that at most. Events would be exact, and cost something on every one of them. */
const samplingInterval = "1 second"

export const observe = (options: TracingOptions, endpoint: Endpoint, clock: Clock.Clock): Observer => {
  const metrics = new ClientMetrics(endpoint)
  const attributes = attributesOf(endpoint)
  const now = (): bigint => clock.unsafeCurrentTimeNanos()
  const within: Observer["within"] = (name, self) =>
    Effect.withSpan(self, name, { kind: "client", captureStackTrace: false, attributes })
  return {
    trace: traceStatements({ options, endpoint, metrics, now }),
    within,
    lessor: (lessor) => observeLessor(lessor, { metrics, now, attributes }),
    connecting: (self) =>
      Effect.suspend(() => {
        const since = now()
        return within("connect", self).pipe(
          Effect.tap(() => {
            metrics.created(secondsOf(now() - since))
            return Effect.annotateLogs(Effect.logDebug("pgfx: connected"), attributes)
          }),
          Effect.tapError((error) => Effect.annotateLogs(Effect.logWarning("pgfx: could not connect"), error.details))
        )
      }),
    lost: Effect.annotateLogs(Effect.logWarning("pgfx: a connection was lost"), attributes),
    watch: (stats) => {
      const sample = Effect.sync(() => metrics.connections(stats()))
      return Effect.asVoid(
        Effect.forkScoped(Effect.interruptible(Effect.forever(Effect.zipRight(sample, Effect.sleep(samplingInterval)))))
      )
    }
  }
}

/** The bytes of every connection of a Layer that is built with Tracing. */
export const countingBytes = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Transport> =>
  Effect.flatMap(Tracing, (options) =>
    options === undefined ? self : Effect.updateService(self, Transport, countBytes)
  )
