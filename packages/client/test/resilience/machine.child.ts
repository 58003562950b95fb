// A process of its own for what happens to a whole process: it runs out of file descriptors, or is told to end. Scenario and URL are its
// arguments; what it prints, line by line, is what the test reads.
import { closeSync, openSync } from "node:fs"
import { NodeTransport } from "@pgfx/platform-node"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Postgres, Query, Retry, type Settings, Transport } from "pgfx"

const [scenario = "", url = ""] = process.argv.slice(2)

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const one = Query.one(Schema.Number)`SELECT 1`
const long = Query.command`SELECT pg_sleep(60)`

const terminate = Uint8Array.of("X".charCodeAt(0), 0, 0, 0, 4)

/** Tells how each connection was opened, and whether it ended with Terminate. */
const watched = Layer.effect(
  Transport,
  Effect.map(Transport, (transport) => ({
    ...transport,
    connect: (endpoint, options) =>
      Effect.map(transport.connect(endpoint, options), (duplex) => ({
        ...duplex,
        write: (bytes) => {
          if (bytes.length >= 5 && terminate.every((byte, i) => bytes[bytes.length - 5 + i] === byte)) say("Terminate")
          duplex.write(bytes)
        },
        end: Effect.zipRight(
          Effect.sync(() => say("FIN")),
          duplex.end
        )
      }))
  }))
).pipe(Layer.provide(NodeTransport.layer))

const database = (settings: Settings) =>
  Postgres.layer({ url: Redacted.make(url), ...settings }).pipe(
    Layer.provide(Retry.layerDefault),
    Layer.provide(watched)
  )

/** All descriptors that the process may have, as files. */
const exhaust = (): ReadonlyArray<number> => {
  const files: Array<number> = []
  for (;;) {
    try {
      files.push(openSync("/dev/null", "r"))
    } catch {
      return files
    }
  }
}

/** */
const descriptors = Effect.gen(function* () {
  const files = exhaust()
  say(`exhausted ${files.length > 0}`)
  const from = performance.now()
  const error = yield* Effect.flip(one())
  say(
    `error ${error._tag} ${error.outcome} ${error.reason._tag} ${/EMFILE|too many open files/i.test(String(error.stack) + JSON.stringify(error.details) + error.toString())}`
  )
  say(`waited ${Math.round(performance.now() - from)}`)
  const waiting = yield* Effect.fork(one())
  yield* Effect.sleep("100 millis")
  for (const file of files) closeSync(file)
  say(`answer ${yield* waiting}`)
}).pipe(Effect.provide(database({ pool: { max: 2, acquireTimeout: "1 second" } })))

/** */
const busy = Effect.gen(function* () {
  yield* one()
  yield* Effect.fork(long())
  yield* Effect.sync(() => say("busy"))
  return yield* Effect.never
}).pipe(Effect.provide(database({ pool: { min: 2, max: 2 }, closeTimeout: "2 seconds" })))

NodeRuntime.runMain(scenario === "descriptors" ? descriptors : busy)
