// `npm run bench -- "tracing off"`: what a program without `Tracing` pays for the fact that there is one. The same work by pgfx as it is and by pgfx
// without its questions about observers (untraced.ts), in processes of their own that take turns; against a server in memory.
import { ratioOf, showTable, spread } from "../spread.ts"
import { buildWorker, measure } from "./processes.ts"
import { untraced } from "./untraced.ts"
import type { Guarded } from "./worker.ts"

const queriesOf = (all: ReadonlyArray<Guarded>): ReadonlyArray<Guarded> => all.filter(({ unit }) => unit === "query")

/** `rounds`: processes of each. */
export const tracingOff = async (rounds: number): Promise<void> => {
  const workers = [await buildWorker("guard"), await buildWorker("guard-untraced", [untraced])]
  const bytes = await Promise.all(workers.map(async (worker) => queriesOf(await measure(worker, "bytes"))))
  const cpu: Array<Array<ReadonlyArray<Guarded>>> = [[], []]
  for (let round = 0; round < rounds; round++) {
    // nobody is always first
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      cpu[which]?.push(queriesOf(await measure(workers[which] ?? "", "cpu")))
    }
  }
  const rows = (bytes[0] ?? []).map(({ name, ours }, path) => {
    // as a ratio to the reference's of the same process, like the guard's
    const [present, absent] = cpu.map((all) =>
      all.map((one) => (one[path]?.ours ?? NaN) / (one[path]?.reference ?? NaN))
    )
    const { max, median, min } = ratioOf(present ?? [], absent ?? [])
    const least = spread(present ?? []).min / spread(absent ?? []).min
    const without = bytes[1]?.[path]?.ours ?? NaN
    return [
      name,
      `${median.toFixed(3)} (${min.toFixed(3)} to ${max.toFixed(3)})`,
      least.toFixed(3),
      Math.round(ours).toLocaleString("en"),
      Math.round(without).toLocaleString("en")
    ]
  })
  const head = [
    "no Tracing ÷ no such thing",
    "CPU of a query, by rounds",
    "the least",
    "bytes allocated",
    "no such thing"
  ]
  process.stdout.write(`${showTable(head, rows)}\n`)
}
