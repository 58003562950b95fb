// The seam between the protocol and the world: who opens a socket, and what a socket is. A platform package gives the Layer.
// Bytes only: no messages, no settings, no retries. TLS is the platform's, the decision to use it is the start-up's.
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Broken, PostgresError } from "./PostgresError.ts"

/**
 * Where a database is, and as whom. A `host` that starts with `/` is the directory of a Unix socket, one that starts with `@` its
 * counterpart without a file (Linux's abstract sockets), as in libpq; otherwise it is a name or a numeric address.
 */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** TCP keepalive, milliseconds. What is absent is the system's. */
export interface Keepalive {
  readonly idleMillis: number
  readonly intervalMillis?: number
  readonly count?: number
}

/** How a connection is dialled, besides where. */
export interface DialOptions {
  /** absent: none. Without meaning for Unix sockets. */
  readonly keepalive?: Keepalive
}

/** What `startTls` needs to know: whom to expect on the other side, and how to check it. PEM text throughout. */
export interface TlsOptions {
  /** name the certificate must carry; also sent as SNI unless it is an address or `sni` is false */
  readonly serverName: string
  /** `chain-and-name` is verify-full, `chain` is verify-ca, `none` is require without a root certificate */
  readonly verify: "chain-and-name" | "chain" | "none"
  /** trusted roots; absent: the platform's */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  readonly crl?: string
  readonly minVersion?: "TLSv1.2" | "TLSv1.3"
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3"
  readonly sni?: boolean
  readonly alpn?: ReadonlyArray<string>
}

/** A two-way stream of bytes. One reader, one writer; whoever opened its Scope owns it. */
export interface Duplex {
  /**
   * The next bytes, as they come, `undefined` after the end. Nothing is read ahead beyond the platform's own buffer, so
   * not calling it is back-pressure. The bytes belong to the caller. Interruptible: bytes that come later wait for the next call.
   */
  readonly read: Effect.Effect<Uint8Array | undefined, Broken>
  /**
   * `read` without an Effect, for a reader that asks thousands of times a second: what is there, or `undefined` and later one call of
   * `wake`, or `"over"`, after which `read` says how it ended. Absent: `read` is all there is. Never used at the same time as `read`. Whoever wraps
   * a Duplex and changes `read` changes this too, or takes it away.
   */
  readonly poll?: ((wake: () => void) => Uint8Array | "over" | undefined) | undefined
  /**
   * Hands bytes over, in order and at once; it neither waits nor fails. A connection that cannot take them fails its `read`.
   * The bytes belong to the transport from here on.
   */
  readonly write: (bytes: Uint8Array) => void
  /** Bytes handed over that the other side's kernel, or ours, has not accepted yet. */
  readonly buffered: () => number
  /** Completes when little enough is buffered to go on writing, or when the connection is gone. */
  readonly drained: Effect.Effect<void>
  /**
   * Upgrades in place, after the server's `S` was read or before anything was (`sslnegotiation=direct`); bytes that came behind the `S`
   * are a violation it reports. Fails with `TlsFailed`, or with `InvalidSettings` if our own certificate or key is of no use.
   */
  readonly startTls: (options: TlsOptions) => Effect.Effect<SecureDuplex, PostgresError, Scope.Scope>
  /** Sends what is buffered, then FIN. */
  readonly end: Effect.Effect<void>
  /** Drops the connection now. */
  readonly destroy: () => void
  /** Numeric address of the other side; absent where there is none (Unix sockets, in-process), or the platform does not tell. */
  readonly remoteAddress?: string | undefined
}

export interface SecureDuplex extends Duplex {
  /** DER of the server's certificate, for channel binding; absent where the platform does not show it */
  readonly peerCertificate: Uint8Array | undefined
  readonly alpnProtocol: string | undefined
}

/** What a transport can and cannot do ("Transports that are less", design of the engine §15). */
export interface TransportAbilities {
  /** connections that may be open at once; absent: no limit of its own */
  readonly maxSessions?: number
  /** a second connection may carry a CancelRequest */
  readonly cancel: boolean
  /** SSLRequest makes sense; false for in-process and Unix-socket-only transports */
  readonly tls: boolean
  /** COPY FROM STDIN has to be written in one piece with its data, which is kept in memory until then; absent: as it comes */
  readonly copyIn?: "whole"
  /** Terminate may be sent */
  readonly terminate: boolean
  /** the interval and the number of keepalive probes can be set; absent: no */
  readonly keepaliveProbes?: boolean
}

/** Opens byte streams to PostgreSQL servers. */
export class Transport extends Context.Tag("pgfx/Transport")<
  Transport,
  {
    readonly abilities: TransportAbilities
    /** Connects, or fails with `Broken` (`ConnectFailed`, outcome `NotSent`). Closing the Scope destroys the connection. */
    readonly connect: (endpoint: Endpoint, options?: DialOptions) => Effect.Effect<Duplex, Broken, Scope.Scope>
    /**
     * Numeric addresses of a name, the platform's favourite first, none twice, asked anew each time. Each is then dialled in turn.
     * Absent: `connect` is given names and looks them up itself.
     */
    readonly lookup?: (name: string) => Effect.Effect<ReadonlyArray<string>, Broken>
    /** Whom this program runs as, for settings without a user. Absent or `undefined`: the platform does not know. */
    readonly userName?: Effect.Effect<string | undefined>
  }
>() {}

/** The bytes of a Duplex as a Stream that ends with the connection: for proxies, recordings and tests. */
export const incoming = (duplex: Duplex): Stream.Stream<Uint8Array, Broken> =>
  Stream.takeWhile(Stream.repeatEffect(duplex.read), (bytes): bytes is Uint8Array => bytes !== undefined)
