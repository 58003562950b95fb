// A fiber that is interrupted before each of its operations in turn, while it asks for, uses or gives back a connection of its own: the pool always has
// it back. A fiber may yield after any of its operations, and the interruption come then.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Pool, type Postgres, Query, Session, Transaction } from "pgfx"
import { inject } from "vitest"
import { pooled, urlOf } from "../resilience/pooled.ts"

const one = Query.one(Schema.Number)`SELECT 1`
const timed = Query.one(Schema.Number, { timeout: "10 seconds" })`SELECT 1`
const numbers = Query.stream(Schema.Number)`SELECT n FROM generate_series(1, 3) AS n`

const uses: Readonly<Record<string, Effect.Effect<unknown, unknown, Postgres>>> = {
  "a transaction": Transaction.run(one()),
  "a transaction in a pin": Session.pin(Transaction.run(one())),
  "a savepoint": Transaction.run(Transaction.run(one())),
  "a pin": Session.pin(one()),
  "a statement with a time-out, in a pin": Session.pin(timed()),
  "a statement with a time-out": timed(),
  "a stream": Stream.runCount(numbers()),
  "a stream in a pin": Session.pin(Stream.runCount(numbers())),
  "a COPY": Stream.runCount(Copy.outBytes`COPY (SELECT 1) TO STDOUT`)
}

/** Interrupts a fiber before its n-th operation. */
class InterruptAt extends Scheduler.MixedScheduler {
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  private operation = 0
  private readonly at: number
  constructor(at: number) {
    super(2048)
    this.at = at
  }
  override shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    if (fiber !== this.fiber || ++this.operation !== this.at) return super.shouldYield(fiber)
    fiber.unsafeInterruptAsFork(FiberId.none)
    return 0
  }
}

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}: interrupted before each of its operations`, () => {
    for (const [name, use] of Object.entries(uses)) {
      it.live(`${name} gives its connection back`, () =>
        Effect.gen(function* () {
          const pool = yield* Pool
          yield* use
          let steps = 0
          for (let isOver = false; !isOver; steps++) {
            const scheduler = new InterruptAt(steps)
            const fiber = yield* Effect.fork(Effect.withScheduler(use, scheduler))
            scheduler.fiber = fiber
            isOver = Exit.isSuccess(yield* Fiber.await(fiber)) && steps > 0
            // with one connection, a lease that was lost keeps everybody out
            const answer = yield* Effect.timeoutOption(one(), "5 seconds")
            assert.strictEqual(answer._tag, "Some", `a connection was lost after ${steps} operations`)
          }
          assert.isAbove(steps, 20)
          yield* Effect.repeat(Effect.delay(pool.stats, "5 millis"), { until: ({ busy }) => busy === 0 })
        }).pipe(Effect.provide(pooled({ url: urlOf(server), pool: { min: 1, max: 1 } })))
      )
    }
  })
}
