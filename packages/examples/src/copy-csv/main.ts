// node --import tsx packages/examples/src/copy-csv/main.ts: a CSV file of 200,000 lines into a table and back. On the embedded PGlite, or on a
// server of yours with DATABASE_URL=postgres://…, where the table `reading` is made and dropped.
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodePostgres } from "@pgfx/platform-node"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Query } from "pgfx"
import { bar, createTable, dump, load, type Progress } from "./copyCsv.ts"

const line = (n: number): string => {
  const at = new Date(1_700_000_000_000 + n * 1_000).toISOString()
  return `"sensor ""${n % 7}""",${at},${(n % 4_000) / 100}\n`
}

const file = Stream.make("sensor,at,celsius\n").pipe(
  Stream.concat(Stream.map(Stream.range(1, 200_000), line)),
  Stream.encodeText,
  Stream.rechunk(1_000)
)

/** One line on the terminal, written again and again. */
const shown =
  (what: string): Progress =>
  (done, all) =>
    Effect.sync(() => void process.stdout.write(`\r${what} ${bar(done, all)}`))

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* Stream.run(file, fs.sink(`${folder}/readings.csv`))
  yield* createTable
  const rows = yield* load(`${folder}/readings.csv`, shown("load"))
  yield* Console.log(`\n${rows} rows`)
  yield* dump(`${folder}/back.csv`, shown("dump"))
  const { size } = yield* fs.stat(`${folder}/back.csv`)
  yield* Console.log(`\n${size} bytes`)
}).pipe(Effect.scoped, Effect.ensuring(Effect.ignore(Query.command`DROP TABLE IF EXISTS reading`())))

const database = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.redacted("DATABASE_URL")),
    Option.match({ onNone: () => PGlitePostgres.layer(), onSome: (url) => NodePostgres.layer({ url }) })
  )
)

program.pipe(Effect.provide([database, NodeContext.layer]), NodeRuntime.runMain)
