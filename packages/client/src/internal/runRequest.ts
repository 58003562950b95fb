// Where a request runs: inside the innermost transaction or pin of its database, else on a lease of its own kind. What a statement may not
// do where it stands is refused here, before anything is sent.
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { Permanent, type PermanentReason, type PostgresError } from "../PostgresError.ts"
import { attemptOf, noted } from "./attempt.ts"
import { type Database, type Holder, holderOf, isOpen, leaseExclusively, takeBegin } from "./database.ts"
import type { CancelFacts } from "./errorFromReport.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import type { Part } from "./exchange/parts.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { type MakeRun, type RequestContext, runOn } from "./runOn.ts"
import { onSharedLease } from "./SharedRequest.ts"
import type { StatementWords } from "./sql/words.ts"
import { alone, withDeadline } from "./statementDeadline.ts"

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
    const { dispatcher, gate } = holder
    if (!isOpen(holder)) return Effect.fail(finished({}))
    if (holder.busy !== undefined) return refuse({}, holder.busy)
    if (gate.isClosed) return Effect.zipRight(gate.pass(false), ensureBegun(holder))
    if (holder.begin.length === 0) return Effect.void
    return beginning(holder, (parts) =>
      runOn<GroupAnswer>(
        dispatcher,
        { inTransaction: true, statement: { name: undefined, sql: "BEGIN", definedAt: "pgfx" } },
        (settle) => new SingleExchange(new Group("transaction", parts, settle))
      )
    )
  })

/** What goes with BEGIN; until the server has answered, everybody else of the transaction waits. */
const beginning = <A>(
  holder: Holder,
  run: (parts: ReadonlyArray<Part>) => Effect.Effect<A, PostgresError>
): Effect.Effect<A, PostgresError> => {
  const { dispatcher, gate } = holder
  const begin = takeBegin(holder)
  gate.close()
  return Effect.onExit(run(begin.parts), (exit) =>
    Effect.sync(() => {
      const interrupted = Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)
      // Never sent, or refused: there is no transaction yet. Interrupted, there may be one or not. And where all went well and there is none,
      // the statement has ended it.
      if (!begin.isWritten() || (Exit.isFailure(exit) && !interrupted && dispatcher.status === "I")) begin.giveBack()
      else if (interrupted) holder.doomed = true
      gate.open()
    })
  )
}

const onHolder = <A>(
  holder: Holder,
  context: RequestContext,
  placement: Placement,
  make: MakeRun<A>
): Effect.Effect<A, PostgresError> => {
  if (!isOpen(holder)) return Effect.fail(finished(context))
  if (holder.busy !== undefined) return refuse(context, holder.busy)
  const { gate } = holder
  const again = Effect.suspend(() => onHolder(holder, context, placement, make))
  if (gate.isClosed) return Effect.zipRight(gate.pass(false), again)
  if (holder.doomed) return refuse(context, doomed)
  // Whoever has the connection next finds the session as it was.
  if (placement.words.kind === "sessional") holder.dispatcher.session.expect(placement.words.first)
  const run = holder.depth === 0 ? inPin(holder, context, make) : runInTransaction(holder, context, make)
  if (holder.begin.length > 0) {
    return placement.joins === true ? beginning(holder, run) : Effect.zipRight(ensureBegun(holder), again)
  }
  return placement.timeout === undefined ? run([]) : alone(holder, run([]))
}

/** How a request runs in a scope, with what has to go in front of it. */
type RunIn<A> = (before: ReadonlyArray<Part>) => Effect.Effect<A, PostgresError>

const inPin =
  <A>({ database, dispatcher }: Holder, context: RequestContext, make: MakeRun<A>): RunIn<A> =>
  () =>
    runOn(dispatcher, { ...context, inTransaction: false }, make, database.interruptGrace)

/** Its failure, or its interruption, is its scope's. */
export const runInTransaction =
  <A>(holder: Holder, context: RequestContext, make: MakeRun<A>): RunIn<A> =>
  (before) => {
    const { database, dispatcher, failedBy } = holder
    const known = { ...context, inTransaction: true, failedBy }
    return runOn<A>(dispatcher, known, (settle) => make(settle, before), database.interruptGrace, {
      failed: (error) => {
        if (dispatcher.status === "E") holder.failedBy ??= error
      },
      interrupted: () => {
        holder.doomed = true
      }
    })
  }

/** Alone on a connection for one request; `sweep`: the session is reset behind it. */
const solo = <A>(
  database: Database,
  context: RequestContext,
  make: MakeRun<A>,
  sweep: boolean
): Effect.Effect<A, PostgresError> =>
  Effect.acquireUseRelease(
    Effect.interruptible(leaseExclusively(database, context)),
    ({ dispatcher }) => runOn(dispatcher, { ...context, inTransaction: false }, make, database.interruptGrace),
    (lease) => (sweep ? lease.sweep : lease.release)
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
  make: MakeRun<A>
): Effect.Effect<A, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const surroundings = fiber.getFiberRef(FiberRef.currentContext)
    const holder = holderOf(surroundings, database)
    const { timeout, words } = placement
    const wrong = misplaced(words, holder)
    if (wrong !== undefined) return refuse(context, wrong)
    const cancel: { cancelSent?: CancelFacts["cancelSent"] } = {}
    const bounded = timeout === undefined ? make : withDeadline(database, timeout, cancel, make)
    const known = words.mayCommit ? { ...context, mayCommit: true } : context
    const request = timeout === undefined ? known : { ...known, cancel }
    const isSessional = words.kind === "sessional"
    const run =
      holder !== undefined
        ? onHolder(holder, request, placement, bounded)
        : isSessional || timeout !== undefined
          ? solo(database, request, bounded, isSessional)
          : onSharedLease(database, request, bounded, fiber.id())
    const attempt = attemptOf(surroundings)
    return attempt === undefined ? run : noted(run, { attempt, holder, statement: context.statement })
  })
