// Ends a cluster whose test process is gone, however it went: exit, crash, Ctrl-C, SIGKILL.
// A small shell process holds the reading end of a pipe whose writing end only we have; the kernel closes it when we
// die. It then stops the postmaster and removes the cluster's directory. It runs as the server's user, never as root.
// It trusts no process id by itself (ids are reused): a process counts as the cluster's only if its working directory is
// the data directory (Linux) or its arguments name it (elsewhere).
import { spawn } from "node:child_process"
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { isAlive } from "./processes.ts"
import { programEnvironment } from "./runProgram.ts"
import type { Identity } from "./runProgram.ts"
import type { Folders } from "./temporaryFolders.ts"

/** A cluster lives two hours at most, whatever becomes of its owner. */
export const maximumLifetimeSeconds = 2 * 60 * 60

/** Waits for the end of the pipe or of the lifetime ($2 seconds). The rest is `cleanUp`. */
const awaitEnd = `
exec 3<&0 </dev/null
sleep "$2" 3<&- & timer=$!
{ cat <&3 >/dev/null; kill "$timer"; } & reader=$!
exec 3<&-
wait "$timer"
kill "$reader"
`

/**
 * Stops what runs in $1/data and removes $1 and $3. SIGQUIT first (the postmaster then frees its shared memory), SIGKILL
 * after three seconds for whatever is left. SIGCONT before, because a paused process ignores everything but SIGKILL.
 */
const cleanUp = `
data=$1/data
if [ -e /proc/self/cwd ]; then
  is_ours() { [ "/proc/$1/cwd" -ef "$data" ]; }
  signal_all() { for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$data" ] && kill -s "$1" "\${p#/proc/}"; done; }
else
  is_ours() { ps -p "$1" -o args= | grep -F -e "$data" >/dev/null; }
  signal_all() { is_ours "$postmaster" && kill -s "$1" "$postmaster"; }
fi
postmaster=
[ -f "$data/postmaster.pid" ] && read -r postmaster < "$data/postmaster.pid"
case $postmaster in ''|*[!0-9]*) postmaster=0 ;; esac
if [ "$postmaster" != 0 ] && is_ours "$postmaster"; then
  signal_all CONT
  kill -s QUIT "$postmaster"
  turns=0
  while is_ours "$postmaster" && [ $turns -lt 30 ]; do sleep 0.1 || sleep 1; turns=$((turns + 1)); done
fi
signal_all KILL
turns=0
while [ -e "$1" ] && [ $turns -lt 20 ]; do rm -rf -- "$1" "$3" || sleep 0.2; turns=$((turns + 1)); done
`

const shell = (script: string, args: ReadonlyArray<string>, identity: Identity | undefined) => {
  const child = spawn("/bin/sh", ["-c", script, "pgfx-watchdog", ...args], {
    cwd: "/",
    env: programEnvironment(),
    // Its own session: the terminal's Ctrl-C reaches us, not it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    ...(identity === undefined ? {} : { uid: identity.uid, gid: identity.gid })
  })
  child.on("error", () => {})
  child.stdin.on("error", () => {})
  child.unref()
  // The type says Writable; it is a net.Socket, and an open one would keep the test process alive.
  const { stdin } = child
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref()
  return child
}

export interface Watchdog {
  /** Lets it go: it cleans up what is still there (nothing, after an orderly stop) and ends. */
  readonly release: () => void
}

/** Starts the watchdog of one cluster directory; `socketDirectory` is removed too. Must start before the postmaster. */
export const startWatchdog = (
  directory: string,
  socketDirectory: string,
  identity: Identity | undefined,
  lifetimeSeconds: number
): Watchdog => {
  const owner = { pid: process.pid, host: hostname(), until: Date.now() + lifetimeSeconds * 1000 }
  writeFileSync(join(directory, "owner.json"), JSON.stringify(owner))
  const child = shell(awaitEnd + cleanUp, [directory, String(lifetimeSeconds), socketDirectory], identity)
  return { release: () => child.stdin.destroy() }
}

const graceMs = 10 * 60 * 1000

const isStale = (directory: string, now: number): boolean => {
  let text: string
  try {
    text = readFileSync(join(directory, "owner.json"), "utf8")
  } catch {
    // Being made right now, or left over from the moment before its owner was written down.
    return now - statSync(directory).mtimeMs > graceMs
  }
  const owner: unknown = JSON.parse(text)
  if (typeof owner !== "object" || owner === null || !("until" in owner && "pid" in owner && "host" in owner))
    return true
  if (now > Number(owner.until) + graceMs) return true
  // Another container that shares the temp folder has processes we cannot see.
  return owner.host === hostname() && !isAlive(Number(owner.pid))
}

/**
 * Cleans up after earlier runs whose watchdog was killed too (a container stopped, the machine lost power).
 * Goes on in the background; returns the directories it took on.
 */
export const sweepClusters = (folders: Folders, now = Date.now()): ReadonlyArray<string> => {
  const swept: Array<string> = []
  for (const entry of readdirSync(folders.clusters)) {
    const directory = join(folders.clusters, entry)
    try {
      if (!isStale(directory, now)) continue
      swept.push(directory)
      shell(cleanUp, [directory, "0", directory], folders.identity).stdin.destroy()
    } catch {
      // A directory that another process is removing at this moment.
      rmSync(directory, { recursive: true, force: true })
    }
  }
  return swept
}
