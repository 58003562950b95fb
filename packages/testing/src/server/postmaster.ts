// One running postmaster: launched, watched, signalled. It knows processes and the files postmaster.pid and server.log;
// it does not know how the data directory came to be (template.ts) nor what is configured (configuration.ts).
import { spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { programEnvironment } from "./runProgram.ts"
import type { Identity } from "./runProgram.ts"

/** The server could not be started, stopped or signalled. The message ends with the tail of the server's log. */
export class ServerError extends Error {
  override readonly name = "ServerError"
  /** the whole log, as text */
  readonly serverLog: string
  constructor(message: string, serverLog: string) {
    super(`${message}\n--- server log ---\n${serverLog.split("\n").slice(-40).join("\n")}`)
    this.serverLog = serverLog
  }
}

export interface Postmaster {
  readonly pid: number
  readonly hasExited: () => boolean
  /** Sends a signal; does nothing if the postmaster is gone. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** True as soon as it is gone, false if it still runs after `deadline` milliseconds. */
  readonly waitForExit: (deadline: number) => Promise<boolean>
}

export interface LaunchOptions {
  readonly program: string
  readonly dataDirectory: string
  readonly logFile: string
  readonly identity: Identity | undefined
}

const readIfThere = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** Starts the process; it is not ready for connections yet. */
export const launchPostmaster = (options: LaunchOptions): Postmaster => {
  const { dataDirectory, identity, logFile, program } = options
  const log = openSync(logFile, "a", 0o644)
  const child = spawn(program, ["-D", dataDirectory], {
    // The watchdog recognises the cluster's processes by their working directory, from the first moment on.
    cwd: dataDirectory,
    env: programEnvironment(),
    detached: true,
    stdio: ["ignore", log, log],
    ...(identity === undefined ? {} : { uid: identity.uid, gid: identity.gid })
  })
  closeSync(log)
  child.unref()
  let exited = child.pid === undefined
  const exit = new Promise<boolean>((resolve) => {
    const settle = () => {
      exited = true
      resolve(true)
    }
    child.once("exit", settle)
    child.once("error", settle)
  })
  return {
    pid: child.pid ?? 0,
    hasExited: () => exited,
    signal: (signal) => {
      if (!exited) child.kill(signal)
    },
    waitForExit: async (deadline) => {
      if (exited) return true
      child.ref()
      const timer = new AbortController()
      const late = sleep(deadline, false, { signal: timer.signal }).catch(() => false)
      const result = await Promise.race([exit, late])
      timer.abort()
      child.unref()
      return result
    }
  }
}

/**
 * Waits until the server says in postmaster.pid that it takes connections (line 8, as pg_ctl does: start.c of pg_ctl,
 * PM_STATUS_READY in src/include/utils/pidfile.h). Rejects with the log if it ends or is not ready in time.
 */
export const waitUntilReady = async (
  postmaster: Postmaster,
  options: LaunchOptions,
  deadline: number
): Promise<void> => {
  const until = Date.now() + deadline
  while (true) {
    if (postmaster.hasExited()) throw new ServerError("The server ended while starting.", readIfThere(options.logFile))
    const lines = readIfThere(join(options.dataDirectory, "postmaster.pid")).split("\n")
    const status = lines[7]?.trim()
    if (Number(lines[0]) === postmaster.pid && (status === "ready" || status === "standby")) return
    if (Date.now() > until) {
      postmaster.signal("SIGKILL")
      throw new ServerError(`The server was not ready after ${deadline} ms.`, readIfThere(options.logFile))
    }
    await sleep(5)
  }
}
