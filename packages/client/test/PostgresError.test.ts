import { assert, describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Match from "effect/Match"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import type { Outcome, ServerReport } from "../src/PostgresError.ts"
import { Broken, Permanent, PostgresError, Transient } from "../src/PostgresError.ts"

const report = (sqlState: string, more: Partial<ServerReport> = {}): ServerReport => ({
  severity: "ERROR",
  sqlState,
  message: "the server's sentence",
  ...more
})
const unique = (constraint: string) =>
  new Permanent({
    reason: { _tag: "UniqueViolation", constraint, table: "users", report: report("23505", { constraint }) },
    outcome: "RolledBack"
  })
const foreignKey = new Permanent({
  reason: { _tag: "ForeignKeyViolation", constraint: "fk", table: "orders", report: report("23503") },
  outcome: "RolledBack"
})
const serialization = new Transient({
  reason: { _tag: "SerializationFailure", report: report("40001") },
  outcome: "RolledBack"
})
const lost = (outcome: "NotSent" | "RolledBack" | "Unknown") =>
  new Broken({ reason: { _tag: "ConnectionLost", cause: new Error("read ECONNRESET") }, outcome })
const poolTimeout = new Transient({
  reason: {
    _tag: "PoolTimeout",
    waitedMillis: 5000,
    busy: 1,
    max: 1,
    waiting: 0,
    longest: undefined,
    holders: [],
    lastConnectError: undefined
  },
  outcome: "NotSent"
})

class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", { email: Schema.String }) {}

describe("is", () => {
  it("knows the three classes and nothing else", () => {
    for (const error of [unique("u"), serialization, lost("Unknown")]) assert.isTrue(PostgresError.is(error))
    for (const foreign of [
      undefined,
      null,
      "Permanent",
      { _tag: "Permanent" },
      new Error("m"),
      new EmailTaken({ email: "" })
    ]) {
      assert.isFalse(PostgresError.is(foreign))
    }
  })
})

describe("isSafeToRetry", () => {
  it("says yes to Transient, but not where repeating adds load to a full pool", () => {
    assert.isTrue(PostgresError.isSafeToRetry(serialization))
    assert.isFalse(PostgresError.isSafeToRetry(poolTimeout))
    const full = new Transient({ reason: { _tag: "PoolSaturated", waiting: 16_384 }, outcome: "NotSent" })
    const slow = new Transient({
      reason: { _tag: "PoolOverloaded", waitedMillis: 900, targetMillis: 100 },
      outcome: "NotSent"
    })
    assert.isFalse(PostgresError.isSafeToRetry(full))
    assert.isFalse(PostgresError.isSafeToRetry(slow))
  })
  it("says yes to Broken only where nothing can have been left behind", () => {
    assert.isTrue(PostgresError.isSafeToRetry(lost("NotSent")))
    assert.isTrue(PostgresError.isSafeToRetry(lost("RolledBack")))
    assert.isFalse(PostgresError.isSafeToRetry(lost("Unknown")))
  })
  it("says no to Permanent and to failures that are not ours", () => {
    assert.isFalse(PostgresError.isSafeToRetry(unique("u")))
    assert.isFalse(PostgresError.isSafeToRetry(new EmailTaken({ email: "" })))
    assert.isFalse(PostgresError.isSafeToRetry(undefined))
  })
})

describe("hasReason and catchReason", () => {
  it("hasReason tells the reason of anything", () => {
    assert.isTrue(PostgresError.hasReason("UniqueViolation")(unique("u")))
    assert.isFalse(PostgresError.hasReason("UniqueViolation")(foreignKey))
    assert.isFalse(PostgresError.hasReason("UniqueViolation")({ reason: { _tag: "UniqueViolation" } }))
  })
  it.effect("catchReason hands over the reason and the error", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.fail(foreignKey).pipe(
        PostgresError.catchReason("ForeignKeyViolation", (violation, error) =>
          Effect.succeed([violation.constraint, violation.table, error.outcome])
        )
      )
      assert.deepStrictEqual(seen, ["fk", "orders", "RolledBack"])
    })
  )
  it.effect("catchReason lets every other failure pass, defects and interruptions too", () =>
    Effect.gen(function* () {
      const handled = PostgresError.catchReason("ForeignKeyViolation", () => Effect.succeed("handled"))
      const failed = unique("u")
      assert.strictEqual(yield* Effect.flip(handled(Effect.fail(failed))), failed)
      assert.strictEqual(yield* Effect.flip(handled(Effect.fail("foreign"))), "foreign")
      const died = yield* Effect.exit(handled(Effect.die(foreignKey)))
      assert.isTrue(died._tag === "Failure" && Cause.isDie(died.cause))
    })
  )
})

describe("catchConstraints", () => {
  it.effect("answers by the name of the constraint", () =>
    Effect.gen(function* () {
      const own = yield* Effect.fail(unique("users_email_key")).pipe(
        PostgresError.catchConstraints({
          users_email_key: () => new EmailTaken({ email: "a@b.c" }),
          other: () => Effect.succeed(1)
        }),
        Effect.flip
      )
      assert.strictEqual(own._tag, "EmailTaken")
    })
  )
  it.effect("passes other constraints, other reasons, and names that every object has", () =>
    Effect.gen(function* () {
      const handled = PostgresError.catchConstraints({ users_email_key: () => Effect.succeed("handled") })
      for (const error of [
        unique("users_pkey"),
        unique("constructor"),
        unique("toString"),
        unique(""),
        serialization
      ]) {
        assert.strictEqual(yield* Effect.flip(handled(Effect.fail(error))), error)
      }
    })
  )
})

describe("as an Effect", () => {
  it.effect("can be yielded, and caught by its class", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.gen(function* () {
        return yield* serialization
      }).pipe(Effect.catchTag("Transient", (error) => Effect.succeed(error.reason._tag)))
      assert.strictEqual(answer, "SerializationFailure")
    })
  )
  it.effect("is printed the same in a traced program, where Effect puts a Proxy around it", () =>
    Effect.gen(function* () {
      const error = unique("users_email_key")
      const traced = yield* Effect.flip(Effect.withSpan(Effect.fail(error), "traced"))
      assert.strictEqual(String(traced), String(error))
      assert.strictEqual(inspect(traced), inspect(error))
      assert.deepStrictEqual(JSON.stringify(traced), JSON.stringify(error))
      assert.isTrue(PostgresError.is(traced))
    })
  )

  it("is an event: equal to itself only", () => {
    assert.isTrue(Equal.equals(serialization, serialization))
    assert.isFalse(Equal.equals(unique("u"), unique("u")))
  })
})

describe("what printers find", () => {
  const canary = "canary-7c1f"
  const secretive = new Permanent({
    reason: {
      _tag: "UniqueViolation",
      constraint: "users_email_key",
      table: "users",
      report: report("23505", { detail: `Key (email)=(${canary}) already exists.`, constraint: "users_email_key" })
    },
    outcome: "RolledBack",
    statement: { name: "setEmail", sql: "UPDATE users SET email = $1", definedAt: "src/User.ts:7" },
    parameters: [{ name: "email", type: "text", value: canary }]
  })
  const everywhere = (error: PostgresError): ReadonlyArray<string> => [
    error.message,
    error.toString(),
    error.stack ?? "",
    `${error}`,
    JSON.stringify(error),
    JSON.stringify({ ...error }),
    inspect(error),
    inspect(error, { showHidden: true, depth: 10, customInspect: false }),
    inspect({ nested: [error] }, { depth: 10 }),
    Cause.pretty(Cause.fail(error), { renderErrorCause: true }),
    inspect(Cause.prettyErrors(Cause.fail(error)), { depth: 10, showHidden: true }),
    JSON.stringify(Cause.fail(error)),
    JSON.stringify(error.details)
  ]

  it("holds no value of a parameter or a row, whichever way it is printed", () => {
    for (const text of everywhere(secretive)) assert.notInclude(text, canary)
  })
  it("does not keep a ParseError, whose text holds the value it refused", () => {
    const parsed = Schema.decodeUnknownEither(Schema.Number)(canary)
    assert.isTrue(parsed._tag === "Left" && parsed.left.message.includes(canary))
    const refused = new Permanent({
      reason: {
        _tag: "InvalidRow",
        column: "age",
        row: 1,
        issue: "expected number, actual string (value not recorded)"
      },
      outcome: "Committed",
      cause: parsed._tag === "Left" ? parsed.left : undefined
    })
    for (const text of everywhere(refused)) assert.notInclude(text, canary)
    assert.isUndefined(refused.cause)
  })
  it("shows them where it was allowed explicitly", () => {
    const allowed = new Permanent({
      reason: secretive.reason,
      outcome: "RolledBack",
      parameters: [{ name: "email", type: "text", value: canary }],
      showValues: true
    })
    assert.include(allowed.toString(), `$1 email text = ${canary}`)
    assert.include(allowed.toString(), `Key (email)=(${canary}) already exists.`)
  })
  it("gives the program the whole report all the same", () => {
    const { reason } = secretive
    assert.isTrue(reason._tag === "UniqueViolation" && reason.report.detail?.includes(canary))
  })
  it("keeps another cause, where Effect looks for it", () => {
    const cause = new Error("read ECONNRESET")
    const error = new Broken({ reason: { _tag: "ConnectionLost", cause }, outcome: "Unknown", cause })
    assert.strictEqual(error.cause, cause)
    assert.notInclude(Object.keys(error), "cause")
  })
  it("has its class as a name, and the class is said once", () => {
    assert.strictEqual(serialization.name, "Transient")
    assert.match(Cause.pretty(Cause.fail(serialization)), /^Transient: serialization_failure \(40001\)/)
  })
  it("gives details by OpenTelemetry's names", () => {
    expect(secretive.details).toEqual({
      "error.type": "23505",
      "db.response.status_code": "23505",
      "pgfx.class": "Permanent",
      "pgfx.reason": "UniqueViolation",
      "pgfx.condition": "unique_violation",
      "pgfx.severity": "ERROR",
      "pgfx.outcome": "RolledBack",
      "pgfx.statement": "setEmail",
      "pgfx.constraint": "users_email_key",
      "code.file.path": "src/User.ts",
      "code.line.number": 7
    })
    expect(poolTimeout.details).toMatchObject({
      "error.type": "PoolTimeout",
      "pgfx.pool.waited_ms": 5000,
      "pgfx.pool.max": 1
    })
  })
  it("is JSON of scalars", () => {
    expect(JSON.parse(JSON.stringify(serialization))).toEqual({
      _tag: "Transient",
      message: serialization.message,
      outcome: "RolledBack",
      details: serialization.details
    })
  })
})

// ---- the types a user sees: checked by tsc, never run
declare const change: Effect.Effect<number, PostgresError>
export const types = () => {
  const classes: Effect.Effect<string | number> = change.pipe(
    Effect.catchTags({
      Broken: (e) =>
        e.outcome === "NotSent" ? Effect.succeed("try again") : Effect.succeed("look before trying again"),
      Transient: () => Effect.succeed("try again"),
      Permanent: (e) => Effect.succeed(e.outcome === "Committed" ? "done, answer unreadable" : "fix it")
    })
  )
  const reasons: Effect.Effect<number | string, PostgresError> = change.pipe(
    Effect.catchTag("Permanent", (e) =>
      Match.value(e.reason).pipe(
        Match.tag("UniqueViolation", "ExclusionViolation", (v) => Effect.succeed(`${v.constraint} on ${v.table}`)),
        Match.tag("QueryCanceled", (q) => Effect.succeed(q.by)),
        Match.orElse(() => Effect.fail(e))
      )
    )
  )
  const single: Effect.Effect<number | string, PostgresError> = change.pipe(
    PostgresError.catchReason("ForeignKeyViolation", (v) => Effect.succeed(v.constraint))
  )
  const own: Effect.Effect<number, PostgresError | EmailTaken> = change.pipe(
    PostgresError.catchConstraints({ users_email_key: () => new EmailTaken({ email: "a@b.c" }) })
  )
  const safe = Effect.retry(change, { while: PostgresError.isSafeToRetry, times: 5 })
  // @ts-expect-error no such reason
  const misspelt = PostgresError.catchReason("UniqueViolaton", () => Effect.void)
  // @ts-expect-error a Transient failure never took effect
  const never = (e: Extract<PostgresError, { _tag: "Transient" }>) => e.outcome === "Committed"
  // @ts-expect-error a Broken one neither: then the outcome is Unknown
  const unknown = (e: Extract<PostgresError, { _tag: "Broken" }>) => e.outcome === "Committed"
  // @ts-expect-error a reason belongs to its class
  const wrongClass = () => new Permanent({ reason: { _tag: "Unresponsive", during: "" }, outcome: "NotSent" })
  // @ts-expect-error no outcome, no error
  const incomplete = () => new Permanent({ reason: { _tag: "PoolClosed" } })
  const outcomes: ReadonlyArray<Outcome> = ["NotSent", "RolledBack", "Pending", "Committed", "Unknown"]
  return [classes, reasons, single, own, safe, misspelt, never, unknown, wrongClass, incomplete, outcomes]
}
