// What a holder left behind is swept up before anybody else gets the connection.
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import { command } from "./command.ts"
import type { Database } from "./database.ts"
import { underDeadline } from "./deadline.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"

/** DISCARD ALL without DEALLOCATE and DISCARD PLANS: prepared statements stay. RESET goes back to the start-up parameters. */
const resets = [
  "CLOSE ALL",
  "SET SESSION AUTHORIZATION DEFAULT",
  "RESET ALL",
  "UNLISTEN *",
  "SELECT pg_catalog.pg_advisory_unlock_all()",
  "DISCARD TEMP",
  "DISCARD SEQUENCES"
]
const resetScript = resets.join("; ")
/** for the only session there is, which may be the one that listens */
const resetButListening = resets.filter((statement) => statement !== "UNLISTEN *").join("; ")

const resetOf = ({ listener }: Database, { session }: Dispatcher): ReadonlyArray<string> => {
  if (listener.sharesSession) return session.hasPrepared ? [resetButListening, "DEALLOCATE ALL"] : [resetButListening]
  return [session.hasPrepared ? "DISCARD ALL" : resetScript]
}

/**
 * A session that cannot be brought back to its first state is not handed to anybody: its connection is destroyed. RESET returns to the
 * start-up parameters, not to what initial statements set: they run again, and `restored` behind them.
 */
export const resetSession = (
  database: Database,
  dispatcher: Dispatcher,
  initialStatements: ReadonlyArray<string>,
  restored: Effect.Effect<void, PostgresError> = Effect.void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.closed !== undefined) return Effect.void
    const run = (sql: string) => command(dispatcher, sql, { inTransaction: false })
    // A script cannot begin inside a transaction it is to end: ROLLBACK goes alone.
    const rolledBack = dispatcher.status === "I" ? Effect.void : run("ROLLBACK")
    const statements = Effect.forEach([...resetOf(database, dispatcher), ...initialStatements], run, { discard: true })
    const all = rolledBack.pipe(
      Effect.zipRight(statements),
      Effect.zipRight(restored),
      Effect.zipRight(Effect.sync(() => dispatcher.session.begin(dispatcher.parameters)))
    )
    return underDeadline(database, dispatcher, "the reset of a session", all).pipe(
      Effect.catchAll(() =>
        Effect.sync(() => database.destroy(dispatcher, { _tag: "Unresponsive", during: "the reset of a session" }))
      )
    )
  })
