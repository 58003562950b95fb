// What a user may say about a database: where it is, who asks, how far to trust the answer. Data only; nothing here is
// read, resolved or dialled (`internal/startup/settings/resolve.ts` does that). No field holds a secret that is not Redacted.
//
// libpq's words. A one-word libpq keyword keeps its spelling (`sslmode`, `hostaddr`, `passfile`), one with underscores is
// camelCase (`application_name` → `applicationName`, `ssl_min_protocol_version` → `sslMinProtocolVersion`), `dbname` is
// `database`. Connection strings, service files and the environment use libpq's own spelling.
//
// Precedence, key by key: fields of this object > `url` > service file > environment (`PG*`) > default. `undefined` means
// "not given". Source: "Database Connection Control Functions", where the order is the same.
import type { Codec } from "@pgfx/codecs"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * How TLS is negotiated and what is checked, weakest first.
 *
 * `disable` plain only. `allow` plain, TLS if the server insists. `prefer` TLS, plain if the server has none. `require`
 * TLS without a check, or as `verify-ca` if a root certificate is given. `verify-ca` the chain, to a root certificate of
 * your own. `verify-full` the chain and the host name. Source: "SSL Mode Descriptions".
 *
 * @category model
 * @since 0.1.0
 */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full"

/**
 * Which of several hosts will do. Source: `target_session_attrs`.
 *
 * @category model
 * @since 0.1.0
 */
export type TargetSessionAttrs = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby"

/**
 * A way for the server to ask who we are. `password` is cleartext, `none` is no question at all (`trust`, client
 * certificates, an already authenticated pooler). Source: `require_auth`; `gss`, `sspi` and `oauth` are not implemented.
 *
 * @category model
 * @since 0.1.0
 */
export type AuthMethod = "scram-sha-256" | "md5" | "password" | "none"

/**
 * Version of the wire protocol. `latest` is the newest that this library speaks, 3.2.
 *
 * @category model
 * @since 0.1.0
 */
export type ProtocolVersion = "3.0" | "3.2" | "latest"

/**
 * Version of TLS. Older ones than 1.2 are not offered.
 *
 * @category model
 * @since 0.1.0
 */
export type TlsVersion = "TLSv1.2" | "TLSv1.3"

/**
 * One of several servers, tried in order (or at random, see `loadBalanceHosts`).
 *
 * @category model
 * @since 0.1.0
 */
export interface HostSettings {
  /** Name, address, or directory of a Unix socket (starts with `/`). Default `localhost`. No comma. */
  readonly host?: string | undefined
  /** Address to dial instead of looking `host` up; `host` stays the name that the certificate must carry. */
  readonly hostaddr?: string | undefined
  /** 1 to 65535. Default 5432. */
  readonly port?: number | undefined
}

/**
 * How many connections, for how long, and who waits. Only typed: a connection string cannot say any of it.
 *
 * @category model
 * @since 0.1.0
 */
export interface PoolSettings {
  /** Connections kept open when idle. Default 0. Above 0, wrong settings fail when the layer is built. */
  readonly min?: number | undefined
  /** Connections at most; listener and cancel connections come on top. Default 10. Clamped to what the transport can do. */
  readonly max?: number | undefined
  /** From asking for a connection to having one: queue, connect and check. Default 5 seconds. */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /** An idle connection above `min` is closed after this. Default 10 minutes. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** A connection is replaced at this age × uniform(0.9, 1), never while leased. Default 30 minutes. */
  readonly maxLifetime?: Duration.DurationInput | undefined
  /** Requests that may queue; one more fails `PoolSaturated`. Default 16,384. */
  readonly maxWaiting?: number | undefined
  /** Sheds load when every wait of two seconds was longer than this (CoDel). Default: off. */
  readonly queueTarget?: Duration.DurationInput | undefined
  /** Unanswered requests on one connection at most. Default 128. */
  readonly pipelineDepth?: number | undefined
  /** A connection from which nothing was read for this long is checked before it is handed over. Default 30 seconds. */
  readonly checkAfter?: Duration.DurationInput | undefined
}

/**
 * Everything that can be said about a database. Every field is optional; `{}` is what `psql` without arguments uses,
 * but for the host (`localhost`, not a Unix socket) and the TLS default.
 *
 * An unknown, misspelt or contradictory setting is an error (`Permanent`, reason `InvalidSettings`), wherever it was
 * written. Nothing has been dialled then. Error texts name the key and the place, never the value.
 *
 * @example
 * import type { Settings } from "pgfx/Settings"
 *
 * const settings: Settings = { host: "db.example.com", database: "app", pool: { max: 20 } }
 *
 * @category model
 * @since 0.1.0
 */
export interface Settings {
  // ---- where the settings are
  /**
   * A connection URI (`postgresql://` or `postgres://`) or a key/value string, read exactly as libpq does. Redacted,
   * because it may hold a password. Source: "Connection Strings".
   */
  readonly url?: Redacted.Redacted | undefined
  /**
   * libpq keywords that `url` may set (`host`, `port`, `user`, `password` and `dbname` included); another one is an error.
   * For strings that come from users: an unlisted `sslmode`, `passfile` or `service` cannot slip in. Default: all.
   */
  readonly urlKeys?: ReadonlyArray<string> | undefined
  /** Section of the service file. libpq `service`, `PGSERVICE`. */
  readonly service?: string | undefined
  /** Path of the service file. Default `~/.pg_service.conf`, then `pg_service.conf` in `PGSYSCONFDIR`. `PGSERVICEFILE`. */
  readonly servicefile?: string | undefined

  // ---- where the server is
  /** Name, address, or directory of a Unix socket (starts with `/`). One host; several are `hosts`. Default `localhost`. `PGHOST`. */
  readonly host?: string | undefined
  /** Address to dial instead of looking `host` up. `PGHOSTADDR`. */
  readonly hostaddr?: string | undefined
  /** 1 to 65535. Default 5432. `PGPORT`. */
  readonly port?: number | undefined
  /** Several servers. Replaces `host`, `hostaddr` and `port` of every source; together with one of them it is an error. */
  readonly hosts?: ReadonlyArray<HostSettings> | undefined
  /** Which of several hosts will do. Default `any`. libpq `target_session_attrs`, `PGTARGETSESSIONATTRS`. */
  readonly targetSessionAttrs?: TargetSessionAttrs | undefined
  /** `random` shuffles the hosts, and the addresses of each. Default `disable`. libpq `load_balance_hosts`, `PGLOADBALANCEHOSTS`. */
  readonly loadBalanceHosts?: "disable" | "random" | undefined

  // ---- who asks
  /** Default: the user's name. libpq `dbname`, `PGDATABASE`. */
  readonly database?: string | undefined
  /** Default: the system's name for the user, where the transport knows it, then `USER`, `LOGNAME` or `USERNAME`. `PGUSER`. */
  readonly user?: string | undefined
  /**
   * The password, or an Effect that is run for every attempt to open a connection (rotating tokens), within its deadline.
   * Its failure becomes the cause of the connection's. Empty is an error. Default: the password file. `PGPASSWORD`.
   */
  readonly password?: Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown> | undefined
  /**
   * Path of the password file, read for every attempt, used only if no password was given. It must not be accessible to
   * group or world. Default `~/.pgpass` (Windows: `%APPDATA%\postgresql\pgpass.conf`). `PGPASSFILE`.
   */
  readonly passfile?: string | undefined
  /**
   * Ways to be asked that are accepted, and no other. Naming `md5` or `password` (cleartext) here is what opts in.
   * Negated entries (`!password`, all or none of them negated) take away from the default. Default: `scram-sha-256`, and
   * `none` only if no password is configured. libpq `require_auth`, `PGREQUIREAUTH`.
   */
  readonly requireAuth?: ReadonlyArray<AuthMethod | `!${AuthMethod}`> | undefined
  /**
   * The second word: `md5` and `password`, where `requireAuth` names them, also over a link that is plain, or encrypted
   * to a server whose certificate was not verified. Default false. Unix sockets and loopback need it too. No libpq keyword.
   */
  readonly allowWeakAuthOverUnverifiedLink?: boolean | undefined
  /** Ties SCRAM to the TLS channel. Default `prefer`. libpq `channel_binding`, `PGCHANNELBINDING`. */
  readonly channelBinding?: "disable" | "prefer" | "require" | undefined
  /** Fewer SCRAM iterations than this are refused. Default 4,096 (RFC 7677 §4). No libpq keyword. */
  readonly scramMinIterations?: number | undefined
  /** More SCRAM iterations than this are refused before any is computed. Default 100,000. No libpq keyword. */
  readonly scramMaxIterations?: number | undefined

  // ---- TLS
  /**
   * Default `verify-full`; `disable` for a Unix socket (where no value changes anything, as in libpq) and for a host that
   * is loopback by address or is called `localhost`. `PGSSLMODE`.
   */
  readonly sslmode?: SslMode | undefined
  /** `direct` starts TLS without asking first (PostgreSQL 17); needs `require` or stricter. Default `postgres`. `PGSSLNEGOTIATION`. */
  readonly sslnegotiation?: "postgres" | "direct" | undefined
  /**
   * Roots to trust: a path, PEM text (begins with `-----BEGIN`), or `system` for the platform's. Default
   * `~/.postgresql/root.crt` if it exists, otherwise the platform's. `PGSSLROOTCERT`.
   */
  readonly sslrootcert?: string | undefined
  /** Client certificate: a path or PEM text. Default `~/.postgresql/postgresql.crt` if it exists. `PGSSLCERT`. */
  readonly sslcert?: string | undefined
  /**
   * Key of the client certificate: a path, or PEM text as Redacted. A file must be 0600, or 0640 and owned by root.
   * Default `~/.postgresql/postgresql.key`. `PGSSLKEY`.
   */
  readonly sslkey?: string | Redacted.Redacted | undefined
  /** Passphrase of `sslkey`. */
  readonly sslpassword?: Redacted.Redacted | undefined
  /** `disable` sends no client certificate even if one is there. Default `allow`. libpq's `require` cannot be checked here. `PGSSLCERTMODE`. */
  readonly sslcertmode?: "disable" | "allow" | undefined
  /** Certificate revocation list: a path or PEM text. Default `~/.postgresql/root.crl` if it exists. `PGSSLCRL`. */
  readonly sslcrl?: string | undefined
  /** Tell the server which host is meant (SNI), unless it is an address. Default true. `PGSSLSNI`. */
  readonly sslsni?: boolean | undefined
  /** Default `TLSv1.2`. libpq `ssl_min_protocol_version`, `PGSSLMINPROTOCOLVERSION`. */
  readonly sslMinProtocolVersion?: TlsVersion | undefined
  /** Default: the newest that both sides know. libpq `ssl_max_protocol_version`, `PGSSLMAXPROTOCOLVERSION`. */
  readonly sslMaxProtocolVersion?: TlsVersion | undefined
  /**
   * For development only: neither the chain nor the name of the server's certificate is checked, whatever `sslmode` says.
   * Anybody on the way can read and change everything. Cannot be written in a connection string or the environment.
   */
  readonly acceptInvalidCertificatesForDevelopment?: boolean | undefined

  // ---- the connection
  /** Oldest protocol that will do. Default `3.0`. libpq `min_protocol_version`, `PGMINPROTOCOLVERSION`. */
  readonly minProtocolVersion?: ProtocolVersion | undefined
  /** Protocol asked for. Default `3.0`, or `latest` if the minimum is above it. libpq `max_protocol_version`, `PGMAXPROTOCOLVERSION`. */
  readonly maxProtocolVersion?: ProtocolVersion | undefined
  /**
   * From name look-up to ready for queries, all hosts and addresses together. Default 5 seconds. Infinite is allowed. As
   * libpq's `connect_timeout` or `PGCONNECT_TIMEOUT` the unit is seconds and 0 means no limit.
   */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** TCP keepalive. Default true. Not for Unix sockets. */
  readonly keepalives?: boolean | undefined
  /** Silence before the first probe. Default 60 seconds. libpq `keepalives_idle`, in seconds. */
  readonly keepalivesIdle?: Duration.DurationInput | undefined
  /** Between probes. Default: the system's. Only where the transport can set it. libpq `keepalives_interval`, in seconds. */
  readonly keepalivesInterval?: Duration.DurationInput | undefined
  /** Unanswered probes until the connection is dead. Default: the system's. Only where the transport can set it. libpq `keepalives_count`. */
  readonly keepalivesCount?: number | undefined
  /** Largest message accepted from an authenticated server, in bytes. Default 64 MiB, at most 1 GiB. */
  readonly maxMessageSize?: number | undefined

  // ---- the session
  /** Shown in `pg_stat_activity`. Default `fallbackApplicationName`. libpq `application_name`, `PGAPPNAME`. */
  readonly applicationName?: string | undefined
  /** What `applicationName` is if nobody says anything else. Default `pgfx`. libpq `fallback_application_name`. */
  readonly fallbackApplicationName?: string | undefined
  /** The server ends a statement that takes longer. Sent as a start-up parameter. 0 or infinite: none. Default: the server's. */
  readonly statementTimeout?: Duration.DurationInput | undefined
  /**
   * Run-time parameters at start-up, e.g. `{ search_path: "app" }`; RESET returns to them. They win over `options`.
   * What the client relies on (`client_encoding`, `DateStyle`, `IntervalStyle`, `bytea_output`, `extra_float_digits`)
   * cannot be changed to something it cannot read.
   */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Command-line options for the server process, e.g. `-c geqo=off`. `PGOPTIONS`. */
  readonly options?: string | undefined
  /** SQL run on every new session before anyone gets it, and again after a reset. A failure fails the connection. */
  readonly initStatements?: ReadonlyArray<string> | undefined

  // ---- deadlines and limits of the engine
  /** How long an interrupted caller waits for its connection to recover. Default 50 ms. */
  readonly interruptGrace?: Duration.DurationInput | undefined
  /**
   * How long the server may be silent once a statement is being cancelled; then the connection is destroyed. While its answer keeps
   * coming, 64 KiB in that time at least, it is not, for up to five times as long. Default 2 seconds.
   */
  readonly cancelTimeout?: Duration.DurationInput | undefined
  /** How long the answer to COMMIT or ROLLBACK is awaited. Default 30 seconds. */
  readonly commitTimeout?: Duration.DurationInput | undefined
  /** How long closing waits for work in flight. Default 10 seconds. */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /** Rows per round trip of a stream. Default 1,000. */
  readonly fetchSize?: number | undefined
  /**
   * Statements that each connection keeps prepared under a name; the least recently used is closed first. 0: none are named, for poolers in
   * transaction mode without prepared statements. Default: 256.
   */
  readonly preparedStatements?: number | undefined
  /**
   * Ask another connection what became of a COMMIT without an answer (`pg_xact_status`), for `commitTimeout` at most, so that only a server
   * that cannot be asked leaves the outcome `Unknown`. One round trip more for each transaction. Needs a pool, or `reconnect`. Default false.
   */
  readonly commitProbe?: boolean | undefined
  /** A single connection (`Connection.layer`) replaces itself when it is lost. Default false. A pool always replaces. */
  readonly reconnect?: boolean | undefined
  /**
   * Codecs of your own, from `@pgfx/codecs`. Each is found by its `name`: `"citext"` in any schema, `"geo.point3d"` in one; the name of a built-in
   * type replaces its codec. Arrays, ranges, domains and composites of such a type use it, too. Rows of a statement's first use come as text,
   * later ones as the reader's `format` says, so its readers need `parse`, and both have to give the same value. A list with two of one name
   * is refused.
   */
  readonly codecs?: ReadonlyArray<Codec> | undefined
  /** Only for `Postgres.layer` and `Pool.layer`. */
  readonly pool?: PoolSettings | undefined
}
