import { assert, layer } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import { TestDatabase, TestServer } from "@pgfx/testing"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Query } from "pgfx"
import { inject } from "vitest"

const count = Query.one(Schema.Number)`SELECT n FROM counters`
const bump = Query.command`UPDATE counters SET n = n + 1`
const schema = Query.script("CREATE TABLE counters (n int4); INSERT INTO counters VALUES (0)")

// without TestServer: the server of DATABASE_URL
const Database = TestDatabase.layerWith(schema).pipe(
  Layer.provide([NodeTransport.layer, TestServer.layer({ url: Redacted.make(inject("postgres")[0].url) })])
)

layer(Database)("counters", (it) => {
  for (const attempt of ["first", "second"]) {
    it.effect(`starts from zero for the ${attempt} test`, () =>
      Effect.flatMap(Effect.zipRight(bump(), count()), (n) => Effect.sync(() => assert.strictEqual(n, 1))).pipe(
        TestDatabase.rollback
      )
    )
  }
})
