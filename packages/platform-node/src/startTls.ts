// TLS on a connected socket. Node checks the chain; the name is checked here by Node's own rule, and cannot be switched off by
// anything but the caller's `verify` (CVE-2018-10936 is what happens when it can).
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Broken, type Duplex, Permanent, type PostgresError, type TlsOptions } from "pgfx"

/** `check` is what failed, as a noun phrase. */
export const tlsFailed = (check: string, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "TlsFailed", check, cause }, outcome: "NotSent", cause })

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

/** What failed, from the code Node gives; the error itself stays the cause. */
const checkOf = (error: Error): string => {
  const code = codeOf(error)
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "the host name in the server's certificate"
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return "the validity dates of the server's certificate"
  }
  if (code === "CERT_REVOKED" || code.includes("CRL")) return "the revocation list"
  return /SELF_SIGNED|UNABLE_TO|CERT_/.test(code) ? "the chain of the server's certificate" : "the TLS handshake"
}

/**
 * The server's verdict on us. With TLS 1.3 our side of the handshake is over before the server has looked at our certificate, so its
 * alert comes as an error of a later read. The alerts: RFC 8446 §6.2.
 */
export const refusedByServer = (error: unknown): Broken | undefined =>
  /^ERR_SSL_.*ALERT_(?:.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)/.test(codeOf(error))
    ? tlsFailed("our own certificate, or the lack of one: the server refused it", error)
    : undefined

/** Our own material is of no use: a matter of settings, found where OpenSSL looks at it. Its words hold nothing of the files. */
const unusable = (error: unknown, key: string | undefined): Permanent => {
  const code = codeOf(error)
  // One wrong passphrase in 256 leaves padding that looks right; what fails then is the reading of what came out (measured).
  const unreadable = key?.includes("ENCRYPTED") === true && /UNSUPPORTED|ASN1|WRONG_TAG|TOO_LONG/.test(code)
  const wrongPassphrase = unreadable || /BAD_DECRYPT|PASSPHRASE|INTERRUPTED_OR_CANCELLED|BAD_PASSWORD/.test(code)
  const [setting, issue] = wrongPassphrase
    ? ["sslpassword", "does not open the key in sslkey"]
    : code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
      ? ["sslkey", "does not belong to the certificate in sslcert"]
      : ["sslcert", `cannot be used together with sslkey, sslrootcert and sslcrl${code === "" ? "" : ` (${code})`}`]
  return new Permanent({ reason: { _tag: "InvalidSettings", key: setting, issue }, outcome: "NotSent", cause: error })
}

/** The last one made: the connections of a pool differ in nothing that it depends on, and it takes as long as the rest of the handshake. */
let lastContext: { readonly of: Tls.SecureContextOptions; readonly context: Tls.SecureContext } | undefined

const isSame = (one: Tls.SecureContextOptions, other: Tls.SecureContextOptions): boolean =>
  one.ca === other.ca &&
  one.crl === other.crl &&
  one.minVersion === other.minVersion &&
  one.maxVersion === other.maxVersion

/** May throw. A private key is not kept: who has one gets a context of his own. */
const secureContext = (options: TlsOptions): Tls.SecureContext => {
  const wanted: Tls.SecureContextOptions = {
    minVersion: options.minVersion ?? "TLSv1.2",
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
    ...(options.crl === undefined ? {} : { crl: options.crl })
  }
  if (options.cert !== undefined || options.key !== undefined) return Tls.createSecureContext(wanted)
  if (lastContext === undefined || !isSame(lastContext.of, wanted)) {
    lastContext = { of: wanted, context: Tls.createSecureContext(wanted) }
  }
  return lastContext.context
}

const connectionOptions = (socket: Net.Socket, options: TlsOptions): Tls.ConnectionOptions => ({
  socket,
  secureContext: secureContext(options),
  rejectUnauthorized: options.verify !== "none",
  checkServerIdentity: (_, certificate) =>
    options.verify === "chain-and-name" ? Tls.checkServerIdentity(options.serverName, certificate) : undefined,
  // An address is no server name (RFC 6066 §3).
  ...(options.sni === false || Net.isIP(options.serverName) !== 0 ? {} : { servername: options.serverName }),
  ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] })
})

const injected = (bytes: number): Broken =>
  tlsFailed(
    `the server's answer to SSLRequest: ${bytes} bytes in clear text behind it, which somebody in between may have put there`,
    undefined
  )

/** `wrap` is called as soon as the handshake is over, so that no event of the socket comes before somebody listens. */
export const startTls = <A extends Duplex>(
  socket: Net.Socket,
  options: TlsOptions,
  wrap: (secure: Tls.TLSSocket) => A
): Effect.Effect<A, PostgresError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<A, PostgresError>((resume) => {
      if (socket.readableLength > 0) return resume(Effect.fail(injected(socket.readableLength)))
      let secure: Tls.TLSSocket
      try {
        secure = Tls.connect(connectionOptions(socket, options))
      } catch (error) {
        return resume(Effect.fail(unusable(error, options.key)))
      }
      const failed = (error: Error): void =>
        resume(Effect.fail(refusedByServer(error) ?? tlsFailed(checkOf(error), error)))
      const closed = (): void =>
        resume(Effect.fail(tlsFailed("the TLS handshake: the server closed the connection", undefined)))
      // For good: an error that comes when nobody waits any more must not end the process.
      secure.on("error", failed)
      secure.once("close", closed)
      secure.once("secureConnect", () => {
        secure.off("close", closed)
        resume(Effect.succeed(wrap(secure)))
      })
      return Effect.sync(() => secure.destroy())
    }).pipe(Effect.interruptible),
    (secure) => Effect.sync(secure.destroy)
  )
