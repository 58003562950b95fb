// Makes the workspace ready to run: the right Node, the dependencies of the lockfile. Does nothing if that is done already.
// `npm start`, `npm test` and `npm run check` call it first, so that each of them works as the only command on a bare
// machine. Uses an installed pnpm 10, else fetches one through npx: corepack checks registry signatures that mirrors lack.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isMain, root, run } from "./setup-tools.mjs"

const oldestNode = 20
const pnpmVersion = "10.34.9"
const marker = join(root, "node_modules", ".pgfx-setup")
const lock = join(root, ".cache", "setup.lock")
const lockPatienceMs = 10 * 60 * 1000

const say = (text) => process.stderr.write(`${text}\n`)

class SetupError extends Error {}

const checkNode = () => {
  const major = Number(process.versions.node.split(".")[0])
  if (major >= oldestNode) return
  throw new SetupError(
    `pgfx needs Node ${oldestNode} or newer; this is ${process.version} (${process.execPath}).\n` +
      "Install a current Node (https://nodejs.org) and run the same command again."
  )
}

const packageFolders = () =>
  readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .sort()

/** Everything the installed tree depends on. A change of any of it makes the next run install again. */
const fingerprint = () => {
  const hash = createHash("sha256")
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].map((name) => join(root, name))
  for (const folder of packageFolders()) files.push(join(folder, "package.json"))
  for (const file of files) hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0")
  return hash.update(`${process.versions.modules} ${process.platform} ${process.arch}`).digest("hex")
}

const dependsOnSomething = (folder) => {
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8")
  )
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).length > 0
}

const isReady = (expected) =>
  existsSync(marker) &&
  readFileSync(marker, "utf8") === expected &&
  packageFolders().every((folder) => existsSync(join(folder, "node_modules")) || !dependsOnSomething(folder))

/** `[file, ...args]` that runs pnpm 10: the installed one if it is a 10, else one through npx. */
const findPnpm = () => {
  const installed = spawnSync("pnpm", ["--version"], { cwd: root, encoding: "utf8", timeout: 20_000 })
  if (installed.status === 0 && installed.stdout.trim().startsWith("10.")) return ["pnpm"]
  const npx = spawnSync("npx", ["--version"], { cwd: root, encoding: "utf8", timeout: 20_000 })
  if (npx.status === 0) return ["npx", "--yes", `pnpm@${pnpmVersion}`]
  throw new SetupError(`Neither pnpm 10 nor npx was found. Install pnpm: npm install --global pnpm@${pnpmVersion}`)
}

const networkFailure =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|META_FETCH_FAIL|FETCH_5\d\d/

/** The lines worth reading: no stack frames, no progress, no warnings about the user's own npm configuration. */
const tailOf = (output) =>
  output
    .split("\n")
    .filter(
      (line) =>
        line.trim() !== "" && !/^\s+at |^Progress: |^npm warn |^npm error A complete log|Will retry in /.test(line)
    )
    .slice(-12)
    .map((line) => `  ${line.trimEnd()}\n`)
    .join("")

const explain = (command, { code, output }) => {
  const details = `\n${command}\nended with exit code ${code}:\n${tailOf(output)}`
  const network = networkFailure.exec(output)
  if (network === null) return `The dependencies could not be installed.\n${details}`
  const host = /https?:\/\/([^/\s]+)/.exec(output)?.[1]
  return (
    `The dependencies could not be installed: ${host ?? "the package registry"} cannot be reached (${network[0]}).\n` +
    "Only the first run needs the network. Connect, or name your proxy or mirror (npm config set proxy …, npm config\n" +
    `set registry …), and run the same command again.\n${details}`
  )
}

const install = async () => {
  const [file, ...before] = findPnpm()
  const args = [...before, "install", "--frozen-lockfile", "--prefer-offline", "--prod=false"]
  // Without a terminal pnpm refuses to replace a node_modules that another version made, unless told that it may.
  args.push("--config.confirmModulesPurge=false", "--reporter=append-only")
  // Offline is worth knowing within seconds, not after two minutes of patience.
  const patience = { npm_config_fetch_retries: "3", npm_config_fetch_retry_mintimeout: "500" }
  const result = await run(file, args, {
    capture: true,
    env: { ...patience, npm_config_fetch_retry_maxtimeout: "4000", npm_config_update_notifier: "false" }
  })
  if (result.code !== 0) throw new SetupError(explain([file, ...args].join(" "), result))
}

/** pnpm passes over an optional package that could not be fetched; the tests would miss it much later. */
const missingPostgres = () => {
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  return Object.keys(optionalDependencies).filter(
    (name) => name.endsWith(`-${process.platform}-${process.arch}`) && !existsSync(join(root, "node_modules", name))
  )
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Two commands started at once must not install into the same folder at once. A lock of the dead is ignored in time. */
const withLock = async (task) => {
  mkdirSync(join(root, ".cache"), { recursive: true })
  for (let told = false; ; await sleep(200)) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== "EEXIST") throw error
    }
    try {
      const owner = Number(readFileSync(join(lock, "pid"), "utf8"))
      process.kill(owner, 0)
    } catch (error) {
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (error.code === "ESRCH" || age > (error.code === "ENOENT" ? 5000 : lockPatienceMs)) {
        rmSync(lock, { recursive: true, force: true })
        continue
      }
    }
    if (!told) say("Waiting for another set-up of this workspace to end …")
    told = true
  }
  try {
    writeFileSync(join(lock, "pid"), String(process.pid))
    return await task()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

const installOnce = async () => {
  const expected = fingerprint()
  if (isReady(expected)) return
  say("Setting up pgfx: installing dependencies …")
  const start = Date.now()
  await install()
  const missing = missingPostgres()
  if (missing.length > 0) {
    throw new SetupError(
      `Installed, but without ${missing.join(", ")} (the PostgreSQL servers that the tests run against).\n` +
        "They are optional packages, so pnpm passed over a failed download. Run the same command again with the network up."
    )
  }
  writeFileSync(marker, expected)
  say(`Set up in ${((Date.now() - start) / 1000).toFixed(1)} s.`)
}

/** Makes the workspace ready, or explains on standard error what is in the way and ends the process with code 1. */
export const setUp = async () => {
  try {
    checkNode()
    if (!isReady(fingerprint())) await withLock(installOnce)
  } catch (error) {
    say(error instanceof SetupError ? error.message : (error?.stack ?? String(error)))
    process.exit(1)
  }
}

if (isMain(import.meta.url)) await setUp()
