// `npm run bench -- <scenario> [--rounds n]`: runs a scenario, prints its tables and leaves the numbers as JSON in .cache/benchmarks.
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Result, showResult } from "./compare.ts"
import { decode } from "./decode/decode.ts"

const scenarios: Readonly<
  Record<string, (rounds: number, report: (result: Result) => void) => Promise<ReadonlyArray<Result>>>
> = { decode }

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" } }
})

const folder = fileURLToPath(new URL("../../../.cache/benchmarks/", import.meta.url))

for (const name of positionals.length === 0 ? Object.keys(scenarios) : positionals) {
  const scenario = scenarios[name]
  if (scenario === undefined) throw new Error(`no scenario ${name}; there are: ${Object.keys(scenarios).join(", ")}`)
  const results = await scenario(Number(values.rounds), (result) => console.log(showResult(result)))
  mkdirSync(folder, { recursive: true })
  const facts = { scenario: name, node: process.version, arch: process.arch, date: new Date().toISOString() }
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ ...facts, results }, null, 2)}\n`)
}
