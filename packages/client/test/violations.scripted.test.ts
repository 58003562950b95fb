// A server that breaks the protocol after the start-up: faults and attacks, groups F and Q. Whatever it says, the request fails with one
// typed error, and the connection is gone: the script hears its end, and no later request goes that way.
import { assert, describe, it } from "@effect/vitest"
import type { BackendMessage } from "@pgfx/protocol"
import { type Backend, Message, type Script } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type Postgres, type PostgresError, Query } from "pgfx"
import { answerHealthy, connected, database, discarded, frame, healthy, idle, serving } from "./scripted.ts"

const names = Query.all(Schema.Struct({ name: Schema.String, code: Schema.String }))`SELECT name, code FROM country`
const simple = Query.script("SELECT name, code FROM country")

const described = Message.rowDescription("name", "code")
const row = Message.dataRow("Ísland", "IS")
const complete = Message.commandComplete("SELECT 1")
const error = Message.errorResponse({ sqlState: "22012", message: "division by zero" })

/** The script, and then the client goes. */
const isolated = (script: Script): Script => connected((backend) => Effect.zipRight(script(backend), backend.expectEnd))

/** How the query fails when its answer is this, on a connection that is gone then. */
const failureOf = (
  query: Effect.Effect<unknown, PostgresError, Postgres>,
  answer: (backend: Backend) => ReturnType<Script>
) =>
  Effect.flip(query).pipe(
    Effect.tap(discarded),
    Effect.provide(database(isolated((backend) => Effect.zipRight(backend.expect("SELECT name"), answer(backend))))),
    Effect.catchAll(() => Effect.dieMessage("the query succeeded, or nobody could connect"))
  )

const isViolation = ({ _tag, outcome, reason }: PostgresError): void => {
  assert.deepStrictEqual([_tag, reason._tag, outcome], ["Broken", "ProtocolViolation", "Unknown"])
}

const queries = [
  ["an extended query", names()],
  ["a simple query", simple]
] as const

/** Two columns, and what stands where their values should be. */
const malformedRow = (body: string): Uint8Array => frame("D", `\0\u0002${body}`)
const value = (text: string): string => `\0\0\0${String.fromCharCode(text.length)}${text}`

const answers: ReadonlyArray<readonly [what: string, answer: (backend: Backend) => ReturnType<Script>]> = [
  ["a row with fewer columns than described (F-12)", (b) => b.send(described, Message.dataRow("IS"), complete, idle)],
  [
    "a row with more columns than described (F-13)",
    (b) => b.send(described, Message.dataRow("Ísland", "IS", "x"), complete, idle)
  ],
  ["a row without columns", (b) => b.send(described, Message.dataRow(), complete, idle)],
  ...[-2, -3, -2147483648].map(
    (length) =>
      [
        `a column length of ${length} (F-14)`,
        (b: Backend) => {
          const bytes = malformedRow(`\0\0\0\0${value("IS")}`)
          new DataView(bytes.buffer).setInt32(7, length)
          return Effect.zipRight(b.send(described), b.sendBytes(bytes))
        }
      ] as const
  ),
  [
    "a column length beyond the message (F-15)",
    (b) => Effect.zipRight(b.send(described), b.sendBytes(malformedRow(`${value("a")}\0\0\0\u0009IS`)))
  ],
  [
    "bytes behind the last column",
    (b) => Effect.zipRight(b.send(described), b.sendBytes(malformedRow(`${value("a")}${value("IS")}x`)))
  ],
  ["a row without a description (F-16)", (b) => b.send(row, complete, idle)],
  ["two descriptions", (b) => b.send(described, described, row, complete, idle)],
  ["a description after a row", (b) => b.send(described, row, described, complete, idle)],
  ["a row after the command tag", (b) => b.send(described, row, complete, row, idle)],
  ["rows after an error (Q-19)", (b) => b.send(error, row, idle)],
  ["a description after an error (Q-19)", (b) => b.send(error, described, idle)],
  ["a command tag after an error", (b) => b.send(error, complete, idle)],
  ["ReadyForQuery before the result (Q-3)", (b) => b.send(idle, described, row, complete, idle)],
  ["ReadyForQuery before the command tag", (b) => b.send(described, row, idle)],
  ["FunctionCallResponse (Q-22)", (b) => b.send(Message.functionCallResponse(new Uint8Array(4)), idle)],
  ["CopyData", (b) => b.send(Message.copyData("x"), idle)],
  ["CopyDone", (b) => b.send(Message.copyDone(), idle)],
  ["CloseComplete", (b) => b.send(Message.closeComplete(), idle)],
  ["AuthenticationOk", (b) => b.send(Message.authenticationOk(), idle)],
  ["BackendKeyData", (b) => b.send(Message.backendKeyData(1, new Uint8Array(4)), idle)],
  ["an unknown type (F-7)", (b) => b.sendBytes(frame("?"))],
  ["a type of our own side (F-7)", (b) => b.sendBytes(frame("Q", "x\0"))],
  ["a length of 0 (F-1)", (b) => b.sendBytes(frame("C", "", 0))],
  ["a length of 3 (F-1)", (b) => b.sendBytes(frame("Z", "", 3))],
  [
    "a length of 2^31 − 1 on a row (F-3)",
    (b) => Effect.zipRight(b.send(described), b.sendBytes(frame("D", "\0\u0002", 0x7fffffff)))
  ],
  ["ReadyForQuery without a status (F-23)", (b) => b.sendBytes(frame("Z"))],
  ["ReadyForQuery with two (F-23)", (b) => b.sendBytes(frame("Z", "II"))],
  ["ReadyForQuery with one that is none (F-23)", (b) => b.sendBytes(frame("Z", "X"))]
]

describe("an answer that is", () => {
  for (const [what, answer] of answers) {
    for (const [kind, query] of queries) {
      it.effect(`${what} fails ${kind} and ends the connection`, () =>
        Effect.gen(function* () {
          const failure = yield* failureOf(query, answer)
          if (!what.includes("after an error")) return isViolation(failure)
          // What the server has said of the statement stays true, whatever it says next.
          assert.deepStrictEqual([failure.reason._tag, failure.outcome], ["DataException", "RolledBack"])
          assert.include(String(failure), "the connection is closed")
        })
      )
    }
  }

  it.effect("the answer to two requests fails the one that nobody asked for, and not the first", () =>
    Effect.gen(function* () {
      const first = yield* names()
      assert.strictEqual(first.length, 1)
      yield* discarded
    }).pipe(
      Effect.provide(
        database(
          isolated((backend) =>
            Effect.zipRight(
              backend.expect("SELECT name"),
              backend.send(
                described,
                row,
                complete,
                idle,
                Message.rowDescription("word"),
                Message.dataRow("forged"),
                complete,
                idle
              )
            )
          )
        )
      )
    )
  )
})

describe("a message that comes while nothing is asked", () => {
  const unsolicited: ReadonlyArray<readonly [what: string, messages: ReadonlyArray<BackendMessage>]> = [
    ["DataRow", [row]],
    ["RowDescription", [described]],
    ["CommandComplete", [complete]],
    ["EmptyQueryResponse", [Message.emptyQueryResponse()]],
    ["ReadyForQuery", [idle]],
    ["ParseComplete", [Message.parseComplete()]],
    ["BindComplete", [Message.bindComplete()]],
    ["CloseComplete", [Message.closeComplete()]],
    ["NoData", [Message.noData()]],
    ["ParameterDescription", [Message.parameterDescription()]],
    ["PortalSuspended", [Message.portalSuspended()]],
    ["CopyInResponse", [Message.copyInResponse("text", 1)]],
    ["CopyOutResponse", [Message.copyOutResponse("text", 1)]],
    ["CopyBothResponse", [Message.copyBothResponse("text", 1)]],
    ["CopyData", [Message.copyData("x")]],
    ["CopyDone", [Message.copyDone()]],
    ["FunctionCallResponse", [Message.functionCallResponse(null)]],
    ["a whole answer, in advance", [Message.rowDescription("word"), Message.dataRow("forged"), complete, idle]]
  ]
  for (const [what, messages] of unsolicited) {
    it.effect(`ends the connection, and is nobody's answer: ${what} (F-8, F-27)`, () =>
      Effect.gen(function* () {
        const gone = yield* Deferred.make<void>()
        yield* Effect.zipRight(Deferred.await(gone), discarded).pipe(
          Effect.provide(
            serving(function* (backend) {
              yield* backend.send(...messages)
              yield* backend.expectEnd
              yield* Deferred.succeed(gone, undefined)
            })
          )
        )
      })
    )
  }

  it.effect("is nobody's answer when it comes together with the answer before it (F-27)", () =>
    Effect.gen(function* () {
      const forged = [Message.rowDescription("word"), Message.dataRow("forged"), complete, idle]
      yield* Effect.zipRight(healthy, discarded).pipe(
        Effect.provide(
          database(
            isolated((backend) =>
              Effect.zipRight(
                backend.expect("SELECT 'healthy'"),
                backend.send(Message.rowDescription("word"), Message.dataRow("healthy"), complete, idle, ...forged)
              )
            )
          )
        )
      )
    })
  )

  it.effect("may be a notice, a setting or a notification", () =>
    Effect.provide(
      Effect.zipRight(healthy, healthy),
      serving(function* (backend) {
        const unasked = backend.send(
          Message.noticeResponse({ sqlState: "00000", message: "hello" }),
          Message.parameterStatus("TimeZone", "UTC"),
          Message.notificationResponse("channel")
        )
        yield* unasked
        yield* answerHealthy(backend)
        yield* unasked
        yield* answerHealthy(backend)
        yield* unasked
      })
    )
  )
})

describe("notices, settings and notifications", () => {
  const unasked = [
    Message.noticeResponse({ sqlState: "00000", message: "hello" }),
    Message.parameterStatus("application_name", "x"),
    Message.notificationResponse("channel", "payload")
  ]

  it.effect("between any two messages of an answer change nothing (Q-21)", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* names(), [{ name: "Ísland", code: "IS" }])
      const [result] = yield* simple
      assert.deepStrictEqual(result?.rows, [{ name: "Ísland", code: "IS" }])
      yield* healthy
    }).pipe(
      Effect.provide(
        serving(function* (backend) {
          for (let i = 0; i < 4; i++) {
            yield* backend.expect("SELECT name")
            for (const message of [described, row, complete, idle]) yield* backend.send(...unasked, message)
            yield* backend.send(...unasked)
          }
          yield* answerHealthy(backend)
        })
      )
    )
  )
})

describe("a violation in a pipeline", () => {
  it.effect("fails every request behind it, and none before it", () =>
    Effect.gen(function* () {
      const results = yield* Effect.all(
        [healthy, healthy, healthy].map((one) => Effect.either(one)),
        { concurrency: "unbounded" }
      )
      const [first, second, third] = results
      assert.isTrue(first !== undefined && Either.isRight(first))
      assert.isTrue(second !== undefined && Either.isLeft(second) && second.left.reason._tag === "ProtocolViolation")
      assert.isTrue(third !== undefined && Either.isLeft(third) && third.left._tag === "Broken")
      yield* discarded
    }).pipe(
      Effect.provide(
        database(
          isolated((backend) =>
            Effect.gen(function* () {
              yield* answerHealthy(backend)
              yield* backend.expect("SELECT 'healthy'")
              yield* backend.sendBytes(frame("?"))
              yield* backend.silence
            })
          )
        )
      )
    )
  )
})

describe("the report of a violation", () => {
  const transcriptOf = ({ reason }: PostgresError): ReadonlyArray<string> =>
    reason._tag === "ProtocolViolation" ? reason.transcript : assert.fail(reason._tag)

  it.effect("shows what was said before it, line for line as libpq's PQtrace would, without a value", () =>
    Effect.gen(function* () {
      const failure = yield* failureOf(names(), (backend) =>
        backend.send(
          Message.notificationResponse("channel", "told in confidence"),
          Message.parameterStatus("TimeZone", "Europe/Reykjavik"),
          described,
          row,
          row,
          complete,
          row,
          idle
        )
      )
      const transcript = transcriptOf(failure)
      assert.deepStrictEqual(transcript.slice(transcript.indexOf("F\t\textended query")), [
        "F\t\textended query",
        `B\t35\tNotificationResponse\t 1 "channel" "SSSS"`,
        `B\t30\tParameterStatus\t "TimeZone" "Europe/Reykjavik"`,
        "B\t4\tParseComplete",
        "B\t6\tParameterDescription\t 0",
        `B\t52\tRowDescription\t 2 "name" 0 0 25 65535 -1 0 "code" 0 0 25 65535 -1 0`,
        "B\t4\tBindComplete",
        "B\t48\tDataRow × 2",
        `B\t13\tCommandComplete\t "SELECT 1"`,
        "B\t24\tDataRow × 1"
      ])
      const text = String(failure)
      assert.include(text, "the last messages, oldest first")
      assert.include(text, "B 4 ParseComplete")
      for (const shown of [text, JSON.stringify(failure)]) {
        for (const value of ["Ísland", "told in confidence"]) assert.notInclude(shown, value)
      }
    })
  )

  it.effect("has twenty messages at most, the last ones, and counts the rows of a run in one of them", () =>
    Effect.gen(function* () {
      const failure = yield* failureOf(simple, (backend) =>
        backend.send(
          ...Array.from({ length: 1000 }, (_, n) => Message.parameterStatus("application_name", `${n}`)),
          described,
          ...Array.from({ length: 300 }, () => row),
          complete,
          Message.copyDone()
        )
      )
      const transcript = transcriptOf(failure)
      assert.lengthOf(transcript, 20)
      assert.match(transcript[0] ?? "", /^B\t\d+\tParameterStatus\t "application_name" "9\d\d"$/)
      assert.strictEqual(transcript.at(-1), "B\t4\tCopyDone")
      assert.strictEqual(transcript.at(-2), `B\t13\tCommandComplete\t "SELECT 1"`)
      const rows = transcript.filter((line) => line.includes("DataRow"))
      const counted = rows.map((line) => Number(/DataRow × (\d+)$/.exec(line)?.[1]))
      assert.strictEqual(
        counted.reduce((total, count) => total + count, 0),
        300
      )
    })
  )
})
