// `npm run bench`: pgfx beside its peers, on one server, in one run. `npm run bench -- --quick` is a look of about two minutes; names of scenarios
// (`npm run bench -- rows pool`) choose some; `npm run bench -- decode` measures the protocol alone, on captured bytes, `npm run bench -- guard` whether a hot path became slower,
// `npm run bench -- "tracing off"` what tracing costs where it is absent. `--save` keeps the numbers
// and the pictures in packages/benchmarks/results, where the README shows them; otherwise they go to .cache/benchmarks.
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { showResult } from "./compare.ts"
import { decode } from "./decode/decode.ts"
import { guard } from "./guard/guard.ts"
import { tracingOff } from "./guard/tracingOff.ts"
import { drawPictures } from "./suite/pictures.ts"
import { showGrowth, showSuiteResult } from "./suite/show.ts"
import { growths, scenarios } from "./suite/scenarios.ts"
import { runSuite } from "./suite/suite.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    save: { type: "boolean", default: false }
  }
})

const names = [
  "decode",
  "guard",
  "tracing off",
  ...scenarios.map(({ name }) => name),
  ...growths.map(({ name }) => name)
]
for (const name of positionals) {
  if (!names.includes(name)) throw new Error(`no scenario "${name}"; there are: ${names.join(", ")}`)
}

const folder = fileURLToPath(new URL(values.save ? "../results/" : "../../../.cache/benchmarks/", import.meta.url))
const facts = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  processors: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
  date: new Date().toISOString()
}
const keep = (name: string, what: object): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ ...facts, ...what }, null, 2)}\n`)
}

const { long, quick } = values
const rounds = Number(values.rounds ?? (quick ? 3 : 5))
const only = positionals.filter((name) => name !== "decode" && name !== "guard" && name !== "tracing off")

if (positionals.length === 0 || only.length > 0) {
  const report = await runSuite({ quick, long, rounds, only }, (result) =>
    console.log("standings" in result ? showSuiteResult(result) : showGrowth(result))
  )
  await drawPictures(report, folder)
  keep(only.length === 0 ? "suite" : only.join("+").replaceAll(" ", "-"), { quick, ...report })
}
if (positionals.includes("decode") || (positionals.length === 0 && !quick)) {
  keep("decode", { results: await decode(quick ? 3 : 7, (result) => console.log(showResult(result))) })
}
if (positionals.includes("tracing off")) await tracingOff(Number(values.rounds ?? 12))
if (positionals.includes("guard") && !(await guard())) process.exitCode = 1
