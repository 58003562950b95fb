// Runs one short program to its end (initdb, cp, postgres --version) and hands back what it printed.
// It does not run the server itself: that is postmaster.ts, which outlives the call.
// The environment is built here and not inherited, so that no PG* variable or locale of the caller leaks in.
import { spawn } from "node:child_process"

/** The user a program runs as; `undefined` in its place means "as ourselves". */
export interface Identity {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** What a program left behind. `code` is `null` if a signal ended it. */
export interface ProgramResult {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * The environment of every PostgreSQL program of the harness: messages in English, times in UTC, nothing else.
 * PATH stays because initdb looks for `postgres` beside itself and runs it through a shell.
 */
export const programEnvironment = (): Record<string, string> => ({
  LC_ALL: "C",
  TZ: "UTC",
  PATH: process.env.PATH ?? "/usr/bin:/bin"
})

/**
 * Runs `file` with `args` and waits for its end, `deadline` milliseconds at most (then SIGKILL and a rejection).
 * Rejects if the program could not be started (`code` ENOENT, EACCES); a non-zero exit is a result, not a rejection.
 */
export const runProgram = (
  file: string,
  args: ReadonlyArray<string>,
  options: { readonly identity: Identity | undefined; readonly deadline?: number }
): Promise<ProgramResult> =>
  new Promise((resolve, reject) => {
    const deadline = options.deadline ?? 60_000
    const child = spawn(file, args, {
      cwd: "/",
      env: programEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.identity === undefined ? {} : { uid: options.identity.uid, gid: options.identity.gid })
    })
    let stdout = ""
    let stderr = ""
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill("SIGKILL")
    }, deadline)
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.once("error", (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once("close", (code, signal) => {
      clearTimeout(timer)
      if (late) reject(new Error(`${file} did not end within ${deadline} ms\n${stderr}`))
      else resolve({ code, signal, stdout, stderr })
    })
  })
