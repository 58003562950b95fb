// What goes over the wire, message by message, where the messages are the promise: a stream by its portal, statements without a name behind a
// pooler that keeps none, and the groups in which they travel.
import { assert, describe, it } from "@effect/vitest"
import type { FrontendMessage } from "@pgfx/protocol"
import { type Backend, Message } from "@pgfx/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, Query, type Settings } from "pgfx"
import { answerCommit, answerHealthy, connected, database, healthy, idle, inTransaction, serving } from "./scripted.ts"

const int4 = 23
const int4Array = 1007
const numbers = Query.stream(Schema.Number, { fetchSize: 2 })`SELECT n FROM numbers`
const number = (n: number) => Message.dataRow(String(n))
const column = Message.rowDescription({ name: "n", typeOid: int4 })

/** Names of statements and portals, in the order of the messages. */
const namesOf = (messages: ReadonlyArray<FrontendMessage>) =>
  messages.flatMap((message) => {
    switch (message._tag) {
      case "Parse":
        return [`Parse ${message.statement}`]
      case "Bind":
        return [`Bind ${message.statement}`]
      case "Describe":
        return [`Describe ${message.name}`]
      default:
        return []
    }
  })

/** BEGIN READ ONLY and the question what the statement is, in one group; then the portal with its first rows. */
const openStream = (backend: Backend, ...rows: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    yield* backend.expect("Parse", "Bind", "Execute", "Parse", "Describe", "Sync")
    yield* backend.send(
      Message.parseComplete(),
      Message.bindComplete(),
      Message.commandComplete("BEGIN"),
      Message.parseComplete(),
      Message.parameterDescription(),
      column,
      inTransaction
    )
    const messages = yield* backend.expect("Bind", "Execute", "Sync")
    yield* backend.send(Message.bindComplete(), ...rows.map(binary), Message.portalSuspended(), inTransaction)
    return messages
  })

const binary = (n: number) => Message.dataRow(Uint8Array.of(0, 0, 0, n))

const portalOf = (messages: ReadonlyArray<FrontendMessage>): string =>
  messages.flatMap((message) => (message._tag === "Bind" || message._tag === "Execute" ? [message.portal] : []))[0] ??
  ""

const executes = (messages: ReadonlyArray<FrontendMessage>, portal: string) =>
  assert.deepInclude(messages[0], { _tag: "Execute", portal, maxRows: 2 })

describe("a stream", () => {
  it.effect("is read by Execute after Execute on one portal, one batch ahead, and ends with COMMIT (Q-8)", () =>
    Effect.gen(function* () {
      const rows = yield* Stream.runCollect(numbers())
      assert.deepStrictEqual(Chunk.toReadonlyArray(rows), [1, 2, 3, 4, 5])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          const portal = portalOf(yield* openStream(backend, 1, 2))
          assert.notStrictEqual(portal, "")
          executes(yield* backend.expect("Execute", "Sync"), portal)
          yield* backend.send(binary(3), binary(4), Message.portalSuspended(), inTransaction)
          executes(yield* backend.expect("Execute", "Sync"), portal)
          yield* backend.send(binary(5), Message.commandComplete("SELECT 1"), inTransaction)
          yield* answerCommit(backend)
          yield* answerHealthy(backend)
        })
      )
    )
  )

  it.effect("that ends early closes its portal, then its transaction (Q-8)", () =>
    Effect.gen(function* () {
      const rows = yield* Stream.runCollect(Stream.take(numbers(), 3))
      assert.deepStrictEqual(Chunk.toReadonlyArray(rows), [1, 2, 3])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          const portal = portalOf(yield* openStream(backend, 1, 2))
          // fetched ahead; the one behind it is cancelled or answered, as it comes
          for (const [one, other] of [
            [3, 4],
            [5, 6]
          ] as const) {
            executes(yield* backend.expect("Execute", "Sync"), portal)
            yield* backend.send(binary(one), binary(other), Message.portalSuspended(), inTransaction)
          }
          const close = yield* backend.expect("Close", "Sync")
          assert.deepInclude(close[0], { _tag: "Close", target: "portal", name: portal })
          yield* backend.send(Message.closeComplete(), inTransaction)
          yield* answerCommit(backend)
          yield* answerHealthy(backend)
        })
      )
    )
  )
})

describe("a statement without a name", () => {
  const answered = (backend: Backend, ...rows: ReadonlyArray<ReturnType<typeof number>>) =>
    backend.send(
      Message.parseComplete(),
      Message.parameterDescription(int4),
      column,
      Message.bindComplete(),
      ...rows,
      Message.commandComplete("SELECT 1"),
      idle
    )
  const byOption = Query.one(Schema.Number, { prepare: false })`SELECT ${param("n", Schema.Int)}::int4 AS n`
  const bySetting = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4 AS n`
  const ways: ReadonlyArray<readonly [string, typeof byOption, Settings]> = [
    ["prepare: false", byOption, {}],
    ["preparedStatements: 0", bySetting, { preparedStatements: 0 }]
  ]

  for (const [what, query, settings] of ways) {
    it.effect(`is parsed, described, bound and run in one group, every time (${what})`, () =>
      Effect.gen(function* () {
        for (const n of [1, 2, 3]) assert.strictEqual(yield* query({ n }), n)
      }).pipe(
        Effect.provide(
          database(
            connected((backend) =>
              Effect.gen(function* () {
                for (const n of [1, 2, 3]) {
                  const messages: Array<FrontendMessage> = []
                  while (messages.at(-1)?._tag !== "Sync") messages.push(yield* backend.receive)
                  // nothing that a server process would have to remember until the next group
                  assert.isTrue(namesOf(messages).every((name) => name.endsWith(" ")))
                  assert.strictEqual(messages[0]?._tag, "Parse")
                  const isKnown = messages.some((message) => message._tag === "Describe" && message.target === "portal")
                  if (isKnown)
                    yield* backend.send(
                      Message.parseComplete(),
                      Message.bindComplete(),
                      Message.rowDescription({ name: "n", typeOid: int4, format: 1 }),
                      binary(n),
                      Message.commandComplete("SELECT 1"),
                      idle
                    )
                  else yield* answered(backend, number(n))
                }
              })
            ),
            settings
          )
        )
      )
    )
  }

  it.effect(
    "whose values need their types is described first, and parsed again with them in the group that runs it",
    () =>
      Effect.gen(function* () {
        const among = Query.one(Schema.Number, { prepare: false })`
        SELECT 7 = ANY(${param("some", Schema.Array(Schema.Int))}) AS n`
        assert.strictEqual(yield* among({ some: [7] }), 7)
        yield* healthy
      }).pipe(
        Effect.provide(
          serving(function* (backend) {
            const asked = yield* backend.expect("Parse", "Describe", "Sync")
            assert.deepStrictEqual(namesOf(asked), ["Parse ", "Describe "])
            yield* backend.send(Message.parseComplete(), Message.parameterDescription(int4Array), column, idle)
            // a pooler may have given the first group to another server process than this one
            const run = yield* backend.expect("Parse", "Bind", "Describe", "Execute", "Sync")
            assert.deepStrictEqual(namesOf(run), ["Parse ", "Bind ", "Describe "])
            assert.deepInclude(run[0], { _tag: "Parse", parameterTypes: [int4Array] })
            yield* backend.send(
              Message.parseComplete(),
              Message.bindComplete(),
              Message.rowDescription({ name: "n", typeOid: int4, format: 1 }),
              binary(7),
              Message.commandComplete("SELECT 1"),
              idle
            )
            yield* answerHealthy(backend)
          })
        )
      )
  )
})
