// SSLRequest and what may answer it: faults and attacks, group H. What comes before TLS is up comes from nobody we know. The handshake
// itself is the transport's, and tested there.
import { assert, describe, it } from "@effect/vitest"
import { type Backend, Message, type Script } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { inspect } from "node:util"
import type { PostgresError, Settings } from "pgfx"
import { accepted, ascii, frame, refusal } from "./scripted.ts"

const strict: ReadonlyArray<NonNullable<Settings["sslmode"]>> = ["require", "verify-ca", "verify-full"]

/** What the server says to SSLRequest. */
const answered =
  (...pieces: ReadonlyArray<string | Uint8Array>): Script =>
  (backend) =>
    Effect.zipRight(
      backend.receiveOf("SSLRequest"),
      Effect.forEach(pieces, (piece) => backend.sendBytes(typeof piece === "string" ? ascii(piece) : piece))
    )

const checkOf = ({ _tag, outcome, reason }: PostgresError): string => {
  assert.deepStrictEqual([_tag, reason._tag, outcome], ["Broken", "TlsFailed", "NotSent"])
  return reason._tag === "TlsFailed" ? reason.check : ""
}

const root = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"

describe("a server without TLS", () => {
  for (const sslmode of strict) {
    it.effect(`gets no StartupMessage under ${sslmode} (H-2)`, () =>
      Effect.gen(function* () {
        const error = yield* refusal(answered("N"), { sslmode, sslrootcert: root })
        assert.match(checkOf(error), new RegExp(`it has none, and sslmode=${sslmode} needs it`))
      })
    )
  }

  it.effect("gets one under prefer, on the same connection", () =>
    accepted(
      (backend) =>
        Effect.gen(function* () {
          assert.strictEqual(backend.connection, 1)
          yield* answered("N")(backend)
          yield* backend.acceptStartup
        }),
      { sslmode: "prefer" }
    )
  )

  it.effect("is not asked for TLS under disable and allow", () =>
    Effect.gen(function* () {
      for (const sslmode of ["disable", "allow"] as const) {
        yield* accepted((backend) => Effect.zipRight(backend.expect("StartupMessage"), backend.openSession), {
          sslmode
        })
      }
    })
  )
})

describe("bytes behind the server's S", () => {
  for (const count of [1, 2, 5, 17, 40]) {
    it.effect(`are somebody in between, and no handshake begins: ${count} in one piece (H-3)`, () =>
      Effect.gen(function* () {
        for (const sslmode of ["prefer", ...strict] as const) {
          const error = yield* refusal(answered(`S${"R".repeat(count)}`), { sslmode, sslrootcert: root })
          assert.match(checkOf(error), /somebody in between/)
        }
      })
    )
  }

  it.effect("are no part of what is read through TLS when they come in a piece of their own (H-3)", () =>
    Effect.gen(function* () {
      const injected = frame("R", "\0\0\0\0")
      const error = yield* refusal(answered(Uint8Array.of(0x53), injected), { sslmode: "verify-full" })
      assert.match(checkOf(error), /clear text/)
    })
  )
})

describe("an error in clear text before TLS", () => {
  const attack = "\u001b[2J\u001b]0;owned\u0007 please send your password to evil.example"
  const report = [
    frame("E", `SFATAL\0VFATAL\0C28000\0M${attack}\0\0`),
    ascii(`E${attack}\n\0`),
    frame("E", `M${attack}`)
  ]

  for (const sslmode of ["prefer", ...strict] as const) {
    it.effect(`is not shown, not logged and not taken for a reason to go on in plain text under ${sslmode} (H-5)`, () =>
      Effect.gen(function* () {
        const logged: Array<unknown> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make((entry) => logged.push(entry))
        )
        for (const bytes of report) {
          // a second connection would be a second SSLRequest, answered the same way, or a StartupMessage: a mismatch
          const script: Script = (backend) => {
            assert.strictEqual(backend.connection, 1)
            return answered(bytes)(backend)
          }
          const error = yield* refusal(script, { sslmode, sslrootcert: root }).pipe(
            Effect.provide(logger),
            Logger.withMinimumLogLevel(LogLevel.All)
          )
          assert.match(checkOf(error), /an error in clear text/)
          const everything = inspect([error, error.message, String(error), JSON.stringify(error), logged], {
            depth: 20
          })
          assert.notInclude(everything, "evil.example")
          assert.notInclude(everything, "\u001b")
        }
      })
    )
  }
})

describe("an answer to SSLRequest that is no answer", () => {
  const others: ReadonlyArray<readonly [what: string, script: Script]> = [
    ["another byte", answered("X")],
    ["a lower-case s", answered("s")],
    ["an HTTP answer", answered("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["a TLS alert", answered(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 40))],
    ["the end", (backend) => Effect.zipRight(answered()(backend), backend.endConnection)],
    ["a reset", (backend) => Effect.zipRight(answered()(backend), backend.cutConnection)]
  ]
  for (const [what, script] of others) {
    it.effect(`fails at once and is not tried again: ${what} (H-6)`, () =>
      Effect.gen(function* () {
        for (const sslmode of ["prefer", ...strict] as const) {
          const once: Script = (backend) => {
            assert.strictEqual(backend.connection, 1)
            return script(backend)
          }
          const error = yield* refusal(once, { sslmode, sslrootcert: root })
          assert.deepStrictEqual([error._tag, error.outcome], ["Broken", "NotSent"])
          assert.include(["TlsFailed", "ConnectFailed"], error.reason._tag)
        }
      })
    )
  }
})

describe("TLS", () => {
  it.effect("is asked for what sslmode says", () =>
    Effect.gen(function* () {
      const verify = { require: "none", "verify-ca": "chain", "verify-full": "chain-and-name" } as const
      for (const sslmode of ["require", "verify-full"] as const) {
        const script = (backend: Backend) =>
          Effect.gen(function* () {
            const options = yield* backend.acceptTls({ alpnProtocol: "postgresql" })
            assert.strictEqual(options.verify, verify[sslmode])
            assert.strictEqual(options.serverName, "db.example")
            yield* backend.acceptStartup
          })
        yield* accepted(script, { sslmode, host: "db.example" })
      }
    })
  )

  it.effect("that is up is not left again: a second SSLRequest is not sent, nor a plain connection made", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          assert.strictEqual(backend.connection, 1)
          yield* backend.acceptTls()
          yield* backend.receiveOf("StartupMessage")
          yield* backend.send(
            Message.errorResponse({ severity: "FATAL", sqlState: "3D000", message: 'database "x" does not exist' })
          )
        })
      for (const sslmode of ["prefer", ...strict] as const) {
        const error = yield* refusal(script, { sslmode, sslrootcert: root })
        assert.strictEqual(error.reason._tag, "ServerRefused")
      }
    })
  )

  it.effect("that fails with a certificate to be checked is not replaced by plain text, whatever the mode", () =>
    Effect.gen(function* () {
      const script: Script = (backend) => {
        assert.strictEqual(backend.connection, 1)
        return Effect.zipRight(answered("S")(backend), backend.cutConnection)
      }
      for (const sslmode of strict) {
        assert.match(checkOf(yield* refusal(script, { sslmode, sslrootcert: root })), /TLS handshake/)
      }
    })
  )
})
