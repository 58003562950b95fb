// What the guard holds a run against. Recorded on Node 20 on two cores of a busy machine, the middle of eight processes; a hot path that became faster
// is recorded anew, so that it stays so (`npm run bench:guard` prints what it measured).

export interface Recorded {
  /** CPU time of pgfx ÷ CPU time of the reference */
  readonly cpu: number
  /** bytes that pgfx allocates per unit */
  readonly bytes: number
  /** bytes of them, per unit, that outlive a collection of the young generation; where only the work itself could keep them */
  readonly kept?: number
}

export const recorded: Readonly<Record<string, Recorded>> = {
  "100 fibers on one connection": { cpu: 1.5, bytes: 10_700, kept: 440 },
  "100 fibers on a pool of 10": { cpu: 1.57, bytes: 10_900, kept: 400 },
  "untyped rows of 5 columns": { cpu: 0.505, bytes: 191 },
  "rows of a Schema, 4 columns": { cpu: 0.575, bytes: 130 }
}
