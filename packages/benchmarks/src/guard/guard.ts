// `npm run bench:guard`: fails when a hot path has become markedly slower. CPU time is compared with that of pinned work in the same process, in the
// same seconds, so that a slow or busy machine slows down both; what is allocated, and what is kept, needs no clock at all. Nothing is installed for it.
// Noise makes work slower, and never faster: so the least of several processes counts, and while that is too slow there are more of them.
import { showTable } from "../spread.ts"
import { buildWorker, measure } from "./processes.ts"
import { recorded, type Recorded } from "./recorded.ts"

const mostSlower = 1.25
const mostBytes = 1.15
/** it doubles by itself now and then; the Set that was found so kept eight times as much */
const mostKept = 2.5
const fewestProcesses = 2
const mostProcesses = 6
interface Verdict {
  readonly name: string
  readonly unit: string
  readonly cpu: number
  readonly bytes: number
  /** `undefined`: not measured */
  readonly kept: number | undefined
  readonly before: Recorded
}

const isSlow = ({ before, cpu }: Verdict): boolean => cpu > before.cpu * mostSlower
const isKept = ({ before, kept = 0 }: Verdict): boolean => kept > (before.kept ?? 0) * mostKept
const isLarge = ({ before, bytes }: Verdict): boolean => bytes > before.bytes * mostBytes

const percent = (ratio: number): string => `${ratio >= 1 ? "+" : ""}${Math.round((ratio - 1) * 100)} %`

const show = (verdicts: ReadonlyArray<Verdict>): string =>
  showTable(
    ["", "CPU, pgfx ÷ reference", "recorded", "", "bytes allocated", "recorded", "", "of them kept", "recorded"],
    verdicts.map(({ before, bytes, cpu, kept, name, unit }) => [
      name,
      cpu.toFixed(3),
      before.cpu.toFixed(3),
      percent(cpu / before.cpu),
      `${Math.round(bytes).toLocaleString("en")} a ${unit}`,
      Math.round(before.bytes).toLocaleString("en"),
      percent(bytes / before.bytes),
      kept === undefined ? "" : String(Math.round(kept)),
      before.kept === undefined ? "" : String(before.kept)
    ])
  )

const complaints = (verdict: Verdict): ReadonlyArray<string> => [
  ...(isSlow(verdict)
    ? [`${verdict.name}: takes ${percent(verdict.cpu / verdict.before.cpu)} CPU time (at most ${percent(mostSlower)}).`]
    : []),
  ...(isLarge(verdict)
    ? [`${verdict.name}: allocates ${percent(verdict.bytes / verdict.before.bytes)} (at most ${percent(mostBytes)}).`]
    : []),
  ...(isKept(verdict)
    ? [
        `${verdict.name}: ${Math.round(verdict.kept ?? 0)} bytes a query outlive a collection: does something old point at them?`
      ]
    : [])
]

/** True: no path has become slower. */
export const guard = async (): Promise<boolean> => {
  const worker = await buildWorker("guard")
  const sizes = await measure(worker, "bytes")
  const survivors = new Map((await measure(worker, "kept")).map(({ name, ours }) => [name, ours]))
  const least = new Map<string, { ours: number; reference: number }>()
  let best: ReadonlyArray<Verdict> = []
  for (let process = 1; process <= mostProcesses; process++) {
    best = (await measure(worker, "cpu")).map(({ name, unit, ...one }, i) => {
      const before = recorded[name]
      if (before === undefined) throw new Error(`nothing is recorded of "${name}"`)
      const known = least.get(name) ?? one
      const ours = Math.min(one.ours, known.ours)
      const reference = Math.min(one.reference, known.reference)
      least.set(name, { ours, reference })
      return { name, unit, cpu: ours / reference, bytes: sizes[i]?.ours ?? NaN, kept: survivors.get(name), before }
    })
    if (process >= fewestProcesses && !best.some(isSlow)) break
  }
  const found = best.flatMap(complaints)
  process.stdout.write(`${show(best)}\n`)
  for (const complaint of found) process.stdout.write(`SLOWER: ${complaint}\n`)
  process.stdout.write(
    found.length === 0
      ? "guard: no hot path has become slower\n"
      : "guard: a hot path has become slower than src/guard/recorded.ts says. If that is the price of something, record it anew.\n"
  )
  return found.length === 0
}
