// Failures: three classes that say what to do, a reason that says what happened, an outcome that says what is true now.
// The words a person reads are made in internal/render, SQLSTATE → class and reason in internal/classify: nothing here decides either.
// An error owns its texts: it keeps no socket bytes, and no parameter or row value that the settings do not allow.
import type * as Effect from "effect/Effect"
import { Failure, isPostgresError } from "./internal/FailureClass.ts"
import {
  catchConstraints,
  catchReason,
  type Handled,
  type Handlers,
  hasReason,
  isSafeToRetry
} from "./internal/handleFailures.ts"
import type { BrokenReason, ConstraintViolation, PermanentReason, Reason, ReasonOf, TransientReason } from "./Reason.ts"

export type * from "./Reason.ts"
export type * from "./ServerReport.ts"

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
} = { is: isPostgresError, isSafeToRetry, hasReason, catchReason, catchConstraints }
