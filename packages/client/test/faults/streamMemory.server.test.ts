// S-2, G10: what a stream costs in memory and in patience. Each figure is taken in a process of its own, so that the runner's memory and
// work do not disturb it, and printed; the bounds are those of the goals for memory, and generous for time, because other tests run beside.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { param, type Postgres, Query } from "pgfx"
import { inject } from "vitest"
import { amount, isLong, withinMinutes } from "./profile.ts"
import { pause, single } from "./session.ts"

const child = fileURLToPath(new URL("streamMemory.child.ts", import.meta.url))
const Report = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Number }))

/** Runs a scenario to its end; interrupted, it ends the process. */
const run = (scenario: string, url: string, rows: number) =>
  Effect.async<string, Error>((resume) => {
    const args = ["--expose-gc", "--import", "tsx", child, scenario, url, String(rows)]
    const started = execFile(process.execPath, args, (error, out) => {
      resume(error === null ? Effect.succeed(out.trim().split("\n").at(-1) ?? "") : Effect.fail(error))
    })
    return Effect.sync(() => started.kill())
  }).pipe(Effect.flatMap(Schema.decode(Report)))

const waitOf = Query.option(Schema.NullOr(Schema.String))`
  SELECT wait_event FROM pg_stat_activity WHERE application_name = ${param("name", Schema.String)}`

/** What the backend of that application waits for, each time it was looked at. */
const waitsOf = (name: string, seen: Map<string, number>): Effect.Effect<never, never, Postgres> =>
  Effect.forever(
    Effect.gen(function* () {
      const state = yield* waitOf({ name })
      if (state._tag === "Some") seen.set(String(state.value), (seen.get(String(state.value)) ?? 0) + 1)
      yield* pause(5)
    })
  ).pipe(Effect.orDie)

const told = (what: string, report: Readonly<Record<string, number>>, waits?: ReadonlyMap<string, number>): void => {
  const figures = Object.entries(report).map(([name, value]) => `${name} ${Math.round(value * 10) / 10}`)
  const seen = waits === undefined ? "" : `; the server waited on ${[...waits.keys()].join(", ")}`
  process.stdout.write(`      ${what}: ${figures.join(", ")}${seen}\n`)
}

for (const server of inject("postgres")) {
  const scenario = (name: string, rows: number) =>
    Effect.gen(function* () {
      const seen = new Map<string, number>()
      const watcher = yield* Effect.fork(waitsOf(name, seen))
      const report = yield* run(name, server.url, rows)
      yield* Fiber.interrupt(watcher)
      told(name, report, seen)
      assert.strictEqual(report.rows, rows)
      return { growthMiB: report.growthMiB ?? Infinity, liveMiB: report.liveMiB ?? Infinity, seen }
    }).pipe(Effect.provide(single(server)))

  describe(`PostgreSQL ${server.majorVersion}: what a stream costs`, () => {
    const million = amount(200_000, 1_000_000)
    it.live(
      `G10: ${million} rows at full speed need no more memory than a few`,
      () => Effect.map(scenario("speed", million), ({ growthMiB }) => assert.isBelow(growthMiB, 32)),
      withinMinutes(2, 10)
    )

    const trickle = amount(1_000, 60_000)
    it.live(
      `G10, S-2: ${trickle} rows of a million, one a millisecond, need no more memory, and the server waits for the client`,
      () =>
        Effect.map(scenario("trickle", trickle), ({ growthMiB, seen }) => {
          assert.isBelow(growthMiB, 32)
          // batches fill the window, so it waits between them
          assert.isAbove(seen.get("ClientRead") ?? 0, 0)
        }),
      withinMinutes(2, 20)
    )

    it.live(
      "G10, S-2: rows of a mebibyte stop the reading in the middle of a batch, and the server waits to write",
      () =>
        Effect.map(scenario("wide", amount(160, 4_000)), ({ growthMiB, liveMiB, seen }) => {
          // What is held: the first batch alone would be 128 MiB. What the process takes beyond that is rows the consumer has let go of, which
          // V8 collects when there are 80 MiB of them (measured); that is not more for more rows.
          assert.isBelow(liveMiB, 16)
          assert.isBelow(growthMiB, isLong ? 32 : 96)
          assert.isAbove(seen.get("ClientWrite") ?? 0, 0)
        }),
      withinMinutes(2, 10)
    )

    it.live(
      "300,000 rows, buffered and streamed, leave the event loop to others",
      () =>
        Effect.gen(function* () {
          const report = yield* run("loop", server.url, 300_000)
          told("delay of the event loop, ms", report)
          assert.strictEqual(report.rows, 300_000)
          // 256 KiB of rows a turn are 4 ms; what is above that is V8 collecting 300,000 live rows, and the machine's other work
          assert.isBelow(report.p99 ?? Infinity, isLong ? 100 : 500)
          assert.isBelow(report.streamP99 ?? Infinity, isLong ? 50 : 500)
        }),
      withinMinutes(2, 10)
    )
  })
}
