// What Tracing tells besides the spans of statements: metrics, waits for a connection, transactions, connections that come and go, and the
// trace for the server's eyes. Metrics are in a registry of the whole program: each test has a database name of its own to look under.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { param, Pool, type Postgres, Query, type Retry, Tracing, type TracingOptions, Transaction } from "pgfx"
import { inject } from "vitest"
import { watched } from "../canary/watch.ts"
import { eventually } from "../faults/session.ts"

const patience = 15_000
const numbers = Query.all(Schema.Number)`SELECT n FROM generate_series(1, ${param("last", Schema.Int)}) n`
const mistake = Query.all(Schema.Number)`SELECT nothing_like_it`
const ownText = Query.one(Schema.String)`SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()`

let databases = 0

type Services = Postgres | Pool | Retry

for (const server of inject("postgres")) {
  interface Observation {
    readonly options?: TracingOptions
    readonly max?: number
    /** default: the server's */
    readonly database?: string
  }

  const observed = <A, E>(
    body: Effect.Effect<A, E, Services>,
    { database = server.database, max = 2, options = {} }: Observation = {}
  ) => {
    const url = new URL(server.url)
    url.pathname = `/${database}`
    const live = NodePostgres.layer({ url: Redacted.make(url.href), pool: { max } })
    return Effect.provide(body, Layer.provide(live, Tracing.layer(options)))
  }

  /** A database for the body alone: its metrics are found by its name. */
  const ownDatabase = <A, E>(body: (database: string) => Effect.Effect<A, E>) => {
    const plain = NodePostgres.layer({ url: Redacted.make(server.url), pool: { max: 1 } })
    const name = `observed_${process.pid}_${++databases}`
    return Effect.acquireUseRelease(
      Effect.as(Effect.provide(Query.script(`CREATE DATABASE ${name}`), plain), name),
      body,
      () => Effect.orDie(Effect.provide(Query.script(`DROP DATABASE ${name} WITH (FORCE)`), plain))
    )
  }

  /** The metrics of that name which have a label with this text in it. */
  const metrics = (name: string, database: string): Effect.Effect<ReadonlyArray<MetricPair.MetricPair.Untyped>> =>
    Effect.map(Metric.snapshot, (pairs) =>
      pairs.filter(
        ({ metricKey }) => metricKey.name === name && metricKey.tags.some(({ value }) => value.includes(database))
      )
    )
  const labelOf = ({ metricKey }: MetricPair.MetricPair.Untyped, key: string): string | undefined =>
    metricKey.tags.find((label) => label.key === key)?.value
  const counted = (pair: MetricPair.MetricPair.Untyped | undefined): number => {
    const state = pair?.metricState
    if (MetricState.isHistogramState(state)) return state.count
    if (MetricState.isCounterState(state)) return Number(state.count)
    if (MetricState.isGaugeState(state)) return Number(state.value)
    return 0
  }

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.live("counts and times statements by operation and failure, rows, look-ups and connections", () =>
      ownDatabase((database) =>
        Effect.gen(function* () {
          for (let i = 0; i < 3; i++) yield* numbers({ last: 10 })
          yield* Effect.flip(mistake())
          const durations = yield* metrics("db.client.operation.duration", database)
          const byFailure = durations.map((pair) => [
            labelOf(pair, "db.operation.name"),
            labelOf(pair, "error.type") ?? "",
            labelOf(pair, "unit"),
            counted(pair)
          ])
          assert.deepStrictEqual(byFailure.sort(), [
            ["SELECT", "", "s", 3],
            ["SELECT", "42703", "s", 1]
          ])
          const [rows] = yield* metrics("db.client.response.returned_rows", database)
          const state = rows?.metricState
          assert.isTrue(MetricState.isHistogramState(state) && state.count === 3 && state.sum === 30)
          const lookups = yield* metrics("pgfx.client.statement.lookups", database)
          assert.deepStrictEqual(lookups.map((pair) => [labelOf(pair, "pgfx.result"), counted(pair)]).sort(), [
            ["hit", 2],
            ["miss", 2]
          ])
          for (const [name, count] of [
            ["wait_time", 4],
            ["use_time", 4],
            ["create_time", 1]
          ] as const) {
            const [pair] = yield* metrics(`db.client.connection.${name}`, database)
            assert.strictEqual(counted(pair), count, name)
          }
          yield* eventually(
            "the pool was looked at",
            Effect.map(metrics("db.client.connection.count", database), (pairs) =>
              pairs.some((pair) => labelOf(pair, "db.client.connection.state") === "idle" && counted(pair) === 1)
            ),
            patience
          )
          const [max] = yield* metrics("db.client.connection.max", database)
          assert.strictEqual(counted(max), 2)
        }).pipe((body) => observed(body, { database }))
      )
    )

    it.live("counts the bytes that go either way", () =>
      observed(
        Effect.gen(function* () {
          const bytes = (direction: string) =>
            Effect.map(metrics("pgfx.client.io", String(server.port)), (pairs) =>
              counted(pairs.find((pair) => labelOf(pair, "network.io.direction") === direction))
            )
          yield* numbers({ last: 1 })
          const [sent, received] = [yield* bytes("transmit"), yield* bytes("receive")]
          yield* numbers({ last: 1_000 })
          // other tests of this file are not running, but this pool may be opening a connection
          assert.isAbove((yield* bytes("transmit")) - sent, 30)
          assert.isAbove((yield* bytes("receive")) - received, 11_000)
        })
      )
    )

    it.live("makes a span of a wait for a connection, and counts the waits that were in vain", () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const tracer = Tracer.make({
          context: (f) => f(),
          span: (name, parent, context, links, startTime, kind) => {
            const parentName = Option.match(parent, {
              onNone: () => "none",
              onSome: (p) => ("name" in p ? p.name : "")
            })
            seen.push(`${name} in ${parentName}`)
            const { attribute, end, event, addLinks } = {
              attribute: () => {},
              end: () => {},
              event: () => {},
              addLinks: () => {}
            }
            const status = { _tag: "Started", startTime } as const
            const ids = { spanId: `${seen.length}`, traceId: "t" }
            const attributes = new Map<string, unknown>()
            return {
              _tag: "Span",
              name,
              ...ids,
              parent,
              context,
              links,
              sampled: true,
              kind,
              attributes,
              status,
              attribute,
              end,
              event,
              addLinks
            }
          }
        })
        yield* observed(
          Effect.gen(function* () {
            const { database } = server
            const taken = yield* Effect.makeLatch()
            const release = yield* Effect.makeLatch()
            const holding = yield* numbers({ last: 1 }).pipe(
              Effect.zipRight(Effect.zipRight(taken.open, release.await)),
              Transaction.run,
              Effect.withSpan("holder"),
              Effect.fork
            )
            yield* taken.await
            const waiting = yield* Effect.fork(Effect.withSpan(numbers({ last: 1 }), "waiter"))
            const { stats } = yield* Pool
            yield* eventually(
              "it waits",
              Effect.map(stats, (now) => now.waiting === 1),
              patience
            )
            yield* release.open
            yield* Fiber.join(holding)
            yield* Fiber.join(waiting)
            assert.include(seen, "transaction in holder")
            assert.include(seen, `SELECT ${database} in transaction`)
            assert.include(seen, `SELECT ${database} in waiter`)
            assert.include(seen, `acquire connection in SELECT ${database}`)
            assert.include(seen, "connect in none")
            assert.strictEqual(seen.filter((span) => span.startsWith("acquire")).length, 2, "the first one waited, too")
          }),
          { max: 1 }
        ).pipe(Effect.withTracer(watched(tracer)))
      })
    )

    it.live("tells the server which span a statement runs in, only where that is asked for", () =>
      Effect.gen(function* () {
        assert.notInclude(yield* observed(Effect.withSpan(ownText(), "outer")), "traceparent")
        const told = yield* observed(
          Effect.gen(function* () {
            const span = yield* Effect.currentSpan
            const texts = [yield* ownText(), yield* ownText()]
            const held = yield* Query.all(Schema.String)`SELECT name FROM pg_prepared_statements`()
            const rows = yield* numbers({ last: 3 })
            return { span, texts, held, rows }
          }).pipe(Effect.withSpan("outer")),
          { options: { traceContext: "comment" }, max: 1 }
        )
        const [first = "", second = ""] = told.texts
        const pattern = new RegExp(`/\\*traceparent='00-${told.span.traceId}-([0-9a-f]{16})-01'\\*/$`)
        assert.match(first, pattern)
        assert.match(second, pattern)
        assert.notStrictEqual(first, second, "each execution is a span of its own")
        assert.deepStrictEqual(told.held, [], "nothing is kept under a name that is never used again")
        assert.deepStrictEqual(told.rows, [1, 2, 3])
      })
    )

    it.live("logs connections that come, that cannot be had and that are lost, with their place", () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
        )
        const until = (text: string) =>
          eventually(
            text,
            Effect.sync(() => lines.some((line) => line.includes(text))),
            patience
          )
        yield* observed(
          Effect.gen(function* () {
            yield* until("pgfx: connected").pipe(Effect.zipLeft(numbers({ last: 1 }), { concurrent: true }))
            const kill = Query.command`SELECT pg_terminate_backend(pg_backend_pid())`
            yield* Effect.flip(kill())
            yield* until("pgfx: a connection was lost")
          })
        ).pipe(Effect.provide([logger, Logger.minimumLogLevel(LogLevel.Debug)]))
        assert.isTrue(lines.some((line) => line.includes("server.address") && line.includes("connected")))
        const wrong = NodePostgres.layer({ url: Redacted.make(server.url), password: Redacted.make("not it") })
        yield* numbers({ last: 1 }).pipe(
          Effect.provide(Layer.provide(wrong, Tracing.layer({}))),
          Effect.flip,
          Effect.provide(logger)
        )
        yield* until("pgfx: could not connect")
        assert.isTrue(lines.some((line) => line.includes("could not connect") && line.includes("28P01")))
      })
    )
  })
}
