// Databases that come and go on a real server. The suites run under TestClock: nothing here waits for it.
import { assert, describe, it } from "@effect/vitest"
import { TestDatabase, TestServer } from "@pgfx/testing"
import { NodePostgres, NodeTransport } from "@pgfx/platform-node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { param, Query, Transaction } from "pgfx"
import { inject } from "vitest"
import { isAbandoned } from "../src/internal/testDatabases.ts"

const current = Query.one(Schema.String)`SELECT current_database()::text`
const insert = Query.command`INSERT INTO counters VALUES (${param("n", Schema.Int)})`
const count = Query.one(Schema.Number)`SELECT count(*)::int4 FROM counters`

for (const server of inject("postgres")) {
  const url = Redacted.make(server.url)
  const surroundings = Layer.merge(NodeTransport.layer, TestServer.layer({ url }))
  const Fresh = TestDatabase.layer.pipe(Layer.provide(surroundings))
  const databases = Query.all(
    Schema.String
  )`SELECT datname::text FROM pg_database WHERE datname LIKE 'pgfx\\_test\\_%'`()
  const admin = Effect.provide(NodePostgres.layer({ url }))

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.effect("makes a database of its own for each layer, and drops it at the end", () =>
      Effect.gen(function* () {
        const [first, second] = yield* Effect.all([Effect.provide(current(), Fresh), Effect.provide(current(), Fresh)])
        assert.match(first, /^pgfx_test_/)
        assert.notStrictEqual(first, second)
        const left = yield* admin(databases)
        assert.notInclude(left, first)
        assert.notInclude(left, second)
      })
    )

    it.effect("drops the database of a suite that failed, and one with a session left in it", () =>
      Effect.gen(function* () {
        let name = ""
        const suite = Effect.gen(function* () {
          name = yield* current()
          const open = yield* Effect.scope.pipe(
            Effect.flatMap((scope) => Layer.buildWithScope(NodePostgres.layer({ url, database: name }), scope))
          )
          assert.strictEqual(yield* Effect.provide(current(), open), name)
          return yield* Effect.fail("the suite fails")
        })
        const error = yield* Effect.scoped(Effect.flip(Effect.provide(suite, Fresh)))
        assert.strictEqual(error, "the suite fails")
        assert.notInclude(yield* admin(databases), name)
      })
    )

    it.effect("fills a template once, and every layer gets a copy of its own", () =>
      Effect.gen(function* () {
        let prepared = 0
        const prepare = Effect.gen(function* () {
          prepared++
          yield* Query.script("CREATE TABLE counters (n int4); INSERT INTO counters VALUES (1)")
        })
        const Prepared = TestDatabase.layerWith(prepare).pipe(Layer.provide(surroundings))
        const suite = Effect.gen(function* () {
          assert.strictEqual(yield* count(), 1)
          yield* insert({ n: 2 })
          assert.strictEqual(yield* count(), 2)
        })
        yield* Effect.all([Effect.provide(suite, Prepared), Effect.provide(suite, Prepared)], { concurrency: 2 })
        const Again = TestDatabase.layerWith(prepare).pipe(Layer.provide(surroundings))
        yield* Effect.provide(suite, Again)
        assert.strictEqual(prepared, 1)
      })
    )

    it.effect("fails with the error of what prepares, and prepares again the next time", () =>
      Effect.gen(function* () {
        let prepared = 0
        const prepare = Effect.suspend(() => (++prepared === 1 ? Effect.fail("no schema today") : Effect.void))
        const Prepared = TestDatabase.layerWith(prepare).pipe(Layer.provide(surroundings))
        assert.strictEqual(yield* Effect.flip(Effect.provide(current(), Prepared)), "no schema today")
        assert.match(yield* Effect.provide(current(), Layer.fresh(Prepared)), /^pgfx_test_/)
      })
    )

    it.effect("rolls a test back, transactions in it included", () =>
      Effect.gen(function* () {
        yield* Query.script("CREATE TABLE counters (n int4)")
        const test = Effect.gen(function* () {
          yield* insert({ n: 1 })
          yield* Transaction.run(insert({ n: 2 }))
          assert.strictEqual(yield* count(), 2)
          yield* Effect.flip(Transaction.run(Effect.zipRight(insert({ n: 3 }), Effect.fail("undone"))))
          assert.strictEqual(yield* count(), 2)
        })
        for (let i = 0; i < 2; i++) {
          yield* TestDatabase.rollback(test)
          assert.strictEqual(yield* count(), 0)
        }
      }).pipe(Effect.provide(Fresh))
    )

    it.effect("takes the server from DATABASE_URL when nobody names one", () =>
      Effect.gen(function* () {
        const Environment = TestDatabase.layer.pipe(Layer.provide(NodeTransport.layer))
        const within = (variables: ReadonlyArray<readonly [string, string]>) =>
          Effect.withConfigProvider(Effect.provide(current(), Environment), ConfigProvider.fromMap(new Map(variables)))
        assert.match(yield* within([["DATABASE_URL", server.url]]), /^pgfx_test_/)
        const error = yield* Effect.flip(within([]))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["InvalidSettings", "NotSent"])
        assert.match(error.message, /DATABASE_URL.*TestServer\.layer/)
      })
    )
  })
}

describe("what killed processes leave behind", () => {
  const now = 1_800_000_000
  const named = (seconds: number) => `pgfx_test_${seconds.toString(36)}_abc123`

  it("is swept up after two hours, and nothing else is", () => {
    assert.isTrue(isAbandoned(named(now - 7201), now))
    assert.isTrue(isAbandoned(named(now - 7201).replace("test", "template"), now))
    for (const name of [
      named(now - 7200),
      named(now),
      "pgfx_test_",
      "pgfx_testing_abc_def",
      "pgfx_production",
      "postgres"
    ]) {
      assert.isFalse(isAbandoned(name, now), name)
    }
  })
})
