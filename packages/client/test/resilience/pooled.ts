// Pools for tests that take servers down: what they dial is counted, and they wait as long as the test says. The servers are the tests'
// own, the time is real.
import { assert } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import type { ConnectionFacts } from "@pgfx/testing/server/cluster"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { param, Pool, Postgres, type PostgresError, Query, Retry, Session, type Settings, Transport } from "pgfx"

/** What a pool asked of the network, cancels included. Milliseconds of `performance.now()`. */
export class Dials {
  readonly at: Array<number> = []
  /** sockets that are open or being opened */
  open = 0
  mostOpen = 0

  /** How many there were from then on, before that moment. */
  between(from: number, to: number): ReadonlyArray<number> {
    return this.at.filter((moment) => moment >= from && moment < to)
  }
}

const watched = (dials: Dials): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (transport) => ({
      ...transport,
      connect: (endpoint, options) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            dials.at.push(performance.now())
            dials.mostOpen = Math.max(dials.mostOpen, ++dials.open)
          }),
          () => Effect.sync(() => void dials.open--)
        ).pipe(Effect.zipRight(transport.connect(endpoint, options)))
    }))
  ).pipe(Layer.provide(NodeTransport.layer))

export type Services = Postgres | Pool | Retry

export const pooled = (settings: Settings, dials = new Dials()): Layer.Layer<Services, PostgresError> =>
  Postgres.layer(settings).pipe(Layer.provideMerge(Retry.layerDefault), Layer.provide(watched(dials)))

export const urlOf = ({ url }: Pick<ConnectionFacts, "url">): Redacted.Redacted => Redacted.make(url)

export const echo = Query.one(Schema.Number)`SELECT ${param("n", Schema.Int)}::int4`
export const backend = Query.one(Schema.Number)`SELECT pg_backend_pid()`

/** Every slot of the pool can be used: as many sessions at once as it may have. */
export const allSlotsWork: Effect.Effect<void, PostgresError, Postgres | Pool> = Effect.gen(function* () {
  const { max } = yield* Effect.flatMap(Pool, (pool) => pool.stats)
  const all = yield* Deferred.make<void>()
  let there = 0
  const hold = Session.pin(
    Effect.gen(function* () {
      const pid = yield* backend()
      if (++there === max) yield* Deferred.succeed(all, undefined)
      yield* Deferred.await(all)
      return pid
    })
  )
  const pids = yield* Effect.all(
    Array.from({ length: max }, () => hold),
    { concurrency: "unbounded" }
  )
  assert.strictEqual(new Set(pids).size, max, "each slot has a session of its own")
})

/**
 * The same behind a crash, or under short deadlines on a slow machine: sessions that have not heard of the end may be lost under what is
 * asked of them, and a wait may be too short. It is a question, so it may be asked again.
 */
export const allSlotsWorkAgain = Effect.retry(allSlotsWork, { times: 100, schedule: Schedule.spaced("50 millis") })

/** A measured number for whoever reads the output; the bound it is held against is wider, for machines that do other things as well. */
export const measured = (what: string, value: number, unit = "ms"): void => {
  process.stdout.write(`measured: ${what}: ${Math.round(value)} ${unit}\n`)
}

/** How much later than promised a thing may come on a machine that does other things as well, in milliseconds. */
export const slack = 3_000
