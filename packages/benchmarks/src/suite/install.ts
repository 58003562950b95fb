// Peers live in folders of their own, each with a lock file, outside of the workspace: installed when a benchmark first needs them, and by nobody else.
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../", import.meta.url))

/** A folder of peers, and a package by which it is seen to be installed. */
const witnesses = { peers: "pg", "peers-effect4": "@effect/sql-pg" } as const

/**
 * Installs a folder of peers unless it is there, and answers its path, with a slash behind it. All versions are exact, and so is the lock file;
 * not `npm ci`, which calls a lock file out of step as soon as another npm than its own finds the platforms of an optional package.
 */
export const installPeers = (name: keyof typeof witnesses): string => {
  const place = `${folder}${name}/`
  if (existsSync(`${place}node_modules/${witnesses[name]}/package.json`)) return place
  process.stdout.write(`installing the peers of ${name}/ …\n`)
  const npm = process.platform === "win32" ? "npm.cmd" : "npm"
  execFileSync(npm, ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
    cwd: place,
    stdio: "inherit",
    timeout: 300_000
  })
  return place
}
