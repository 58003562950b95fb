// The mutation fuzzer (G2 of the faults and attacks): takes a session, mutates it, feeds it, and holds the package to its promises. Every case is
// a function of seed and number, so a failure is run again by naming both. Used by the test (short) and by scripts/fuzz.ts (long).
import { type Corpus, makeCorpus, texts } from "./corpus.ts"
import { mutated } from "./mutate.ts"
import { Random } from "./Random.ts"
import { certificateTarget, decodeTarget, saslPrepTarget, scramTarget, type Tally } from "./targets.ts"

export interface FuzzOptions {
  readonly seed: number
  /** ends after this time, in seconds … */
  readonly seconds?: number
  /** … or after this many cases */
  readonly cases?: number
  /** number of the first case */
  readonly from?: number
  /** called about once a second */
  readonly progress?: (report: FuzzReport) => void
}

export interface FuzzReport extends Tally {
  readonly seed: number
  /** inputs tried; each is the number of a case */
  readonly cases: number
  /** bytes fed to decoders */
  readonly bytes: number
  /** milliseconds of the slowest case, and which it was */
  readonly slowest: number
  readonly slowestCase: number
  /** bytes of the largest typed array that the package asked for while allocations were watched */
  readonly largestAllocation: number
  readonly allocationsWatched: number
}

/** No input may take longer, in milliseconds. */
export const longestCase = 50

/** Milliseconds above which a case is timed again. */
const suspicious = 5

/** One case in so many is fed with every allocation watched, which costs a lot. */
const watchEvery = 256

/** What an input may make the package allocate at once: itself again, decoded, and the smallest chunk of a writer. */
const allocationCap = (input: number): number => Math.max(4 * input, 1024) + 65_536

export class FuzzFailure extends Error {
  override readonly name = "FuzzFailure"
  constructor(seed: number, index: number, cause: unknown) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    super(`seed ${seed}, case ${index}: ${what} (again: npm run fuzz -- --seed ${seed} --from ${index} --cases 1)`, {
      cause
    })
  }
}

const native = globalThis.Uint8Array

/** Runs `work` and returns the length of the longest array it made by length. */
const watchAllocations = (work: () => void): number => {
  let largest = 0
  const watched: Uint8ArrayConstructor = new Proxy(native, {
    construct(target, args: ReadonlyArray<unknown>) {
      const [first] = args
      if (typeof first === "number" && first > largest) largest = first
      return Reflect.construct(target, args) as Uint8Array // what `target` constructs
    }
  })
  globalThis.Uint8Array = watched
  try {
    work()
  } finally {
    globalThis.Uint8Array = native
  }
  return largest
}

interface Count {
  input: number
}

/** Case `index` of `random`'s seed. */
const runCase = (corpus: Corpus, random: Random, tally: Tally, count: Count): void => {
  const kind = random.below(64)
  if (kind === 0) return scramTarget(random, tally)
  if (kind === 1) return saslPrepTarget(random.pick(texts), random, tally)
  if (kind === 2) return certificateTarget(random)
  const large = random.once(2000)
  const session = random.pick(large ? corpus.large : corpus.small)
  const { bytes, legal } = mutated(session, random.pick(corpus.small), random, large)
  count.input = bytes.length
  // now and then what one side says, to the decoder of the other
  const direction = random.once(100) ? (session.direction === "F" ? "B" : "F") : session.direction
  decodeTarget(direction, session, bytes, legal && direction === session.direction, random, tally)
}

/** Runs until time or cases are up. Throws FuzzFailure for the first promise that is broken. */
export const fuzz = (options: FuzzOptions): FuzzReport => {
  const { from = 0, seed } = options
  const corpus = makeCorpus(seed)
  const random = new Random()
  const tally: Tally = { frames: 0, violations: 0, rows: 0, largestHeld: 0 }
  const count: Count = { input: 0 }
  const started = performance.now()
  const end = started + (options.seconds ?? Number.POSITIVE_INFINITY) * 1000
  const last = from + (options.cases ?? Number.POSITIVE_INFINITY)
  let [bytes, slowest, slowestCase, largestAllocation, allocationsWatched] = [0, 0, -1, 0, 0]
  let reportAt = started + 1000
  const report = (cases: number): FuzzReport => ({
    ...tally,
    seed,
    cases,
    bytes,
    slowest,
    slowestCase,
    largestAllocation,
    allocationsWatched
  })

  /** Milliseconds that case `index` takes. */
  const time = (index: number, into: Tally): number => {
    random.begin(seed, index)
    const before = performance.now()
    runCase(corpus, random, into, count)
    return performance.now() - before
  }

  const watch = (index: number): void => {
    const largest = watchAllocations(() => time(index, { ...tally }))
    allocationsWatched++
    largestAllocation = Math.max(largestAllocation, largest)
    if (largest > allocationCap(count.input)) {
      throw new Error(`${largest} bytes allocated at once for an input of ${count.input}`)
    }
  }

  let index = from
  try {
    for (; index < last; index++) {
      count.input = 0
      let took = time(index, tally)
      bytes += count.input
      // the machine may have been busy otherwise: slow is what is slow every time
      for (let again = 0; took > suspicious && again < 3; again++) took = Math.min(took, time(index, { ...tally }))
      if (took > longestCase) throw new Error(`${took.toFixed(1)} ms for an input of ${count.input} bytes`)
      if (took > slowest) [slowest, slowestCase] = [took, index]
      if (index % watchEvery === 0) watch(index)
      if ((index & 63) !== 0) continue
      const now = performance.now()
      if (now >= end) break
      if (now < reportAt) continue
      reportAt = now + 1000
      options.progress?.(report(index - from))
    }
  } catch (error) {
    throw new FuzzFailure(seed, index, error)
  }
  return report(index - from)
}

/** A report as lines for people. */
export const showReport = (report: FuzzReport): string =>
  [
    `seed ${report.seed}: ${report.cases.toLocaleString("en")} inputs, ${report.frames.toLocaleString("en")} frames`,
    `(${report.rows.toLocaleString("en")} rows and payloads walked), ${report.violations.toLocaleString("en")} refused,`,
    `${(report.bytes / 1e6).toFixed(1)} MB; slowest ${report.slowest.toFixed(1)} ms (case ${report.slowestCase});`,
    `largest held ${report.largestHeld.toLocaleString("en")} bytes, largest allocation`,
    `${report.largestAllocation.toLocaleString("en")} bytes in ${report.allocationsWatched.toLocaleString("en")} watched inputs`
  ].join(" ")
