// Who runs the server. PostgreSQL refuses to run as root ("cannot be run as root", src/backend/main/main.c), and a user
// id that is not in the passwd database is refused too ("could not look up effective user ID", src/common/username.c).
import { readFileSync } from "node:fs"
import type { Identity } from "./runProgram.ts"

/** Tried in this order; every Unix has the first, the second exists where PostgreSQL was installed by the system. */
const unprivilegedNames = ["nobody", "postgres", "daemon"]

const parsePasswd = (passwd: string): ReadonlyMap<string, Identity> => {
  const users = new Map<string, Identity>()
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":")
    if (name === undefined || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) continue
    users.set(name, { name, uid: Number(uid), gid: Number(gid) })
  }
  return users
}

/**
 * The user the server must run as, or `undefined` if that is ourselves.
 * As root: the first of nobody, postgres, daemon that the passwd file knows. Throws if there is none, or on Windows.
 */
export const serverIdentity = (passwdFile = "/etc/passwd"): Identity | undefined => {
  if (process.getuid === undefined) {
    throw new Error("The PostgreSQL test harness runs on Linux and macOS; elsewhere give your tests a running server.")
  }
  if (process.getuid() !== 0) return undefined
  const users = parsePasswd(readFileSync(passwdFile, "utf8"))
  for (const name of unprivilegedNames) {
    const identity = users.get(name)
    if (identity !== undefined && identity.uid > 0) return identity
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and ${passwdFile} has none of the users ${unprivilegedNames.join(", ")} to run it as.`
  )
}
