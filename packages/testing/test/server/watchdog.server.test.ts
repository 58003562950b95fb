import { spawn } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath, pathToFileURL } from "node:url"
import { describe, expect, it } from "vitest"
import { isAlive } from "../../src/server/processes.ts"
import { makeDirectory } from "../../src/server/temporaryFolders.ts"
import { startWatchdog, sweepClusters } from "../../src/server/watchdog.ts"
import { privateFolders } from "./privateFolders.ts"

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href
const ownerProgram = fileURLToPath(new URL("clusterOwner.ts", import.meta.url))

const startOwner = async () => {
  const child = spawn(process.execPath, ["--import", tsx, ownerProgram], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const lines = createInterface({ input: child.stdout })
  const line = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve)
    child.once("exit", (code) => reject(new Error(`the owner ended early with ${code}`)))
  })
  const cluster: { readonly dataDirectory: string; readonly pid: number } = JSON.parse(line)
  return { child, cluster, directory: dirname(cluster.dataDirectory) }
}

const gone = { timeout: 10_000, interval: 20 }

describe("a cluster whose owner dies", () => {
  const { clusters, identity } = privateFolders()
  it.each(["SIGKILL", "SIGINT", "SIGTERM", "SIGABRT"] as const)("of %s is stopped and removed", async (signal) => {
    const { child, cluster, directory } = await startOwner()
    expect(isAlive(cluster.pid)).toBe(true)
    child.kill(signal)
    await expect.poll(() => isAlive(cluster.pid), gone).toBe(false)
    await expect.poll(() => existsSync(directory), gone).toBe(false)
  })

  it("is stopped and removed even if it was paused", async () => {
    const { child, cluster, directory } = await startOwner()
    process.kill(cluster.pid, "SIGSTOP")
    child.kill("SIGKILL")
    await expect.poll(() => isAlive(cluster.pid), gone).toBe(false)
    await expect.poll(() => existsSync(directory), gone).toBe(false)
  })

  it("is stopped when its lifetime is over though the owner lives", async () => {
    const directory = makeDirectory(clusters, "c", identity)
    const data = join(directory, "data")
    mkdirSync(data)
    startWatchdog(directory, directory, identity, 1)
    // Stands for a server: what counts on Linux is that it works in the data directory.
    const user = identity === undefined ? {} : { uid: identity.uid, gid: identity.gid }
    const server = spawn("sleep", ["1000"], { cwd: data, stdio: "ignore", ...user })
    await expect.poll(() => existsSync(directory), gone).toBe(false)
    if (process.platform === "linux") await expect.poll(() => server.signalCode, gone).toBe("SIGKILL")
    else server.kill()
  })
})

describe("directories of earlier runs", () => {
  const folders = privateFolders()
  const abandoned = (owner: unknown): string => {
    const directory = makeDirectory(folders.clusters, "c", folders.identity)
    mkdirSync(join(directory, "data"))
    writeFileSync(join(directory, "owner.json"), JSON.stringify(owner))
    return directory
  }
  const later = Date.now() + 60_000

  it("are removed if their owner is dead or their time is over, and left alone otherwise", async () => {
    // Process ids end at 2^22 (Linux, PID_MAX_LIMIT): this one cannot exist.
    const dead = abandoned({ pid: 2 ** 22 + 1, host: hostname(), until: later })
    const expired = abandoned({ pid: process.pid, host: hostname(), until: Date.now() - 3_600_000 })
    const ours = abandoned({ pid: process.pid, host: hostname(), until: later })
    const elsewhere = abandoned({ pid: 2 ** 22 + 1, host: `not-${hostname()}`, until: later })
    const swept = sweepClusters(folders)
    expect(swept).toEqual(expect.arrayContaining([dead, expired]))
    expect(swept).not.toContain(ours)
    expect(swept).not.toContain(elsewhere)
    await expect.poll(() => existsSync(dead) || existsSync(expired), gone).toBe(false)
    expect(existsSync(ours) && existsSync(elsewhere)).toBe(true)
    startWatchdog(ours, ours, folders.identity, 60).release()
    startWatchdog(elsewhere, elsewhere, folders.identity, 60).release()
    await expect.poll(() => existsSync(ours) || existsSync(elsewhere), gone).toBe(false)
  })
})
