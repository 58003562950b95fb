// What start-up, pool and engine work with: every default filled in, every host a record of its own, nothing left to look
// up but what has to be read anew for each attempt (password, certificates). Frozen. Cancel, listener and reconnect use
// the same object, so that no security parameter is lost between two connections (CVE-2020-25694).
import type { Codec } from "@pgfx/codecs"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { PostgresError } from "../../../PostgresError.ts"
import type { AuthMethod, SslMode, TargetSessionAttrs, TlsVersion } from "../../../Settings.ts"

/** One server. Nothing in it changes from one attempt to the next (CVE-2018-10915). */
export interface ResolvedHost {
  /** who was meant: a name, an address, or the directory of a Unix socket; for errors and for the certificate's name */
  readonly name: string
  /** what to dial, as `Endpoint.host`: `hostaddr` if there is one, otherwise `name` */
  readonly address: string
  readonly port: number
  readonly kind: "tcp" | "unix"
  /** always `disable` for Unix sockets, whatever the settings say, as in libpq */
  readonly sslmode: SslMode
  /**
   * TLS was left out only because the name says `localhost`: an address of that name that is not loopback must not be
   * dialled. False where the user wrote the mode.
   */
  readonly onlyLoopback: boolean
  /**
   * Run once per attempt, inside its deadline: the given password, the user's Effect, or a new look into the password
   * file. `undefined`: there is none. Never empty.
   */
  readonly password: Effect.Effect<Redacted.Redacted | undefined, PostgresError>
}

/** What TLS reads from files. PEM text. */
export interface TlsMaterial {
  /** `undefined`: the platform's roots */
  readonly roots: string | undefined
  readonly crl: string | undefined
  readonly certificate: string | undefined
  readonly key: Redacted.Redacted | undefined
  readonly passphrase: Redacted.Redacted | undefined
}

export interface ResolvedTls {
  readonly negotiation: "postgres" | "direct"
  readonly sni: boolean
  readonly minVersion: TlsVersion
  /** `undefined`: the newest */
  readonly maxVersion: TlsVersion | undefined
  /** neither chain nor name is checked, whatever the mode: a word that says "development" was written */
  readonly acceptInvalidCertificates: boolean
  /** Read anew for each attempt, so that renewed certificates are used. */
  readonly material: Effect.Effect<TlsMaterial, PostgresError>
}

export interface ResolvedAuthentication {
  /** never empty; without `none` */
  readonly methods: ReadonlyArray<Exclude<AuthMethod, "none">>
  /** AuthenticationOk without a question: `unlessPassword` accepts it only if the attempt has no password */
  readonly none: "accept" | "refuse" | "unlessPassword"
  /** `md5` and `password` also over a plain or unverified link */
  readonly weakOverUnverifiedLink: boolean
  readonly channelBinding: "disable" | "prefer" | "require"
  readonly scram: { readonly minIterations: number; readonly maxIterations: number }
}

/** Times as Duration, `Duration.infinity` where no limit was asked for. */
export interface ResolvedPool {
  readonly min: number
  readonly max: number
  readonly acquireTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly maxLifetime: Duration.Duration
  readonly maxWaiting: number
  /** `undefined`: load is not shed */
  readonly queueTarget: Duration.Duration | undefined
  readonly pipelineDepth: number
  readonly checkAfter: Duration.Duration
}

export interface ResolvedKeepalives {
  readonly enabled: boolean
  readonly idle: Duration.Duration
  /** `undefined`: the system's */
  readonly interval: Duration.Duration | undefined
  readonly count: number | undefined
}

/** A setting that was read and changes nothing. */
export interface SettingsNote {
  readonly key: string
  readonly because: string
}

export interface ResolvedSettings {
  /** at least one, in the order written */
  readonly hosts: ReadonlyArray<ResolvedHost>
  readonly targetSessionAttrs: TargetSessionAttrs
  readonly loadBalanceHosts: "disable" | "random"
  readonly user: string
  readonly database: string
  readonly tls: ResolvedTls
  readonly authentication: ResolvedAuthentication
  /** `3 << 16 | minor` */
  readonly minProtocolVersion: number
  readonly maxProtocolVersion: number
  /** of StartupMessage, in order: `user`, `database`, then the rest; within the server's 10,000 bytes */
  readonly startupParameters: ReadonlyArray<readonly [name: string, value: string]>
  readonly initStatements: ReadonlyArray<string>
  readonly connectTimeout: Duration.Duration
  readonly keepalives: ResolvedKeepalives
  /** bytes */
  readonly maxMessageSize: number
  readonly interruptGrace: Duration.Duration
  readonly cancelTimeout: Duration.Duration
  readonly commitTimeout: Duration.Duration
  readonly closeTimeout: Duration.Duration
  readonly fetchSize: number
  /** per connection; 0: statements are not named */
  readonly preparedStatements: number
  readonly commitProbe: boolean
  readonly reconnect: boolean
  /** of the user's own, no two of one name */
  readonly codecs: ReadonlyArray<Codec>
  readonly pool: ResolvedPool
  /** what was accepted and ignored, and files that were left aside: for the log, once */
  readonly notes: ReadonlyArray<SettingsNote>
}
