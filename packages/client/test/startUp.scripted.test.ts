// From StartupMessage to the first ReadyForQuery, and how long that may take: faults and attacks, groups H and F. Time is TestClock's.
import { assert, describe, it } from "@effect/vitest"
import type { BackendMessage } from "@pgfx/protocol"
import { type Backend, Message, type Script, ScriptedBackend } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { Connection, type PostgresError, type Settings } from "pgfx"
import { accepted, frame, idle, refusal } from "./scripted.ts"

const password = Redacted.make("pencil")

const asked =
  (script: Script): Script =>
  (backend) =>
    Effect.zipRight(backend.receiveOf("StartupMessage"), script(backend))

const isViolation = ({ _tag, outcome, reason }: PostgresError): void => {
  assert.deepStrictEqual([_tag, reason._tag, outcome], ["Broken", "ProtocolViolation", "NotSent"])
}

describe("a server that stops answering", () => {
  /** Runs up to the moment when the server has said its last word, moves the clock, and answers what the client says. */
  const afterConnectTimeout = (script: Script, settings: Settings) =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        refusal((backend) => Effect.zipRight(script(backend), Deferred.succeed(reached, undefined)), {
          connectTimeout: "2 seconds",
          ...settings
        })
      )
      yield* Deferred.await(reached)
      yield* TestClock.adjust("1999 millis")
      assert.isNull(fiber.unsafePoll(), "gave up too early")
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error._tag, error.reason._tag, error.outcome], ["Broken", "ConnectFailed", "NotSent"])
      return error.message
    })

  const stalls: ReadonlyArray<readonly [stage: string, script: Script, settings?: Settings]> = [
    ["the answer to SSLRequest", (backend) => backend.receiveOf("SSLRequest"), { sslmode: "require" }],
    [
      "the TLS handshake",
      (backend) => Effect.zipRight(backend.receiveOf("SSLRequest"), backend.sendBytes(Uint8Array.of(0x53))),
      { sslmode: "require" }
    ],
    ["authentication", asked(() => Effect.void)],
    [
      "authentication",
      asked((backend) =>
        Effect.zipRight(
          backend.send(Message.authenticationSASL("SCRAM-SHA-256")),
          backend.receiveOf("SASLInitialResponse")
        )
      ),
      { password }
    ],
    ["the start of the session", asked((backend) => backend.send(Message.authenticationOk()))],
    [
      "the start of the session",
      asked((backend) =>
        backend.send(
          Message.authenticationOk(),
          Message.parameterStatus("server_version", "18.4"),
          Message.noticeResponse({ sqlState: "00000", message: "still here" })
        )
      )
    ],
    [
      "the initial statements",
      (backend) => Effect.zipRight(backend.acceptStartup, backend.expect("SET work_mem")),
      { initStatements: ["SET work_mem = '1MB'"] }
    ]
  ]
  for (const [index, [stage, script, settings = {}]] of stalls.entries()) {
    it.effect(
      `is given up after connectTimeout, and the error says it was during ${stage} (H-15, H-16, ${index})`,
      () =>
        Effect.gen(function* () {
          const message = yield* afterConnectTimeout(script, settings)
          assert.include(message, `no answer during ${stage} within 2s`)
        })
    )
  }

  it.effect("drips a byte at a time and is given up at the same moment", () =>
    Effect.gen(function* () {
      const dripping: Script = asked((backend) =>
        Effect.zipRight(
          backend.send(Message.authenticationOk()),
          Effect.forkDaemon(Effect.forever(Effect.delay(backend.sendBytes(frame("S", "a\0b\0")), "100 millis")))
        )
      )
      assert.include(yield* afterConnectTimeout(dripping, {}), "during the start of the session")
    })
  )

  it.effect("keeps nobody who is interrupted", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(refusal(asked(() => Deferred.succeed(reached, undefined))))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("NegotiateProtocolVersion", () => {
  const newest: Settings = { maxProtocolVersion: "latest" }
  const negotiated = (minor: number, ...options: ReadonlyArray<string>): Script =>
    asked((backend) => backend.send(Message.negotiateProtocolVersion(minor, ...options)))

  it.effect("is accepted when the server speaks 3.0 only (H-19)", () =>
    accepted(
      (backend) =>
        Effect.zipRight(
          negotiated(0)(backend),
          backend.send(Message.authenticationOk(), Message.backendKeyData(1, Uint8Array.of(1, 2, 3, 4)), idle)
        ),
      newest
    )
  )

  it.effect("is refused where 3.2 is the least that will do", () =>
    Effect.gen(function* () {
      const error = yield* refusal(negotiated(0), { ...newest, minProtocolVersion: "3.2" })
      assert.strictEqual(error._tag, "Permanent")
      assert.match(error.message, /3\.0.*3\.2/s)
    })
  )

  const violations: ReadonlyArray<readonly [what: string, script: Script]> = [
    ["names a later version than asked for", negotiated(9999)],
    ["names a version that never was", asked((backend) => backend.sendBytes(frame("v", "\0\u0003\0\u0001\0\0\0\0")))],
    ["complains about options that nobody sent", negotiated(0, "_pq_.command_compression")],
    ["counts −1 options", asked((backend) => backend.sendBytes(frame("v", "\0\u0003\0\0\u00ff\u00ff\u00ff\u00ff")))],
    [
      "counts more options than it has",
      asked((backend) => backend.sendBytes(frame("v", "\0\u0003\0\0\0\0\0\u0002_pq_.a\0")))
    ],
    ["is longer than 2,000 bytes", asked((backend) => backend.sendBytes(frame("v", "\0\u0003\0\0\0\0\0\0", 2001)))],
    [
      "comes after AuthenticationOk",
      asked((backend) => backend.send(Message.authenticationOk(), Message.negotiateProtocolVersion(0)))
    ]
  ]
  for (const [what, script] of violations) {
    it.effect(`is a violation when it ${what} (H-19)`, () =>
      Effect.gen(function* () {
        isViolation(yield* refusal(script, newest))
      })
    )
  }
})

describe("an ErrorResponse", () => {
  const fatal = (sqlState: string) =>
    Message.errorResponse({ severity: "FATAL", sqlState, message: "sorry, too many clients already" })

  it.effect("after AuthenticationOk is the server's own word: 53300 (H-21)", () =>
    Effect.gen(function* () {
      for (const before of [[], [Message.parameterStatus("TimeZone", "UTC")]]) {
        const script = asked((backend) =>
          Effect.zipRight(backend.send(Message.authenticationOk(), ...before, fatal("53300")), backend.endConnection)
        )
        const error = yield* refusal((backend) => Effect.asVoid(script(backend)))
        assert.deepStrictEqual(
          [error._tag, error.reason._tag, error.outcome],
          ["Transient", "TooManyConnections", "NotSent"]
        )
      }
    })
  )

  const words = [
    ["28P01", "Permanent", "AuthenticationFailed"],
    ["28000", "Permanent", "AuthenticationFailed"],
    ["3D000", "Permanent", "ServerRefused"],
    ["57P03", "Transient", "CannotConnectNow"],
    ["53300", "Transient", "TooManyConnections"]
  ] as const
  for (const [sqlState, tag, reason] of words) {
    it.effect(`${sqlState} at first is ${tag}, ${reason} (A-27)`, () =>
      Effect.gen(function* () {
        const error = yield* refusal(asked((backend) => backend.send(fatal(sqlState))))
        assert.deepStrictEqual([error._tag, error.reason._tag, error.outcome], [tag, reason, "NotSent"])
      })
    )
  }

  it.effect("in the middle of SCRAM ends it", () =>
    Effect.gen(function* () {
      const script = asked((backend) =>
        Effect.gen(function* () {
          yield* backend.send(Message.authenticationSASL("SCRAM-SHA-256"))
          yield* backend.receiveOf("SASLInitialResponse")
          yield* backend.send(fatal("28P01"))
        })
      )
      const error = yield* refusal(script, { password })
      assert.strictEqual(error.reason._tag, "AuthenticationFailed")
    })
  )
})

describe("a connection that ends during the start-up", () => {
  const ends = (backend: Backend) => [backend.endConnection, backend.cutConnection]
  const stages: ReadonlyArray<readonly [what: string, script: Script]> = [
    ["before a word", () => Effect.void],
    ["after StartupMessage", asked(() => Effect.void)],
    ["inside a message", asked((backend) => backend.sendBytes(frame("R", "\0\0\0\0").slice(0, 6)))],
    ["after AuthenticationOk", asked((backend) => backend.send(Message.authenticationOk()))]
  ]
  for (const [what, script] of stages) {
    it.effect(`fails, Broken and NotSent, and is not dialled again: ${what}`, () =>
      Effect.gen(function* () {
        for (const end of [0, 1]) {
          const error = yield* refusal((backend) => {
            assert.strictEqual(backend.connection, 1)
            return Effect.zipRight(script(backend), ends(backend)[end] ?? Effect.void)
          })
          assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "NotSent"])
        }
      })
    )
  }
})

describe("BackendKeyData", () => {
  const key = (length: number) => Message.backendKeyData(1, new Uint8Array(length).fill(7))
  const session = (...messages: ReadonlyArray<BackendMessage>) =>
    asked((backend) => backend.send(Message.authenticationOk(), ...messages, idle))

  it.effect("may be missing (H-25)", () => accepted(session()))

  it.effect("twice is a violation (H-25)", () =>
    Effect.gen(function* () {
      isViolation(yield* refusal(session(key(4), key(4))))
    })
  )

  it.effect("before AuthenticationOk is a violation (H-25)", () =>
    Effect.gen(function* () {
      isViolation(yield* refusal(asked((backend) => backend.send(key(4)))))
    })
  )

  const raw = (length: number) =>
    asked((backend) =>
      Effect.zipRight(
        backend.send(Message.authenticationOk()),
        backend.sendBytes(frame("K", new Uint8Array(4 + length).fill(7)))
      )
    )
  it.effect("has 4 bytes of key in protocol 3.0 and nothing else (F-26)", () =>
    Effect.gen(function* () {
      yield* accepted(session(key(4)))
      for (const length of [0, 3, 5, 32, 256, 257]) isViolation(yield* refusal(raw(length)))
    })
  )

  it.effect("has 4 to 256 bytes of key in protocol 3.2 (F-26)", () =>
    Effect.gen(function* () {
      const newest: Settings = { maxProtocolVersion: "latest" }
      for (const length of [4, 5, 32, 256]) yield* accepted(session(key(length)), newest)
      for (const length of [0, 3, 257]) isViolation(yield* refusal(raw(length), newest))
    })
  )
})

describe("what else comes before the first ReadyForQuery", () => {
  const violations: ReadonlyArray<readonly [what: string, script: Script]> = [
    ["ReadyForQuery at once", asked((backend) => backend.send(idle))],
    [
      "ReadyForQuery inside a transaction",
      asked((backend) => backend.send(Message.authenticationOk(), Message.readyForQuery("transaction")))
    ],
    ["a row", asked((backend) => backend.send(Message.authenticationOk(), Message.dataRow("1")))],
    [
      "CommandComplete",
      asked((backend) => backend.send(Message.authenticationOk(), Message.commandComplete("SELECT 1")))
    ],
    [
      "AuthenticationOk twice",
      asked((backend) => backend.send(Message.authenticationOk(), Message.authenticationOk()))
    ],
    ["an unknown type", asked((backend) => backend.sendBytes(frame("?")))],
    [
      "an unknown type after AuthenticationOk",
      asked((backend) => Effect.zipRight(backend.send(Message.authenticationOk()), backend.sendBytes(frame("?"))))
    ],
    ["a length of 3", asked((backend) => backend.sendBytes(frame("R", "", 3)))],
    ["a length of 2^31 − 1", asked((backend) => backend.sendBytes(frame("R", "", 0x7fffffff)))]
  ]
  for (const [what, script] of violations) {
    it.effect(`is a violation: ${what} (F-1, F-3, F-7, F-8)`, () =>
      Effect.gen(function* () {
        isViolation(yield* refusal(script))
      })
    )
  }

  it.effect("may be notices, settings and notifications in any order (Q-21)", () =>
    accepted(
      asked((backend) =>
        backend.send(
          Message.noticeResponse({ sqlState: "00000", message: "before" }),
          Message.authenticationOk(),
          Message.notificationResponse("channel"),
          Message.parameterStatus("TimeZone", "UTC"),
          Message.noticeResponse({ sqlState: "00000", message: "between" }),
          Message.backendKeyData(1, Uint8Array.of(1, 2, 3, 4)),
          Message.parameterStatus("a", "b"),
          idle
        )
      )
    )
  )

  it.effect("is remembered, up to 256 settings (F-20)", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 1000 }, (_, i) => Message.parameterStatus(`setting_${i}`, "x"))
      const parameters = yield* Effect.flatMap(Connection, (connection) => connection.parameters).pipe(
        Effect.provide(
          Connection.layer({ host: "scripted", user: "u", sslmode: "disable" }).pipe(
            Layer.provide(
              ScriptedBackend.transport(asked((backend) => backend.send(Message.authenticationOk(), ...many, idle)))
            )
          )
        )
      )
      assert.strictEqual(Object.keys(parameters).length, 256)
    })
  )
})

describe("the clock", () => {
  it.effect("is not needed to connect, to work and to close", () =>
    accepted((backend) => backend.acceptStartup, { connectTimeout: Duration.millis(1) })
  )
})
