// One connection for a whole effect: temporary tables, SET, advisory locks, cursors. What the effect left behind is swept up before
// anybody else gets the connection.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { CurrentHolder, type Holder, holderOf, makeHolder, runInHolder } from "./internal/database.ts"
import { leaseExclusively } from "./internal/exclusiveLease.ts"
import { withDatabase } from "./internal/withDatabase.ts"
import type { Postgres } from "./Postgres.ts"
import type { PostgresError } from "./PostgresError.ts"

const pin = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | PostgresError, R | Postgres> =>
  withDatabase((database, context) => {
    // Inside a pin or a transaction of this database the connection is held already.
    if (holderOf(context, database) !== undefined) return self
    const outer = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
    return Effect.acquireUseRelease(
      leaseExclusively(database, Effect.interruptible),
      ({ dispatcher }) => runInHolder(makeHolder(database, dispatcher, outer, 0, []), self),
      (lease) => Effect.sync(() => lease.end(true))
    )
  })

/**
 * Pin one connection for the whole effect; concurrent queries in it are pipelined.
 *
 * @since 0.1.0
 * @category sessions
 */
export const Session: {
  readonly pin: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | PostgresError, R | Postgres>
} = { pin }
