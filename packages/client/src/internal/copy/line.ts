// The connection of a COPY, for as long as its Scope lives: an exclusive lease, or the connection of the transaction or pin it is in, once
// everything that was sent before is answered. Meanwhile nothing else is sent there.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type * as Scope from "effect/Scope"
import type { PostgresError, StatementInfo } from "../../PostgresError.ts"
import { attemptOf, noted } from "../attempt.ts"
import { readCommandTag } from "../commandTag.ts"
import { type Database, type Holder, holderOf, isOpen } from "../database.ts"
import type { CopyInAnswer } from "../exchange/CopyIn.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import { leaseExclusively } from "../exclusiveLease.ts"
import type { FailureContext } from "../failure.ts"
import type { RequestContext } from "../runOn.ts"
import { copyInProgress, doomed, ensureBegun, finished, refuse } from "../runRequest.ts"
import { drained } from "../statementDeadline.ts"
import { observedInScope } from "../tracing/traceStatements.ts"

export interface CopyLine {
  readonly dispatcher: Dispatcher
  /** the scope it is in; `undefined`: the COPY is alone */
  readonly holder: Holder | undefined
  /** a transaction is open: the caller's */
  readonly inTransaction: boolean
}

const inHolder = (holder: Holder, context: RequestContext): Effect.Effect<CopyLine, PostgresError, Scope.Scope> => {
  const { dispatcher, gate } = holder
  const enter = Effect.suspend(() => {
    if (!isOpen(holder)) return Effect.fail(finished(context))
    if (holder.busy !== undefined) return refuse(context, holder.busy)
    if (holder.doomed) return refuse(context, doomed)
    return Effect.zipRight(Effect.interruptible(ensureBegun(holder)), gate.passAlone(Effect.interruptible))
  })
  const leave = Effect.sync(() => {
    holder.busy = undefined
    gate.open()
  })
  return Effect.acquireRelease(
    Effect.map(enter, () => {
      holder.busy = copyInProgress
    }),
    () => leave
  ).pipe(
    Effect.zipRight(drained(dispatcher)),
    Effect.map(() => ({ dispatcher, holder, inTransaction: holder.depth > 0 || dispatcher.status !== "I" }))
  )
}

/** `rows`: how many there were in the end, for whoever observes it. */
export const copyLine = (
  database: Database,
  context: RequestContext,
  rows: () => number
): Effect.Effect<CopyLine, PostgresError, Scope.Scope> => {
  const { observer } = database
  const { statement } = context
  const line = leaseOfCopy(database, context)
  if (observer === undefined || statement === undefined) return line
  return observedInScope(observer.statements.traceText(statement, rows), line)
}

const leaseOfCopy = (
  database: Database,
  context: RequestContext
): Effect.Effect<CopyLine, PostgresError, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    if (holder !== undefined) return inHolder(holder, context)
    return Effect.map(
      Effect.acquireRelease(leaseExclusively(database, Effect.interruptible, context), (lease) =>
        Effect.sync(() => lease.end())
      ),
      ({ dispatcher }) => ({ dispatcher, holder: undefined, inTransaction: false })
    )
  })

/** What surrounds a request on it. */
export const contextOn = ({ holder, inTransaction }: CopyLine, context: RequestContext): FailureContext => ({
  ...context,
  inTransaction,
  failedBy: holder?.failedBy
})

/** The number of rows that are stored. An attempt of `Retry.transient` around it hears of it, as of any statement. */
export const storedRows = (
  answer: Effect.Effect<CopyInAnswer, PostgresError>,
  { holder }: CopyLine,
  statement: StatementInfo | undefined
): Effect.Effect<number, PostgresError> => {
  const heard = Effect.contextWithEffect((surroundings: Context.Context<never>) => {
    const attempt = attemptOf(surroundings)
    return attempt === undefined ? answer : noted(answer, { attempt, holder, statement })
  })
  return Effect.map(heard, ({ tag }) => readCommandTag(tag).rows)
}

/** Its failure is its scope's, as that of any statement. */
export const failedOn = ({ dispatcher, holder }: CopyLine, error: PostgresError): void => {
  if (holder !== undefined && dispatcher.status === "E") holder.failedBy ??= error
}
