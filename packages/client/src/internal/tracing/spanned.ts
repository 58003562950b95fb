// A span around what is more than one statement, where somebody observes.
import type * as Effect from "effect/Effect"
import type { Database } from "../database.ts"

export const spanned = <A, E, R>(
  { observer }: Database,
  name: string,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => (observer === undefined ? self : observer.within(name, self))
