// What every script needs before anything is installed: where the workspace is, and how to run a program in it.
// Plain Node without dependencies, in syntax that an outdated Node can still read far enough to be told that it is outdated.
import { spawn } from "node:child_process"
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Absolute path of the workspace. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** True for the module that Node was started with, also if the path to it goes through symbolic links. */
export const isMain = (moduleUrl) =>
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(moduleUrl)

/** Under CI some tools colour their output even into a pipe, and even with NO_COLOR (oxlint 1.94). */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g")

/** Exit code the way a shell counts: 128 plus the signal's number if a signal ended the process. */
const exitCode = (code, signal) => code ?? 128 + (constants.signals[signal] ?? 1)

/**
 * Runs a program in the workspace and resolves with `{ code, output }`. With `capture`, what it prints is collected
 * (both streams, in order of arrival) instead of shown. Ctrl-C and kill are passed on, so that nothing is left behind.
 */
export const run = (file, args, options = {}) =>
  new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: options.capture ? ["ignore", "pipe", "pipe"] : "inherit"
    })
    let output = ""
    const collect = (text) => (output += text)
    child.stdout?.setEncoding("utf8").on("data", collect)
    child.stderr?.setEncoding("utf8").on("data", collect)
    const forward = (signal) => child.kill(signal)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
    for (const signal of signals) process.on(signal, forward)
    const settle = (result) => {
      for (const signal of signals) process.off(signal, forward)
      resolve(result)
    }
    child.once("error", (error) => settle({ code: 127, output: `${output}${error.message}\n` }))
    child.once("close", (code, signal) => settle({ code: exitCode(code, signal), output: output.replace(colours, "") }))
  })

/** The file behind a package's command, from its package.json: no shell, no PATH, and blanks in paths do no harm. */
export const toolPath = (packageName, command = packageName) => {
  const home = join(root, "node_modules", packageName)
  const manifest = join(home, "package.json")
  if (!existsSync(manifest)) throw new Error(`${packageName} is not installed; run: node scripts/setup.mjs`)
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"))
  return join(home, typeof bin === "string" ? bin : bin[command])
}

/** Runs an installed JavaScript tool with this very Node. */
export const runTool = (packageName, args, options = {}) =>
  run(process.execPath, [toolPath(packageName, options.command), ...args], options)
