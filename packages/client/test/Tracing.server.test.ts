// Spans on a real server, into a tracer that remembers them.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { Copy, Notification, param, Query, Session, Tracing, type TracingOptions } from "pgfx"
import { inject } from "vitest"
import { watched } from "./canary/watch.ts"

const canary = "k4n4r13nv0g3l"
const echo = Query.one(Schema.String, {
  name: "echo",
  attributes: { "app.team": "checkout", "db.namespace": "not ours" }
})`SELECT ${param("text", Schema.String)}::text`
const mistake = Query.one(Schema.String)`SELECT nothing_like_it`

interface Seen {
  readonly name: string
  readonly attributes: Map<string, unknown>
  readonly parent: string | undefined
  readonly ended: () => boolean
}

const remembering = (seen: Array<Seen>): Tracer.Tracer =>
  Tracer.make({
    context: (f) => f(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      let ends = 0
      seen.push({
        name,
        attributes,
        ended: () => ends === 1,
        parent: Option.getOrUndefined(Option.map(parent, (p) => (p._tag === "Span" ? p.name : "external")))
      })
      return {
        _tag: "Span",
        name,
        spanId: String(seen.length),
        traceId: "t",
        parent,
        context,
        links,
        sampled: true,
        kind,
        attributes,
        status: { _tag: "Started", startTime },
        end: () => void ends++,
        attribute: (key, value) => void attributes.set(key, value),
        event: () => undefined,
        addLinks: () => undefined
      }
    }
  })

for (const server of inject("postgres")) {
  const traced = (
    options: TracingOptions | undefined,
    run: Effect.Effect<unknown, unknown, Layer.Layer.Success<ReturnType<typeof NodePostgres.layer>>>
  ) =>
    Effect.gen(function* () {
      const seen: Array<Seen> = []
      const Live = NodePostgres.layer({ url: Redacted.make(server.url), pool: { min: 1 } })
      const Observed = options === undefined ? Live : Live.pipe(Layer.provide(Tracing.layer(options)))
      yield* run.pipe(Effect.ignore, Effect.provide(Observed), Effect.withTracer(watched(remembering(seen))))
      // those of the pool, which opens its connections by itself
      return seen.filter(({ name }) => name !== "connect")
    })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.effect("makes no span unless Tracing is provided", () =>
      Effect.map(traced(undefined, echo({ text: "x" })), (seen) => assert.deepStrictEqual(seen, []))
    )

    it.effect("makes one span per execution, a child of the caller's, without values", () =>
      Effect.gen(function* () {
        const seen = yield* traced({}, Effect.withSpan(echo({ text: canary }), "homepage"))
        const span = seen.find(({ name }) => name === "echo")
        assert.strictEqual(span?.parent, "homepage")
        assert.strictEqual(span?.attributes.get("db.system.name"), "postgresql")
        assert.strictEqual(span?.attributes.get("db.operation.name"), "SELECT")
        assert.strictEqual(span?.attributes.get("app.team"), "checkout")
        assert.strictEqual(span?.attributes.get("db.namespace"), server.database)
        assert.strictEqual(span?.attributes.get("db.query.text"), "SELECT $1::text")
        assert.notInclude(JSON.stringify(seen.map(({ attributes }) => [...attributes])), canary)
      })
    )

    it.effect("tells values only where that is asked for", () =>
      Effect.gen(function* () {
        const [redacted] = yield* traced({ parameters: "redact", queryText: "omit" }, echo({ text: canary }))
        assert.strictEqual(redacted?.attributes.get("db.query.parameter.text"), "string")
        assert.isFalse(redacted?.attributes.has("db.query.text"))
        const [recorded] = yield* traced({ parameters: "record" }, echo({ text: canary }))
        assert.strictEqual(recorded?.attributes.get("db.query.parameter.text"), canary)
      })
    )

    it.effect("says on the span what failed and what is true now", () =>
      Effect.gen(function* () {
        const [span] = yield* traced({}, mistake())
        assert.strictEqual(span?.attributes.get("error.type"), "42703")
        assert.strictEqual(span?.attributes.get("db.response.status_code"), "42703")
        assert.strictEqual(span?.attributes.get("pgfx.outcome"), "RolledBack")
      })
    )

    it.live("makes one span of a script, of a stream, of COPY either way and of a LISTEN, with the wait inside", () =>
      Effect.gen(function* () {
        const numbers = Query.stream(Schema.Number, { name: "numbers" })`SELECT n FROM generate_series(1, 3) AS n`
        const line = (text: string): Uint8Array => new TextEncoder().encode(text)
        const channel = Notification.channel(`traced_${process.pid}`, Schema.String)
        const seen = yield* traced(
          {},
          Effect.gen(function* () {
            yield* Query.script("SELECT 1; SELECT 2", { name: "two" })
            yield* Stream.runDrain(numbers())
            yield* Query.script("CREATE TEMP TABLE traced_lines (line text)").pipe(
              Effect.zipRight(
                Stream.run(Stream.make(line("a\n"), line("b\n")), Copy.inBytes`COPY traced_lines FROM STDIN`)
              ),
              Session.pin
            )
            yield* Stream.runDrain(Copy.outBytes`COPY (SELECT 1) TO STDOUT`)
            yield* Stream.runHead(channel.events)
          }).pipe(Effect.withSpan("program"))
        )
        const spans = seen.filter(({ parent }) => parent === "program")
        assert.deepStrictEqual(
          spans.map(({ attributes, name }) => [name, attributes.get("db.operation.name")]),
          [
            ["two", "SELECT"],
            ["numbers", "SELECT"],
            [`CREATE ${server.database}`, "CREATE"],
            [`COPY ${server.database}`, "COPY"],
            [`COPY ${server.database}`, "COPY"],
            [`listen ${channel.name}`, "LISTEN"]
          ]
        )
        for (const { ended, name } of spans) assert.isTrue(ended(), name)
      })
    )

    it.live("logs a slow query by its name", () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const slow = Query.command({ name: "sleepy" })`SELECT pg_sleep(1.1)`
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
        )
        yield* traced({ slowQuery: "1 second" }, Effect.provide(Effect.zipRight(echo({ text: "x" }), slow()), logger))
        assert.strictEqual(lines.filter((line) => line.includes("slow query")).length, 1)
        assert.include(lines.join(), "sleepy")
      })
    )
  })
}
