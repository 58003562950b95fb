// Effect's own diagnostics (a forgotten yield*, an Effect that nobody runs, Date.now() where Clock belongs) over all
// packages and tests. Runs the compiler that @effect/tsgo carries, as it is: nothing in node_modules is patched.
// A file with known mistakes is checked along: if the rules do not find them all, they would not find ours either.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setUp } from "./setup.mjs"
import { isMain, root, run, runTool } from "./setup-tools.mjs"

const folder = join(root, ".cache", "check-effect")

/** One mistake per line; the comment names the rule that must find it. */
const canary = `import * as Effect from "effect/Effect"
export const program = Effect.gen(function* () {
  Effect.log("never runs") // floatingEffect
  const now = Date.now() // globalDateInEffect
  const luck = Math.random() // globalRandomInEffect
  if (luck > now) {
    yield* Effect.fail("late" as const) // missingReturnYieldStar
  }
  return Effect.succeed(1) // returnEffectInGen
})
export const caught = Effect.succeed(1).pipe(Effect.catchAll(() => Effect.succeed(2))) // catchUnfailableEffect
`

const expectedFindings = () =>
  canary.split("\n").flatMap((line, index) => {
    const rule = line.split(" // ")[1]
    return rule === undefined ? [] : [`${index + 1} ${rule}`]
  })

const writeProject = () => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "canary.ts"), canary)
  const include = ["../../packages/*/src", "../../packages/*/test", "canary.ts"]
  const project = { extends: "../../scripts/check-effect.tsconfig.json", include }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project, null, 2))
}

/** The compiler's path, as the package's own command tells it (its library function fails in 0.45.0). */
const findCompiler = () => runTool("@effect/tsgo", ["get-exe-path"], { command: "effect-tsgo", capture: true })

/** Resolves with `{ code, output }`; the output holds the findings, one per line, or what else went wrong. */
export const checkEffect = async () => {
  writeProject()
  const compiler = await findCompiler()
  if (compiler.code !== 0) return compiler
  const { output } = await run(compiler.output.trim(), ["-p", join(folder, "tsconfig.json"), "--pretty", "false"], {
    capture: true
  })
  const lines = output.split("\n").filter((line) => /^\S.*\b(error|warning) TS\d+/.test(line))
  const canaryFinding = /check-effect\/canary\.ts\((\d+),\d+\): .* effect\((\w+)\)$/
  const found = new Set(lines.flatMap((line) => canaryFinding.exec(line)?.slice(1).join(" ") ?? []))
  const missed = expectedFindings().filter((finding) => !found.has(finding))
  if (missed.length > 0) {
    return {
      code: 1,
      output: `The Effect rules do not work: in the canary they missed ${missed.join(", ")}.\n${output}`
    }
  }
  // Plain type errors are the affair of `tsc -b`, which knows each package's own settings.
  const findings = lines.filter((line) => line.includes(" effect(") && !canaryFinding.test(line))
  return { code: findings.length > 0 ? 1 : 0, output: findings.map((line) => `${line}\n`).join("") }
}

if (isMain(import.meta.url)) {
  await setUp()
  const { code, output } = await checkEffect()
  process.stdout.write(output)
  process.exitCode = code
}
