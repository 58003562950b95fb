// SSLRequest and its one-byte answer, or TLS at once, before a word of the protocol proper. What the server says as text before TLS is
// up is nobody's we know, so it is never shown (CVE-2024-10977). Which kind of encryption is tried when is decided in plan.ts.
import { ByteWriter, writeSslRequest } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import type { SslMode } from "../../Settings.ts"
import type { Duplex, SecureDuplex, TlsOptions } from "../../Transport.ts"
import type { Encryption } from "./plan.ts"
import type { Progress } from "./progress.ts"
import type { ResolvedHost, ResolvedTls } from "./settings/ResolvedSettings.ts"

/** The link after negotiation, and what is known about who is on the other side. */
export interface Link {
  readonly duplex: Duplex
  readonly tls: boolean
  /** the certificate's chain was checked: a password in clear text would reach whom it was meant for */
  readonly verified: boolean
  /** DER */
  readonly peerCertificate: Uint8Array | undefined
}

const S = 0x53
const N = 0x4e
const E = 0x45

/** Registered with IANA; servers from 17 on demand it of direct TLS, so that no other protocol's traffic is taken for ours (ALPACA). */
const alpn = "postgresql"

const tlsFailed = (check: string, cause?: unknown): Broken =>
  new Broken({ reason: { _tag: "TlsFailed", check, cause }, outcome: "NotSent", cause })

const verification = (mode: SslMode, tls: ResolvedTls, roots: string | undefined): TlsOptions["verify"] => {
  if (tls.acceptInvalidCertificates) return "none"
  switch (mode) {
    case "verify-full":
      return "chain-and-name"
    case "verify-ca":
      return "chain"
    default:
      // `sslrootcert`: "If the file exists, the server's certificate will be verified to be signed by one of these authorities."
      return roots === undefined ? "none" : "chain"
  }
}

const tlsOptions = (host: ResolvedHost, tls: ResolvedTls): Effect.Effect<TlsOptions, PostgresError> =>
  Effect.map(tls.material, (material) => ({
    serverName: host.name,
    verify: verification(host.sslmode, tls, material.roots),
    sni: tls.sni,
    minVersion: tls.minVersion,
    alpn: [alpn],
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ...(material.roots === undefined ? {} : { ca: material.roots }),
    ...(material.crl === undefined ? {} : { crl: material.crl }),
    ...(material.certificate === undefined ? {} : { cert: material.certificate }),
    ...(material.key === undefined ? {} : { key: Redacted.value(material.key) }),
    ...(material.passphrase === undefined ? {} : { passphrase: Redacted.value(material.passphrase) })
  }))

const isNegotiated = (secure: SecureDuplex, encryption: Encryption): boolean =>
  // Without ALPN a server answers with nothing, which libpq takes for consent, except for direct TLS.
  secure.alpnProtocol === alpn || (secure.alpnProtocol === undefined && encryption !== "direct")

interface Negotiation {
  readonly duplex: Duplex
  readonly host: ResolvedHost
  readonly tls: ResolvedTls
  readonly encryption: Encryption
  readonly progress: Progress
}

const upgrade = (
  { duplex, encryption, progress }: Negotiation,
  options: TlsOptions
): Effect.Effect<Link, PostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    progress.stage = "the TLS handshake"
    progress.verifying = options.verify !== "none"
    const secure = yield* duplex.startTls(options)
    if (!isNegotiated(secure, encryption)) {
      return yield* tlsFailed("the agreement on the protocol inside TLS (ALPN): the server did not choose postgresql")
    }
    return { duplex: secure, tls: true, verified: progress.verifying, peerCertificate: secure.peerCertificate }
  })

export const plain = (duplex: Duplex): Link => ({ duplex, tls: false, verified: false, peerCertificate: undefined })

const refusal = (what: string, cause?: unknown): Broken =>
  tlsFailed(`the server's answer to SSLRequest: ${what}`, cause)

/** Asks for TLS, and takes the answer as the mode says. */
export const negotiateTls = (negotiation: Negotiation): Effect.Effect<Link, PostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    const { duplex, encryption, host, progress, tls } = negotiation
    if (encryption === "none") return plain(duplex)
    const options = yield* tlsOptions(host, tls)
    if (encryption === "direct") return yield* upgrade(negotiation, options)
    progress.stage = "the answer to SSLRequest"
    const writer = new ByteWriter()
    writeSslRequest(writer)
    for (const chunk of writer.take()) duplex.write(chunk)
    const answer = yield* Effect.mapError(duplex.read, (cause) => refusal("the connection was lost", cause))
    if (answer === undefined) return yield* refusal("it closed the connection")
    if (answer[0] === E) return yield* refusal("an error in clear text, which is not shown: anybody may have sent it")
    // Exactly one byte: what a man in the middle put behind it must not be read as if it had come through TLS (CVE-2021-23222).
    if (answer.length !== 1) {
      return yield* refusal(`${answer.length} bytes instead of one; somebody in between may have put the others there`)
    }
    switch (answer[0]) {
      case S:
        return yield* upgrade(negotiation, options)
      case N:
        return encryption === "offered"
          ? plain(duplex)
          : yield* tlsFailed(`the server's offer of TLS: it has none, and sslmode=${host.sslmode} needs it`)
      default:
        return yield* refusal("not that of a PostgreSQL server")
    }
  })
