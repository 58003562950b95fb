// Who proves what to whom before a word of SQL: faults and attacks, group A. Every refusal ends with the client gone; a password or a
// proof that was not to be sent would be a message nobody expects.
import { assert, describe, it } from "@effect/vitest"
import type { BackendMessage } from "@pgfx/protocol"
import { type Backend, Message, type ScramScript, type Script } from "@pgfx/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import type { PostgresError, Settings } from "pgfx"
import { accepted, ascii, frame, refusal } from "./scripted.ts"

const password = Redacted.make("pencil")

/** What the server says to StartupMessage. */
const asked =
  (script: Script): Script =>
  (backend) =>
    Effect.zipRight(backend.receiveOf("StartupMessage"), script(backend))

const ok = (backend: Backend) => backend.send(Message.authenticationOk())
const says = (...messages: ReadonlyArray<BackendMessage>) => asked((backend) => backend.send(...messages))

/** Up to the server's challenge; a proof would be a mismatch. */
const challenge = (change: (honest: string, client: string) => string): Script =>
  asked((backend) =>
    Effect.gen(function* () {
      yield* backend.send(Message.authenticationSASL("SCRAM-SHA-256"))
      const { data } = yield* backend.receiveOf("SASLInitialResponse")
      const nonce = /r=(.*)$/.exec(new TextDecoder().decode(data ?? new Uint8Array(0)))?.[1] ?? ""
      const honest = `r=${nonce}3rfcNHYJY1ZVvWVs7j,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
      yield* backend.send(Message.authenticationSASLContinue(change(honest, nonce)))
    })
  )

const iterations = (count: string) => challenge((honest) => honest.replace(/i=\d+$/, `i=${count}`))

const refused = (script: Script, settings: Settings = {}) => refusal(script, { password, ...settings })

const issueOf = ({ outcome, reason }: PostgresError): string => {
  assert.strictEqual(outcome, "NotSent")
  return reason._tag === "AuthenticationRefused" ? reason.issue : reason._tag
}

const settingOf = ({ reason }: PostgresError): string | undefined =>
  reason._tag === "AuthenticationRefused" ? reason.setting : reason._tag

const isViolation = ({ _tag, outcome, reason }: PostgresError): void => {
  assert.deepStrictEqual([_tag, reason._tag, outcome], ["Broken", "ProtocolViolation", "NotSent"])
}

const scram = (script: ScramScript): Script =>
  asked((backend) => Effect.zipRight(backend.scram(script), backend.openSession))

describe("a server that asks no questions", () => {
  it.effect("is refused where a password is configured (A-1)", () =>
    Effect.gen(function* () {
      const error = yield* refused(asked(ok))
      assert.match(issueOf(error), /let us in without asking/)
      assert.strictEqual(settingOf(error), "requireAuth")
    })
  )

  it.effect("is accepted where no password is configured", () => accepted((backend) => backend.acceptStartup))

  it.effect("is accepted where requireAuth lists none (A-1)", () =>
    accepted((backend) => backend.acceptStartup, { password, requireAuth: ["scram-sha-256", "none"] })
  )

  it.effect("is refused where requireAuth does not list none", () =>
    Effect.gen(function* () {
      assert.match(issueOf(yield* refusal(asked(ok), { requireAuth: ["scram-sha-256"] })), /./)
    })
  )
})

describe("SCRAM", () => {
  it.effect("lets both sides prove themselves", () => accepted(scram({ password: "pencil" }), { password }))

  it.effect("is a violation when AuthenticationOk comes instead of the challenge (A-2)", () =>
    Effect.gen(function* () {
      const script = asked((backend) =>
        Effect.gen(function* () {
          yield* backend.send(Message.authenticationSASL("SCRAM-SHA-256"))
          yield* backend.receiveOf("SASLInitialResponse")
          yield* ok(backend)
        })
      )
      isViolation(yield* refused(script))
    })
  )

  it.effect("is a violation when AuthenticationOk comes instead of the server's signature (A-3)", () =>
    Effect.gen(function* () {
      const script: Script = (backend) =>
        Effect.gen(function* () {
          yield* challenge((honest) => honest)(backend)
          yield* backend.receiveOf("SASLResponse")
          yield* ok(backend)
        })
      isViolation(yield* refused(script))
    })
  )

  it.effect("is a violation when the signature comes twice, or the challenge does", () =>
    Effect.gen(function* () {
      const twice = asked((backend) =>
        Effect.gen(function* () {
          yield* backend.scram({ password: "pencil" })
          yield* backend.send(Message.authenticationSASLFinal("v=AAAA"))
        })
      )
      isViolation(yield* refused(twice))
      const again: Script = (backend) =>
        Effect.gen(function* () {
          yield* challenge((honest) => honest)(backend)
          yield* backend.receiveOf("SASLResponse")
          yield* backend.send(Message.authenticationSASLContinue("r=x,s=AAAA,i=4096"))
        })
      isViolation(yield* refused(again))
    })
  )

  it.effect("is ended by a wrong signature", () =>
    Effect.gen(function* () {
      const script = scram({ password: "pencil", serverFinal: () => `v=${"A".repeat(43)}=` })
      assert.match(issueOf(yield* refused((backend) => Effect.ignore(script(backend)))), /signature is wrong/)
    })
  )

  const nonces: ReadonlyArray<readonly [what: string, nonce: (client: string) => string]> = [
    ["does not extend ours", () => "rOprNGfwEbeRWgbNEkqO3rfcNHYJY1ZVvWVs7j"],
    ["is ours", (client) => client],
    ["is empty", () => ""],
    ["begins with another letter than ours", (client) => `x${client.slice(1)}3rfcNHYJY1ZVvWVs7j`],
    ["holds a comma", (client) => `${client}3rfc,NHYJY1ZVvWVs7j`],
    ["holds a character that is not printable", (client) => `${client}3rfc\u0007NHYJY1ZVvWVs7j`],
    ["is not ASCII", (client) => `${client}3rfcÅNHYJY1ZVvWVs7j`],
    ["is longer than 1 KiB", (client) => client + "A".repeat(1024)]
  ]
  for (const [what, nonce] of nonces) {
    it.effect(`sends no proof when the server's nonce ${what} (A-4)`, () =>
      Effect.gen(function* () {
        const error = yield* refused(challenge((_, client) => `r=${nonce(client)},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`))
        assert.strictEqual(error.reason._tag, "AuthenticationRefused")
        assert.strictEqual(error._tag, "Permanent")
        assert.strictEqual(error.outcome, "NotSent")
      })
    )
  }

  for (const count of ["100001", "2147483648", `1${"0".repeat(30)}`, "1e9", "+4096", "04096", "0", "-1", ""]) {
    it.effect(`derives nothing for ${count === "" ? "no" : count} iterations (A-6, A-7)`, () =>
      Effect.gen(function* () {
        const before = process.cpuUsage()
        const error = yield* refused(iterations(count))
        const { system, user } = process.cpuUsage(before)
        assert.strictEqual(error.reason._tag, "AuthenticationRefused")
        // 100,000 iterations cost about 20,000 µs, and 2^31 of them seven minutes
        assert.isBelow(user + system, 400_000)
      })
    )
  }

  it.effect("is refused below 4,096 iterations, naming the setting (A-7)", () =>
    Effect.gen(function* () {
      for (const count of ["1", "4095"]) {
        const error = yield* refused(iterations(count))
        assert.match(issueOf(error), new RegExp(count))
        assert.match(String(settingOf(error)), /^scram/)
      }
    })
  )

  it.effect("is accepted with one iteration where the settings say so (A-7)", () =>
    accepted(scram({ password: "pencil", iterations: 1 }), { password, scramMinIterations: 1 })
  )

  it.effect("is refused when the message is not r=,s=,i= in this order", () =>
    Effect.gen(function* () {
      for (const message of ["", "r=,s=,i=", "i=4096,s=AAAA,r=x", "m=ext,r=x,s=AAAA,i=4096"]) {
        const error = yield* refused(challenge(() => message))
        assert.strictEqual(error.reason._tag, "AuthenticationRefused", message)
      }
    })
  )

  it.effect("says what the server's e= means (A-11)", () =>
    Effect.gen(function* () {
      const said = (word: string) =>
        refused((backend) => Effect.ignore(scram({ password: "pencil", serverFinal: () => `e=${word}` })(backend)))
      assert.match(issueOf(yield* said("other-error")), /other-error: it gave no particular reason/)
      assert.match(issueOf(yield* said("invalid-proof")), /the password is wrong/)
      assert.match(issueOf(yield* said("channel-bindings-dont-match")), /something stands between/)
    })
  )

  it.effect("needs a mechanism that we speak (A-13)", () =>
    Effect.gen(function* () {
      const error = yield* refused(says(Message.authenticationSASL("PLAIN")))
      assert.match(issueOf(error), /offers PLAIN; pgfx speaks SCRAM-SHA-256/)
    })
  )

  it.effect("is a violation with an empty or an endless list of mechanisms (A-14)", () =>
    Effect.gen(function* () {
      const sasl = (list: string) => asked((backend) => backend.sendBytes(frame("R", `\0\0\0\u000a${list}`)))
      for (const list of ["\0", "", "SCRAM-SHA-256", "SCRAM-SHA-256\0"]) isViolation(yield* refused(sasl(list)))
    })
  )

  it.effect("is refused with nothing but -PLUS on a link without TLS (A-15)", () =>
    Effect.gen(function* () {
      for (const mechanisms of [["SCRAM-SHA-256-PLUS"], ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]]) {
        const error = yield* refused(says(Message.authenticationSASL(...mechanisms)))
        assert.match(issueOf(error), /on a connection that is not encrypted/)
      }
    })
  )
})

describe("a method that we do not speak", () => {
  const methods = [
    [2, "KerberosV5"],
    [6, "SCMCredential"],
    [7, "GSS"],
    [9, "SSPI"],
    [13, "unknown"],
    [99, "unknown"]
  ] as const
  for (const [code, name] of methods) {
    it.effect(`is named: ${code} (A-16)`, () =>
      Effect.gen(function* () {
        const error = yield* refused(
          asked((backend) => backend.sendBytes(frame("R", `\0\0\0${String.fromCharCode(code)}`)))
        )
        assert.match(issueOf(error), new RegExp(`${name} \\(code ${code}\\)`))
      })
    )
  }

  it.effect("is a violation in a message that is too short or too long (A-16)", () =>
    Effect.gen(function* () {
      for (const body of ["", "\0\0", "\0\0\0", "\0\0\0\u0005abc", "\0\0\0\u0005abcde", "\0\0\0\0x"]) {
        isViolation(yield* refused(asked((backend) => backend.sendBytes(frame("R", body)))))
      }
    })
  )
})

describe("channelBinding=require", () => {
  const settings: Settings = { password, channelBinding: "require", sslmode: "verify-full", host: "db.example" }
  const overTls =
    (script: Script): Script =>
    (backend) =>
      Effect.zipRight(backend.acceptTls(), asked(script)(backend))

  const answers: ReadonlyArray<readonly [what: string, script: Script]> = [
    ["offers SCRAM without it", (backend) => backend.send(Message.authenticationSASL("SCRAM-SHA-256"))],
    ["asks for an MD5 hash", (backend) => backend.send(Message.authenticationMD5Password(ascii("salt")))],
    ["asks for the password", (backend) => backend.send(Message.authenticationCleartextPassword())],
    ["lets us in", ok]
  ]
  for (const [what, script] of answers) {
    it.effect(`refuses a server that ${what}, over TLS and without (A-18)`, () =>
      Effect.gen(function* () {
        for (const requireAuth of [undefined, ["scram-sha-256", "md5", "password", "none"]] as const) {
          const error = yield* refusal(overTls(script), { ...settings, requireAuth })
          assert.strictEqual(error.reason._tag, "AuthenticationRefused")
          const plain = yield* refusal(asked(script), { ...settings, requireAuth, sslmode: "disable" })
          assert.strictEqual(plain.reason._tag, "AuthenticationRefused")
        }
      })
    )
  }
})

describe("channel binding that the server does not offer over TLS", () => {
  it.effect("is asked for with the flag y, so that a server notices who cut its offer out (A-20)", () =>
    accepted(
      (backend) =>
        Effect.gen(function* () {
          yield* backend.acceptTls()
          yield* backend.receiveOf("StartupMessage")
          const { clientFirst, proven } = yield* backend.scram({ password: "pencil" })
          assert.match(clientFirst, /^y,,/)
          assert.isTrue(proven)
          yield* backend.openSession
        }),
      { password, sslmode: "verify-full" }
    )
  )

  it.effect("is not mentioned without TLS, or where it is switched off", () =>
    Effect.gen(function* () {
      const flag = (backend: Backend) =>
        Effect.gen(function* () {
          yield* backend.receiveOf("StartupMessage")
          const { clientFirst } = yield* backend.scram({ password: "pencil" })
          assert.match(clientFirst, /^n,,/)
          yield* backend.openSession
        })
      yield* accepted(flag, { password })
      yield* accepted((backend) => Effect.zipRight(backend.acceptTls(), flag(backend)), {
        password,
        sslmode: "verify-full",
        channelBinding: "disable"
      })
    })
  )
})

describe("a password in clear text, or as MD5", () => {
  const cleartext = says(Message.authenticationCleartextPassword())
  const md5 = says(Message.authenticationMD5Password(ascii("salt")))
  const weak = ["scram-sha-256", "md5", "password"] as const

  it.effect("is not sent to a server that just asks for it (A-21, A-23)", () =>
    Effect.gen(function* () {
      assert.match(issueOf(yield* refused(cleartext)), /password in clear text/)
      assert.match(issueOf(yield* refused(md5)), /MD5 hash/)
    })
  )

  it.effect("is not sent over a link that is not verified, where only requireAuth names it (A-22)", () =>
    Effect.gen(function* () {
      for (const script of [cleartext, md5]) {
        assert.strictEqual(settingOf(yield* refused(script, { requireAuth: weak })), "allowWeakAuthOverUnverifiedLink")
        const encrypted = yield* refused((backend) => Effect.zipRight(backend.acceptTls(), script(backend)), {
          requireAuth: weak,
          sslmode: "require"
        })
        assert.strictEqual(settingOf(encrypted), "allowWeakAuthOverUnverifiedLink")
      }
    })
  )

  it.effect("is sent where both settings say so, once (A-23)", () =>
    Effect.gen(function* () {
      const answered =
        (question: Script, expected: RegExp): Script =>
        (backend) =>
          Effect.gen(function* () {
            yield* question(backend)
            const { password } = yield* backend.receiveOf("PasswordMessage")
            assert.match(password, expected)
            yield* backend.openSession
          })
      const settings: Settings = { password, requireAuth: weak, allowWeakAuthOverUnverifiedLink: true }
      yield* accepted(answered(cleartext, /^pencil$/), settings)
      yield* accepted(answered(md5, /^md5[0-9a-f]{32}$/), settings)
    })
  )

  it.effect("is sent over a link that is verified, where requireAuth names it", () =>
    accepted(
      (backend) =>
        Effect.gen(function* () {
          yield* backend.acceptTls()
          yield* cleartext(backend)
          yield* backend.receiveOf("PasswordMessage")
          yield* backend.openSession
        }),
      { password, requireAuth: ["password"], sslmode: "verify-full" }
    )
  )

  it.effect("asked for twice is a violation", () =>
    Effect.gen(function* () {
      const twice: Script = (backend) =>
        Effect.gen(function* () {
          yield* cleartext(backend)
          yield* backend.receiveOf("PasswordMessage")
          yield* backend.send(Message.authenticationCleartextPassword())
        })
      isViolation(yield* refused(twice, { requireAuth: ["password"], allowWeakAuthOverUnverifiedLink: true }))
    })
  )
})

describe("a password", () => {
  it.effect("that is empty is refused before anything is dialled (A-25)", () =>
    Effect.gen(function* () {
      const error = yield* refusal((backend) => Effect.dieMessage(`connection ${backend.connection} was made`), {
        password: Redacted.make("")
      })
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["InvalidSettings", "NotSent"])
    })
  )

  it.effect("that is missing is told, once the server asks for one", () =>
    Effect.gen(function* () {
      const error = yield* refusal(says(Message.authenticationSASL("SCRAM-SHA-256")))
      assert.strictEqual(settingOf(error), "password")
    })
  )

  it.effect("from an Effect is asked for once per connection, and each gets its own (A-25)", () =>
    Effect.gen(function* () {
      let asked = 0
      const rotating = Effect.sync(() => Redacted.make(`token-${++asked}`))
      for (const token of ["token-1", "token-2"]) {
        yield* accepted(scram({ password: token }), { password: rotating })
      }
      assert.strictEqual(asked, 2)
    })
  )

  it.effect("from an Effect that fails is the cause of the failure (A-25)", () =>
    Effect.gen(function* () {
      const error = yield* refusal(() => Effect.void, { password: Effect.fail("the vault is sealed") })
      assert.strictEqual(error.outcome, "NotSent")
      assert.match(String(error.cause), /the vault is sealed/)
    })
  )

  it.effect("from an Effect that hangs is waited for no longer than connectTimeout (A-25)", () =>
    Effect.gen(function* () {
      const waiting = yield* Deferred.make<void>()
      const never = Effect.zipRight(Deferred.succeed(waiting, undefined), Effect.never)
      const fiber = yield* Effect.fork(refusal(() => Effect.void, { password: never, connectTimeout: "3 seconds" }))
      yield* Deferred.await(waiting)
      yield* TestClock.adjust("2999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.match(error.message, /the reading of the password.*3s/)
    })
  )
})
