// When to try again. Policies are Schedules; the conditions are ours: nothing is repeated whose effect may already be there,
// unless the caller said that running twice is harmless, and nothing at all inside an open transaction.
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { type Attempt, attemptOf, CurrentAttempt } from "./internal/attempt.ts"
import { CurrentHolder } from "./internal/database.ts"
import { PostgresError } from "./PostgresError.ts"

/** Input `unknown`: they fit any `Effect.retry`, `Stream.retry` or `Layer.retry`, and stop at a failure that is not theirs. */
type RetrySchedule = Schedule.Schedule<Duration.Duration, unknown>

const isIdempotentlyRetryable = (u: unknown): boolean =>
  PostgresError.isSafeToRetry(u) || (PostgresError.is(u) && u._tag === "Broken")

/**
 * Only the outermost transaction can be repeated: a new attempt needs a new snapshot. And only the whole of a pin whose connection is gone:
 * in there nothing can succeed any more.
 */
const outsideTransaction: Effect.Effect<boolean> = Effect.map(Effect.serviceOption(CurrentHolder), (holder) => {
  if (holder._tag === "None" || holder.value === undefined) return true
  const { depth, dispatcher } = holder.value
  return depth === 0 && dispatcher.closed === undefined
})

/** Doubling, jittered by 20 % either way, never longer than `cap` between two attempts. */
const doubling = (base: Duration.DurationInput, cap: Duration.DurationInput): RetrySchedule =>
  Schedule.exponential(base).pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, cap)),
    Schedule.jittered
  )

const under = (schedule: RetrySchedule, condition: (u: unknown) => boolean): RetrySchedule =>
  schedule.pipe(
    Schedule.whileInputEffect((failure: unknown) => (condition(failure) ? outsideTransaction : Effect.succeed(false)))
  )

const short = doubling("20 millis", "1 second").pipe(Schedule.upTo("10 seconds"))

const schedules = {
  transient: under(short, PostgresError.isSafeToRetry),
  idempotent: under(short, isIdempotentlyRetryable),
  connect: under(doubling("100 millis", "30 seconds"), isIdempotentlyRetryable)
}

/** A new attempt would do a second time what this one has done for good. */
const givesUp = (lasting: string): Effect.Effect<boolean> =>
  Effect.as(
    Effect.logWarning(
      `pgfx: not repeated, because "${lasting.slice(0, 200)}" has taken effect or may have; put the whole into Transaction.run, or say Retry.idempotent`
    ),
    false
  )

/** The schedule has the last word: it may be that this attempt was the last one. */
const tell = (failure: unknown, mayRepeat: boolean): Effect.Effect<void> =>
  mayRepeat && PostgresError.is(failure)
    ? Effect.annotateLogs(Effect.logDebug("pgfx: failed, and may be tried again"), failure.details)
    : Effect.void

const repeat =
  (condition: (u: unknown) => boolean, vouched: boolean) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Retry> =>
    Effect.flatMap(Retry, ({ schedule }) =>
      Effect.contextWithEffect((context: Context.Context<never>) => {
        // What the caller has vouched for may be repeated by whatever is around it, too.
        const outer = vouched ? undefined : attemptOf(context)
        let attempt: Attempt = { lasting: undefined, outer }
        const once = Effect.suspend(() => {
          attempt = { lasting: undefined, outer }
          return Effect.provideService(self, CurrentAttempt, attempt)
        })
        const mayRepeat = (failure: E): Effect.Effect<boolean> => {
          if (!condition(failure)) return Effect.succeed(false)
          if (!vouched && attempt.lasting !== undefined) return givesUp(attempt.lasting)
          return Effect.tap(outsideTransaction, (may) => tell(failure, may))
        }
        return Effect.retry(once, {
          while: mayRepeat,
          // Only failures that passed the condition reach the schedule, and those are PostgresErrors.
          schedule: Schedule.mapInput(schedule, (failure: E) => failure as E & PostgresError)
        })
      })
    )

/**
 * The application's retry policy.
 *
 * @since 0.1.0
 * @category services
 */
export class Retry extends Context.Tag("pgfx/Retry")<
  Retry,
  { readonly schedule: Schedule.Schedule<unknown, PostgresError> }
>() {
  static readonly layer = (schedule: Schedule.Schedule<unknown, PostgresError>): Layer.Layer<Retry> =>
    Layer.succeed(Retry, { schedule })
  /** 20 ms, doubling, jittered, at most 1 s apart and 10 s in all */
  static readonly layerDefault: Layer.Layer<Retry> = Layer.succeed(Retry, { schedule: short })
  static readonly layerNever: Layer.Layer<Retry> = Layer.succeed(Retry, { schedule: Schedule.stop })
  static readonly schedules: {
    /** `PostgresError.isSafeToRetry`; 20 ms, doubling, jittered, at most 1 s apart and 10 s in all */
    readonly transient: RetrySchedule
    /** as `transient`, and Broken with an unknown outcome: the caller vouches that running twice is harmless */
    readonly idempotent: RetrySchedule
    /**
     * Broken, and Transient (a server that starts or is full; a full pool excepted), without end; 100 ms, doubling, jittered, at most 30 s
     * apart: start-up and subscriptions
     */
    readonly connect: RetrySchedule
  } = schedules
  /**
   * By the application's policy, under the conditions of `schedules.transient`, and one more: an attempt that has done something for good is
   * the last. Around several statements, one of which has committed by itself when another fails, nothing is repeated; the failure is told,
   * and a warning says why. (An `Effect.retry` with a schedule cannot know that: it is for one statement, or one transaction.)
   *
   * @example
   * import { Effect, Schema } from "effect"
   * import { param, Query, Retry, Transaction } from "pgfx"
   *
   * const move = Query.command`UPDATE stock SET place = ${param("place", Schema.String)} WHERE id = ${param("id", Schema.Int)}`
   *
   * // 40001 and 40P01, also when they come at COMMIT, start the whole transaction again
   * const moved = Effect.zipRight(move({ id: 1, place: "a" }), move({ id: 2, place: "b" })).pipe(
   *   Transaction.runWith({ isolation: "serializable" }),
   *   Retry.transient
   * )
   */
  static readonly transient: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Retry> = repeat(
    PostgresError.isSafeToRetry,
    false
  )
  /** By the application's policy, under the conditions of `schedules.idempotent`: the caller vouches that running twice is harmless. */
  static readonly idempotent: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Retry> = repeat(
    isIdempotentlyRetryable,
    true
  )
}
