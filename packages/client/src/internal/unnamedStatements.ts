// What is said, once per database, when statements get names no longer: something in front of the server gives each transaction another session.
import * as Effect from "effect/Effect"

export const unnamedStatements: Effect.Effect<void> = Effect.logWarning(
  "pgfx: NamedStatementsUnavailable: a prepared statement was gone again; a pooler in transaction mode without support for them is in between. " +
    "Statements are sent without a name from now on, and parsed each time. PgBouncer 1.21 keeps them with max_prepared_statements"
)
