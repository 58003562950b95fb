// Who takes part, how its worker is started, and what has to be there first: bundles of our own workers, and the peers' packages from npm.
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { installPeers } from "./install.ts"
import type { Launch } from "./Worker.ts"

const folder = fileURLToPath(new URL("../../", import.meta.url))

// Bundled, as a program is that goes to production: a loader that compiles on the fly would be measured too. What users install beside
// pgfx stays outside, as it does for the peers.
const bundle = async (): Promise<void> => {
  await build({
    entryPoints: { serve: `${folder}src/suite/serve.ts`, pgfx: `${folder}src/suite/pgfx/main.ts` },
    outdir: `${folder}dist/workers`,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["effect", "effect/*", "@effect/*"],
    logLevel: "warning"
  })
}

/** The binary of Bun from npm: its package's own script, which would fetch it a second time, is not run. */
const bunBinary = (peers: string): string | undefined => {
  const scope = `${peers}node_modules/@oven/`
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const binary = `${scope}${name}/bin/bun`
    try {
      execFileSync(binary, ["--version"], { timeout: 10_000, stdio: "ignore" })
      return binary
    } catch {
      // built for another processor or C library
    }
  }
  return undefined
}

const versionOf = (place: string, name: string): string => {
  const { version } = JSON.parse(readFileSync(`${place}node_modules/${name}/package.json`, "utf8")) as {
    readonly version: string
  }
  return version
}

const node = (script: string, ...args: ReadonlyArray<string>): Launch => ({
  command: process.execPath,
  args: [script, ...args]
})

/** The version of the machine's psql, which the npm packages of PostgreSQL do without. */
const psqlVersion = (): string | undefined => {
  try {
    return /\d+(?:\.\d+)?/.exec(execFileSync("psql", ["--version"], { encoding: "utf8", timeout: 10_000 }))?.[0]
  } catch {
    return undefined
  }
}

export interface Contestant {
  readonly name: string
  readonly version: string
  readonly launch: Launch
}

/** Everybody who can run here, by name. Installs and bundles what is missing. */
export const prepareContestants = async (): Promise<ReadonlyMap<string, Contestant>> => {
  const peers = installPeers("peers")
  const peersEffect4 = installPeers("peers-effect4")
  await bundle()
  const bun = bunBinary(peers)
  const psql = psqlVersion()
  const limits = `${peers}copyLimits.mjs`
  const all: ReadonlyArray<Contestant> = [
    { name: "pgfx", version: "this tree", launch: node(`${folder}dist/workers/pgfx.mjs`) },
    { name: "pg", version: versionOf(peers, "pg"), launch: node(`${peers}pg.mjs`) },
    {
      name: "pg-copy-streams",
      version: versionOf(peers, "pg-copy-streams"),
      launch: node(`${peers}pgCopyStreams.mjs`)
    },
    { name: "postgres.js", version: versionOf(peers, "postgres"), launch: node(`${peers}postgresjs.mjs`) },
    { name: "sql-pg 4", version: versionOf(peersEffect4, "@effect/sql-pg"), launch: node(`${peersEffect4}sqlPg4.mjs`) },
    { name: "sql-pg 3", version: versionOf(peers, "@effect/sql-pg"), launch: node(`${peers}sqlPg3.mjs`) },
    { name: "the wire alone", version: "", launch: node(`${peers}wire.mjs`) },
    { name: "server alone", version: "by files", launch: node(limits, "server") },
    ...(psql === undefined ? [] : [{ name: "psql", version: psql, launch: node(limits, "psql") }]),
    ...(bun === undefined
      ? []
      : [{ name: "Bun.SQL", version: versionOf(peers, "bun"), launch: { command: bun, args: [`${peers}bunSql.mjs`] } }])
  ]
  if (bun === undefined) process.stdout.write("Bun.SQL is left out: no binary of Bun from npm runs on this machine.\n")
  if (psql === undefined) {
    process.stdout.write("psql is left out: the npm packages of PostgreSQL have none, and neither has this machine.\n")
  }
  return new Map(all.map((contestant) => [contestant.name, contestant]))
}
