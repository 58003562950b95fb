// node --import tsx packages/examples/src/job-queue/main.ts: two workers, ten jobs, one of which fails. On the embedded PGlite, or on a
// server of yours with DATABASE_URL=postgres://…, where the table `job` is made and dropped.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodePostgres } from "@pgfx/platform-node"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Query } from "pgfx"
import { createTable, enqueue, worker } from "./jobQueue.ts"

const workAs = (name: string) => (task: string) =>
  task === "job 7" ? Effect.fail("does not like sevens") : Console.log(`${name} does ${task}`)

const left = Query.one(Schema.Number)`SELECT count(*)::int4 FROM job WHERE failed IS NULL`
const failures = Query.all(Schema.String)`SELECT task || ': ' || failed FROM job`

const program = Effect.gen(function* () {
  yield* createTable
  yield* Effect.forkScoped(worker(workAs("Ada")))
  yield* Effect.forkScoped(worker(workAs("Grace")))
  yield* Effect.forEach(
    Array.from({ length: 10 }, (_, i) => `job ${i + 1}`),
    enqueue
  )
  yield* Effect.repeat(Effect.delay(left(), "10 millis"), { until: (jobs) => jobs === 0 })
  yield* Console.log(`failed: ${(yield* failures()).join(", ")}`)
}).pipe(Effect.scoped, Effect.ensuring(Effect.ignore(Query.command`DROP TABLE IF EXISTS job`())))

const database = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.redacted("DATABASE_URL")),
    Option.match({ onNone: () => PGlitePostgres.layer(), onSome: (url) => NodePostgres.layer({ url }) })
  )
)

program.pipe(Effect.provide(database), NodeRuntime.runMain)
