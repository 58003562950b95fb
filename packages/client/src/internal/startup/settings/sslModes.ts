// Which `sslmode` holds for which host. Remote hosts are verified unless the user wrote something weaker; this machine is
// plain unless something about TLS was written. Why: decisions/0002-sslmode-default.md. Source of the checks between settings:
// `pqConnectOptions2` in fe-connect.c.
import * as Either from "effect/Either"
import type { Settings, SslMode } from "../../../Settings.ts"
import { isLoopback } from "./address.ts"
import type { Environment } from "./environment.ts"
import { type AllGiven, nonEmpty, wrongValue } from "./given.ts"
import type { NamedHost } from "./hosts.ts"
import { oneOf, type Read } from "./values.ts"

export const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const

export interface HostTls {
  readonly sslmode: SslMode
  /** see `ResolvedHost.onlyLoopback` */
  readonly onlyLoopback: boolean
}

/** Settings that mean nothing without TLS: who writes one of them expects it. */
const meansTls = (settings: Settings, all: AllGiven): boolean =>
  settings.acceptInvalidCertificatesForDevelopment === true ||
  settings.sslkey !== undefined ||
  all.get("channel_binding")?.value === "require" ||
  all.get("sslnegotiation")?.value === "direct" ||
  ["sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version"].some(
    (name) => nonEmpty(all, name) !== undefined
  )

/** Settings that cannot be had with a weaker mode than they need. */
const judgeMode = (all: AllGiven, mode: SslMode): Read<void> => {
  const direct = all.get("sslnegotiation")
  const roots = all.get("sslrootcert")
  const weak = mode === "disable" || mode === "allow" || mode === "prefer"
  if (direct?.value === "direct" && weak) {
    return wrongValue(direct, "needs the sslmode require, verify-ca or verify-full")
  }
  return roots?.value === "system" && mode !== "verify-full"
    ? wrongValue(roots, "needs the sslmode verify-full: anybody can have a certificate of a public root")
    : Either.right(undefined)
}

/** The name and the address that is dialled: `hostaddr` can lead away from a host called `localhost`, or a tunnel to a remote one. */
const staysHere = (host: NamedHost): boolean => isLoopback(host.name) && isLoopback(host.address)

/** For each host, in order. */
export const resolveSslModes = (
  settings: Settings,
  all: AllGiven,
  environment: Environment,
  hosts: ReadonlyArray<NamedHost>
): Read<ReadonlyArray<HostTls>> =>
  Either.gen(function* () {
    const written = yield* oneOf(all, "sslmode", sslModes)
    if (written !== undefined) yield* judgeMode(all, written)
    const tls = meansTls(settings, all)
    return hosts.map((host): HostTls => {
      // "sslmode is ignored for Unix domain socket communication"
      if (host.kind === "unix") return { sslmode: "disable", onlyLoopback: false }
      if (written !== undefined) return { sslmode: written, onlyLoopback: false }
      if (tls || !staysHere(host)) return { sslmode: "verify-full", onlyLoopback: false }
      // PGREQUIRESSL is a floor: it never weakens what would hold without it (CVE-2017-7485 was its being forgotten).
      return { sslmode: environment.requireTls ? "require" : "disable", onlyLoopback: true }
    })
  })
