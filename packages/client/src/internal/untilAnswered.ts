// The one asynchronous boundary of a request ⚡: as `Effect.async` with a finalizer, in half as many steps, and without the moment between the end of
// its uninterruptible region and the caller's, in which what has been answered would be lost.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

export type Resume<A, E> = (effect: Effect.Effect<A, E>) => void

/** Brings back the interruptibility that there was outside: of `Effect.uninterruptibleMask`, or `Effect.interruptible`. */
export type Restore = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

type Start<A, E> = (resume: Resume<A, E>) => () => Effect.Effect<void>

const wait = <A, E>(restore: Restore, start: Start<A, E>): Effect.Effect<A, E> => {
  let giveUp: (() => Effect.Effect<void>) | undefined
  const answer = Effect.async<A, E>((resume) => {
    giveUp = start(resume)
  })
  return Effect.catchAllCause(restore(answer), (cause) =>
    giveUp !== undefined && Cause.isInterruptedOnly(cause)
      ? Effect.zipRight(giveUp(), Effect.failCause(cause))
      : Effect.failCause(cause)
  )
}

/** To be run in an uninterruptible region: only the wait itself can be interrupted. `start` answers what is to be done then, which is waited for. */
export const answeredWithin = <A, E>(restore: Restore, start: Start<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => wait(restore, start))

/** For answers that nobody has to give back. */
export const untilAnswered = <A, E>(start: Start<A, E>): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) => wait(restore, start))
