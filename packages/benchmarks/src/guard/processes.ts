// The guard's measuring processes, seen from outside: how worker.ts is bundled, with which flags it is started, what it answers.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { build, type Plugin } from "esbuild"
import type { Guarded } from "./worker.ts"

const folder = fileURLToPath(new URL("../../", import.meta.url))
const run = promisify(execFile)

/** `192`, in MiB: a slice of any path fits in. `4`: it is collected often, and most of what a query needs is not alive then. */
const young = (size: number) => [`--min-semi-space-size=${size}`, `--max-semi-space-size=${size}`]

const flags = {
  /** Compiling and collecting in the order of the program: on a busy machine threads of V8's own come late, and what is not compiled yet is slow. */
  cpu: ["--single-threaded"],
  bytes: young(192),
  kept: young(4)
}

/** Bundles worker.ts, and answers its file. */
export const buildWorker = async (name: string, plugins: Array<Plugin> = []): Promise<string> => {
  const outdir = `${folder}dist/${name}`
  await build({
    entryPoints: { worker: `${folder}src/guard/worker.ts` },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["effect", "effect/*", "@effect/*", "pg-protocol"],
    logLevel: "warning",
    plugins
  })
  return `${outdir}/worker.mjs`
}

export const measure = async (worker: string, mode: keyof typeof flags): Promise<ReadonlyArray<Guarded>> => {
  const { stdout } = await run(process.execPath, [...flags[mode], worker, mode], { timeout: 120_000 })
  // the other side is worker.ts
  return JSON.parse(stdout) as ReadonlyArray<Guarded>
}
