// Where a request runs: inside the innermost transaction or pin of its database, else on a lease of its own kind. What a statement may not
// do where it stands is refused here, before anything is sent.
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { Permanent, type PermanentReason, type PostgresError } from "../PostgresError.ts"
import { attemptOf, noted } from "./attempt.ts"
import { type Database, type Holder, holderOf, isOpen } from "./database.ts"
import type { CancelFacts } from "./errorFromReport.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { leaseExclusively } from "./exclusiveLease.ts"
import { runFirst, runHeld } from "./HeldRequest.ts"
import { type MakeRun, type RequestContext, runOn } from "./runOn.ts"
import { onSharedLease } from "./SharedRequest.ts"
import type { StatementWords } from "./sql/words.ts"
import { alone, withDeadline } from "./statementDeadline.ts"
import type { StatementTrace } from "./tracing/StatementTrace.ts"
import { observed } from "./tracing/traceStatements.ts"

/** The scope of the fiber's context has ended, and its connection is somebody else's by now. */
export const finished = (context: RequestContext): Permanent =>
  new Permanent({
    reason: { _tag: "TransactionFinished" },
    outcome: "NotSent",
    statement: context.statement,
    parameters: context.parameters
  })

/** A statement was interrupted, and the server may have carried it out: nothing after it counts. */
export const doomed: PermanentReason = {
  _tag: "InFailedSqlTransaction",
  report: {
    severity: "ERROR",
    sqlState: "25P02",
    message: "a statement of this transaction was interrupted, so it can only be rolled back"
  }
}

/** Whoever feeds or reads the COPY, or reads the stream, may be the one who asks: he must not wait for it. */
export const copyInProgress: PermanentReason = { _tag: "CopyInProgress" }
export const streamInProgress: PermanentReason = { _tag: "StreamInProgress" }

export const refuse = (context: RequestContext, reason: PermanentReason): Effect.Effect<never, PostgresError> =>
  Effect.fail(
    new Permanent({ reason, outcome: "NotSent", statement: context.statement, parameters: context.parameters })
  )

/** What a statement may not do where it stands; `undefined`: nothing is wrong with it. */
const misplaced = (words: StatementWords, holder: Holder | undefined): PermanentReason | undefined => {
  if (words.kind === "copy") return { _tag: "UseCopy" }
  // A pin holds a session of its own, and its reset ends what was left open.
  if (words.kind !== "transaction" || holder?.depth === 0) return undefined
  return { _tag: "UseTransaction", command: words.first }
}

/** BEGIN by itself, for what cannot carry it: scripts, streams, locks. Free if it was sent already. */
export const ensureBegun = (holder: Holder): Effect.Effect<void, PostgresError> =>
  Effect.suspend(() => {
    const { gate } = holder
    if (!isOpen(holder)) return Effect.fail(finished({}))
    if (holder.busy !== undefined) return refuse({}, holder.busy)
    if (gate.isClosed) return Effect.zipRight(gate.passed, ensureBegun(holder))
    if (holder.begin.length === 0) return Effect.void
    return Effect.asVoid(
      runFirst<GroupAnswer>(
        holder,
        beginContext,
        (settle, parts = []) => new SingleExchange(new Group("transaction", parts, settle))
      )
    )
  })

const beginContext: RequestContext = { statement: { name: undefined, sql: "BEGIN", definedAt: "pgfx" } }

const onHolder = <A>(
  holder: Holder,
  context: RequestContext,
  placement: Placement,
  make: MakeRun<A>
): Effect.Effect<A, PostgresError> => {
  if (!isOpen(holder)) return Effect.fail(finished(context))
  if (holder.busy !== undefined) return refuse(context, holder.busy)
  if (holder.gate.isClosed) {
    return Effect.zipRight(
      holder.gate.passed,
      Effect.suspend(() => onHolder(holder, context, placement, make))
    )
  }
  if (holder.doomed) return refuse(context, doomed)
  // Whoever has the connection next finds the session as it was.
  if (placement.words.kind === "sessional") holder.dispatcher.session.expect(placement.words.first)
  if (holder.begin.length > 0) {
    if (placement.joins === true) return runFirst(holder, context, make)
    return Effect.zipRight(
      ensureBegun(holder),
      Effect.suspend(() => onHolder(holder, context, placement, make))
    )
  }
  const run = runHeld(holder, context, make)
  return placement.timeout === undefined ? run : alone(holder, run)
}

/** Alone on a connection for one request; `sweep`: the session is reset behind it. */
const solo = <A>(
  database: Database,
  context: RequestContext,
  make: MakeRun<A>,
  sweep: boolean
): Effect.Effect<A, PostgresError> =>
  Effect.acquireUseRelease(
    leaseExclusively(database, Effect.interruptible, context),
    ({ dispatcher }) => runOn(dispatcher, { ...context, inTransaction: false }, make, database.interruptGrace),
    (lease) => Effect.sync(() => lease.end(sweep))
  )

/** How a request is to be placed. */
export interface Placement {
  readonly words: StatementWords
  readonly timeout?: Duration.Duration | undefined
  /** the request can carry BEGIN in its group */
  readonly joins?: boolean
}

/**
 * Runs where the fiber's context says: inside its transaction or pin, else on a lease of its own kind: shared, or alone where the
 * statement changes the session or has a deadline.
 */
export const runRequest = <A extends object>(
  database: Database,
  context: RequestContext,
  placement: Placement,
  make: MakeRun<A>,
  trace?: StatementTrace<A>
): Effect.Effect<A, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const surroundings = fiber.getFiberRef(FiberRef.currentContext)
    const holder = holderOf(surroundings, database)
    const { timeout, words } = placement
    const wrong = misplaced(words, holder)
    if (wrong !== undefined) {
      const refused: Effect.Effect<A, PostgresError> = refuse(context, wrong)
      return trace === undefined ? refused : observed(trace, refused, false)
    }
    const cancel: { cancelSent?: CancelFacts["cancelSent"] } = {}
    const bounded = timeout === undefined ? make : withDeadline(database, timeout, cancel, make)
    const known = words.mayCommit ? { ...context, mayCommit: true } : context
    const request = timeout === undefined ? known : { ...known, cancel }
    const isSessional = words.kind === "sessional"
    const isShared = holder === undefined && !isSessional && timeout === undefined
    const untraced =
      holder !== undefined
        ? onHolder(holder, request, placement, bounded)
        : isShared
          ? onSharedLease(database, request, bounded, fiber, trace)
          : solo(database, request, bounded, isSessional)
    const run = trace === undefined || isShared ? untraced : observed(trace, untraced, holder === undefined)
    const attempt = attemptOf(surroundings)
    return attempt === undefined ? run : noted(run, { attempt, holder, statement: context.statement })
  })
