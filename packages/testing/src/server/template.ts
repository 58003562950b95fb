// A data directory fresh from initdb, made once per package version and copied for every cluster: initdb takes
// 0.5–1.1 s, the copy 0.15–0.3 s (40 MB, ext4, measured; 1 s after a dozen clusters came and went within minutes, because
// ext4 passes over recently deleted inodes one by one). Made beside its final name and renamed, so that a half-made
// template is never seen, whoever runs at the same time.
import { randomBytes } from "node:crypto"
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runProgram } from "./runProgram.ts"
import { cachePeriod, makeDirectory } from "./temporaryFolders.ts"
import type { Binaries } from "./binaries.ts"
import type { Folders } from "./temporaryFolders.ts"

export const superuser = "postgres"

export interface Template {
  readonly dataDirectory: string
  /** The superuser's password: 24 random characters, safe in a URI. Every copy of the template has the same. */
  readonly password: string
}

const templateAt = (home: string): Template => ({
  dataDirectory: join(home, "data"),
  password: readFileSync(join(home, "password"), "utf8")
})

const initdb = async (binaries: Binaries, directory: string, folders: Folders): Promise<void> => {
  const passwordFile = join(directory, "password")
  writeFileSync(passwordFile, randomBytes(18).toString("base64url"), { mode: 0o600 })
  if (folders.identity !== undefined) chownSync(passwordFile, folders.identity.uid, folders.identity.gid)
  const program = join(binaries.bin, "initdb")
  const args = ["-D", join(directory, "data"), "-U", superuser, `--pwfile=${passwordFile}`]
  args.push("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
  const result = await runProgram(program, args, { identity: folders.identity, deadline: 120_000 })
  if (result.code !== 0) {
    throw new Error(`initdb of PostgreSQL ${binaries.version} failed:\n${result.stdout}${result.stderr}`)
  }
}

/** The template for these binaries, made now if this period has none yet. */
export const prepareTemplate = async (binaries: Binaries, folders: Folders): Promise<Template> => {
  const home = join(folders.templates, `${binaries.version}-${process.arch}-${cachePeriod()}`)
  if (existsSync(home)) return templateAt(home)
  const making = makeDirectory(folders.templates, ".making-", folders.identity)
  try {
    await initdb(binaries, making, folders)
    renameSync(making, home)
  } catch (error) {
    rmSync(making, { recursive: true, force: true })
    // Another process finished first: its template is as good as ours.
    if (!existsSync(home)) throw error
  }
  return templateAt(home)
}

/** Copies a data directory that no server uses to `target` (which must not exist), owned by the server's user. */
export const copyDataDirectory = async (source: string, target: string, folders: Folders): Promise<void> => {
  const { identity } = folders
  const flags = process.platform === "linux" ? [["--reflink=auto", "-a"], ["-a"]] : [["-a"]]
  let problem = ""
  for (const flag of flags) {
    const result = await runProgram("cp", [...flag, source, target], { identity })
    if (result.code === 0) return
    // busybox's cp knows no --reflink
    problem = result.stderr
    rmSync(target, { recursive: true, force: true })
  }
  throw new Error(`Could not copy ${source} to ${target}: ${problem}`)
}
