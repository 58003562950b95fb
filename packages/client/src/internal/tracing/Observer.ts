// What Tracing adds to a database: spans, metrics and log lines, put around its parts from outside. Made once per Layer; where Tracing is
// absent nothing of this exists, and nothing asks for it per statement. Connections that come and go: observeOpening.ts.
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Tracing, type TracingOptions } from "../../Tracing.ts"
import { type Endpoint, Transport } from "../../Transport.ts"
import type { Lessor } from "../lease.ts"
import { ClientMetrics } from "./ClientMetrics.ts"
import { countBytes } from "./countBytes.ts"
import { observeLessor } from "./observeLessor.ts"
import { SpanPlan } from "./spans.ts"
import { attributesOf } from "./statementFacts.ts"
import { StatementTracer } from "./traceStatements.ts"

interface Stats {
  readonly idle: number
  readonly busy: number
  readonly waiting: number
  readonly max: number
}

export interface Observer {
  readonly statements: StatementTracer
  /** a span of that name around what is not one statement */
  readonly within: <A, E, R>(name: string, self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly lessor: (lessor: Lessor) => Lessor
  /** for as long as the Scope lives */
  readonly watch: (stats: () => Stats) => Effect.Effect<void, never, Scope.Scope>
}

/** Gauges are as old as that at most. Events would be exact, and cost something on every one of them. */
const samplingInterval = "1 second"

export const observe = (options: TracingOptions, endpoint: Endpoint, clock: Clock.Clock): Observer => {
  const metrics = new ClientMetrics(endpoint)
  const attributes = attributesOf(endpoint)
  const now = (): bigint => clock.unsafeCurrentTimeNanos()
  const waiting = new SpanPlan("acquire connection", attributes, "internal")
  const slow = options.slowQuery === undefined ? undefined : Duration.toSeconds(options.slowQuery)
  return {
    statements: new StatementTracer({ options, metrics, now, waiting, slow }, endpoint),
    within: (name, self) => Effect.withSpan(self, name, { kind: "client", captureStackTrace: false, attributes }),
    lessor: (lessor) => observeLessor(lessor, { metrics, now, waiting }),
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
