// Contestants side by side: the same work in interleaved rounds in one process, each round giving one ratio. Absolute numbers on a shared machine mean
// nothing, so ratios are what is reported: minimum, median and maximum over the rounds, and CPU time per unit.
// It does not know what the work is; whether the answers are right is checked before any clock runs.
import { ratioOf, showSpread, showTable, type Spread, spread } from "./spread.ts"

/** One way to do the work. */
export interface Contestant {
  readonly name: string
  /** what it does per unit, in one honest line */
  readonly does: string
  /** Makes the input anew, before every run and outside its time: a contestant may write into what it is given (pg-protocol does). */
  readonly prepare: () => void
  /** Does all of the work once, and returns what all contestants must agree on. */
  readonly run: () => Answer
  /** The same, slowly, with a checksum of everything that came out. */
  readonly verify: () => Answer
}

export interface Answer {
  readonly units: number
  readonly checksum: number
}

export interface Comparison {
  readonly title: string
  /** what is counted: "row", "message" */
  readonly unit: string
  readonly ours: Contestant
  readonly peers: ReadonlyArray<Contestant>
}

export interface Standing {
  readonly name: string
  readonly does: string
  readonly unitsPerSecond: Spread
  /** microseconds of CPU time, all threads of the process, per unit */
  readonly cpuPerUnit: Spread
  /** speed of ours ÷ speed of this one, per round; 1 for ours */
  readonly ratio: Spread
  /** CPU time of this one ÷ CPU time of ours, per round: the same without what other processes took */
  readonly cpuRatio: Spread
}

export interface Result {
  readonly title: string
  readonly unit: string
  readonly units: number
  readonly rounds: number
  readonly standings: ReadonlyArray<Standing>
}

interface Measured {
  readonly seconds: number
  readonly cpu: number
}

// No gc() between runs: a full collection throws away optimized code and charges its sweeping to whoever comes next (walking rows: 45 ns with
// neither, 83 to 122 with it). Rounds are many, and nobody is always behind the same neighbour.
const measure = (contestant: Contestant, expected: number): Measured => {
  contestant.prepare()
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  const { units } = contestant.run()
  const seconds = (performance.now() - before) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  if (units !== expected) throw new Error(`${contestant.name}: ${units} units instead of ${expected}`)
  return { seconds, cpu: (cpu.user + cpu.system) / units }
}

/** Throws if two contestants do not get the same out of the same bytes. */
const verifyAll = ({ ours, peers, title }: Comparison): number => {
  ours.prepare()
  const reference = ours.verify()
  for (const peer of peers) {
    peer.prepare()
    const answer = peer.verify()
    if (answer.units !== reference.units || answer.checksum !== reference.checksum) {
      throw new Error(`${title}: ${peer.name} has ${JSON.stringify(answer)}, ours ${JSON.stringify(reference)}`)
    }
  }
  return reference.units
}

/** Verifies, warms up and measures. `rounds` are counted, two more are not. */
export const compare = (comparison: Comparison, rounds: number): Result => {
  const units = verifyAll(comparison)
  const all = [comparison.ours, ...comparison.peers]
  const measured = all.map((): Array<Measured> => [])
  for (let round = -2; round < rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      const at = (i + round + 2) % all.length
      const result = measure(all[at]!, units)
      if (round >= 0) measured[at]!.push(result)
    }
  }
  const standings = all.map(({ does, name }, i) => ({
    name,
    does,
    unitsPerSecond: spread(measured[i]!.map(({ seconds }) => units / seconds)),
    cpuPerUnit: spread(measured[i]!.map(({ cpu }) => cpu)),
    ratio: ratioOf(
      measured[i]!.map(({ seconds }) => seconds),
      measured[0]!.map(({ seconds }) => seconds)
    ),
    cpuRatio: ratioOf(
      measured[i]!.map(({ cpu }) => cpu),
      measured[0]!.map(({ cpu }) => cpu)
    )
  }))
  return { title: comparison.title, unit: comparison.unit, units, rounds, standings }
}

/** A result as a table for people. */
export const showResult = ({ rounds, standings, title, unit, units }: Result): string => {
  const rows = standings.map(({ cpuPerUnit, cpuRatio, name, ratio, unitsPerSecond }, i) => [
    name,
    `${(unitsPerSecond.median / 1e6).toFixed(2)} M`,
    showSpread(cpuPerUnit, 3),
    i === 0 ? "" : showSpread(ratio, 2),
    i === 0 ? "" : showSpread(cpuRatio, 2)
  ])
  const head = ["", `${unit}s/s`, `CPU µs/${unit}`, "speed, ours ÷ it", "CPU, it ÷ ours"]
  return [
    `${title}: ${units.toLocaleString("en")} ${unit}s, ${rounds} rounds, median (min to max)`,
    showTable(head, rows),
    ...standings.map(({ does, name }) => `  ${name}: ${does}`),
    ""
  ].join("\n")
}
