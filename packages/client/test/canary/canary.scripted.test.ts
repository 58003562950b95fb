// The canary bites: a secret that is put on purpose into whatever the suite watches is found there, and so the test would fail. What is taken
// here is not left for setup.ts to find.
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Message } from "@pgfx/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Broken, param, Permanent, Query } from "pgfx"
import { accepted, connected, database, idle, oneRow } from "../scripted.ts"
import { parameters, secrets, takeFindings } from "./watch.ts"

const word = "an-open-sesame-9c41"
const value = "a value of a parameter 7d03"

/** What the canary finds in what this does. */
const found = (produce: () => void): ReadonlyArray<string> => {
  assert.deepStrictEqual(takeFindings(), [], "something had shown before")
  produce()
  return [...new Set(takeFindings().map(({ secret, where }) => `${secret} in ${where}`))]
}

const failure = (issue: string, showValues = false): Permanent =>
  new Permanent({
    reason: { _tag: "InvalidParameter", parameter: "word", issue },
    outcome: "NotSent",
    showValues
  })

describe("the canary finds", () => {
  Redacted.make(word)
  // whatever a test here has left: it was put there on purpose
  afterEach(() => void takeFindings())

  it("what was Redacted, in an error, in each of its forms and in its cause", () => {
    const inError = "what was Redacted in an error (Permanent)"
    assert.deepStrictEqual(
      found(() => failure(`got ${word}`)),
      [inError]
    )
    assert.deepStrictEqual(
      found(() => failure(`got ${word}`, true)),
      [inError]
    )
    const hexadecimal = Buffer.from(word).toString("hex")
    assert.deepStrictEqual(
      found(() => failure(hexadecimal)),
      ["what was Redacted, hexadecimal in an error (Permanent)"]
    )
    const caused = (): unknown =>
      new Broken({
        reason: { _tag: "ConnectionLost", cause: "reset" },
        outcome: "Unknown",
        cause: new Error("outer", { cause: { deep: [Buffer.from(word)] } })
      })
    assert.include(found(caused).join(), "what was Redacted")
    assert.deepStrictEqual(
      found(() => failure("another word")),
      []
    )
  })

  it("the password of a connection string, but not the string's other parts", () => {
    Redacted.make("postgres://user:b%C3%A4r-in-the-wood@db.example:5432/shop")
    Redacted.make("host=db.example password='a bear in the wood'")
    for (const shown of ["b%C3%A4r-in-the-wood", "bär-in-the-wood", "a bear in the wood"]) {
      assert.lengthOf(
        found(() => failure(shown)),
        1,
        shown
      )
    }
    assert.deepStrictEqual(
      found(() => failure("db.example user shop")),
      []
    )
  })

  it("a secret that an error shows among thousands that show none", () => {
    const many = (): void => {
      for (let i = 0; i < 150; i++) failure(i === 77 ? word : "nothing")
    }
    assert.lengthOf(found(many), 1)
  })

  it.effect("a secret in a log line, its annotations and its cause", () =>
    Effect.gen(function* () {
      const logged = (line: Effect.Effect<void>): Effect.Effect<string> =>
        Effect.map(line, () => [...new Set(takeFindings().map(({ where }) => where))].join())
      assert.include(yield* logged(Effect.logInfo(`connected with ${word}`)), "a log line")
      assert.include(yield* logged(Effect.logInfo("connected", { settings: { password: word } })), "a log line")
      assert.include(yield* logged(Effect.annotateLogs(Effect.logInfo("connected"), "password", word)), "a log line")
      assert.include(yield* logged(Effect.logError("failed", failure(word))), "a log line")
      assert.strictEqual(yield* logged(Effect.logInfo("connected")), "")
    })
  )

  it("a secret on the console", () => {
    const [line] = found(() => {
      // oxlint-disable-next-line no-console -- that it is heard there is the test
      console.debug("connected", { password: word })
    })
    assert.strictEqual(line, "what was Redacted in console.debug")
  })

  it.effect("a secret on a span: its name, its attributes, what it ended with", () =>
    Effect.gen(function* () {
      const spans = [
        Effect.withSpan(Effect.void, `connect with ${word}`),
        Effect.withSpan(Effect.annotateCurrentSpan("password", word), "connect"),
        Effect.withSpan(Effect.void, "connect", { attributes: { password: word } }),
        Effect.ignore(Effect.withSpan(Effect.fail(failure(word)), "connect"))
      ]
      for (const span of spans) {
        yield* span
        assert.include(
          takeFindings()
            .map(({ where }) => where)
            .join(),
          "span"
        )
      }
      yield* Effect.withSpan(Effect.void, "connect")
      assert.deepStrictEqual(takeFindings(), [])
    })
  )

  it.effect("the proof and the key of a connection", () =>
    Effect.gen(function* () {
      const key = Message.backendKeyData(71, Uint8Array.of(0x9c, 0x41, 0xe7, 0x13))
      yield* accepted(
        (backend) =>
          Effect.gen(function* () {
            yield* backend.receiveOf("StartupMessage")
            yield* backend.scram({ password: "a long enough word" })
            yield* backend.send(Message.authenticationOk(), key, idle)
          }),
        { password: Redacted.make("a long enough word") }
      )
      for (const name of ["a SCRAM proof", "a server's SCRAM signature", "a cancel key, hexadecimal"]) {
        const [text] = secrets.textsOf(name)
        assert.isDefined(text, `${name} was not overheard`)
        assert.include(found(() => failure(`it said ${text}`)).join(), name)
      }
    })
  )

  it.effect("the value of a parameter, but not where it was asked to be shown", () => {
    const echo = Query.one(Schema.String)`SELECT ${param("text", Schema.String)}::text`
    return Effect.gen(function* () {
      yield* echo({ text: value })
      assert.deepStrictEqual(takeFindings(), [])
      assert.isNotEmpty(parameters.textsOf("a parameter"))
      assert.deepStrictEqual(
        found(() => failure(`got ${value}`)),
        ["a parameter in an error (Permanent)"]
      )
      assert.deepStrictEqual(
        found(() => failure(`got ${value}`, true)),
        []
      )
      yield* Effect.withSpan(Effect.void, "told", { attributes: { "db.query.text": value } })
      assert.isNotEmpty(takeFindings())
      yield* Effect.withSpan(Effect.void, "recorded", { attributes: { "db.query.parameter.text": value } })
      assert.deepStrictEqual(takeFindings(), [])
    }).pipe(
      Effect.provide(
        database(
          connected((backend) =>
            Effect.zipRight(backend.expect("SELECT"), backend.send(...oneRow("text", value), idle))
          )
        )
      )
    )
  })
})
