// `npm run test:runtimes`: the pure tests of the protocol package on Node, Bun and Deno. Bun and Deno come from npm, into a folder that is
// no workspace package: as a dev dependency their binaries would stand first on the PATH of every script.
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setUp } from "./setup.mjs"
import { root, run } from "./setup-tools.mjs"

const versions = { bun: "1.4.5", deno: "2.9.6" }
const folder = join(root, ".cache", "runtimes")
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
const tests = ["run", "--config", "vitest.config.ts", "--project", "pure", "packages/protocol"]

const binary = (name) => join(folder, "node_modules", ".bin", name)

const install = async () => {
  if (Object.keys(versions).every((name) => existsSync(binary(name)))) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: versions }))
  const { code } = await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder })
  if (code !== 0) throw new Error("bun and deno could not be installed from the npm registry")
}

const runtimes = [
  ["node", process.execPath, [vitest, ...tests]],
  ["bun", binary("bun"), ["--bun", vitest, ...tests]],
  ["deno", binary("deno"), ["run", "-A", vitest, ...tests]]
]

await setUp()
await install()
let failed = 0
for (const [name, command, args] of runtimes) {
  process.stdout.write(["", `== ${String(name)}`, ""].join("\n"))
  const { code } = await run(command, args, { cwd: root })
  if (code !== 0) failed++
}
process.stdout.write(`${runtimes.length - failed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
