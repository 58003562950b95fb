// The long profile of the protocol's fuzzer: `npm run fuzz -- --seconds 3600 --seed 7`. Prints what was tried once a second; ends with exit code 1
// and the command that runs the failing case again if a promise is broken. Without a seed it takes one from the clock, and says which.
import { parseArgs } from "node:util"
import { fuzz, FuzzFailure, showReport } from "../packages/protocol/test/fuzz/fuzz.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    cases: { type: "string" },
    seed: { type: "string" },
    from: { type: "string" }
  }
})

const count = (name: keyof typeof values): number | undefined => {
  const text = values[name]
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new Error(`--${name} ${text} is not a whole number`)
  return Number(text)
}

const cases = count("cases")
const seconds = count("seconds") ?? (cases === undefined ? 60 : undefined)
const options = {
  seed: count("seed") ?? Date.now() % 1_000_000_000,
  from: count("from") ?? 0,
  ...(seconds === undefined ? {} : { seconds }),
  ...(cases === undefined ? {} : { cases })
}

let shown = 0
try {
  const started = performance.now()
  const report = fuzz({
    ...options,
    progress: (report) => {
      if (shown++ % 10 === 0) console.log(showReport(report))
    }
  })
  console.log(`${showReport(report)}; ${((performance.now() - started) / 1000).toFixed(0)} s`)
} catch (error) {
  if (!(error instanceof FuzzFailure)) throw error
  console.error(error.stack)
  console.error(error.cause)
  process.exitCode = 1
}
