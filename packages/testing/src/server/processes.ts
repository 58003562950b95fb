// Questions and signals to processes by id. Ids are reused by the system: ask only about processes just seen.
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

/** State letter and parent of a process from /proc, `undefined` if it is gone (or on a system without /proc). */
const statOf = (pid: number | string): { readonly state: string; readonly parent: number } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // proc(5): pid (comm) state ppid …; comm may hold spaces and parentheses
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === undefined ? undefined : { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/**
 * True if a process of this id runs, ours or not. One that has ended and only waits for its parent to take note does not:
 * in a container the first process may never do that.
 */
export const isAlive = (pid: number): boolean => {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
  return process.platform !== "linux" || statOf(pid)?.state !== "Z"
}

/** Sends a signal; a process that is gone is no error. */
export const signalProcess = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

/** Waits until all are gone; after `deadline` milliseconds SIGKILL helps. */
export const waitUntilGone = async (pids: ReadonlyArray<number>, deadline: number): Promise<void> => {
  const until = Date.now() + deadline
  while (pids.some(isAlive)) {
    if (Date.now() > until) for (const pid of pids) signalProcess(pid, "SIGKILL")
    await sleep(10)
  }
}

const childrenByPs = (parent: number): ReadonlyArray<number> => {
  const table = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout
  const pairs = table.split("\n").map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.filter((pair) => pair[1] === parent).map((pair) => pair[0] ?? 0)
}

/** Ids of the direct children of a process. PostgreSQL's postmaster is the parent of all its processes. */
export const childProcesses = (parent: number): ReadonlyArray<number> => {
  if (process.platform !== "linux") return childrenByPs(parent)
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && statOf(entry)?.parent === parent)
    .map(Number)
}
