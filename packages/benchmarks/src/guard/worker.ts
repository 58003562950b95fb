// The guard's measuring process: a fresh one each time, because what an engine has compiled stays compiled. `cpu`: interleaved slices, the least CPU
// time of each. `bytes`: what one slice allocates, with room for all of it, so that no collection comes between. `kept`: what outlives the collections
// of a young generation that is small; what keeps it may be dead itself, if it is old.
import type { HeapProfiler } from "node:inspector"
import { Session } from "node:inspector/promises"
import { spread } from "../spread.ts"
import { openPaths, type Path } from "./paths.ts"

/** One path, measured; microseconds of CPU time or bytes, per unit. Of what is kept only `ours`. */
export interface Guarded {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly reference: number
}

const [mode = "cpu"] = process.argv.slice(2)

const warmRounds = 6
const rounds = 14

const cpuOf = async (work: () => Promise<number>): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { system, user } = process.cpuUsage(before)
  return user + system
}

const bytesOf = async (work: () => Promise<number>): Promise<number> => {
  const before = process.memoryUsage().heapUsed
  await work()
  return process.memoryUsage().heapUsed - before
}

const measure = async (
  { name, ours, reference, unit, units }: Path,
  of: (work: () => Promise<number>) => Promise<number>
): Promise<Guarded> => {
  const both: readonly [Array<number>, Array<number>] = [[], []]
  for (let round = -warmRounds; round < rounds; round++) {
    const one = await of(ours)
    const other = await of(reference)
    if (round < 0) continue
    both[0].push(one)
    both[1].push(other)
  }
  // CPU time: what nobody has disturbed. Bytes: a collection in between makes one slice wrong, whichever way
  const pick = (values: ReadonlyArray<number>): number => (mode === "cpu" ? spread(values).min : spread(values).median)
  return { name, unit, ours: pick(both[0]) / units, reference: pick(both[1]) / units }
}

/** The little that sampling misses is the same every time. */
const samplingInterval = 1024
const keptRounds = 25

const sizeOf = ({ children, selfSize }: HeapProfiler.SamplingHeapProfileNode): number =>
  children.reduce((sum, child) => sum + sizeOf(child), selfSize)

const keptBy = async (work: () => Promise<number>): Promise<number> => {
  const session = new Session()
  session.connect()
  const sampling = { samplingInterval, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: false }
  await session.post("HeapProfiler.startSampling", sampling)
  for (let round = 0; round < keptRounds; round++) await work()
  const { profile } = await session.post("HeapProfiler.stopSampling")
  session.disconnect()
  return sizeOf(profile.head)
}

const measureKept = async ({ name, ours, unit, units }: Path): Promise<Guarded> => {
  for (let round = 0; round < keptRounds; round++) await ours()
  return { name, unit, ours: (await keptBy(ours)) / (units * keptRounds), reference: 0 }
}

const { close, paths } = await openPaths()
const measured: Array<Guarded> = []
for (const path of paths) {
  const [ours, reference] = [await path.ours(), await path.reference()]
  if (ours !== reference) throw new Error(`${path.name}: ours ${ours}, the reference ${reference}`)
  // rows are kept by whoever asked for them
  if (mode === "kept" && path.unit === "row") continue
  measured.push(await (mode === "kept" ? measureKept(path) : measure(path, mode === "cpu" ? cpuOf : bytesOf)))
}
await close()
process.stdout.write(`${JSON.stringify(measured)}\n`)
process.exit(0)
