// A process of its own for what is measured of a process: its memory, and how long its event loop is held up. One scenario per process; the
// last line it prints is JSON. Run with --expose-gc. Its arguments: scenario, URL of the server, rows.
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { param, type Postgres, type PostgresError, Query } from "pgfx"

const [scenario = "", url = "", rows = "0"] = process.argv.slice(2)
const last = Number(rows)

const Six = Schema.Struct({
  a: Schema.Number,
  b: Schema.String,
  c: Schema.Number,
  d: Schema.Boolean,
  e: Schema.DateFromSelf,
  f: Schema.BigIntFromSelf
})
const six = Query.stream(Six)`
  SELECT i::int4 a, 'row number ' || i b, (i / 3.0)::float8 c, i % 2 = 0 d, now() e, i::int8 f
  FROM generate_series(1, ${param("last", Schema.Int)}) i`
const sixAtOnce = Query.all(Six)`
  SELECT i::int4 a, 'row number ' || i b, (i / 3.0)::float8 c, i % 2 = 0 d, now() e, i::int8 f
  FROM generate_series(1, ${param("last", Schema.Int)}) i`
const wide = Query.stream(Schema.String)`
  SELECT repeat('x', 1024 * 1024) FROM generate_series(1, ${param("last", Schema.Int)}) n`

const pause = (millis: number) => Effect.sleep(millis)

const collect = (): void => {
  // exposed by --expose-gc
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") gc()
}

const beside = <A, E, R>(self: Effect.Effect<A, E, R>, sample: () => void, millis: number) =>
  Effect.gen(function* () {
    const sampler = yield* Effect.fork(Effect.forever(Effect.zipRight(pause(millis), Effect.sync(sample))))
    const result = yield* self
    yield* Fiber.interrupt(sampler)
    return result
  })

/** MiB that the process grew by at most while it ran, against its size before. */
const growthOf = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    collect()
    const before = process.memoryUsage().rss
    let peak = before
    const sample = (): void => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    const result = yield* beside(self, sample, 5)
    sample()
    return { result, growthMiB: (peak - before) / 1024 / 1024 }
  })

/** The same of what is alive: collected often, so that garbage of wide rows, which V8 leaves lying about for a while, does not count. */
const liveGrowthOf = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const live = (): number => {
      collect()
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const before = live()
    let peak = before
    const sample = (): void => {
      peak = Math.max(peak, live())
    }
    const result = yield* beside(self, sample, 200)
    return { result, growthMiB: (peak - before) / 1024 / 1024 }
  })

const delayed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 })
    // what went before is not measured
    yield* pause(50)
    histogram.enable()
    const start = performance.now()
    const result = yield* self
    const millis = performance.now() - start
    yield* pause(5)
    histogram.disable()
    // the probe counts its own interval of 1 ms
    const [p50 = 0, p99 = 0, max = 0] = [50, 99, 100].map((p) => histogram.percentile(p) / 1e6)
    return { result, millis, p50, p99, max }
  })

type Measured = Effect.Effect<Readonly<Record<string, number>>, PostgresError, Postgres>

const scenarios: Readonly<Record<string, Measured>> = {
  /** as fast as the consumer can */
  speed: Effect.gen(function* () {
    yield* Stream.runDrain(six({ last: 100_000 }))
    const start = performance.now()
    const { growthMiB, result } = yield* growthOf(Stream.runCount(six({ last })))
    return { rows: result, growthMiB, seconds: (performance.now() - start) / 1000 }
  }),
  /** a row every millisecond, of a result that is much longer */
  trickle: Effect.gen(function* () {
    yield* Stream.runDrain(six({ last: 100_000 }))
    const { growthMiB, result } = yield* growthOf(
      Stream.runCount(
        Stream.take(
          Stream.tap(six({ last: 1_000_000 }), () => pause(1)),
          last
        )
      )
    )
    return { rows: result, growthMiB }
  }),
  /** rows of a mebibyte, each looked at for a while: the first batch alone would be 128 MiB */
  wide: Effect.gen(function* () {
    yield* Stream.runDrain(six({ last: 100_000 }))
    yield* Stream.runDrain(wide({ last: 20 }))
    const { growthMiB, result } = yield* liveGrowthOf(Stream.runCount(Stream.tap(wide({ last }), () => pause(10))))
    return { rows: result, growthMiB }
  }),
  /** the event loop while a result is read into memory, and while one is streamed */
  loop: Effect.gen(function* () {
    yield* sixAtOnce({ last: 20_000 })
    collect()
    const all = yield* delayed(Effect.map(sixAtOnce({ last }), (answer) => answer.length))
    collect()
    const stream = yield* delayed(Stream.runCount(six({ last })))
    return {
      rows: all.result,
      millis: all.millis,
      p50: all.p50,
      p99: all.p99,
      max: all.max,
      streamP50: stream.p50,
      streamP99: stream.p99,
      streamMax: stream.max
    }
  })
}

const measured = scenarios[scenario]
if (measured === undefined) throw new Error(`no such scenario: ${scenario}`)
const report = await Effect.runPromise(
  Effect.provide(measured, NodePostgres.layer({ url: Redacted.make(url), pool: { max: 1 }, applicationName: scenario }))
)
process.stdout.write(`${JSON.stringify(report)}\n`)
