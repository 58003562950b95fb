// The scripted backend itself: what it says for a script, what it refuses, and how loudly.
import { assert, describe, it } from "@effect/vitest"
import { Message, ScriptedBackend } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Query, Retry, Transaction } from "pgfx"

const bump = Query.command`UPDATE counters SET n = n + 1`

describe("a script", () => {
  it.effect("runs the transaction again when COMMIT reports a serialization failure", () =>
    bump().pipe(
      Transaction.runWith({ isolation: "serializable" }),
      Retry.transient,
      Effect.provide(Retry.layer(Schedule.recurs(1))),
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            for (const answer of [
              Message.errorResponse({ sqlState: "40001", message: "could not serialize access" }),
              Message.commandComplete("COMMIT")
            ]) {
              yield* backend.expect("BEGIN", "UPDATE counters", "COMMIT")
              yield* backend.send(answer, Message.readyForQuery("idle"))
            }
          })
        )
      ),
      Effect.map((tag) => assert.deepStrictEqual(tag, { command: "UPDATE", rows: 1 }))
    )
  )
})
