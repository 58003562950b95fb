// A process of its own for what is measured of a process: its memory, and how long its event loop is held up. One scenario per process; the
// last line it prints is JSON. Run with --expose-gc. Its arguments: scenario, URL of the server, rows.
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
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

/** A timer outside of Effect, whose sleeps are a new one each. Answers what stops it. */
const every = (millis: number, tick: () => void): (() => void) => {
  const timer = setInterval(tick, millis)
  return () => clearInterval(timer)
}

/**
 * Waits for the next tick of one clock for all rows. A timer for each row is garbage that V8 takes for old, and keeps until there are 85 MiB
 * of it: three quarters of what survived, by the heap profiler, and none of it the stream's.
 */
const everyMilli = <A, E, R>(self: (tick: Effect.Effect<void>) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let wake: (() => void) | undefined
    const stop = every(1, () => {
      const resume = wake
      wake = undefined
      resume?.()
    })
    const tick = Effect.async<void>((resume) => {
      wake = () => resume(Effect.void)
    })
    return Effect.ensuring(self(tick), Effect.sync(stop))
  })

const collect = (): void => {
  // exposed by --expose-gc
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") gc()
}

const beside = <A, E, R>(self: Effect.Effect<A, E, R>, sample: () => void, millis: number) =>
  Effect.suspend(() => Effect.ensuring(self, Effect.sync(every(millis, sample))))

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

/**
 * The same of what is alive when `self` takes a sample: collected first, so that garbage of wide rows, which V8 leaves lying about for a while,
 * does not count.
 */
const liveGrowthOf = <A, E, R>(self: (sample: Effect.Effect<void>) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const collected = (): number => {
      collect()
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    // Buffers are freed beside the program, a moment after they were collected.
    const live = (): number => Math.min(collected(), collected())
    collect()
    yield* pause(100)
    const before = live()
    let peak = before
    const sample = Effect.sync(() => {
      peak = Math.max(peak, live())
    })
    const result = yield* self(sample)
    return { result, growthMiB: (peak - before) / 1024 / 1024 }
  })

/** MiB that its second half needed more at the most than its first: what grows with the number of rows. Each row is to be `counted`. */
const growthBetweenHalves = <A, E, R>(self: (counted: () => void) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const peaks: [number, number] = [0, 0]
    let rowsSeen = 0
    const sample = (): void => {
      const half = rowsSeen * 2 < last ? 0 : 1
      peaks[half] = Math.max(peaks[half], process.memoryUsage().rss)
    }
    const result = yield* beside(
      self(() => rowsSeen++),
      sample,
      5
    )
    return { result, growthMiB: (peaks[1] - peaks[0]) / 1024 / 1024 }
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
      everyMilli((tick) =>
        Stream.runCount(
          Stream.take(
            Stream.tap(six({ last: 1_000_000 }), () => tick),
            last
          )
        )
      )
    )
    return { rows: result, growthMiB }
  }),
  /** rows of a mebibyte, each looked at for a while: the first batch alone would be 128 MiB */
  wide: Effect.gen(function* () {
    yield* Stream.runDrain(wide({ last: 20 }))
    let seen = 0
    // not every row: a sample costs two full collections
    const live = yield* liveGrowthOf((sample) =>
      Stream.runDrain(Stream.tap(wide({ last: 60 }), () => (++seen % 6 === 0 ? sample : Effect.void)))
    )
    const { growthMiB, result } = yield* growthBetweenHalves((counted) =>
      Stream.runCount(Stream.tap(wide({ last }), () => Effect.zipRight(Effect.sync(counted), pause(5))))
    )
    return { rows: result, growthMiB, liveMiB: live.growthMiB }
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
