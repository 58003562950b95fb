// Chance that can be repeated: a generator with a seed, and waits whose ends it draws. The seed of a run is in the name of its tests.
import * as Effect from "effect/Effect"

/** Mulberry32: small, fast, and good enough to spread instants. */
export class Chance {
  private state: number
  constructor(seed: number) {
    this.state = seed | 0
  }
  /** from 0 up to 1 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  /** an integer from 0 up to `below` */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }
  /** Throws for an empty list. */
  of<A>(items: ReadonlyArray<A>): A {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error("nothing to choose from")
    return item
  }
}

/** Turns of the event loop until that moment, so that a wait ends within one of them: timers count in milliseconds. */
const turnsUntil = (end: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    let immediate: NodeJS.Immediate | undefined
    const look = (): void => {
      if (performance.now() >= end) resume(Effect.void)
      else immediate = setImmediate(look)
    }
    look()
    return Effect.sync(() => clearImmediate(immediate))
  })

/** A wait of no turn at all, of one, or of up to that many milliseconds. */
export const anInstant = (chance: Chance, millis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    switch (chance.below(8)) {
      case 0:
        return Effect.void
      case 1:
        return Effect.yieldNow()
      default:
        return turnsUntil(performance.now() + chance.next() * millis)
    }
  })
