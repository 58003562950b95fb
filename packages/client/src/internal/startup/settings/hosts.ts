// The servers to try: three lists (`host`, `hostaddr`, `port`) made into one record per host, as `pqConnectOptions2` in
// fe-connect.c does it. Nothing is looked up here. What a host's name means for TLS is in `sslModes.ts`.
import * as Either from "effect/Either"
import type { HostSettings, Settings } from "../../../Settings.ts"
import { isAddress } from "./address.ts"
import { type AllGiven, type Given, nonEmpty, wrongValue } from "./given.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { parseWhole, type Read, whole } from "./values.ts"

/** As written, defaults filled in. */
export interface NamedHost {
  /** who was meant: a name, an address, or the directory of a Unix socket */
  readonly name: string
  /** what to dial */
  readonly address: string
  readonly port: number
  readonly kind: "tcp" | "unix"
}

const defaultPort = 5432
/** libpq's is a Unix socket in a directory chosen when it was compiled; here it is what works on every platform. */
const defaultHost = "localhost"

// `sun_path` of Linux, its NUL not counted; other systems have 104 and say so themselves
const longestSocketPath = 107

const isSocket = (host: string): boolean => host.startsWith("/") || host.startsWith("@")

interface Written {
  readonly host: string
  readonly hostaddr: string
  readonly port: number
}

/** Why this cannot be a host, or the host. `wrong` knows where it was written. */
const nameHost = (
  { host, hostaddr, port }: Written,
  wrong: (which: "host" | "hostaddr", issue: string) => Either.Either<never, SettingsIssue>
): Read<NamedHost> => {
  if (hostaddr !== "" && !isAddress(hostaddr)) return wrong("hostaddr", "must be a numeric address, IPv4 or IPv6")
  if (host.startsWith("[")) return wrong("host", "must not have brackets: only a URI writes addresses that way")
  if (hostaddr === "" && isSocket(host)) {
    const bytes = new TextEncoder().encode(`${host}/.s.PGSQL.${port}`).length
    if (bytes > longestSocketPath) {
      return wrong("host", `makes a socket path of ${bytes} bytes; ${longestSocketPath} is the most`)
    }
    return Either.right({ name: host, address: host, port, kind: "unix" })
  }
  // With an address to dial, a directory names nobody.
  const named = host === "" || isSocket(host) ? undefined : host
  const address = hostaddr === "" ? (named ?? defaultHost) : hostaddr
  return Either.right({ name: named ?? address, address, port, kind: "tcp" })
}

const fromHosts = (hosts: ReadonlyArray<HostSettings>): Read<ReadonlyArray<NamedHost>> =>
  hosts.length === 0
    ? Either.left(settingsIssue("hosts", "must not be empty"))
    : Either.all(
        hosts.map(({ host = "", hostaddr = "", port = defaultPort }, index) =>
          Either.gen(function* () {
            const key = `hosts[${index}]`
            if (host.includes(",")) return yield* Either.left(settingsIssue(`${key}.host`, "must be one host"))
            yield* whole(`${key}.port`, port, 1, 65_535)
            return yield* nameHost({ host, hostaddr, port }, (which, issue) =>
              Either.left(settingsIssue(`${key}.${which}`, issue))
            )
          })
        )
      )

const countIssue = (what: string, given: number, hosts: number): string =>
  `has ${given} ${what} for ${hosts} ${hosts === 1 ? "host" : "hosts"}`

const parsePort = (given: Given, text: string): Read<number> =>
  text === "" ? Either.right(defaultPort) : parseWhole(given, text, 1, 65_535)

const fromLists = (all: AllGiven): Read<ReadonlyArray<NamedHost>> =>
  Either.gen(function* () {
    const host = nonEmpty(all, "host")
    const hostaddr = nonEmpty(all, "hostaddr")
    const port = nonEmpty(all, "port")
    const names = host?.value.split(",")
    const addresses = hostaddr?.value.split(",")
    const ports = port?.value.split(",") ?? [""]
    const count = (addresses ?? names)?.length ?? 1
    if (hostaddr !== undefined && names !== undefined && names.length !== count) {
      return yield* wrongValue(hostaddr, countIssue("addresses", count, names.length))
    }
    if (port !== undefined && ports.length !== 1 && ports.length !== count) {
      return yield* wrongValue(port, countIssue("ports", ports.length, count))
    }
    const hosts: Array<NamedHost> = []
    for (let index = 0; index < count; index++) {
      const text = ports[ports.length === 1 ? 0 : index] ?? ""
      const number = port === undefined ? defaultPort : yield* parsePort(port, text)
      const written = { host: names?.[index] ?? "", hostaddr: addresses?.[index] ?? "", port: number }
      hosts.push(
        yield* nameHost(written, (which, issue) => {
          const given = which === "host" ? host : hostaddr
          return given === undefined ? Either.left(settingsIssue(which, issue)) : wrongValue(given, issue)
        })
      )
    }
    return hosts
  })

/** At least one, in the order written. */
export const resolveHosts = (settings: Settings, all: AllGiven): Read<ReadonlyArray<NamedHost>> => {
  const { host, hostaddr, hosts, port } = settings
  if (hosts === undefined) {
    return host?.includes(",") === true || hostaddr?.includes(",") === true
      ? Either.left(
          settingsIssue(
            host?.includes(",") === true ? "host" : "hostaddr",
            "must be one host; several are written in `hosts`"
          )
        )
      : fromLists(all)
  }
  return host !== undefined || hostaddr !== undefined || port !== undefined
    ? Either.left(settingsIssue("hosts", "cannot be combined with `host`, `hostaddr` or `port`"))
    : fromHosts(hosts)
}
