// What follows an interruption: the running statement is cancelled on the server, every answer is read, and only then is the connection
// used again. Naively going on killed 47 of 400 innocent statements; waiting for both ends killed none of 1,600 (measured).
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Transport } from "../Transport.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason } from "./exchange/Exchange.ts"

export interface Recovery {
  readonly dispatcher: Dispatcher
  /** sends a CancelRequest and waits until the server has taken it; nothing where the transport has none: the answers are awaited */
  readonly cancel: Effect.Effect<void, never, Transport>
  readonly cancelTimeout: Duration.Duration
  readonly destroy: (reason: CloseReason) => void
}

/** One turn of the event loop: a short statement ends by itself, and its answer may be in the socket already. */
const oneTurn: Effect.Effect<void> = Effect.async((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 0)
  return Effect.sync(() => clearTimeout(timer))
})

const progress = (dispatcher: Dispatcher): Effect.Effect<void> =>
  Effect.async((resume) => {
    const takeBack = dispatcher.onProgress(() => resume(Effect.void))
    return Effect.sync(takeBack)
  })

/** How long a cancel may remain without an answer before there is another; twice as long each time. */
const firstWait = Duration.millis(50)

/**
 * A cancel ends one statement; in a pipeline the next one begins to run then, and nobody wants that either. Quick ones end by themselves,
 * within the turn. Only what nobody waits for is cancelled again: behind a statement that met its deadline there may be others.
 *
 * One that reaches a backend before the statement does is lost: an idle backend ignores it (ProcessInterrupts, `DoingCommandRead`). So where
 * nothing is answered it is sent anew; it still can hit nobody else.
 */
const cancelAll = (
  dispatcher: Dispatcher,
  cancel: Effect.Effect<void, never, Transport>,
  wait = firstWait
): Effect.Effect<void, never, Transport> =>
  Effect.zipRight(
    oneTurn,
    Effect.suspend(() => {
      const { unanswered } = dispatcher
      if (unanswered === 0) return Effect.void
      const isAnswered = (): boolean => dispatcher.unanswered < unanswered
      const answer = Effect.suspend(() => (isAnswered() ? Effect.void : progress(dispatcher)))
      const again = Effect.suspend(() =>
        isAnswered()
          ? cancelAll(dispatcher, dispatcher.wanted > 0 ? Effect.void : cancel)
          : cancelAll(dispatcher, cancel, Duration.times(wait, 2))
      )
      return cancel.pipe(Effect.zipRight(Effect.raceFirst(answer, Effect.sleep(wait))), Effect.zipRight(again))
    })
  )

/** A server that obeys has at most a few socket buffers to send, 4 MiB by Linux's default; seven seconds of that at 5 Mbit/s. */
const deadlines = 5

/** Bytes within `cancelTimeout` that count as an answer on its way; what drips more slowly is not waited for. */
const progressBytes = 64 * 1024

/**
 * Ends once less than 64 KiB has come from the server within `cancelTimeout`, or it has not stopped for five of them.
 *
 * Of a statement that is cancelled while its rows are on their way, the rows that are in the sockets come first: on a machine with much
 * else to do they took 3 s at 1.4 MB/s (measured), and the connection was in good health. See decisions/0017.
 */
const silence = (dispatcher: Dispatcher, cancelTimeout: Duration.Duration, left = deadlines): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { bytesRead } = dispatcher
    return Effect.flatMap(Effect.sleep(cancelTimeout), () =>
      left > 1 && dispatcher.bytesRead - bytesRead >= progressBytes
        ? silence(dispatcher, cancelTimeout, left - 1)
        : Effect.void
    )
  })

/**
 * Brings a connection whose requests are all abandoned back to idle, or destroys it at the deadline.
 *
 * The cancel is waited for even when the answers are complete: one that arrives late would hit the next statement.
 */
export const recover = ({
  cancel,
  cancelTimeout,
  destroy,
  dispatcher
}: Recovery): Effect.Effect<void, never, Transport> =>
  Effect.raceFirst(
    Effect.as(cancelAll(dispatcher, cancel), () => dispatcher.release()),
    Effect.as(silence(dispatcher, cancelTimeout), () =>
      destroy({ _tag: "Unresponsive", during: "cancelling a statement" })
    )
  ).pipe(Effect.flatMap(Effect.sync))
