import { it } from "@effect/vitest"
import { Message, ScriptedBackend } from "@pgfx/testing"
import { Effect, Schedule } from "effect"
import { Query, Retry, Transaction } from "pgfx"

const bump = Query.command`UPDATE counters SET n = n + 1`
const conflict = Message.errorResponse({ sqlState: "40001", message: "could not serialize access" })

const Database = ScriptedBackend.layer((backend) =>
  Effect.gen(function* () {
    yield* backend.acceptStartup
    for (const answer of [conflict, Message.commandComplete("COMMIT")]) {
      yield* backend.expect("BEGIN", "UPDATE counters", "COMMIT")
      yield* backend.send(answer, Message.readyForQuery("idle"))
    }
  })
)

it.effect("runs the transaction again when COMMIT reports a serialization failure", () =>
  bump().pipe(
    Transaction.runWith({ isolation: "serializable" }),
    Retry.transient,
    Effect.provide([Database, Retry.layer(Schedule.recurs(1))])
  )
)
