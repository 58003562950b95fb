// The CSV file and the table on a real server: what came in goes out, and the bar gets there.
import { assert, layer } from "@effect/vitest"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { NodeTransport } from "@pgfx/platform-node"
import { TestDatabase, TestServer } from "@pgfx/testing"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Query } from "pgfx"
import { inject } from "vitest"
import { bar, createTable, dump, load } from "../src/copy-csv/copyCsv.ts"

const Database = TestDatabase.layerWith(createTable).pipe(
  Layer.provide([NodeTransport.layer, TestServer.layer({ url: Redacted.make(inject("postgres")[0].url) })])
)

const rows = [
  "sensor,at,celsius",
  '"the ""old"" one\nupstairs",2024-01-01 00:00:00+00,',
  ",2024-01-02 00:00:00+00,-3.50",
  ""
]
const count = Query.one(Schema.Number)`SELECT count(*)::int4 FROM reading`

layer(Layer.merge(Database, NodeFileSystem.layer), { excludeTestServices: true })("a CSV file", (it) => {
  it.scoped("goes into a table and comes back as it was", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      yield* Query.command`SET timezone = 'UTC'`()
      yield* fs.writeFileString(`${folder}/in.csv`, rows.join("\n"))
      const seen: Array<string> = []
      const progress = (done: number, all: number) => Effect.sync(() => void seen.push(bar(done, all)))
      assert.strictEqual(yield* load(`${folder}/in.csv`, progress), 2)
      assert.strictEqual(seen.at(-1), `${"█".repeat(20)} 100 %`)
      yield* dump(`${folder}/out.csv`, progress)
      assert.strictEqual(yield* fs.readFileString(`${folder}/out.csv`), rows.join("\n"))
    }).pipe(TestDatabase.rollback)
  )

  it.scoped("that is not good leaves the table as it was, and tells where it is wrong", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(path, "sensor,at,celsius\na,2024-01-01,1\nb,yesterday-ish,2\n")
      const error = yield* Effect.flip(load(path, () => Effect.void))
      assert.strictEqual(error._tag, "Permanent")
      if (error._tag === "Permanent" && "report" in error.reason)
        assert.match(error.reason.report?.where ?? "", /^COPY reading, line 3, column at/)
      assert.strictEqual(yield* count(), 0)
    })
  )
})
