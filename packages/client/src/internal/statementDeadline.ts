// The deadline of a statement: cancelled on the server, and its answer awaited, so that what became of it is known. A cancel hits whatever
// runs when it arrives, so a statement with a deadline is alone on its connection while it runs.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Database, Holder } from "./database.ts"
import type { CancelFacts } from "./errorFromReport.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { MakeRun } from "./runOn.ts"

/** `cancel` is told when it was cancelled by us, for the error to say so. */
export const withDeadline =
  <A>(
    { schedule }: Database,
    duration: Duration.Duration,
    cancel: { cancelSent?: CancelFacts["cancelSent"] },
    make: MakeRun<A>
  ): MakeRun<A> =>
  (settle, before) => {
    const afterMillis = Duration.toMillis(duration)
    // The timer belongs to the run: it is started with it and ends with its answer.
    const run = make((answer, failure) => {
      stop()
      settle(answer, failure)
    }, before)
    let stop = (): void => undefined
    const due = (dispatcher: Dispatcher): void => {
      if (run.isSent) {
        cancel.cancelSent = { deadlineMillis: afterMillis }
        return dispatcher.cancelRunning()
      }
      // Not even sent: the connection is still being recovered from what was before.
      run.abandon()
      settle(undefined, { _tag: "Refused", reason: { _tag: "StatementTimeout", afterMillis } })
    }
    return {
      start: (dispatcher) => {
        stop = schedule(duration, () => due(dispatcher))
        run.start(dispatcher)
      },
      abandon: () => {
        stop()
        run.abandon()
      },
      get isSent() {
        return run.isSent
      }
    }
  }

/** Only what is alone can be cancelled: what was sent before it is answered first, what comes behind it waits. */
export const alone = <A>(
  { dispatcher, gate }: Holder,
  self: Effect.Effect<A, PostgresError>
): Effect.Effect<A, PostgresError> =>
  Effect.acquireUseRelease(
    gate.passAlone(Effect.interruptible),
    () => Effect.zipRight(drained(dispatcher), self),
    () => Effect.sync(() => gate.open())
  )

/** Everything that was submitted is answered, or the connection is gone. */
export const drained = (dispatcher: Dispatcher): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.inFlight === 0 || dispatcher.closed !== undefined) return Effect.void
    const event = Effect.async<void>((resume) => {
      const done = (): void => resume(Effect.void)
      const takeBack = dispatcher.unanswered > 0 ? dispatcher.onProgress(done) : dispatcher.onReleased(done)
      return Effect.sync(takeBack)
    })
    // unsent, and nothing holds it back: the flush is a microtask away
    return event.pipe(Effect.zipRight(Effect.yieldNow()), Effect.zipRight(drained(dispatcher)))
  })
