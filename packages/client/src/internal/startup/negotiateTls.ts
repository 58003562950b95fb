// SSLRequest and its one-byte answer, before a word of the protocol proper. What an answer means depends on sslmode; what the
// server says as text before TLS is up is nobody's we know, so it is never shown (CVE-2024-10977).
import { ByteWriter, writeSslRequest } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import type { SslMode } from "../../Settings.ts"
import type { Duplex, TlsOptions } from "../../Transport.ts"
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

const tlsFailed = (check: string, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "TlsFailed", check, cause }, outcome: "NotSent" })

const requiresTls = (mode: SslMode): boolean => mode === "require" || mode === "verify-ca" || mode === "verify-full"

const verification = (mode: SslMode, tls: ResolvedTls, roots: string | undefined): TlsOptions["verify"] => {
  if (tls.acceptInvalidCertificates) return "none"
  switch (mode) {
    case "verify-full":
      return "chain-and-name"
    case "verify-ca":
      return "chain"
    case "require":
      // libpq: a root certificate that is there is used, for compatibility with older versions
      return roots === undefined ? "none" : "chain"
    default:
      return "none"
  }
}

const tlsOptions = (host: ResolvedHost, tls: ResolvedTls): Effect.Effect<TlsOptions, PostgresError> =>
  Effect.map(tls.material, (material) => ({
    serverName: host.name,
    verify: verification(host.sslmode, tls, material.roots),
    sni: tls.sni,
    minVersion: tls.minVersion,
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ...(material.roots === undefined ? {} : { ca: material.roots }),
    ...(material.crl === undefined ? {} : { crl: material.crl }),
    ...(material.certificate === undefined ? {} : { cert: material.certificate }),
    ...(material.key === undefined ? {} : { key: Redacted.value(material.key) }),
    ...(material.passphrase === undefined ? {} : { passphrase: Redacted.value(material.passphrase) })
  }))

const upgrade = (duplex: Duplex, options: TlsOptions): Effect.Effect<Link, Broken, Scope.Scope> =>
  Effect.map(duplex.startTls(options), (secure) => ({
    duplex: secure,
    tls: true,
    verified: options.verify !== "none",
    peerCertificate: secure.peerCertificate
  }))

export const plain = (duplex: Duplex): Link => ({ duplex, tls: false, verified: false, peerCertificate: undefined })

/** Asks for TLS where the mode wants it, and takes the answer as the mode says. */
export const negotiateTls = (
  duplex: Duplex,
  host: ResolvedHost,
  tls: ResolvedTls
): Effect.Effect<Link, PostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    if (host.sslmode === "disable" || host.sslmode === "allow") return plain(duplex)
    const options = yield* tlsOptions(host, tls)
    const writer = new ByteWriter()
    writeSslRequest(writer)
    for (const chunk of writer.take()) duplex.write(chunk)
    const answer = yield* duplex.read
    if (answer === undefined) {
      return yield* tlsFailed("the server's answer to SSLRequest: it closed the connection", undefined)
    }
    // Exactly one byte: what a man in the middle put behind it must not be read as if it had come through TLS.
    if (answer.length !== 1) {
      const received = answer[0] === E ? "an error in clear text" : `${answer.length} bytes`
      return yield* tlsFailed(`the server's answer to SSLRequest: ${received} instead of one byte`, undefined)
    }
    switch (answer[0]) {
      case S:
        return yield* upgrade(duplex, options)
      case N:
        if (!requiresTls(host.sslmode)) return plain(duplex)
        return yield* tlsFailed(
          `the server's offer of TLS: it has none, and sslmode=${host.sslmode} needs it`,
          undefined
        )
      case E:
        return yield* tlsFailed("the server's answer to SSLRequest: an error in clear text", undefined)
      default:
        return yield* tlsFailed("the server's answer to SSLRequest: not a PostgreSQL server", undefined)
    }
  })
