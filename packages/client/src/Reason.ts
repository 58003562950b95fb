// What happened, as a union for each of the three classes: PostgreSQL's condition name where it has one. Which SQLSTATE is which reason
// stands in internal/classify, the words for each of them in internal/render: here is only what a program can look at.
import type { PostgresError } from "./PostgresError.ts"
import type { ServerReport } from "./ServerReport.ts"

interface Reported<Tag extends string> {
  readonly _tag: Tag
  readonly report: ServerReport
}
interface Violation<Tag extends string> extends Reported<Tag> {
  /** empty if the server named none (a RAISE with this SQLSTATE) */
  readonly constraint: string
  /** empty for a domain's constraint */
  readonly table: string
}

export interface UniqueViolation extends Violation<"UniqueViolation"> {}
export interface ForeignKeyViolation extends Violation<"ForeignKeyViolation"> {}
export interface CheckViolation extends Violation<"CheckViolation"> {}
export interface ExclusionViolation extends Violation<"ExclusionViolation"> {}
/** Both names are empty for a domain that refuses NULL. */
export interface NotNullViolation extends Reported<"NotNullViolation"> {
  readonly column: string
  readonly table: string
}
/** A violation that names its constraint: what `catchConstraints` looks at. */
export type ConstraintViolation = UniqueViolation | ForeignKeyViolation | CheckViolation | ExclusionViolation

/** Why a connection is gone. */
export type BrokenReason =
  | { readonly _tag: "ConnectFailed"; readonly address: string; readonly cause: unknown }
  /** `check` is what failed, as a noun phrase: `"the host name in the certificate"`, `"the server's offer of TLS"` */
  | { readonly _tag: "TlsFailed"; readonly check: string; readonly cause: unknown }
  /** `report` is the server's last word, if it had one */
  | { readonly _tag: "ConnectionLost"; readonly cause: unknown; readonly report?: ServerReport }
  /** `during` is what was waited for: `"cancelling a statement"`, `"the answer to COMMIT"` */
  | { readonly _tag: "Unresponsive"; readonly during: string }
  /** `transcript`: the last messages, oldest first, without values */
  | {
      readonly _tag: "ProtocolViolation"
      readonly during: string
      readonly expected: string
      readonly received: string
      readonly transcript: ReadonlyArray<string>
    }
  /** a subscriber of notifications took too few of them: `undelivered` wait for it, and the next one was not kept */
  | { readonly _tag: "SubscriberBehind"; readonly channel: string; readonly undelivered: number }
  /** `lost`: what of the session cannot be rebuilt, `"temporary tables"` */
  | { readonly _tag: "SessionLost"; readonly lost: ReadonlyArray<string> }
  /** 57P01, 57P02, 57P04: an operator, a shutdown, a crash elsewhere, the database dropped */
  | Reported<"AdminShutdown">
  /** 57P05, 25P03, 25P04: `idle_session_timeout`, `idle_in_transaction_session_timeout`, `transaction_timeout` */
  | Reported<"SessionTimeout">

/** Who holds a connection while others wait. */
export interface PoolHolder {
  readonly fiber: string
  /** the statement that runs, by name or first line; `undefined` while the holder runs none */
  readonly doing: string | undefined
  readonly heldMillis: number
  /** held by the very fiber that waits */
  readonly own: boolean
}

/** What may go well another time. The three pool reasons are not repeated by the library: that would add load to what is full. */
export type TransientReason =
  | Reported<"SerializationFailure">
  | Reported<"DeadlockDetected">
  | Reported<"LockNotAvailable">
  | Reported<"TooManyConnections">
  | Reported<"CannotConnectNow">
  | Reported<"InsufficientResources">
  | {
      readonly _tag: "PoolTimeout"
      readonly waitedMillis: number
      readonly busy: number
      readonly max: number
      readonly waiting: number
      /** what the longest of `holders` is running */
      readonly longest: string | undefined
      /** longest first */
      readonly holders: ReadonlyArray<PoolHolder>
      /** why no connection could be opened meanwhile */
      readonly lastConnectError: PostgresError | undefined
    }
  | { readonly _tag: "PoolSaturated"; readonly waiting: number }
  | { readonly _tag: "PoolOverloaded"; readonly waitedMillis: number; readonly targetMillis: number }

/** What will fail again. */
export type PermanentReason =
  | ConstraintViolation
  | NotNullViolation
  | Reported<"SyntaxOrAccessRule">
  | Reported<"DataException">
  | Reported<"InsufficientPrivilege">
  /** the server refused who we are */
  | Reported<"AuthenticationFailed">
  /** our policy refused what the server asked for, or how it proved itself; `setting` would change that */
  | {
      readonly _tag: "AuthenticationRefused"
      readonly method: string
      readonly issue: string
      readonly setting: string | undefined
    }
  /** the server refused the session for another reason: no such database, a start-up parameter it does not take */
  | Reported<"ServerRefused">
  | Reported<"InFailedSqlTransaction">
  | Reported<"OtherServerError">
  /** `"lock timeout"` only from servers that report it as 57014: PostgreSQL says 55P03, `LockNotAvailable` */
  | (Reported<"QueryCanceled"> & { readonly by: "statement timeout" | "lock timeout" | "user request" })
  | { readonly _tag: "StatementTimeout"; readonly afterMillis: number }
  | { readonly _tag: "CommitRolledBack" }
  | {
      readonly _tag: "UnexpectedRowCount"
      readonly expected: "exactly one" | "at most one"
      readonly actual: number
    }
  | { readonly _tag: "StatementMismatch"; readonly findings: ReadonlyArray<Finding> }
  | { readonly _tag: "InvalidParameter"; readonly parameter: string; readonly issue: string }
  /** `row` from 1; `issue` never holds the value. `serverType`: `float8`; `table`: where the column comes from */
  | {
      readonly _tag: "InvalidRow"
      readonly column: string | undefined
      readonly row: number
      readonly issue: string
      readonly serverType?: string
      readonly table?: string
    }
  /** a notification's payload is not what its channel's Schema takes; `issue` never holds the payload */
  | { readonly _tag: "InvalidNotification"; readonly channel: string; readonly issue: string }
  | { readonly _tag: "InvalidSettings"; readonly key: string; readonly issue: string }
  /** every connection is held by a fiber that itself waits here; `chain` names them, one per line */
  | { readonly _tag: "PoolDeadlock"; readonly chain: ReadonlyArray<string> }
  | { readonly _tag: "PoolClosed" }
  /** the statement came from a fiber that outlived its `Transaction.run` */
  | { readonly _tag: "TransactionFinished" }
  /** `command`: the word that was refused, `"BEGIN"` */
  | { readonly _tag: "UseTransaction"; readonly command: string }
  | { readonly _tag: "UseCopy" }
  /** a statement for the connection of a transaction or a pin on which a COPY runs: nothing may come between its data */
  | { readonly _tag: "CopyInProgress" }
  /** the text of a `Copy` is not what it is used for; `expected`: `"COPY … FROM STDIN"` */
  | { readonly _tag: "InvalidCopy"; readonly expected: string; readonly issue: string }
  /** the connection of this `Session.pin` is inside the transaction of a stream that has not ended */
  | { readonly _tag: "StreamInProgress" }
  /** LISTEN is accepted, and a notification that was sent to prove that they come has not come in that time */
  | { readonly _tag: "ListenUnsupported"; readonly waitedMillis: number }

/** One difference between a statement's Schemas and what the server says about it. */
export interface Finding {
  readonly severity: "error" | "warning"
  readonly at: { readonly parameter: string } | { readonly column: string }
  readonly message: string
}

/** What happened, told apart by `_tag`. */
export type Reason = BrokenReason | TransientReason | PermanentReason
/** The reason of that tag. */
export type ReasonOf<Tag extends Reason["_tag"]> = Extract<Reason, { readonly _tag: Tag }>
