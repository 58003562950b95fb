// What the scripted tests share: a client that is refused and goes, a client that is let in and works, and the proof of either.
import { assert } from "@effect/vitest"
import type { BackendMessage } from "@pgfx/protocol"
import { type Backend, Message, type Script, ScriptedBackend, type ScriptMismatch } from "@pgfx/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { YieldWrap } from "effect/Utils"
import { Connection, Postgres, type PostgresError, Query, type Settings } from "pgfx"

export const idle = Message.readyForQuery("idle")
export const inTransaction = Message.readyForQuery("transaction")
export const inFailedTransaction = Message.readyForQuery("failed")

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** A frame by hand: type, a length that may lie (default: the true one), body. */
export const frame = (type: string, body: string | Uint8Array = "", length?: number): Uint8Array => {
  const bytes = typeof body === "string" ? ascii(body) : body
  const whole = new Uint8Array(bytes.length + 5)
  whole[0] = type.charCodeAt(0)
  new DataView(whole.buffer).setInt32(1, length ?? bytes.length + 4)
  whole.set(bytes, 5)
  return whole
}

/**
 * One connection and no pool: opened with the layer, and not replaced when it is lost. Nothing is read from the environment.
 */
export const database = (script: Script, settings: Settings = {}): Layer.Layer<Postgres, PostgresError> =>
  Postgres.layerConnection.pipe(
    Layer.provide(
      Connection.layer({ host: "scripted", user: "scripted", database: "scripted", sslmode: "disable", ...settings })
    ),
    Layer.provide(ScriptedBackend.transport(script)),
    Layer.locallyWith(
      DefaultServices.currentServices,
      Context.add(ConfigProvider.ConfigProvider, ConfigProvider.fromMap(new Map()))
    )
  )

/** Why the client could not connect, and that it went away from every connection it made, saying nothing the script did not hear. */
export const refusal = (script: Script, settings?: Settings): Effect.Effect<PostgresError> =>
  Effect.void.pipe(
    Effect.provide(database((backend) => Effect.zipRight(script(backend), backend.expectEnd), settings)),
    Effect.flip,
    Effect.catchAll(() => Effect.dieMessage("the client was let in"))
  )

const health = Query.one(Schema.String)`SELECT 'healthy'`

/** The connection takes a statement and gives the right answer to it. */
export const healthy = Effect.map(health(), (word) => assert.strictEqual(word, "healthy"))

/** The connection is gone, and nothing is asked of it any more: the script would hear it. */
export const discarded = Effect.map(Effect.flip(healthy), ({ _tag, outcome }) =>
  assert.deepStrictEqual([_tag, outcome], ["Broken", "NotSent"])
).pipe(Effect.catchAll(() => Effect.dieMessage("a connection that ought to be gone has answered")))

/** The server's side of `healthy`. */
export const answerHealthy = (backend: Backend) =>
  Effect.zipRight(backend.expect("SELECT 'healthy'"), backend.send(...oneRow("word", "healthy"), idle))

/** COMMIT, and that it went well. */
export const answerCommit = (backend: Backend) =>
  Effect.zipRight(backend.expect("COMMIT"), backend.send(Message.commandComplete("COMMIT"), idle))

/** The client gets in and works. The script lets it in. */
export const accepted = (script: Script, settings?: Settings): Effect.Effect<void, PostgresError> =>
  Effect.provide(
    healthy,
    database((backend) => Effect.zipRight(script(backend), answerHealthy(backend)), settings)
  )

/** After a start-up without questions. */
export const connected =
  (script: Script): Script =>
  (backend) =>
    Effect.zipRight(backend.acceptStartup, script(backend))

type Steps = (backend: Backend) => Generator<YieldWrap<Effect.Effect<unknown, ScriptMismatch>>, void, never>

/** The database of a client that is let in, and served step by step. */
export const serving = (steps: Steps, settings?: Settings): Layer.Layer<Postgres, PostgresError> =>
  database(
    connected((backend) => Effect.gen(() => steps(backend))),
    settings
  )

/** One row of one column, and its command tag. */
export const oneRow = (column: string, value: string): ReadonlyArray<BackendMessage> => [
  Message.rowDescription(column),
  Message.dataRow(value),
  Message.commandComplete("SELECT 1")
]
