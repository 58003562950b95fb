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

/** The first four fields, unescaped and told apart from a bare `*`, and what is behind them. */
interface Entry {
  readonly fields: ReadonlyArray<string | undefined>
  readonly password: string
}

/** Up to the next bare colon; a backslash takes the next character as it is. */
const readField = (line: string, from: number): { readonly text: string; readonly end: number } => {
  let text = ""
  let at = from
  while (at < line.length && line.charAt(at) !== ":") {
    if (line.charAt(at) === "\\" && at + 1 < line.length) at++
    text += line.charAt(at)
    at++
  }
  return { text, end: at }
}

const parseEntry = (line: string): Entry | undefined => {
  const fields: Array<string | undefined> = []
  let at = 0
  for (let field = 0; field < 4; field++) {
    const { text, end } = readField(line, at)
    if (end >= line.length) return undefined
    // only an unescaped star, alone in its field, means "any"
    fields.push(line.slice(at, end) === "*" ? undefined : text)
    at = end + 1
  }
  return { fields, password: readField(line, at).text }
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

/** The password of the first entry that fits; `undefined` if none does or it is empty. Lines that are no entries are passed over. */
export const findPassword = (text: string, question: PassfileQuestion): string | undefined => {
  const wanted = [question.names, [String(question.port)], [question.database], [question.user]]
  for (const line of text.split(/\r*\n/)) {
    const entry = line.startsWith("#") ? undefined : parseEntry(line.replace(/\r+$/, ""))
    if (entry === undefined) continue
    if (entry.fields.every((field, index) => field === undefined || wanted[index]?.includes(field) === true)) {
      return entry.password === "" ? undefined : entry.password
    }
  }
  return undefined
}
