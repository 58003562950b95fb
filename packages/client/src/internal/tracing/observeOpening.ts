// Connections that come, cannot be had and go, and what the server says without being asked: a span and the time of each attempt, log lines with
// the place. Around the opening of every kind of connection, the listener's included; without Tracing it is the opening itself.
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { PostgresError, ServerReport } from "../../PostgresError.ts"
import { Tracing } from "../../Tracing.ts"
import type { CloseReason } from "../exchange/Exchange.ts"
import { serverReport } from "../errorFromReport.ts"
import type { ConnectionOutlets } from "../startup/startSession.ts"
import type { ResolvedHost, ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import { ClientMetrics } from "./ClientMetrics.ts"
import { secondsOf } from "./StatementTrace.ts"
import { attributesOf } from "./statementFacts.ts"

interface Opened {
  readonly destination: { readonly host: ResolvedHost; readonly dialled: { readonly host: string } }
}

type Open<A, R> = (settings: ResolvedSettings, outlets: ConnectionOutlets) => Effect.Effect<A, PostgresError, R>

const endpointOf = ({ database, user }: ResolvedSettings, host: ResolvedHost | undefined) => ({
  host: host?.name ?? "",
  port: host?.port ?? 0,
  database,
  user
})

const lossOf = (reason: CloseReason): Readonly<Record<string, string>> => {
  switch (reason._tag) {
    case "Lost": {
      const { cause, report } = reason
      if (report !== undefined) return { "db.response.status_code": report.code ?? "", reason: report.message ?? "" }
      return { reason: cause instanceof Error ? cause.message : "the other side ended it" }
    }
    case "Violation":
      return { reason: reason.violation.message }
    case "Unresponsive":
      return { reason: `no answer during ${reason.during}` }
    case "Closed":
      return {}
  }
}

/** A warning is one; all else, of which some programs raise a lot, is for those who look for it. */
const logNotice = ({ message, severity, sqlState }: ServerReport): Effect.Effect<void> =>
  Effect.annotateLogs((severity === "WARNING" ? Effect.logWarning : Effect.logDebug)(`pgfx: ${severity}: ${message}`), {
    "db.response.status_code": sqlState
  })

export const observeOpening =
  <A extends Opened, R>(open: Open<A, R>): Open<A, R> =>
  (settings, outlets) =>
    Effect.flatMap(Tracing, (options) =>
      options === undefined
        ? open(settings, outlets)
        : Effect.flatMap(Effect.runtime<never>(), (runtime) => {
            const log = (line: Effect.Effect<void>): void => void Runtime.runFork(runtime)(Effect.interruptible(line))
            const intended = endpointOf(settings, settings.hosts[0])
            let attributes = attributesOf(intended)
            const observed: ConnectionOutlets = {
              ...outlets,
              notice: (fields) => {
                log(Effect.annotateLogs(logNotice(serverReport(fields, "NOTICE")), attributes))
                outlets.notice(fields)
              },
              closed: (reason) => {
                if (reason._tag !== "Closed") {
                  log(
                    Effect.annotateLogs(Effect.logWarning("pgfx: a connection was lost"), {
                      ...attributes,
                      ...lossOf(reason)
                    })
                  )
                }
                outlets.closed(reason)
              }
            }
            return attempt(open(settings, observed), new ClientMetrics(intended), ({ destination }) => {
              attributes = {
                ...attributesOf(endpointOf(settings, destination.host)),
                "network.peer.address": destination.dialled.host
              }
              return attributes
            }).pipe(Effect.withSpan("connect", { kind: "client", captureStackTrace: false, attributes }))
          })
    )

/** `reached`: what is known of the server, now that there is one. */
const attempt = <A, R>(
  self: Effect.Effect<A, PostgresError, R>,
  metrics: ClientMetrics,
  reached: (opened: A) => Readonly<Record<string, unknown>>
): Effect.Effect<A, PostgresError, R> =>
  Effect.clockWith((clock) =>
    Effect.suspend(() => {
      const since = clock.unsafeCurrentTimeNanos()
      return self.pipe(
        Effect.tap((opened) => {
          metrics.created.update(secondsOf(clock.unsafeCurrentTimeNanos() - since))
          const attributes = reached(opened)
          return Effect.zipRight(
            Effect.annotateCurrentSpan(attributes),
            Effect.annotateLogs(Effect.logDebug("pgfx: connected"), attributes)
          )
        }),
        Effect.tapError((error) =>
          Effect.zipRight(
            Effect.annotateCurrentSpan(error.details),
            Effect.annotateLogs(Effect.logWarning("pgfx: could not connect"), error.details)
          )
        )
      )
    })
  )
