import { assert, describe, it } from "@effect/vitest"
import { builtinTypes } from "@pgfx/codecs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { refused, resolved, unchecked } from "./resolving.ts"

describe("settings that no compiler has seen", () => {
  it.effect("refuses a key that is none, with what was probably meant", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refused(unchecked({ sslMode: "require" })),
        /^sslMode: is not a setting: did you mean sslmode/
      )
      assert.match(yield* refused(unchecked({ ssl_mode: "require" })), /did you mean sslmode/)
      assert.match(yield* refused(unchecked({ statementTimout: 1 })), /did you mean statementTimeout/)
      assert.match(
        yield* refused(unchecked({ pool: { maxLifeTime: 1 } })),
        /^pool\.maxLifeTime: .*did you mean maxLifetime/
      )
      assert.match(
        yield* refused(unchecked({ hosts: [{}, { hostAddr: "x" }] })),
        /^hosts\[1\]\.hostAddr: .*did you mean hostaddr/
      )
      assert.match(yield* refused(unchecked({ toString: "x", constructor: 1 })), /is not a setting/)
      assert.include(yield* refused(unchecked({ xyzzy: 1 })), "valid are url, urlKeys, service")
    })
  )

  it.effect("refuses a secret that is not Redacted, and does not repeat it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refused(unchecked({ url: "postgres://u:pw@h" })), "url: must be a Redacted string")
      assert.strictEqual(
        yield* refused(unchecked({ password: "hunter2" })),
        "password: must be a Redacted string, or an Effect of one"
      )
      assert.strictEqual(
        yield* refused(unchecked({ password: Redacted.make(7) })),
        "password: must be a Redacted string, or an Effect of one"
      )
    })
  )

  it.effect("refuses codecs that are none, and two of one name", () =>
    Effect.gen(function* () {
      const codec = builtinTypes.codecOf(25)
      assert.match(yield* refused(unchecked({ codecs: [codec, {}] })), /^codecs\[1\]: must be a codec/)
      assert.match(yield* refused({ codecs: [codec, codec] }), /^codecs\[1\]: has the name of another codec/)
      assert.deepStrictEqual((yield* resolved({ codecs: [codec] })).codecs, [codec])
      assert.deepStrictEqual((yield* resolved({})).codecs, [])
    })
  )

  it.effect("refuses values of another kind", () =>
    Effect.gen(function* () {
      for (const [key, value] of Object.entries({
        port: "5432",
        host: 7,
        sslsni: "no",
        requireAuth: "md5",
        hosts: ["a"],
        initStatements: [1],
        connectTimeout: "soon",
        pool: 5,
        parameters: []
      })) {
        const issue = yield* refused(unchecked({ [key]: value }))
        assert.isTrue(issue.startsWith(`${key}: must be a`), issue)
      }
      assert.match(
        yield* refused(unchecked({ parameters: { a: 1 } })),
        /^parameters: a name or its value must be a string/
      )
    })
  )

  it.effect("takes undefined for not given", () =>
    Effect.gen(function* () {
      const settings = {
        host: undefined,
        url: undefined,
        password: undefined,
        hosts: undefined,
        pool: { max: undefined }
      }
      assert.deepStrictEqual((yield* resolved(settings)).pool, (yield* resolved({})).pool)
    })
  )

  it.effect("refuses half a surrogate pair", () =>
    Effect.gen(function* () {
      assert.match(yield* refused({ password: Redacted.make("a\uD800") }), /^password: is not Unicode/)
      assert.match(yield* refused({ user: "\uDC00" }), /^user: is not Unicode/)
    })
  )
})
