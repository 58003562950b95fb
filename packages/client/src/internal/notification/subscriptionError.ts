// What a subscriber's stream fails with. A subscription ends with its session, and nothing of it remains on the server: its outcome is
// that of a transaction's statement, `RolledBack`, so that beginning anew is safe and Retry knows it.
import { Broken, type PostgresError } from "../../PostgresError.ts"
import { errorOfFailure, type FailureContext } from "../failure.ts"
import type { Subscription, SubscriptionFailure } from "./Subscription.ts"

export const errorOfLoss: FailureContext = { inTransaction: true }

export const subscriptionError = (
  { channel, statement }: Pick<Subscription, "channel" | "statement">,
  failure: SubscriptionFailure
): PostgresError =>
  failure._tag === "Behind"
    ? new Broken({
        reason: { _tag: "SubscriberBehind", channel, undelivered: failure.undelivered },
        outcome: "RolledBack",
        statement,
        state: "the connection is healthy; this subscription has ended"
      })
    : errorOfFailure(failure, { ...errorOfLoss, statement })
