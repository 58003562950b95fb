// A subscription as a Stream: registered when it begins to run, given up when its scope closes, whatever the reason.
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { PostgresError } from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import { observed } from "../tracing/traceStatements.ts"
import { Subscription, type SubscriptionItem, type SubscriptionOptions } from "./Subscription.ts"
import { subscriptionError } from "./subscriptionError.ts"

const changed = (subscription: Subscription): Effect.Effect<void> =>
  Effect.async((resume) => {
    const takeBack = subscription.onChange(() => resume(Effect.void))
    return Effect.sync(takeBack)
  })

/** What came before the end is given before the end is told. */
const next = (subscription: Subscription): Effect.Effect<Chunk.Chunk<SubscriptionItem>, PostgresError> =>
  Effect.suspend(() => {
    const items = subscription.take()
    if (items.length > 0) return Effect.succeed(Chunk.unsafeFromArray(items))
    const { ended } = subscription
    if (ended !== undefined) return Effect.fail(subscriptionError(subscription, ended))
    return Effect.zipRight(changed(subscription), next(subscription))
  })

/** To whoever observes, the time until LISTEN is in effect, connecting included, is that of a statement. */
const items = ({ observer }: Database, subscription: Subscription): Stream.Stream<SubscriptionItem, PostgresError> => {
  const all = Stream.repeatEffectChunkOption(Effect.mapError(next(subscription), Option.some))
  if (observer === undefined) return all
  const trace = observer.statements.traceText(subscription.statement, () => 0)
  return Stream.concat(Stream.unwrap(Effect.map(observed(trace, next(subscription), false), Stream.fromChunk)), all)
}

/** Marks and messages, in order. Each run of the Stream is a subscription of its own. */
export const subscriptionStream = (
  database: Database,
  options: SubscriptionOptions
): Stream.Stream<SubscriptionItem, PostgresError> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const subscription = new Subscription(options)
          return { subscription, leave: database.listener.subscribe(subscription) }
        }),
        ({ leave }) => Effect.sync(leave)
      ),
      ({ subscription }) => items(database, subscription)
    )
  )
