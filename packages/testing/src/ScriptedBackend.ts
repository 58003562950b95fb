// The wire without a server: a Transport whose other end is an ordinary Effect program. In memory and in order; nothing in it waits for
// a clock, so time-outs are TestClock's. What script and client disagree about fails the test, whatever the client makes of it.
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberStatus from "effect/FiberStatus"
import * as Layer from "effect/Layer"
import { type Pool, Postgres, type PostgresError, Retry, type Settings, Transport } from "pgfx"
import type { Backend } from "./Backend.ts"
import { sweepUp } from "./internal/expectations.ts"
import { makeBackend } from "./internal/makeBackend.ts"
import { ScriptedConnection } from "./internal/ScriptedConnection.ts"
import type { ScriptMismatch } from "./ScriptMismatch.ts"

/**
 * What the server does on one connection, from the moment the client connects. What it returns is ignored. When it has ended, the
 * client may be idle, reset its session or go; any other message is a mismatch, and so is a client that still waits for an answer.
 */
export type Script = (backend: Backend) => Effect.Effect<unknown, ScriptMismatch>

/** A script on its connection. */
class Run {
  fiber: Fiber.RuntimeFiber<void> | undefined = undefined
  /** the script itself has ended well; what goes on only watches the client */
  private ended = false
  private failure: Cause.Cause<ScriptMismatch> | undefined = undefined

  readonly connection: ScriptedConnection
  constructor(number: number) {
    this.connection = new ScriptedConnection(number)
  }

  /** A failure cuts the connection: nothing shall wait for the rest of the script. */
  start(script: Script): Effect.Effect<Run> {
    const body = Effect.suspend(() => script(makeBackend(this.connection))).pipe(
      Effect.zipRight(Effect.sync(() => (this.ended = true))),
      Effect.zipRight(this.connection.afterScript((message) => sweepUp(this.connection, message))),
      Effect.catchAllCause((cause) =>
        Effect.sync(() => {
          if (Cause.isInterruptedOnly(cause)) return
          this.failure = cause
          this.connection.wire.cutConnection("the script of the backend has failed", Cause.squash(cause))
        })
      )
    )
    // A daemon: the interruption of a client is something the script shall see, not something that ends it. Connecting is not
    // interruptible, and a fiber inherits that.
    return Effect.map(Effect.forkDaemon(Effect.interruptible(body)), (fiber) => {
      this.fiber = fiber
      return this
    })
  }

  /** What the script has to say against the test, once the client is gone: everything that can still move has its turn first. */
  readonly verdict: Effect.Effect<Cause.Cause<ScriptMismatch>> = Effect.gen(this, function* () {
    const { fiber } = this
    if (fiber === undefined) return Cause.empty
    while (fiber.unsafePoll() === null && !FiberStatus.isSuspended(yield* Fiber.status(fiber))) yield* Effect.yieldNow()
    yield* Fiber.interrupt(fiber)
    if (this.failure !== undefined) return this.failure
    if (this.ended) return Cause.empty
    const { waitingFor = "something that is not the client" } = this.connection
    return Cause.fail(this.connection.mismatch(`what the script still waits for: ${waitingFor}`, "the end of the test"))
  })
}

/** A test that has run out of time is interrupted, and its runner looks at nothing more: this is the last chance to say why. */
const tellInterrupted = (cause: Cause.Cause<ScriptMismatch>): void => {
  for (const failure of [...Cause.failures(cause), ...Cause.defects(cause)]) {
    process.stderr.write(
      `ScriptedBackend, interrupted: ${String(failure instanceof Error ? failure.message : failure)}\n`
    )
  }
}

const transport = (script: Script): Layer.Layer<Transport> =>
  Layer.scoped(
    Transport,
    Effect.gen(function* () {
      const runs: Array<Run> = []
      yield* Effect.addFinalizer((exit) =>
        Effect.flatMap(
          Effect.forEach(runs, (run) => run.verdict),
          (verdicts) => {
            const cause = verdicts.reduce(Cause.sequential, Cause.empty)
            if (Cause.isEmpty(cause)) return Effect.void
            if (Exit.isInterrupted(exit)) tellInterrupted(cause)
            return Effect.failCause(Cause.flatMap(cause, Cause.die))
          }
        )
      )
      const open = Effect.suspend(() => {
        const run = new Run(runs.length + 1)
        runs.push(run)
        return run.start(script)
      })
      return {
        abilities: { cancel: true, tls: true, terminate: true },
        connect: () =>
          Effect.map(
            Effect.acquireRelease(open, ({ connection }) => Effect.sync(() => connection.wire.duplex.destroy())),
            ({ connection }) => connection.wire.duplex
          )
      }
    })
  )

/** The variables of the machine, `PGHOST` and its kin, say nothing to a script. */
const emptyEnvironment = Context.add(ConfigProvider.ConfigProvider, ConfigProvider.fromMap(new Map()))

const standard: Settings = {
  host: "scripted",
  user: "scripted",
  database: "scripted",
  sslmode: "disable",
  pool: { min: 1, max: 1 }
}

const layer = (script: Script, settings: Settings = {}): Layer.Layer<Postgres | Pool, PostgresError> =>
  Postgres.layer({ ...standard, ...settings }).pipe(
    Layer.provide(Layer.merge(transport(script), Retry.layerNever)),
    Layer.locallyWith(DefaultServices.currentServices, (services) => emptyEnvironment(services))
  )

/**
 * The wire without a server. The script runs once per connection.
 *
 * A mismatch is told three times, so that it cannot be missed: the connection is cut, and what the client's requests fail with has the
 * mismatch as its innermost cause; closing the layer dies with it, so a program that expected its requests to fail fails too; and the
 * message names both sides and the conversation. The same holds for a script that is still waiting when its client has gone, and for
 * one that ends while its client waits.
 *
 * @example
 * const Database = ScriptedBackend.layer((backend) =>
 *   Effect.gen(function* () {
 *     yield* backend.acceptStartup
 *     yield* backend.expect("SELECT name")
 *     yield* backend.send(
 *       Message.rowDescription("name"),
 *       Message.dataRow("Ísland"),
 *       Message.commandComplete("SELECT 1"),
 *       Message.readyForQuery("idle")
 *     )
 *   })
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const ScriptedBackend: {
  /** A database whose every connection runs the script. Without `settings`: no password, no TLS; nothing is read from the environment. */
  readonly layer: (script: Script, settings?: Settings) => Layer.Layer<Postgres | Pool, PostgresError>
  /** below a Pool, a Connection or an own composition */
  readonly transport: (script: Script) => Layer.Layer<Transport>
} = { layer, transport }
