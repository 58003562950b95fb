// What the tests of outcomes share: a few statements, the ways a server may go, and the failure that is told of it.
import { Message, type Script } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Postgres, type PostgresError, Query } from "pgfx"
import { connected, database, discarded, idle } from "./scripted.ts"

export const bump = Query.command`UPDATE counters SET n = n + 1`
export const names = Query.all(Schema.Struct({ name: Schema.String }))`SELECT name FROM country`
export const simple = Query.script("SELECT name FROM country")

export const answer = [
  Message.rowDescription("name"),
  Message.dataRow("Sverige"),
  Message.dataRow("Ísland"),
  Message.commandComplete("SELECT 2"),
  idle
]
export const updated = Message.commandComplete("UPDATE 1")
export const fatal = (sqlState: string, message = "terminating connection") =>
  Message.errorResponse({ severity: "FATAL", sqlState, message })

export type End = "cutConnection" | "endConnection"
export const ends: ReadonlyArray<End> = ["cutConnection", "endConnection"]

export const failureOf = (program: Effect.Effect<unknown, PostgresError, Postgres>, script: Script) =>
  Effect.flip(program).pipe(
    Effect.tap(discarded),
    Effect.provide(database(connected(script))),
    Effect.catchAll(() => Effect.dieMessage("it succeeded, or nobody could connect"))
  )

export const told = ({ _tag, outcome, reason }: PostgresError) => [_tag, reason._tag, outcome]
