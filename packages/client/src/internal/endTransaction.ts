// How a transaction or a savepoint ends: what is sent, what the answer means, and what is true if there is none. Who may write until then,
// and what the body was, is Transaction.ts's affair.
import { ProtocolViolation } from "@pgfx/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Broken, Permanent, type PostgresError } from "../PostgresError.ts"
import { command } from "./command.ts"
import { markCommit, probeCommit } from "./commitProbe.ts"
import type { Holder } from "./database.ts"
import { underDeadline } from "./deadline.ts"

/** The first error of the transaction says why, if there was one. */
export const commitRolledBack = ({ failedBy }: Holder): Permanent =>
  new Permanent({
    reason: { _tag: "CommitRolledBack" },
    outcome: "RolledBack",
    state: "the connection is healthy",
    cause: failedBy
  })

const answerTo = (holder: Holder, sql: string, commit = false): Effect.Effect<string | undefined, PostgresError> => {
  const { database, dispatcher } = holder
  const sent = command(dispatcher, sql, { inTransaction: true, commit })
  return Effect.map(underDeadline(database, dispatcher, `the answer to ${sql}`, sent), ({ tags }) => tags[0])
}

/** The transaction ended behind our back: by a procedure, or by a COMMIT inside a script. What is in it now is anybody's guess. */
const endedInside = (holder: Holder): Broken => {
  const { database, dispatcher } = holder
  const violation = new ProtocolViolation({
    during: "a transaction",
    offset: -1,
    expected: "ReadyForQuery with status T or E",
    received: "status I: a statement ended the transaction"
  })
  database.destroy(dispatcher, { _tag: "Violation", violation, transcript: dispatcher.recent })
  const { during, expected, received } = violation
  return new Broken({
    reason: { _tag: "ProtocolViolation", during, expected, received, transcript: dispatcher.recent },
    outcome: "Unknown",
    state: "the connection is closed"
  })
}

/** All that was sent has been answered, and no transaction is open. */
const hasEnded = ({ dispatcher }: Holder): boolean =>
  dispatcher.closed === undefined && dispatcher.status === "I" && dispatcher.inFlight === 0

/** A savepoint of a fiber that outlived the body: its work was never said to be done, and is not kept with the rest. */
const undoInner = (holder: Holder): Effect.Effect<unknown, PostgresError> =>
  Effect.suspend((): Effect.Effect<unknown, PostgresError> => {
    const { inner } = holder
    holder.inner = undefined
    return inner === undefined || inner.holder.begin.length > 0 ? Effect.void : answerTo(holder, inner.undo)
  })

/** A body that ran no statement has sent nothing, and ends with nothing. */
export const commit = (holder: Holder): Effect.Effect<void, PostgresError> =>
  Effect.suspend(() => {
    if (holder.begin.length > 0) return Effect.void
    if (hasEnded(holder)) return Effect.fail(endedInside(holder))
    const { database, dispatcher } = holder
    const answered = Effect.flatMap(answerTo(holder, "COMMIT", true), (tag) =>
      tag === "COMMIT" ? Effect.void : Effect.fail(commitRolledBack(holder))
    )
    // A transaction that has failed is rolled back, whatever becomes of the answer.
    const probed = Effect.suspend(() => (dispatcher.status === "T" ? probedCommit(holder, answered) : answered))
    return Effect.zipRight(undoInner(holder), database.commitProbe ? probed : answered)
  })

/** One round trip more, before COMMIT, so that there is something to ask for if its answer is lost. */
const probedCommit = (holder: Holder, sent: Effect.Effect<void, PostgresError>): Effect.Effect<void, PostgresError> => {
  const { database, dispatcher } = holder
  return underDeadline(database, dispatcher, "the id of the transaction", markCommit(dispatcher)).pipe(
    // It has failed the transaction.
    Effect.catchAll((error) => rollBackAfter(Exit.fail(error), holder, "ROLLBACK")),
    Effect.flatMap((mark) =>
      Effect.catchAll(sent, (error) =>
        error._tag === "Broken" && error.outcome === "Unknown" ? probeCommit(database, mark, error) : Effect.fail(error)
      )
    )
  )
}

/** A ROLLBACK that fails closes the connection, which rolls back. */
const rollback = (holder: Holder, sql: string): Effect.Effect<void, PostgresError> =>
  Effect.suspend(() => {
    const { database, dispatcher } = holder
    if (holder.begin.length > 0 || dispatcher.closed !== undefined) return Effect.void
    // What was interrupted may have been BEGIN itself.
    if (!holder.doomed && hasEnded(holder)) return Effect.fail(endedInside(holder))
    return answerTo(holder, sql).pipe(
      Effect.tapError(() => Effect.sync(() => database.destroy(dispatcher, { _tag: "Unresponsive", during: sql }))),
      Effect.asVoid
    )
  })

/**
 * ROLLBACK behind a body, whose result is the one that is told. A failure of the ROLLBACK comes behind the body's in the Cause; behind a
 * defect or an interruption it would be the one that is caught, so it is logged there.
 */
export const rollBackAfter = <A, E>(
  exit: Exit.Exit<A, E>,
  holder: Holder,
  sql: string
): Effect.Effect<A, E | PostgresError> =>
  Effect.matchCauseEffect(rollback(holder, sql), {
    onSuccess: () => exit,
    onFailure: (failure) =>
      Exit.isFailure(exit) && Option.isSome(Cause.failureOption(exit.cause))
        ? Effect.failCause(Cause.sequential(exit.cause, failure))
        : Effect.zipRight(Effect.logWarning("pgfx: a rollback failed, and the connection was closed", failure), exit)
  })

/** The two commands that undo a savepoint and take it away. */
export const undoSavepoint = (name: string): string => `ROLLBACK TO SAVEPOINT ${name}; RELEASE SAVEPOINT ${name}`

/** What cannot be released is undone: the transaction around it goes on. */
export const releaseSavepoint = (holder: Holder, name: string): Effect.Effect<void, PostgresError> =>
  undoInner(holder).pipe(
    Effect.zipRight(answerTo(holder, `RELEASE SAVEPOINT ${name}`)),
    Effect.asVoid,
    Effect.catchAll((error) => rollBackAfter(Exit.fail(error), holder, undoSavepoint(name)))
  )
