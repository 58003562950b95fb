// The cases of the encryption matrix: who connects how to which server. Shared by the test and by the script that asked libpq.
import { type Authority, makeAuthority, selfSigned } from "@pgfx/testing/server/certificates"
import type { ServerTls } from "@pgfx/testing/server/cluster"

/** the name that is meant; what is dialled is loopback */
export const hostName = "db.pgfx.test"

export const users = { host: "anyuser", hostssl: "ssluser", hostnossl: "nossluser" } as const
export type HbaLine = keyof typeof users
export const hbaLines = ["host", "hostssl", "hostnossl"] as const satisfies ReadonlyArray<HbaLine>

/** `trust`: what is tested here is the link. */
export const hba = ["local   all all       trust", ...hbaLines.map((line) => `${line} all ${users[line]} all trust`)]

export const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const
export type Mode = (typeof modes)[number]

export const servers = ["off", "good", "wrong host", "expired", "unknown authority", "self-signed"] as const
export type Server = (typeof servers)[number]

export const tlsOf = (server: Server, authority: Authority): ServerTls | undefined => {
  const day = 24 * 60 * 60 * 1000
  switch (server) {
    case "off":
      return undefined
    case "good":
      return asServer(authority.issue({ names: [hostName] }))
    case "wrong host":
      return asServer(authority.issue({ names: ["another.pgfx.test"] }))
    case "expired":
      return asServer(
        authority.issue({
          names: [hostName],
          validFrom: new Date(Date.now() - 3 * day),
          validTo: new Date(Date.now() - 2 * day)
        })
      )
    case "unknown authority":
      return asServer(makeAuthority().issue({ names: [hostName] }))
    case "self-signed":
      return asServer(selfSigned({ names: [hostName] }))
  }
}

const asServer = ({ chain, key }: { readonly chain: string; readonly key: string }): ServerTls => ({
  certificate: chain,
  key
})

export interface Case {
  readonly server: Server
  readonly line: HbaLine
  readonly mode: Mode
  readonly negotiation: "postgres" | "direct"
  /** a root certificate is given; the two strictest modes cannot do without */
  readonly roots: boolean
}

const needsRoots = (mode: Mode): boolean => mode === "verify-ca" || mode === "verify-full"

/** `direct` is refused before anything is dialled by the three weaker modes (tested with the settings). */
const negotiationsOf = (mode: Mode): ReadonlyArray<Case["negotiation"]> =>
  mode === "require" || needsRoots(mode) ? ["postgres", "direct"] : ["postgres"]

export const casesOf = (server: Server): ReadonlyArray<Case> =>
  hbaLines.flatMap((line) =>
    modes.flatMap((mode) =>
      negotiationsOf(mode).flatMap((negotiation) =>
        (needsRoots(mode) ? [true] : [false, true]).map((roots) => ({ server, line, mode, negotiation, roots }))
      )
    )
  )

export const nameOf = ({ line, mode, negotiation, roots, server }: Case): string =>
  [server, line, mode, ...(negotiation === "direct" ? ["direct"] : []), ...(roots ? ["roots"] : [])].join(" · ")
