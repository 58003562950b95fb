// The scenarios, run: for each, every contestant in a process of its own, in interleaved rounds. Before anything is measured, everybody's answer is
// compared with ours; a contestant that gets something else fails the whole benchmark.
import { ratioOf, type Spread, spread } from "../spread.ts"
import { type Contestant, prepareContestants } from "./contestants.ts"
import { startServer } from "./data.ts"
import { type Growth, growths, native, type Scenario, scenarios } from "./scenarios.ts"
import type { Point, Server } from "./serve.ts"
import { type Measured, Worker } from "./Worker.ts"

export interface Standing {
  readonly name: string
  readonly version: string
  readonly unitsPerSecond: Spread
  /** microseconds of CPU time of the client's process per unit */
  readonly cpuPerUnit: Spread
  /** speed of ours ÷ speed of this one, round by round; 1 for ours */
  readonly ratio: Spread
  /** CPU time of this one ÷ CPU time of ours, round by round */
  readonly cpuRatio: Spread
  /** bytes: the most that the process had, all rounds, less what it had before the first */
  readonly rssGrowth: number
}

export interface GoalResult {
  readonly text: string
  readonly ratio: number
  readonly reached: boolean
}

export interface SuiteResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly units: number
  readonly rounds: number
  readonly standings: ReadonlyArray<Standing>
  readonly goals: ReadonlyArray<GoalResult>
}

export interface GrowthResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly axis: string
  readonly tellsMemory: boolean
  readonly curves: ReadonlyArray<{ readonly name: string; readonly points: ReadonlyArray<GrowthPoint> }>
}

export interface GrowthPoint {
  readonly at: number
  /** microseconds of wall-clock time per unit */
  readonly micros: number
  /** of them CPU time of the client */
  readonly cpu: number
  /** bytes: what the process grew by */
  readonly rssGrowth: number
}

interface Entrant {
  readonly name: string
  readonly version: string
  readonly worker: Worker
  readonly measured: Array<Measured>
  startRss: number
}

interface Entry {
  readonly contestant: Contestant
  readonly scenario: string
  readonly label: string
}

const found = (contestants: ReadonlyMap<string, Contestant>, names: ReadonlyArray<string>): ReadonlyArray<Contestant> =>
  names.flatMap((name) => contestants.get(name) ?? [])

/** Opens everybody's worker, hands them to `use`, and ends them whatever happens. */
const withEntrants = async <A>(
  entries: ReadonlyArray<Entry>,
  server: Server,
  point: Point,
  use: (entrants: ReadonlyArray<Entrant>) => Promise<A>
): Promise<A> => {
  const entrants: Array<Entrant> = []
  try {
    for (const { contestant, label, scenario } of entries) {
      const worker = new Worker(label, contestant.launch)
      entrants.push({ name: label, version: contestant.version, worker, measured: [], startRss: 0 })
      await worker.open({ scenario, server, point })
    }
    return await use(entrants)
  } finally {
    await Promise.all(entrants.map(({ worker }) => worker.stop()))
  }
}

/** Throws if two contestants do not get the same. */
const verifyAll = async (entrants: ReadonlyArray<Entrant>, units: number, title: string): Promise<void> => {
  let expected: number | undefined
  for (const entrant of entrants) {
    const { checksum, startRss } = await entrant.worker.measure("verify", units)
    entrant.startRss = startRss
    expected ??= checksum
    if (checksum !== expected) throw new Error(`${title}: ${entrant.name} got ${checksum}, ours ${expected}`)
  }
}

/** Two rounds at least, and as many as take `seconds`: until then engines compile, and more of them for those that have more code. */
const warmUp = async (entrants: ReadonlyArray<Entrant>, units: number, seconds: number): Promise<void> => {
  for (const { worker } of entrants) {
    let spent = 0
    for (let round = 0; round < 2 || spent < seconds; round++) spent += (await worker.measure("run", units)).seconds
  }
}

/** Nobody is always behind the same neighbour. */
const runRounds = async (entrants: ReadonlyArray<Entrant>, units: number, rounds: number): Promise<void> => {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entrants.length; i++) {
      const entrant = entrants[(i + round) % entrants.length]!
      entrant.measured.push(await entrant.worker.measure("run", units))
    }
  }
}

const standingsOf = (entrants: ReadonlyArray<Entrant>, units: number): ReadonlyArray<Standing> => {
  const ours = entrants[0]!.measured
  return entrants.map(({ measured, name, startRss, version }) => ({
    name,
    version,
    unitsPerSecond: spread(measured.map(({ seconds }) => units / seconds)),
    cpuPerUnit: spread(measured.map(({ cpu }) => cpu / units)),
    ratio: ratioOf(
      measured.map(({ seconds }) => seconds),
      ours.map(({ seconds }) => seconds)
    ),
    cpuRatio: ratioOf(
      measured.map(({ cpu }) => cpu),
      ours.map(({ cpu }) => cpu)
    ),
    rssGrowth: measured.at(-1)!.peakRss - startRss
  }))
}

const goalsOf = (scenario: Scenario, standings: ReadonlyArray<Standing>): ReadonlyArray<GoalResult> => {
  const goal = (text: string, ratio: number, target: number): GoalResult => ({
    text: `≥ ${target} × ${text}`,
    ratio,
    reached: ratio >= target
  })
  const peers = standings.filter(({ name }) => scenario.peers.includes(name) && !native.has(name))
  const ofPeers = scenario.goals.flatMap(({ peer, ratio: target }) => {
    const best = [...peers].sort((a, b) => a.ratio.median - b.ratio.median)[0]
    const against = peer === "best" ? best : standings.find(({ name }) => name === peer)
    if (against === undefined) return []
    return [goal(peer === "best" ? `the best (${against.name})` : peer, against.ratio.median, target)]
  })
  const ofVariants = (scenario.variants ?? []).flatMap(({ goal: target, label }) => {
    const standing = standings.find(({ name }) => name === label)
    // a variant's own speed ÷ the plain one's
    return standing === undefined || target === 0 ? [] : [goal(`pgfx, by ${label}`, 1 / standing.ratio.median, target)]
  })
  return [...ofPeers, ...ofVariants]
}

export interface SuiteOptions {
  readonly quick: boolean
  /** what takes minutes, too */
  readonly long: boolean
  readonly rounds: number
  /** names of scenarios; all if there are none */
  readonly only: ReadonlyArray<string>
}

export interface SuiteReport {
  readonly server: string
  readonly results: ReadonlyArray<SuiteResult>
  readonly growths: ReadonlyArray<GrowthResult>
}

const runScenario = async (
  scenario: Scenario,
  contestants: ReadonlyMap<string, Contestant>,
  server: Server,
  { quick, rounds }: SuiteOptions
): Promise<SuiteResult> => {
  const ours = contestants.get("pgfx")!
  const entries: ReadonlyArray<Entry> = [
    { contestant: ours, scenario: scenario.name, label: "pgfx" },
    ...(scenario.variants ?? []).map((variant) => ({ contestant: ours, ...variant })),
    ...found(contestants, scenario.peers).map((contestant) => ({
      contestant,
      scenario: scenario.name,
      label: contestant.name
    }))
  ]
  const units = quick ? scenario.quickUnits : scenario.units
  return withEntrants(entries, server, {}, async (entrants) => {
    await verifyAll(entrants, units, scenario.title)
    const counted = Math.min(rounds, scenario.mostRounds ?? rounds)
    // what takes that long is compiled when some of it has been verified, and only then its memory is of interest
    const isLong = scenario.mostRounds !== undefined
    if (!isLong) await warmUp(entrants, units, quick ? 0.5 : 2)
    await runRounds(entrants, units, counted)
    if (isLong) for (const entrant of entrants) entrant.startRss = entrant.measured[0]!.startRss
    const standings = standingsOf(entrants, units)
    const { name, title, unit } = scenario
    return { name, title, unit, units, rounds: counted, standings, goals: goalsOf(scenario, standings) }
  })
}

const runGrowth = async (
  growth: Growth,
  contestants: ReadonlyMap<string, Contestant>,
  server: Server,
  { long, quick }: SuiteOptions
): Promise<GrowthResult> => {
  const { axis, longPoints, name, peers, pointOf, points, quickPoints, title, unit, unitsAt } = growth
  const entries = found(contestants, ["pgfx", ...peers]).map((contestant) => ({
    contestant,
    scenario: name,
    label: contestant.name
  }))
  const curves = entries.map(({ label }) => ({
    name: label,
    points: new Array<GrowthPoint>()
  }))
  for (const at of [...(quick ? quickPoints : points), ...(long ? (longPoints ?? []) : [])]) {
    const units = unitsAt(at)
    await withEntrants(entries, server, pointOf(at), async (entrants) => {
      await verifyAll(entrants, units, `${title}: ${at}`)
      // small work is repeated until it can be measured at all, and what takes seconds is compiled when its answer has been verified
      const isLong = units >= 1_000_000
      if (!isLong) await warmUp(entrants, units, quick ? 0.1 : 0.4)
      await runRounds(entrants, units, isLong ? 1 : units < 1_000 ? 25 : 3)
      entrants.forEach(({ measured, startRss }, i) => {
        const micros = spread(measured.map(({ seconds }) => (seconds * 1e6) / units)).median
        const cpu = spread(measured.map((one) => one.cpu / units)).median
        curves[i]!.points.push({ at, micros, cpu, rssGrowth: measured.at(-1)!.peakRss - startRss })
      })
    })
  }
  return { name, title, unit, axis, tellsMemory: growth.tellsMemory === true, curves }
}

/** Runs what is asked for, and reports each when it is done. */
export const runSuite = async (
  options: SuiteOptions,
  report: (result: SuiteResult | GrowthResult) => void
): Promise<SuiteReport> => {
  const contestants = await prepareContestants()
  await using benchmarked = await startServer()
  const wanted = ({ long, name }: { readonly name: string; readonly long?: true }): boolean =>
    options.only.length === 0 ? options.long || long !== true : options.only.includes(name)
  const results: Array<SuiteResult> = []
  for (const scenario of scenarios.filter(wanted)) {
    const result = await runScenario(scenario, contestants, benchmarked.server, options)
    results.push(result)
    report(result)
  }
  const grown: Array<GrowthResult> = []
  for (const growth of growths.filter(wanted)) {
    const result = await runGrowth(growth, contestants, benchmarked.server, options)
    grown.push(result)
    report(result)
  }
  return { server: benchmarked.version, results, growths: grown }
}
