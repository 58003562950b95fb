// The table: SQLSTATE → class and reason. What a server's code means is decided here and nowhere else, by code, severity and phase.
// It does not decide whether something is repeated: that takes the outcome as well (PostgresError.isSafeToRetry). Errors are made of
// it in errorFromReport.ts.
import type { BrokenReason, PermanentReason, ServerReport, TransientReason } from "../PostgresError.ts"

/** Tags of the reasons that carry a report. */
export type TagOf<R> = Extract<R, { readonly report: ServerReport }> extends { readonly _tag: infer Tag } ? Tag : never

/** What a code means: what to do, and what happened. */
export type Classification =
  | { readonly class: "Broken"; readonly reason: TagOf<BrokenReason> | "ConnectionLost" }
  | { readonly class: "Transient"; readonly reason: TagOf<TransientReason> }
  | { readonly class: "Permanent"; readonly reason: TagOf<PermanentReason> }

/** `startUp` lasts from the first byte to the first ReadyForQuery. */
export type Phase = "startUp" | "session"

const broken = (reason: TagOf<BrokenReason> | "ConnectionLost"): Classification => ({ class: "Broken", reason })
const transient = (reason: TagOf<TransientReason>): Classification => ({ class: "Transient", reason })
const permanent = (reason: TagOf<PermanentReason>): Classification => ({ class: "Permanent", reason })

/** A known code with nothing better to say than itself. */
const other = permanent("OtherServerError")

/** Severity ERROR in a session: the connection lives, the statement was undone. Codes first, then classes (engine.md §7). */
const errors: Readonly<Record<string, Classification>> = {
  // ---- codes
  "23001": permanent("ForeignKeyViolation"), // ON DELETE RESTRICT, from 18 on; before, it was 23503
  "23502": permanent("NotNullViolation"),
  "23503": permanent("ForeignKeyViolation"),
  "23505": permanent("UniqueViolation"),
  "23514": permanent("CheckViolation"), // partition bounds and domains too: then without a constraint or a table
  "23P01": permanent("ExclusionViolation"),
  "25P02": permanent("InFailedSqlTransaction"), // replaced by the error that failed the transaction, if it is known
  "40001": transient("SerializationFailure"), // the server asks for a repetition ("Transaction Isolation"); recovery conflicts too
  "40P01": transient("DeadlockDetected"), // the other one of the two goes on
  "42501": permanent("InsufficientPrivilege"),
  "55P03": transient("LockNotAvailable"), // NOWAIT and lock_timeout: whoever holds the lock will release it
  "57014": permanent("QueryCanceled"), // somebody meant it: a person, a deadline, statement_timeout. Repeating disobeys

  // Of a session that ends these are FATAL. As ERROR they come from a parallel worker that was ended (parallel.c lowers the level),
  // from dblink or postgres_fdw, or from RAISE: this session lives, and nothing says that a repetition fares better.
  "25P03": other,
  "25P04": other,
  "57P01": other,
  "57P02": other,
  "57P03": other,
  "57P04": other,
  "57P05": other,

  // Tempting, and Permanent nevertheless:
  "40000": other, // raised by nothing in PostgreSQL 14 to 18
  "40002": other, // the same
  "40003": other, // the same; it would mean "unknown", which no healthy connection reports
  "53000": other, // a full server gets well by less load, not by more
  "53100": other, // disk full
  "53200": other, // out of memory, or of lock table entries
  "53300": other, // inside a session: the limit of some other server, dblink's
  "53400": other, // temp_file_limit: the same statement meets it again
  "55006": other, // object in use: until its user goes, which nobody here can know
  "55P04": other, // a new enum label in the transaction that added it

  // ---- classes
  "00": other, // success and warnings are no errors: only RAISE or a broken server sends them as one
  "01": other,
  "02": other,
  "03": other,
  "08": other, // 08P01: a bad Bind, and the connection goes on; the others tell of a connection behind the server (dblink)
  "09": other,
  "0A": other, // also "cached plan must not change result type": repeated by the engine, where it may be (engine.md §5)
  "0B": other,
  "0F": other,
  "0L": permanent("InsufficientPrivilege"), // GRANT by somebody who may not grant
  "0P": other, // SET ROLE to a role that does not exist
  "0Z": other,
  "10": permanent("DataException"), // XQuery's errors
  "20": other, // CASE of PL/pgSQL without a match
  "21": permanent("DataException"), // "more than one row returned by a subquery": the data is not what the statement assumes
  "22": permanent("DataException"),
  "23": other, // without a constraint to name
  "24": other,
  "25": other, // 25006, read only: a matter of where, not of when
  "26": other, // a prepared statement that is gone: repeated by the engine, where it may be
  "27": other,
  "28": permanent("AuthenticationFailed"),
  "2B": other,
  "2D": other,
  "2F": other,
  "34": other,
  "38": other,
  "39": other,
  "3B": other,
  "3D": other,
  "3F": permanent("SyntaxOrAccessRule"), // a schema that does not exist: the sibling of 42P01
  "40": other,
  "42": permanent("SyntaxOrAccessRule"),
  "44": other, // WITH CHECK OPTION names the view in its text only
  "53": other,
  "54": other, // a limit of the program: too complex, too many columns
  "55": other,
  "57": other,
  "58": other, // files and devices of the server: somebody has to look
  "72": other, // snapshot too old (to 16): the threshold and the duration of the statement have to change
  F0: other,
  HV: other,
  P0: other, // RAISE without a code: the program's own words
  XX: other // a bug or corrupted data
}

/** FATAL and PANIC in a session: the connection ends. All that are not listed: `ConnectionLost` with the report. */
const fatal: Readonly<Record<string, Classification>> = {
  "25P03": broken("SessionTimeout"), // idle_in_transaction_session_timeout
  "25P04": broken("SessionTimeout"), // transaction_timeout, from 17 on
  "57P01": broken("AdminShutdown"), // shutdown, pg_terminate_backend
  "57P02": broken("AdminShutdown"), // another backend crashed, all are restarted
  "57P04": broken("AdminShutdown"), // the database was dropped
  "57P05": broken("SessionTimeout") // idle_session_timeout
}
const fatalNotListed = broken("ConnectionLost")

/** Any ERROR or FATAL before the first ReadyForQuery. Nothing was sent, so Transient is safe; Permanent where a password may be wrong. */
const startUp: Readonly<Record<string, Classification>> = {
  "28": permanent("AuthenticationFailed"), // never repeated by itself: accounts get locked
  "42501": permanent("InsufficientPrivilege"), // no CONNECT privilege
  "53300": transient("TooManyConnections"),
  "53": transient("InsufficientResources"),
  "57014": transient("CannotConnectNow"), // authentication_timeout: one of us was slow
  "57P01": broken("AdminShutdown"),
  "57P02": broken("AdminShutdown"),
  "57P03": transient("CannotConnectNow"), // starting up, shutting down, recovering
  "57P04": broken("AdminShutdown"),
  "58": transient("InsufficientResources"), // files and devices, often while a server starts
  // 08P01 excepted, these are poolers that cannot reach the server behind them
  "08": transient("CannotConnectNow"),
  "08P01": permanent("ServerRefused") // and PgBouncer's code for everything: wrong password, unknown database; see poolerCondition
}
/** No such database, a start-up parameter it does not take, a version it does not speak, anything else: it will say so again. */
const startUpNotListed = permanent("ServerRefused")

/** A code, or a class, that no PostgreSQL of the table's time defines: from RAISE, an extension, a pooler, a newer server. */
export const notDefined: Classification = permanent("OtherServerError")

const lookUp = (table: Readonly<Record<string, Classification>>, sqlState: string): Classification | undefined => {
  if (Object.hasOwn(table, sqlState)) return table[sqlState]
  const sqlClass = sqlState.slice(0, 2)
  return Object.hasOwn(table, sqlClass) ? table[sqlClass] : undefined
}

/** Class and reason of a code. Total: a text that is no SQLSTATE is one that is not defined. `fatal`: severity FATAL or PANIC. */
export const classify = (sqlState: string, of: { readonly phase: Phase; readonly fatal: boolean }): Classification => {
  if (of.phase === "startUp") return lookUp(startUp, sqlState) ?? startUpNotListed
  if (of.fatal) return lookUp(fatal, sqlState) ?? fatalNotListed
  return lookUp(errors, sqlState) ?? notDefined
}
