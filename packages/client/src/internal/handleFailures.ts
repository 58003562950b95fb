// What programs do with failures: tell them apart, handle those of one reason or constraint, and know which are safe to repeat. Other
// failures pass, foreign ones too. Neither makes nor words a failure.
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { ConstraintViolation, Reason, ReasonOf } from "../Reason.ts"
import { isPostgresError } from "./FailureClass.ts"

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
export type Handlers<In> = Record<string, (reason: In) => AnyEffect>
export type Handled<Cases extends Handlers<never>, A, E, R> = Effect.Effect<
  A | { [K in keyof Cases]: Effect.Effect.Success<ReturnType<Cases[K]>> }[keyof Cases],
  E | { [K in keyof Cases]: Effect.Effect.Error<ReturnType<Cases[K]>> }[keyof Cases],
  R | { [K in keyof Cases]: Effect.Effect.Context<ReturnType<Cases[K]>> }[keyof Cases]
>

export const isSafeToRetry = (u: unknown): boolean => {
  if (!isPostgresError(u)) return false
  switch (u._tag) {
    case "Transient":
      return u.reason._tag !== "PoolTimeout" && u.reason._tag !== "PoolSaturated" && u.reason._tag !== "PoolOverloaded"
    case "Broken":
      return u.outcome !== "Unknown"
    case "Permanent":
      return false
  }
}

export const hasReason =
  <const Tag extends Reason["_tag"]>(tag: Tag) =>
  (u: unknown): u is PostgresError & { readonly reason: ReasonOf<Tag> } =>
    isPostgresError(u) && u.reason._tag === tag

export const catchReason = <const Tag extends Reason["_tag"], A2, E2, R2>(
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
  if (!isPostgresError(u)) return undefined
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
export function catchConstraints<Cases extends Handlers<ConstraintViolation>>(
  cases: Cases
): <A, E, R>(self: Effect.Effect<A, E, R>) => Handled<Cases, A, E, R>
export function catchConstraints(cases: Handlers<ConstraintViolation>): (self: AnyEffect) => AnyEffect {
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
