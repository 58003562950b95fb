// A program that copies so many megabytes out of a server and into it, and says what that took: run by memory.server.test.ts in a process of its
// own, because the memory of a test runner is everybody's.
//
//   node --import tsx packages/client/test/copy/memory.ts <url> <megabytes>
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Copy, Query, Session, Sql } from "pgfx"

const [url = "", size = "64"] = process.argv.slice(2)
const megabytes = Number(size)
const rowsOf = (mb: number): number => mb * 1024
const mib = (bytes: number): number => Math.round(bytes / 1024 / 102.4) / 10

/** 1,024 rows of 1 KiB: text of one column. */
const piece = new TextEncoder().encode(`${"x".repeat(1023)}\n`.repeat(64))

class Peak {
  readonly base = process.memoryUsage().rss
  most = this.base
  look(): void {
    this.most = Math.max(this.most, process.memoryUsage.rss())
  }
  get growth(): number {
    return mib(this.most - this.base)
  }
}

const out = (mb: number) =>
  Effect.gen(function* () {
    const dump = Copy.outBytes`COPY (SELECT repeat('x', 1023) FROM generate_series(1, ${Sql.unsafe(String(rowsOf(mb)))})) TO STDOUT`
    const peak = new Peak()
    const start = performance.now()
    const bytes = yield* Stream.runFold(dump, 0, (sum, part) => {
      peak.look()
      return sum + part.length
    })
    return { bytes, seconds: (performance.now() - start) / 1000, growthMiB: peak.growth }
  })

const into = (mb: number) =>
  Effect.gen(function* () {
    const peak = new Peak()
    const start = performance.now()
    const source = Stream.mapEffect(Stream.range(1, (mb * 1024) / 64), () =>
      Effect.sync(() => {
        peak.look()
        return piece
      })
    )
    // every row is looked at by the server, and none is kept
    const rows = yield* Stream.run(source, Copy.inBytes`COPY sink FROM STDIN WHERE line IS NULL`)
    return { rows, seconds: (performance.now() - start) / 1000, growthMiB: peak.growth }
  })

const program = Effect.gen(function* () {
  yield* Query.command`CREATE TEMP TABLE sink (line text)`()
  yield* out(16)
  yield* into(16)
  const told = { out: yield* out(megabytes), in: yield* into(megabytes) }
  yield* Effect.sync(() => process.stdout.write(`${JSON.stringify(told)}\n`))
}).pipe(Session.pin, Effect.provide(NodePostgres.layer({ url: Redacted.make(url), pool: { max: 1 } })))

await Effect.runPromise(program)
