// Callers as fibers: what a server with so many requests does.
import * as Effect from "effect/Effect"

/** So many fibers, each one after the other. */
export const fibers = <E, R>(
  callers: number,
  units: number,
  one: (index: number) => Effect.Effect<number, E, R>
): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    let next = 0
    let sum = 0
    const caller = Effect.whileLoop({
      while: () => next < units,
      body: () => one(next++),
      step: (value: number) => {
        sum += value
      }
    })
    const all = Array.from({ length: Math.min(callers, units) }, () => caller)
    return Effect.map(Effect.all(all, { concurrency: "unbounded", discard: true }), () => sum)
  })
