import { assert, it } from "@effect/vitest"
import { FaultyTransport, Message, ScriptedBackend } from "@pgfx/testing"
import { Effect, Layer } from "effect"
import { Postgres, Query, Retry } from "pgfx"

const server = ScriptedBackend.transport((backend) =>
  Effect.gen(function* () {
    yield* backend.acceptStartup
    yield* backend.expect("UPDATE counters")
    yield* backend.send(Message.commandComplete("UPDATE 1"), Message.readyForQuery("idle"))
  })
)

// in pieces of one to three bytes; `cut: 500` would end every connection somewhere in its first 500 bytes
const Database = Postgres.layer({ host: "scripted", user: "me", sslmode: "disable" }).pipe(
  Layer.provide(FaultyTransport.layer({ seed: 7, split: 3 })),
  Layer.provide([server, Retry.layerNever])
)

it.effect("reads answers in whatever pieces they come", () =>
  Query.command`UPDATE counters SET n = n + 1`().pipe(
    Effect.map(({ rows }) => assert.strictEqual(rows, 1)),
    Effect.provide(Database)
  )
)
