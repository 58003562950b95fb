// The machine under a program: descriptors that run out, the signal to end, a wall clock that jumps, a link with a long way to
// go. Processes of their own where a process is what it happens to.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { param, Pool, Query } from "pgfx"
import { inject, vi } from "vitest"
import { behind, eventually, faultProxy, latest, pause } from "../faults/session.ts"
import { backend, echo, pooled, slack, urlOf } from "./pooled.ts"

const child = fileURLToPath(new URL("machine.child.ts", import.meta.url))
const patience = 30_000
const hour = 3_600_000

interface Running {
  readonly process: ChildProcess
  readonly lines: () => ReadonlyArray<string>
}

/** Ended with the test, whatever happens. */
const start = (command: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const started = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
      let said = ""
      for (const stream of [started.stdout, started.stderr]) {
        stream.on("data", (text: Buffer) => {
          said += text.toString()
        })
      }
      return { process: started, lines: () => said.split("\n") }
    }),
    ({ process }) => Effect.sync(() => void process.kill("SIGKILL"))
  )

/** Its exit code; `null` if it was killed. */
const ended = ({ process }: Running) =>
  process.exitCode !== null
    ? Effect.succeed(process.exitCode)
    : Effect.map(
        Effect.promise(() => once(process, "exit")),
        ([code]): unknown => code
      )

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it.scopedLive(
      "X-13: without a file descriptor nobody is connected, that is said, and all is well once there is one",
      () =>
        Effect.gen(function* () {
          // a limit of the shell's child alone: the loader of modules opens some hundreds of files at once
          const program = `ulimit -n 2048 && exec "$0" --import tsx "$@"`
          const running = yield* start("sh", ["-c", program, process.execPath, child, "descriptors", server.url])
          assert.strictEqual(yield* ended(running), 0, running.lines().join("\n"))
          const said = running.lines().join("\n")
          assert.match(said, /^exhausted true$/m)
          assert.match(said, /^error (Transient NotSent PoolTimeout|Broken NotSent ConnectFailed) true$/m)
          assert.match(said, /^answer 1$/m)
        }),
      60_000
    )

    it.scopedLive(
      "X-14: a program that is told to end cancels what runs, says Terminate on every connection, and exits with 0",
      () =>
        Effect.gen(function* () {
          const running = yield* start(process.execPath, ["--import", "tsx", child, "busy", server.url])
          yield* eventually(
            "it is busy",
            Effect.sync(() => running.lines().includes("busy") || running.process.exitCode !== null),
            patience
          )
          yield* pause(100)
          const from = performance.now()
          running.process.kill("SIGTERM")
          assert.strictEqual(yield* ended(running), 0, running.lines().join("\n"))
          // 60 s would be the statement's own end, 2 s is the pool's
          assert.isAtMost(performance.now() - from, 2_000 + 50 + slack)
          const count = (what: string): number => running.lines().filter((line) => line === what).length
          assert.strictEqual(count("Terminate"), 2, running.lines().join("\n"))
          assert.isAtLeast(count("FIN"), 2)
        }),
      60_000
    )

    it.live(
      "X-16: a wall clock that jumps by an hour ends no connection, no wait and no statement early, and none late",
      () =>
        Effect.gen(function* () {
          const slow = Query.one(Schema.Number, { timeout: "20 seconds" })`SELECT 1 FROM pg_sleep(0.5)`
          const tooSlow = Query.command({ timeout: "400 millis" })`SELECT pg_sleep(60)`
          const { stats } = yield* Pool
          const before = yield* backend()
          const now = Date.now
          for (const jump of [hour, -hour]) {
            const running = yield* Effect.fork(slow())
            yield* eventually(
              "it runs",
              Effect.map(stats, ({ busy }) => busy === 1),
              patience
            )
            const waiting = yield* Effect.fork(backend())
            yield* eventually(
              "somebody waits",
              Effect.map(stats, (all) => all.waiting === 1),
              patience
            )
            const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + jump)
            yield* Effect.gen(function* () {
              assert.strictEqual(yield* Fiber.join(running), 1)
              assert.strictEqual(yield* Fiber.join(waiting), before)
              const from = performance.now()
              const error = yield* Effect.flip(tooSlow())
              assert.strictEqual(error.reason._tag, "StatementTimeout")
              assert.isAtMost(performance.now() - from, 400 + slack)
              assert.strictEqual(yield* backend(), before, "the connection is as old as it was")
            }).pipe(Effect.ensuring(Effect.sync(() => clock.mockRestore())))
          }
          assert.strictEqual(yield* backend(), before)
        }).pipe(
          Effect.provide(
            pooled({
              url: urlOf(server),
              pool: { max: 1, acquireTimeout: "20 seconds", maxLifetime: "10 minutes", idleTimeout: "5 minutes" }
            })
          )
        )
    )

    it.scopedLive(
      "X-9: a batch is one round trip, however long the way: everything is sent before the first answer arrives",
      () =>
        // Loss is the kernel's affair, and delays: what is counted is how often the client has to hear something before it says more.
        Effect.gen(function* () {
          const proxy = yield* faultProxy(server)
          const settings = {
            url: urlOf(behind(server, proxy)),
            pool: { max: 1, acquireTimeout: "20 seconds" }
          } as const
          yield* Effect.gen(function* () {
            yield* Effect.forEach([0, 1], (n) => echo({ n }))
            const text = Query.one(Schema.String)`SELECT ${param("text", Schema.String)}::text || 'x'`
            const inOne = <A, E, R>(what: string, batch: Effect.Effect<A, E, R>) =>
              Effect.gen(function* () {
                const link = latest(proxy)
                // nothing is heard until nothing more is said
                link.stall("toClient")
                const before = link.passed("toServer")
                const running = yield* Effect.fork(batch)
                let sent = before
                yield* eventually(
                  "all is said",
                  Effect.gen(function* () {
                    sent = link.passed("toServer")
                    yield* pause(250)
                    return sent > before && sent === link.passed("toServer")
                  }),
                  patience
                )
                link.resume("toClient")
                const answer = yield* Fiber.join(running)
                assert.strictEqual(link.passed("toServer"), sent, `${what} said more once it had heard something`)
                return answer
              })
            const numbers = Array.from({ length: 50 }, (_, n) => n)
            const batch = Effect.forEach(numbers, (n) => echo({ n }), { concurrency: "unbounded" })
            assert.deepStrictEqual(yield* inOne("fifty statements of fifty fibers", batch), numbers)
            assert.strictEqual(yield* inOne("a statement that nobody knows yet", text({ text: "new" })), "newx")
          }).pipe(Effect.provide(pooled(settings)))
        }),
      60_000
    )
  })
}
