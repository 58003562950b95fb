// The answers to COMMIT and ROLLBACK are waited for whatever happens around them; only their own deadline ends the wait, and the
// connection with it: what became of the transaction is then the server's secret.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Database } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"

/** Uninterruptible. At the deadline the connection is destroyed, which settles `self` as every other request on it. */
export const underDeadline = <A, E>(
  { commitTimeout, destroy }: Database,
  dispatcher: Dispatcher,
  during: string,
  self: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => destroy(dispatcher, { _tag: "Unresponsive", during })).pipe(
      Effect.delay(commitTimeout),
      Effect.interruptible,
      Effect.forkDaemon
    ),
    () => Effect.uninterruptible(self),
    Fiber.interruptFork
  )
