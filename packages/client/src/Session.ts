// One connection for a whole effect: temporary tables, SET, advisory locks, cursors. What the effect left behind is swept up before
// anybody else gets the connection.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { command } from "./internal/command.ts"
import {
  CurrentHolder,
  type Database,
  databaseOf,
  type Holder,
  holderOf,
  leaseExclusively,
  makeHolder,
  runInHolder
} from "./internal/database.ts"
import { underDeadline } from "./internal/deadline.ts"
import type { Dispatcher } from "./internal/exchange/Dispatcher.ts"
import { Postgres } from "./Postgres.ts"
import type { PostgresError } from "./PostgresError.ts"

/** DISCARD ALL without DEALLOCATE and with the session's own settings kept: RESET goes back to the start-up parameters. */
const resetScript = [
  "CLOSE ALL",
  "SET SESSION AUTHORIZATION DEFAULT",
  "RESET ALL",
  "UNLISTEN *",
  "SELECT pg_catalog.pg_advisory_unlock_all()",
  "DISCARD TEMP",
  "DISCARD SEQUENCES"
].join("; ")

/** A session that cannot be brought back to its first state is not handed to anybody. */
const reset = (database: Database, dispatcher: Dispatcher): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.closed !== undefined) return Effect.void
    const run = (sql: string) => command(dispatcher, sql, { inTransaction: false })
    // A script cannot begin inside a transaction it is to end: ROLLBACK goes alone.
    const rolledBack = dispatcher.status === "I" ? Effect.void : run("ROLLBACK")
    return underDeadline(
      database,
      dispatcher,
      "the reset of a session",
      Effect.zipRight(rolledBack, run(resetScript))
    ).pipe(
      Effect.catchAll(() => Effect.sync(() => database.destroy(dispatcher, { _tag: "Unresponsive", during: "reset" }))),
      Effect.asVoid
    )
  })

const pin = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | PostgresError, R | Postgres> =>
  Effect.flatMap(Postgres, (postgres) =>
    Effect.flatMap(Effect.context<never>(), (context) => {
      const database = databaseOf(postgres)
      // Inside a pin or a transaction of this database the connection is held already.
      if (holderOf(context, database) !== undefined) return self
      const outer = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
      return Effect.acquireUseRelease(
        leaseExclusively(database).pipe(Effect.interruptible),
        ({ dispatcher }) => runInHolder(makeHolder(database, dispatcher, outer, 0), self),
        ({ dispatcher, release }) => Effect.zipRight(reset(database, dispatcher), release)
      )
    })
  )

/**
 * Pin one connection for the whole effect; concurrent queries in it are pipelined.
 *
 * @since 0.1.0
 * @category sessions
 */
export const Session: {
  readonly pin: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | PostgresError, R | Postgres>
} = { pin }
