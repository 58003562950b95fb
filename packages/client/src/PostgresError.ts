// Failures: three classes that say what to do, a reason that says what happened, an outcome that says what is true now.
// The words a person reads are made in internal/render, SQLSTATE → class and reason in internal/classify: nothing here decides either.
// An error owns its texts: it keeps no socket bytes, and no parameter or row value that the settings do not allow.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { NodeInspectSymbol } from "effect/Inspectable"
import { hasProperty } from "effect/Predicate"
import { renderDetails } from "./internal/render/details.ts"
import { renderErrorText } from "./internal/render/errorText.ts"
import { renderMessage } from "./internal/render/message.ts"

/**
 * What is true of the statement after the failure; of the whole transaction, when a `Transaction.run` fails.
 *
 * `NotSent`: no byte reached the transport. `RolledBack`: it left no trace. `Pending`: applied, in a transaction that is still
 * open (the transaction's own error replaces it). `Committed`: it took effect. `Unknown`: nobody can say.
 */
export type Outcome = "NotSent" | "RolledBack" | "Pending" | "Committed" | "Unknown"

/** A statement as an error names it. `definedAt` is `file:line`, or `"unknown"`. */
export interface StatementInfo {
  readonly name: string | undefined
  readonly sql: string
  readonly definedAt: string
}

/** One parameter of the statement, for the "with" line. `value` is present only where the settings allow values. */
export interface ParameterInfo {
  readonly name: string
  /** the server's type name, `undefined` while it is not known */
  readonly type?: string | undefined
  readonly value?: string | undefined
}

/**
 * ErrorResponse or NoticeResponse, field by field, as sent: `message`, `detail` and `where` may hold values of rows and parameters,
 * and control characters. The renderings of an error hold neither. Source: "Error and Notice Message Fields".
 */
export interface ServerReport {
  /** never translated; the last five come in notices only */
  readonly severity: "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "DEBUG" | "INFO" | "LOG"
  /** empty if the server sent none */
  readonly sqlState: string
  /** in the language of `lc_messages` */
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  /** characters (not UTF-16 units) of the SQL text as sent, from 1 */
  readonly position?: number
  /** characters of `internalQuery`, from 1 */
  readonly internalPosition?: number
  /** the statement that a function or the server itself was running */
  readonly internalQuery?: string
  /** call stack of the server's active functions, innermost first */
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly dataType?: string
  readonly constraint?: string
  readonly file?: string
  readonly line?: number
  readonly routine?: string
}

// ---- reasons: PostgreSQL's condition name where it has one
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
  | { readonly _tag: "ListenUnsupported"; readonly waitedMillis: number }

/** One difference between a statement's Schemas and what the server says about it. */
export interface Finding {
  readonly severity: "error" | "warning"
  readonly at: { readonly parameter: string } | { readonly column: string }
  readonly message: string
}

// ---- classes
/** What a failure is made of. Nothing but `reason` and `outcome` is needed for a truthful error. */
export interface FailureOptions<R, O extends Outcome> {
  readonly reason: R
  readonly outcome: O
  readonly statement?: StatementInfo | undefined
  readonly parameters?: ReadonlyArray<ParameterInfo> | undefined
  /** what is true of the connection afterwards: `"the connection is healthy; no transaction was open"` */
  readonly state?: string | undefined
  readonly cause?: unknown
  /** lets the renderings show parameter values and the parts of the server's report that may hold row values */
  readonly showValues?: boolean | undefined
}

const TypeId: unique symbol = Symbol.for("pgfx/PostgresError")

/**
 * Gives what an error was made of. A function, so that no printer looks into it; not a private field, because Effect hands the failures
 * of a traced program around behind a Proxy, through which those cannot be read (`capture` in its core.ts).
 */
const optionsKey: unique symbol = Symbol.for("pgfx/PostgresError/options")

/** Common to the three classes; everything a rendering needs stays behind one hidden property, so that no printer finds it by accident. */
abstract class Failure<Tag extends string, R extends Reason, O extends Outcome> extends Cause.YieldableError {
  abstract readonly _tag: Tag
  declare private readonly [optionsKey]: () => FailureOptions<R, O>
  constructor(options: FailureOptions<R, O>) {
    super(renderMessage(options))
    Object.defineProperty(this, optionsKey, { value: () => options })
    // Schema's ParseError prints the value it refused ("Expected number, actual …"), so it is no cause of ours.
    if (options.cause !== undefined && !(hasProperty(options.cause, "_tag") && options.cause._tag === "ParseError")) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true })
    }
  }
  /** what it was made of; a method, so that no printer comes across it */
  protected options(): FailureOptions<R, O> {
    return this[optionsKey]()
  }
  get [TypeId](): true {
    return true
  }
  /** what happened */
  get reason(): R {
    return this[optionsKey]().reason
  }
  /** what is true now */
  get outcome(): O {
    return this[optionsKey]().outcome
  }
  get statement(): StatementInfo | undefined {
    return this[optionsKey]().statement
  }
  /** what is true of the connection, as a sentence */
  get state(): string | undefined {
    return this[optionsKey]().state
  }
  /** key/value form for logs and spans; never holds parameter or row values unless the settings allow it */
  get details(): Readonly<Record<string, string | number | boolean>> {
    return renderDetails(this._tag, this[optionsKey]())
  }
  /** The full picture: what happened, where, with what, what now. Plain text, several lines. */
  override toString(): string {
    return renderErrorText(this._tag, this[optionsKey]())
  }
  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, outcome: this.outcome, details: this.details }
  }
  override [NodeInspectSymbol](): string {
    return this.toString()
  }
  // An error is an event: two with the same texts are still two. (The inherited comparison goes by enumerable keys: none here.)
  [Equal.symbol](that: unknown): boolean {
    return this === that
  }
  [Hash.symbol](): number {
    return Hash.random(this)
  }
}

/** The connection is gone. `Unknown`: the statement may have run. */
export class Broken extends Failure<"Broken", BrokenReason, "NotSent" | "RolledBack" | "Unknown"> {
  override readonly _tag = "Broken"
  static {
    Object.defineProperty(this.prototype, "name", { value: "Broken" })
  }
}
/** Nothing happened, and the same thing may succeed later. */
export class Transient extends Failure<"Transient", TransientReason, "NotSent" | "RolledBack"> {
  override readonly _tag = "Transient"
  static {
    Object.defineProperty(this.prototype, "name", { value: "Transient" })
  }
}
/**
 * It will fail again. `Committed`, `Pending`: the statement took effect, its answer could not be used. `Unknown`: it may have committed a
 * part of its work by itself before it failed, as procedures and scripts can.
 */
export class Permanent extends Failure<
  "Permanent",
  PermanentReason,
  "NotSent" | "RolledBack" | "Pending" | "Committed" | "Unknown"
> {
  override readonly _tag = "Permanent"
  static {
    Object.defineProperty(this.prototype, "name", { value: "Permanent" })
  }
  /** @internal the same failure, once the transaction that held its effect has been rolled back */
  afterRollback(): Permanent {
    return this.outcome === "Pending" ? new Permanent({ ...this.options(), outcome: "RolledBack" }) : this
  }
}

/** Every failure of the client, told apart by `_tag`. */
export type PostgresError = Broken | Transient | Permanent
/** What happened, told apart by `_tag`. */
export type Reason = BrokenReason | TransientReason | PermanentReason
/** The reason of that tag. */
export type ReasonOf<Tag extends Reason["_tag"]> = Extract<Reason, { readonly _tag: Tag }>

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
type Handlers<In> = Record<string, (reason: In) => AnyEffect>
type Handled<Cases extends Handlers<never>, A, E, R> = Effect.Effect<
  A | { [K in keyof Cases]: Effect.Effect.Success<ReturnType<Cases[K]>> }[keyof Cases],
  E | { [K in keyof Cases]: Effect.Effect.Error<ReturnType<Cases[K]>> }[keyof Cases],
  R | { [K in keyof Cases]: Effect.Effect.Context<ReturnType<Cases[K]>> }[keyof Cases]
>

const is = (u: unknown): u is PostgresError => hasProperty(u, TypeId)

const isSafeToRetry = (u: unknown): boolean => {
  if (!is(u)) return false
  switch (u._tag) {
    case "Transient":
      return u.reason._tag !== "PoolTimeout" && u.reason._tag !== "PoolSaturated" && u.reason._tag !== "PoolOverloaded"
    case "Broken":
      return u.outcome !== "Unknown"
    case "Permanent":
      return false
  }
}

const hasReason =
  <const Tag extends Reason["_tag"]>(tag: Tag) =>
  (u: unknown): u is PostgresError & { readonly reason: ReasonOf<Tag> } =>
    is(u) && u.reason._tag === tag

const catchReason = <const Tag extends Reason["_tag"], A2, E2, R2>(
  tag: Tag,
  handle: (reason: ReasonOf<Tag>, error: PostgresError) => Effect.Effect<A2, E2, R2>
): (<A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2>) => {
  const matches = hasReason(tag)
  return <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.catchIf(
      self,
      (error: E) => matches(error),
      (error): Effect.Effect<A2, E | E2, R2> => (matches(error) ? handle(error.reason, error) : Effect.fail(error))
    )
}

const constraintOf = (u: unknown): ConstraintViolation | undefined => {
  if (!is(u)) return undefined
  switch (u.reason._tag) {
    case "UniqueViolation":
    case "ForeignKeyViolation":
    case "CheckViolation":
    case "ExclusionViolation":
      return u.reason
    default:
      return undefined
  }
}

// Two signatures instead of a cast: the result is the union of what the handlers return, which only the caller's type can say.
function catchConstraints<Cases extends Handlers<ConstraintViolation>>(
  cases: Cases
): <A, E, R>(self: Effect.Effect<A, E, R>) => Handled<Cases, A, E, R>
function catchConstraints(cases: Handlers<ConstraintViolation>): (self: AnyEffect) => AnyEffect {
  const handlerOf = (u: unknown) => {
    const violation = constraintOf(u)
    // own keys only: a constraint may be called "constructor"
    if (violation === undefined || !Object.hasOwn(cases, violation.constraint)) return undefined
    const handle = cases[violation.constraint]
    return handle === undefined ? undefined : () => handle(violation)
  }
  return (self) =>
    Effect.catchIf(
      self,
      (error) => handlerOf(error) !== undefined,
      (error) => handlerOf(error)?.() ?? Effect.fail(error)
    )
}

/** What programs do with failures. */
export const PostgresError: {
  readonly is: (u: unknown) => u is PostgresError
  /**
   * Repeating is harmless and may help: Transient (a full pool excepted), or Broken without a trace (`NotSent`, `RolledBack`).
   * For `Effect.retry({ while })`. Takes anything, so that a wider `E` needs no cast.
   */
  readonly isSafeToRetry: (u: unknown) => boolean
  readonly hasReason: <const Tag extends Reason["_tag"]>(
    tag: Tag
  ) => (u: unknown) => u is PostgresError & { readonly reason: ReasonOf<Tag> }
  /** Handles failures of that reason; any other passes, foreign ones too. */
  readonly catchReason: <const Tag extends Reason["_tag"], A2, E2, R2>(
    tag: Tag,
    handle: (reason: ReasonOf<Tag>, error: PostgresError) => Effect.Effect<A2, E2, R2>
  ) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2>
  /** By constraint name; any other failure passes. */
  readonly catchConstraints: <Cases extends Handlers<ConstraintViolation>>(
    cases: Cases
  ) => <A, E, R>(self: Effect.Effect<A, E, R>) => Handled<Cases, A, E, R>
} = { is, isSafeToRetry, hasReason, catchReason, catchConstraints }
