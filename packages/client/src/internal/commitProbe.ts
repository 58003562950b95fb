// What became of a COMMIT whose answer was lost, asked on another connection: `pg_xact_status` of the transaction's id, which is read before
// COMMIT is sent. Only with the setting `commitProbe`. Repeats nothing; what it cannot find out stays Unknown.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Broken, type PostgresError } from "../PostgresError.ts"
import type { Database } from "./database.ts"
import { leaseExclusively } from "./exclusiveLease.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { TextRows } from "./exchange/learnTypes.ts"
import { bindText, DescribeStatement, ExecutePortal, ParseStatement } from "./exchange/parts.ts"
import { exchangeOn } from "./runOn.ts"

/**
 * Which server, and which history of it: a replica that was promoted, or a backup that was restored, has the same system identifier and
 * another timeline, and may have given the same transaction id to somebody else. NULL on a standby, which cannot tell.
 */
const history = `
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.concat(
    (SELECT system_identifier FROM pg_catalog.pg_control_system()), '/',
    pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)) END`
const markText = `SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, ${history}`
const statusText = `SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8), ${history}`

/** A transaction as another connection can ask for it. `xid` null: it has changed nothing. */
export interface CommitMark {
  readonly xid: string | null
  readonly history: string | null
}

const ask = (
  dispatcher: Dispatcher,
  sql: string,
  parameters: ReadonlyArray<string>,
  inTransaction: boolean
): Effect.Effect<ReadonlyArray<string | null>, PostgresError> => {
  const rows = new TextRows()
  const parts = [
    new ParseStatement("", sql, []),
    new DescribeStatement("", rows),
    bindText("", "", parameters),
    new ExecutePortal("", 0, rows)
  ]
  return Effect.map(
    exchangeOn<GroupAnswer>(
      dispatcher,
      { inTransaction, statement: { name: undefined, sql, definedAt: "pgfx" } },
      (settle) => new Group("commit probe", parts, settle)
    ),
    () => rows.found[0] ?? []
  )
}

/** Asked inside the transaction, before its COMMIT. A server that may not be asked fails it: better than to promise what cannot be kept. */
export const markCommit = (dispatcher: Dispatcher): Effect.Effect<CommitMark, PostgresError> =>
  Effect.map(ask(dispatcher, markText, [], true), ([xid = null, history = null]) => ({ xid, history }))

/** `undefined`: not yet, or not from there. */
type Verdict = "committed" | "aborted" | "unknowable" | undefined

const verdictOf = (mark: CommitMark, status: string | null, history: string | null): Verdict => {
  if (history === null) return undefined
  if (history !== mark.history) return "unknowable"
  if (status === "in progress") return undefined
  // NULL: so long ago that the server has forgotten
  return status === "committed" || status === "aborted" ? status : "unknowable"
}

/** A backend that has not noticed the loss goes on with its COMMIT. */
const pause = Duration.millis(50)

const askAnother = (database: Database, mark: CommitMark, xid: string): Effect.Effect<Verdict, PostgresError> =>
  Effect.acquireUseRelease(
    leaseExclusively(database, Effect.interruptible),
    ({ dispatcher }) =>
      Effect.map(ask(dispatcher, statusText, [xid], false), ([status = null, history = null]) =>
        verdictOf(mark, status, history)
      ),
    (lease) => Effect.sync(() => lease.end())
  )

/** Until there is a verdict. What is Permanent will be so again: no right to ask, a pool that was closed. */
const verdict = (database: Database, mark: CommitMark, xid: string): Effect.Effect<Verdict> =>
  askAnother(database, mark, xid).pipe(
    Effect.catchAll((error) => Effect.succeed<Verdict>(error._tag === "Permanent" ? "unknowable" : undefined)),
    Effect.flatMap((found) =>
      found === undefined
        ? Effect.zipRight(Effect.sleep(pause), verdict(database, mark, xid))
        : Effect.succeed<Verdict>(found)
    )
  )

const outcomeOf = (error: Broken, outcome: "RolledBack", state: string): Broken =>
  new Broken({ reason: error.reason, outcome, statement: error.statement, state, cause: error.cause })

/** The truth about a COMMIT without an answer: success, `RolledBack`, or the error as it was. Takes `commitTimeout` at most; uninterruptible. */
export const probeCommit = (
  database: Database,
  mark: CommitMark,
  error: Broken
): Effect.Effect<void, PostgresError> => {
  const { history, xid } = mark
  if (xid === null) {
    return Effect.fail(outcomeOf(error, "RolledBack", "the connection is closed; the transaction had changed nothing"))
  }
  if (history === null) return Effect.fail(error)
  return Effect.raceFirst(
    Effect.interruptible(verdict(database, mark, xid)),
    Effect.interruptible(Effect.as(Effect.sleep(database.commitTimeout), undefined))
  ).pipe(
    Effect.flatMap((found) => {
      if (found === "committed") return Effect.void
      return Effect.fail(
        found === "aborted"
          ? outcomeOf(error, "RolledBack", "the connection is closed; the server says that the transaction was aborted")
          : error
      )
    })
  )
}
