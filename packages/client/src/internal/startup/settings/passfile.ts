// The password file: `host:port:database:user:password`, one entry a line, the first that fits wins. Parsing only; the file is
// read by `settingsFile.ts`, for every attempt. Source: `passwordFromFile` and `pwdfMatchesString` in fe-connect.c of
// PostgreSQL 18; manual, "The Password File".
//
// Safer than libpq in one thing, the name that an entry is looked up by: see `passfileNames`.
import { isLoopback } from "./address.ts"

export interface PassfileQuestion {
  /** any of these names the host */
  readonly names: ReadonlyArray<string>
  readonly port: number
  readonly database: string
  readonly user: string
}

/**
 * Where the field that begins at `from` ends, if it says `wanted` or anything; otherwise `undefined`. Led by what is wanted,
 * not by colons, so that an address with bare colons is found too, as by libpq.
 */
const matchField = (line: string, from: number, wanted: string): number | undefined => {
  if (line.startsWith("*:", from)) return from + 2
  let at = from
  for (let index = 0; index < wanted.length; index++) {
    if (line.charAt(at) === "\\") at++
    if (line.charAt(at) !== wanted.charAt(index)) return undefined
    at++
  }
  return line.charAt(at) === ":" ? at + 1 : undefined
}

/** Up to the next bare colon or the end; a backslash takes the next character as it is. */
const readPassword = (line: string, from: number): string => {
  let password = ""
  for (let at = from; at < line.length && line.charAt(at) !== ":"; at++) {
    if (line.charAt(at) === "\\" && at + 1 < line.length) at++
    password += line.charAt(at)
  }
  return password
}

/**
 * What an entry may call a host. A Unix socket is its directory or `localhost`. A host with a `hostaddr` is its own name,
 * because that is what its certificate is checked against; but an entry for this machine must not be sent to another one, so
 * a `hostaddr` elsewhere is asked for by that address if the host has no name or a loopback one (CVE-2026-56870).
 */
export const passfileNames = (host: {
  readonly name: string
  readonly address: string
  readonly kind: "tcp" | "unix"
}) => {
  if (host.kind === "unix") return [host.name, "localhost"]
  return isLoopback(host.name) && !isLoopback(host.address) ? [host.address] : [host.name]
}

/** Where the password begins, if the entry is about this connection. */
const matchEntry = (line: string, name: string, { database, port, user }: PassfileQuestion): number | undefined => {
  let at: number | undefined = 0
  for (const wanted of [name, String(port), database, user]) {
    at = at === undefined ? undefined : matchField(line, at, wanted)
  }
  return at
}

/** The password of the first entry that fits; `undefined` if none does or it is empty. Lines that are no entries are passed over. */
export const findPassword = (text: string, question: PassfileQuestion): string | undefined => {
  for (const whole of text.split("\n")) {
    const line = whole.replace(/\r+$/, "")
    if (line.startsWith("#")) continue
    for (const name of question.names) {
      const at = matchEntry(line, name, question)
      if (at !== undefined) return readPassword(line, at) || undefined
    }
  }
  return undefined
}
