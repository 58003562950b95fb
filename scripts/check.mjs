// `npm run check`: everything about the code that is not a test. One line per check with its time; what a check has to say
// comes below its line. All of them run, whatever the first one says. The last line counts them.
import { readdirSync } from "node:fs"
import { checkArrows } from "./check-arrows.mjs"
import { checkEffect } from "./check-effect.mjs"
import { staleSnippets } from "./readme-snippets.mjs"
import { setUp } from "./setup.mjs"
import { root, runTool } from "./setup-tools.mjs"

const tool = (packageName, args, options) => () => runTool(packageName, args, { capture: true, ...options })

const places = () => ["packages", "scripts", ...readdirSync(root).filter((name) => name.endsWith(".ts"))]

const arrows = async () => {
  const violations = checkArrows(root)
  return { code: violations.length === 0 ? 0 : 1, output: violations.map((line) => `${line}\n`).join("") }
}

const snippets = async () => {
  const stale = staleSnippets()
  const output = stale.map(
    ({ path }) => `${path}: a snippet differs from its file; run node scripts/readme-snippets.mjs\n`
  )
  return { code: stale.length === 0 ? 0 : 1, output: output.join("") }
}

const checks = [
  ["types", tool("typescript", ["-b", "--pretty", "false"], { command: "tsc" })],
  ["test types", tool("typescript", ["-p", "packages/tsconfig.test.json", "--pretty", "false"], { command: "tsc" })],
  ["script types", tool("typescript", ["-p", "scripts", "--pretty", "false"], { command: "tsc" })],
  ["effect", checkEffect],
  ["lint", () => tool("oxlint", ["--type-aware", "--deny-warnings", ...places()])()],
  ["format", () => tool("oxfmt", ["--check", ...places()])()],
  ["arrows", arrows],
  ["snippets", snippets]
]

const runCheck = async (check) => {
  try {
    return await check()
  } catch (error) {
    return { code: 1, output: `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n` }
  }
}

await setUp()
let failed = 0
for (const [name, check] of checks) {
  const start = performance.now()
  const { code, output } = await runCheck(check)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`${name.padEnd(14)}${code === 0 ? "ok" : "FAILED"}  ${seconds} s\n`)
  if (code === 0) continue
  failed++
  process.stdout.write(output.replace(/^/gm, "  ").trimEnd() + "\n")
}
process.stdout.write(`${checks.length - failed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
