import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "../../../../src/Settings.ts"
import { refused, resolved } from "./resolving.ts"

const policyOf = (settings: Settings) =>
  Effect.map(resolved(settings), ({ authentication: { methods, none } }) => `${methods.join()} ${none}`)

const required = (text: string): Settings => ({ url: Redacted.make(`require_auth='${text}'`) })

describe("authentication", () => {
  it.effect("takes SCRAM, and no question at all only without a password, by default", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* resolved({})).authentication, {
        methods: ["scram-sha-256"],
        none: "unlessPassword",
        weakOverUnverifiedLink: false,
        channelBinding: "prefer",
        scram: { minIterations: 4096, maxIterations: 100_000 }
      })
      assert.strictEqual(yield* policyOf(required("")), "scram-sha-256 unlessPassword")
    })
  )

  it.effect("takes exactly the methods that are named", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* policyOf(required("md5,scram-sha-256")), "md5,scram-sha-256 refuse")
      assert.strictEqual(yield* policyOf({ requireAuth: ["password"] }), "password refuse")
      assert.strictEqual(yield* policyOf({ requireAuth: ["none"] }), " accept")
      assert.strictEqual(yield* policyOf(required("gss,scram-sha-256")), "scram-sha-256 refuse")
    })
  )

  it.effect("never lets a negative list add a weaker method, as libpq's does", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* policyOf(required("!gss")), "scram-sha-256 unlessPassword")
      assert.strictEqual(yield* policyOf({ requireAuth: ["!md5", "!none"] }), "scram-sha-256 refuse")
      assert.strictEqual(yield* policyOf(required("!scram-sha-256")), " unlessPassword")
      assert.match(yield* refused({ requireAuth: ["!scram-sha-256", "!none"] }), /^requireAuth: .*leaves no method/)
    })
  )

  it.effect("refuses a list that is misspelt, mixed, doubled or cannot be met", () =>
    Effect.gen(function* () {
      assert.include(yield* refused(required("scram")), "some of scram-sha-256, md5, password, none")
      assert.include(yield* refused(required("md5, password")), "no blanks")
      assert.include(yield* refused(required("md5,!password")), "must not mix")
      assert.include(yield* refused(required("md5,md5")), "twice")
      assert.include(yield* refused(required("gss,sspi")), "not implemented")
    })
  )

  it.effect("has the second word, channel binding and the bounds of SCRAM", () =>
    Effect.gen(function* () {
      const { authentication } = yield* resolved({
        allowWeakAuthOverUnverifiedLink: true,
        channelBinding: "require",
        scramMinIterations: 200_000
      })
      assert.isTrue(authentication.weakOverUnverifiedLink)
      assert.strictEqual(authentication.channelBinding, "require")
      assert.deepStrictEqual(authentication.scram, { minIterations: 200_000, maxIterations: 200_000 })
      assert.match(yield* refused({ scramMinIterations: 0 }), /^scramMinIterations: must be a whole number from 1/)
      assert.match(
        yield* refused({ scramMinIterations: 9000, scramMaxIterations: 5000 }),
        /^scramMinIterations: must not be above/
      )
    })
  )
})
