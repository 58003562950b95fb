// The answers to COMMIT and ROLLBACK are waited for whatever happens around them; only their own deadline ends the wait, and the
// connection with it: what became of the transaction is then the server's secret.
import * as Effect from "effect/Effect"
import type { Database } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"

/** Uninterruptible. At the deadline the connection is destroyed, which settles `self` as every other request on it. */
export const underDeadline = <A, E>(
  { commitDeadlines, destroy }: Database,
  dispatcher: Dispatcher,
  during: string,
  self: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.uninterruptible(
    Effect.suspend(() => {
      const deadline = commitDeadlines.start(() => destroy(dispatcher, { _tag: "Unresponsive", during }))
      return Effect.matchCauseEffect(self, {
        onFailure: (cause) => {
          deadline.stop()
          return Effect.failCause(cause)
        },
        onSuccess: (value) => {
          deadline.stop()
          return Effect.succeed(value)
        }
      })
    })
  )
