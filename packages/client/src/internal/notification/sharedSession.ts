// Listening over a transport that has one session and no more (PGlite): LISTEN goes where the statements go, on a lease of its own, and
// what comes is heard between their answers. Nothing is proved or watched: such a session is in this process.
import type { NotificationResponse } from "@pgfx/protocol"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import { noRows } from "../exchange/parts.ts"
import { SimpleQuery } from "../exchange/simpleQuery.ts"
import type { Claim, Lessor } from "../lease.ts"
import type { KeepSession, RunOnSession, SessionEvents } from "./Listener.ts"

/** Told by whoever has the connection. */
export interface SharedSession {
  readonly keep: KeepSession
  readonly received: (notification: NotificationResponse) => void
  /** the connection has ended; another one is leased when somebody still listens */
  readonly closed: (reason: CloseReason) => void
}

const runOn =
  (lessor: Lessor): RunOnSession =>
  (sql, settled) => {
    let claim: Claim | undefined
    let isOver = false
    const done = (failure: ExchangeFailure | undefined): void => {
      isOver = true
      claim?.end()
      settled(failure)
    }
    claim = lessor.exclusive({
      granted: (dispatcher) => {
        dispatcher.submit(new SimpleQuery({ sql, sink: () => noRows }, (_, failure) => done(failure)))
      },
      refused: settled
    })
    // It may have been granted, and settled, before there was a claim to end.
    if (isOver) claim.end()
  }

/** `lessor`: asked for when the first statement is to run, since the pool needs its listener before that. */
export const sharedSession = (lessor: () => Lessor): SharedSession => {
  const kept = new Set<SessionEvents>()
  const opened = (events: SessionEvents): void =>
    queueMicrotask(() => {
      if (kept.has(events)) events.opened(runOn(lessor()))
    })
  return {
    keep: (events) => {
      kept.add(events)
      opened(events)
      return { stop: () => void kept.delete(events) }
    },
    received: (notification) => {
      for (const events of kept) events.received(notification)
    },
    closed: (reason) => {
      for (const events of kept) {
        if (events.lost({ _tag: "ConnectionClosed", reason, sent: true })) opened(events)
        else kept.delete(events)
      }
    }
  }
}
