// Where the harness keeps things between runs: <temp>/pgfx-<uid>/{binaries,templates,clusters}.
// The folder's name can be guessed by every user of the machine, so it is used only if it is ours and only we can write to it.
// Nothing here is precious: any part may be deleted while no test runs.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Identity } from "./runProgram.ts"

export interface Folders {
  /** Copies of binaries that the server's user could not reach. Owned by ourselves. */
  readonly binaries: string
  /** Data directories fresh from initdb. Owned by the server's user. */
  readonly templates: string
  /** One directory per cluster. Owned by the server's user. */
  readonly clusters: string
  readonly identity: Identity | undefined
}

const dayMs = 24 * 60 * 60 * 1000

/**
 * Caches live two days at most: the system may clean its temp folder file by file (macOS after 3 days without access,
 * systemd-tmpfiles after 10), and a data directory with holes in it starts and then fails in the strangest ways.
 */
export const cachePeriod = (now = Date.now()): number => Math.floor(now / (2 * dayMs))

const everyoneMayEnter = (path: string): boolean => {
  for (let current = path; ; current = dirname(current)) {
    if ((statSync(current).mode & 0o001) === 0) return false
    if (current === dirname(current)) return true
  }
}

const ownFolder = (path: string, owner: number): void => {
  try {
    mkdirSync(path, { mode: 0o755 })
    // mkdir's mode is subject to the umask
    chmodSync(path, 0o755)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== owner || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} exists but is not a folder that only user ${owner} can write to; remove it or set TMPDIR.`)
  }
}

const serverFolder = (path: string, ourselves: number, identity: Identity | undefined): string => {
  try {
    if (lstatSync(path).uid === identity?.uid) return path
  } catch {
    // not there yet
  }
  ownFolder(path, ourselves)
  if (identity !== undefined) chownSync(path, identity.uid, identity.gid)
  return path
}

/** Makes the folders if they are missing. Throws if a folder of that name belongs to somebody else. */
export const prepareFolders = (identity: Identity | undefined): Folders => {
  // A root shell may have a TMPDIR of its own (pam_namespace, /tmp/user/0) which the server's user cannot enter.
  const preferred = realpathSync(tmpdir())
  const temp = identity === undefined || everyoneMayEnter(preferred) ? preferred : realpathSync("/tmp")
  const ourselves = process.getuid?.() ?? 0
  const root = join(temp, `pgfx-${ourselves}`)
  ownFolder(root, ourselves)
  const binaries = join(root, "binaries")
  ownFolder(binaries, ourselves)
  return {
    binaries,
    templates: serverFolder(join(root, "templates"), ourselves, identity),
    clusters: serverFolder(join(root, "clusters"), ourselves, identity),
    identity
  }
}

/** A new directory inside `folder`, owned by the server's user. It is the caller's to rename or remove. */
export const makeDirectory = (folder: string, prefix: string, identity: Identity | undefined): string => {
  const directory = mkdtempSync(join(folder, prefix))
  chmodSync(directory, 0o711)
  if (identity !== undefined) chownSync(directory, identity.uid, identity.gid)
  return directory
}

/** Removes cached entries of former periods and half-made ones (`.making-*`) that nobody finished within an hour. */
export const sweepCaches = (folders: Folders, now = Date.now()): void => {
  for (const folder of [folders.binaries, folders.templates]) {
    for (const entry of readdirSync(folder)) {
      const path = join(folder, entry)
      try {
        const age = now - statSync(path).mtimeMs
        if (age > (entry.startsWith(".making-") ? dayMs / 24 : 4 * dayMs))
          rmSync(path, { recursive: true, force: true })
      } catch {
        // another process was quicker, or it is not ours to remove: neither may fail a test run
      }
    }
  }
}
