// One address of one host: dial, TLS, authentication, session, initial statements, and the question whether this server will do. What
// was refused is tried again as plan.ts says, on a connection of its own that knows nothing of the one before (CVE-2018-10915).
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import { type Duplex, type Endpoint, Transport } from "../../Transport.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import type { StartUpAnswer } from "../exchange/startUp.ts"
import { ask } from "./ask.ts"
import { afterOtherWays, AttemptFailed } from "./connectFailure.ts"
import { type SplitParameters, withoutRefusable } from "./initialSql.ts"
import { type Destination, openLink } from "./openLink.ts"
import { placeOf } from "./place.ts"
import { type Encryption, firstPlan, nextPlan, type Plan, type Refusal, refusesParameters } from "./plan.ts"
import type { Progress } from "./progress.ts"
import { mismatch, type Requirement } from "./sessionAttributes.ts"
import type { ResolvedHost, ResolvedSettings } from "./settings/ResolvedSettings.ts"
import { type ConnectionOutlets, endWithScope, type FirstAnswer, startSession } from "./startSession.ts"

/** A connection in its first idle moment, and what is known about it. */
export interface OpenConnection extends StartUpAnswer {
  readonly dispatcher: Dispatcher
  readonly duplex: Duplex
  readonly tls: boolean
  /** where to send a CancelRequest, and how protected */
  readonly destination: Destination
  /** what every session of this kind runs before it is used, and again after a reset; run-time parameters included */
  readonly initialStatements: ReadonlyArray<string>
}

export interface Attempt {
  readonly settings: ResolvedSettings
  readonly host: ResolvedHost
  /** as `Transport.connect` takes it */
  readonly address: string
  readonly requirement: Requirement
  readonly outlets: ConnectionOutlets
  readonly progress: Progress
}

/** Numeric, if that says more than the host's name does. */
const shownAddress = ({ address, host }: Attempt): string | undefined => (host.kind === "unix" ? undefined : address)

const parametersOf = ({ settings }: Attempt, plan: Plan): SplitParameters => {
  const all = { startup: settings.startupParameters, statements: [] }
  return plan.parameters === "startup" ? all : (withoutRefusable(settings.startupParameters) ?? all)
}

const runInitialStatements = (
  dispatcher: Dispatcher,
  { statements }: SplitParameters,
  { initStatements }: ResolvedSettings
): Effect.Effect<ReadonlyArray<string>, PostgresError> =>
  Effect.gen(function* () {
    for (const sql of statements) yield* ask(dispatcher, { name: "parameters", sql, definedAt: "unknown" })
    for (const [index, sql] of initStatements.entries()) {
      yield* ask(dispatcher, { name: `initStatements[${index}]`, sql, definedAt: "unknown" })
    }
    return [...statements, ...initStatements]
  })

/** Our decoders read UTF-8 and nothing else; a pooler may have kept another client's setting. */
const judgeEncoding = (dispatcher: Dispatcher): Effect.Effect<void, Broken> => {
  const encoding = dispatcher.parameters.get("client_encoding")
  return encoding === undefined || encoding === "UTF8"
    ? Effect.void
    : Effect.fail(
        new Broken({
          reason: {
            _tag: "ProtocolViolation",
            during: "the start of the session",
            expected: "client_encoding UTF8, as asked for",
            received: `client_encoding ${encoding}`,
            transcript: dispatcher.recent
          },
          outcome: "NotSent"
        })
      )
}

const judgeTarget = (dispatcher: Dispatcher, attempt: Attempt): Effect.Effect<void, PostgresError> =>
  Effect.gen(function* () {
    attempt.progress.stage = "the check of targetSessionAttrs"
    const why = yield* mismatch(dispatcher, attempt.requirement)
    if (why === undefined) return
    return yield* new Broken({
      reason: {
        _tag: "ConnectFailed",
        address: placeOf(attempt.host, shownAddress(attempt)),
        cause: `${why}, and targetSessionAttrs=${attempt.settings.targetSessionAttrs} asks for another`
      },
      outcome: "NotSent"
    })
  })

/** What became known of a try that failed. */
interface Known {
  encryption: Encryption | undefined
  readonly firstAnswer: FirstAnswer
}

const open = (
  attempt: Attempt,
  plan: Plan,
  known: Known
): Effect.Effect<OpenConnection, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { address, host, outlets, progress, settings } = attempt
    const { abilities } = yield* Transport
    const { database, user } = settings
    const dialled: Endpoint = { host: address, port: host.port, database, user }
    const link = yield* openLink(settings, { host, dialled, encryption: plan.encryption }, progress)
    const encryption = link.tls ? (plan.encryption === "direct" ? "direct" : "required") : "none"
    known.encryption = encryption
    const parameters = parametersOf(attempt, plan)
    const session = yield* startSession(
      {
        settings,
        host,
        link,
        protocolVersion: plan.protocolVersion,
        parameters: parameters.startup,
        progress,
        place: placeOf(host, shownAddress(attempt))
      },
      outlets,
      known.firstAnswer
    )
    const { handOver, ...started } = session
    yield* endWithScope(session, link.duplex, {
      closeTimeout: settings.closeTimeout,
      terminate: abilities.terminate
    })
    yield* judgeEncoding(started.dispatcher)
    yield* judgeTarget(started.dispatcher, attempt)
    progress.stage = "the initial statements"
    const initialStatements = yield* runInitialStatements(started.dispatcher, parameters, settings)
    handOver()
    return {
      ...started,
      duplex: link.duplex,
      tls: link.tls,
      destination: { host, dialled, encryption },
      initialStatements
    }
  })

/** What fails leaves nothing behind; what succeeds lives as long as the Scope around it. */
const inScopeOfItsOwn = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
      return yield* Effect.onError(restore(Scope.extend(self, scope)), (cause) =>
        Scope.close(scope, Exit.failCause(cause))
      )
    })
  )

/** Options that cannot be said in SQL cannot be moved either: then the pooler's refusal stands. */
const isMovable = (attempt: Attempt, refusal: Refusal): boolean =>
  !refusesParameters(refusal) || withoutRefusable(attempt.settings.startupParameters) !== undefined

const openBy = (
  attempt: Attempt,
  plan: Plan,
  before: ReadonlyArray<AttemptFailed>
): Effect.Effect<OpenConnection, PostgresError, Transport | Scope.Scope> =>
  Effect.suspend(() => {
    const known: Known = { encryption: undefined, firstAnswer: { fields: undefined } }
    const { host, progress } = attempt
    progress.verifying = false
    return Effect.catchAll(inScopeOfItsOwn(open(attempt, plan, known)), (error) => {
      const tls = known.encryption !== undefined && known.encryption !== "none"
      const refusal: Refusal = { error, progress, tls, firstAnswer: known.firstAnswer.fields }
      const next = isMovable(attempt, refusal) ? nextPlan(plan, refusal, attempt) : undefined
      const place = placeOf(host, shownAddress(attempt))
      const failed = new AttemptFailed({ host: placeOf(host), place, stage: progress.stage }, error)
      if (next !== undefined)
        return Effect.zipRight(announce(failed, plan, next), openBy(attempt, next, [...before, failed]))
      return Effect.fail(before.length === 0 ? error : afterOtherWays([...before, failed]))
    })
  })

/** Nothing is silent: the weaker of two ways is a warning. */
const announce = ({ message, place }: AttemptFailed, plan: Plan, next: Plan): Effect.Effect<void> => {
  if (next.parameters !== plan.parameters) {
    return Effect.logDebug(`pgfx: ${place} refuses start-up parameters; they are set by statements instead`)
  }
  if (next.protocolVersion !== plan.protocolVersion) {
    return Effect.logDebug(`pgfx: ${place} refuses protocol 3.2; 3.0 is tried`)
  }
  return next.encryption === "none"
    ? Effect.logWarning(`pgfx: sslmode=prefer goes on in plain text, since TLS failed: ${message}`)
    : Effect.logDebug(`pgfx: ${place} refuses plain text; TLS is tried`)
}

/** At most four connections, one after the other. Fails with what the last of them met, outcome `NotSent`. */
export const attemptAddress = (
  attempt: Attempt
): Effect.Effect<OpenConnection, PostgresError, Transport | Scope.Scope> =>
  Effect.suspend(() => openBy(attempt, firstPlan(attempt.settings, attempt.host), []))
