// TLS on a connected socket. Node checks the chain; the name is checked here by Node's own rule, and cannot be switched off by
// anything but the caller's `verify` (CVE-2018-10936 is what happens when it can).
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Broken, type TlsOptions } from "pgfx"

const tlsFailed = (check: string, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "TlsFailed", check, cause }, outcome: "NotSent", cause })

/** What failed, from the code Node gives; the error itself stays the cause. */
const checkOf = (error: Error): string => {
  const code = "code" in error ? String(error.code) : ""
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "the host name in the server's certificate"
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return "the validity dates of the server's certificate"
  if (code === "CERT_REVOKED") return "the revocation list"
  if (/SELF_SIGNED|UNABLE_TO|CERT_/.test(code)) return "the chain of the server's certificate"
  return "the TLS handshake"
}

const connectionOptions = (socket: Net.Socket, options: TlsOptions): Tls.ConnectionOptions => ({
  socket,
  rejectUnauthorized: options.verify !== "none",
  checkServerIdentity: (_, certificate) =>
    options.verify === "chain-and-name" ? Tls.checkServerIdentity(options.serverName, certificate) : undefined,
  minVersion: options.minVersion ?? "TLSv1.2",
  ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
  // An address is no server name (RFC 6066 §3).
  ...(options.sni === false || Net.isIP(options.serverName) !== 0 ? {} : { servername: options.serverName }),
  ...(options.ca === undefined ? {} : { ca: options.ca }),
  ...(options.cert === undefined ? {} : { cert: options.cert }),
  ...(options.key === undefined ? {} : { key: options.key }),
  ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
  ...(options.crl === undefined ? {} : { crl: options.crl }),
  ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] })
})

export const startTls = (socket: Net.Socket, options: TlsOptions): Effect.Effect<Tls.TLSSocket, Broken, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Tls.TLSSocket, Broken>((resume) => {
      let secure: Tls.TLSSocket
      try {
        secure = Tls.connect(connectionOptions(socket, options))
      } catch (error) {
        // Bad PEM text of our own side throws here.
        return resume(Effect.fail(tlsFailed("our own certificate, key or root certificates", error)))
      }
      const failed = (error: Error): void => resume(Effect.fail(tlsFailed(checkOf(error), error)))
      const closed = (): void =>
        resume(Effect.fail(tlsFailed("the TLS handshake: the server closed the connection", undefined)))
      secure.once("error", failed)
      secure.once("close", closed)
      secure.once("secureConnect", () => {
        secure.off("error", failed)
        secure.off("close", closed)
        resume(Effect.succeed(secure))
      })
      return Effect.sync(() => secure.destroy())
    }).pipe(Effect.interruptible),
    (secure) => Effect.sync(() => secure.destroy())
  )
