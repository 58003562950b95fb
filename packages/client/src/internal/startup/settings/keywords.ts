// Every keyword of libpq in one table: what it is called here and in the environment, and whether we do it, ignore it for a
// stated reason, or refuse it. Names and environment variables: `PQconninfoOptions` in fe-connect.c of PostgreSQL 18, and
// `servicefile` of 19. Values are judged elsewhere; security settings are never in the "ignored" column (CVE-2017-7485).
import type { Settings } from "../../../Settings.ts"

export type Support =
  | { readonly _tag: "supported" }
  /** accepted; noted if the value is not one of `same`, which ask for what happens anyway */
  | { readonly _tag: "ignored"; readonly because: string; readonly same: ReadonlyArray<string> }
  /** an error unless the value is one of `same` */
  | { readonly _tag: "refused"; readonly because: string; readonly same: ReadonlyArray<string> }

export interface Keyword {
  /** libpq's */
  readonly name: string
  /** ours; `undefined` where only a connection string, a service file or the environment can say it */
  readonly setting: keyof Settings | undefined
  readonly variable: string | undefined
  readonly secret: boolean
  readonly support: Support
}

const supported: Support = { _tag: "supported" }
const ignored = (because: string, ...same: ReadonlyArray<string>): Support => ({ _tag: "ignored", because, same })
const refused = (because: string, ...same: ReadonlyArray<string>): Support => ({ _tag: "refused", because, same })

const keyword = (
  name: string,
  setting: Keyword["setting"],
  variable: string | undefined,
  support: Support = supported,
  secret = false
): Keyword => ({ name, setting, variable, secret, support })

const noGssapi = "GSSAPI is not implemented"
const noOauth = "OAUTHBEARER is not implemented"
const noFilesWritten = "a connection string cannot name files to write"

/** In libpq's order. */
export const keywords: ReadonlyArray<Keyword> = [
  keyword("service", "service", "PGSERVICE"),
  keyword("servicefile", "servicefile", "PGSERVICEFILE"),
  keyword("user", "user", "PGUSER"),
  keyword("password", "password", "PGPASSWORD", supported, true),
  keyword("passfile", "passfile", "PGPASSFILE"),
  keyword("channel_binding", "channelBinding", "PGCHANNELBINDING"),
  keyword("connect_timeout", "connectTimeout", "PGCONNECT_TIMEOUT"),
  keyword("dbname", "database", "PGDATABASE"),
  keyword("host", "host", "PGHOST"),
  keyword("hostaddr", "hostaddr", "PGHOSTADDR"),
  keyword("port", "port", "PGPORT"),
  keyword("client_encoding", undefined, "PGCLIENTENCODING"),
  keyword("options", "options", "PGOPTIONS"),
  keyword("application_name", "applicationName", "PGAPPNAME"),
  keyword("fallback_application_name", "fallbackApplicationName", undefined),
  keyword("keepalives", "keepalives", undefined),
  keyword("keepalives_idle", "keepalivesIdle", undefined),
  keyword("keepalives_interval", "keepalivesInterval", undefined),
  keyword("keepalives_count", "keepalivesCount", undefined),
  keyword("tcp_user_timeout", undefined, undefined, ignored("no transport can set TCP_USER_TIMEOUT", "", "0")),
  keyword("sslmode", "sslmode", "PGSSLMODE"),
  keyword("sslnegotiation", "sslnegotiation", "PGSSLNEGOTIATION"),
  keyword("sslcompression", undefined, "PGSSLCOMPRESSION", ignored("TLS compression is never used", "", "0")),
  keyword("sslcert", "sslcert", "PGSSLCERT"),
  keyword("sslkey", "sslkey", "PGSSLKEY"),
  keyword("sslcertmode", "sslcertmode", "PGSSLCERTMODE"),
  keyword("sslpassword", "sslpassword", undefined, supported, true),
  keyword("sslrootcert", "sslrootcert", "PGSSLROOTCERT"),
  keyword("sslcrl", "sslcrl", "PGSSLCRL"),
  keyword(
    "sslcrldir",
    undefined,
    "PGSSLCRLDIR",
    refused("directories of revocation lists are not read; name one file in sslcrl", "")
  ),
  keyword("sslsni", "sslsni", "PGSSLSNI"),
  keyword(
    "requirepeer",
    undefined,
    "PGREQUIREPEER",
    refused("the owner of the other end of a Unix socket cannot be seen", "")
  ),
  keyword("require_auth", "requireAuth", "PGREQUIREAUTH"),
  keyword("min_protocol_version", "minProtocolVersion", "PGMINPROTOCOLVERSION"),
  keyword("max_protocol_version", "maxProtocolVersion", "PGMAXPROTOCOLVERSION"),
  keyword("ssl_min_protocol_version", "sslMinProtocolVersion", "PGSSLMINPROTOCOLVERSION"),
  keyword("ssl_max_protocol_version", "sslMaxProtocolVersion", "PGSSLMAXPROTOCOLVERSION"),
  keyword("gssencmode", undefined, "PGGSSENCMODE", refused(noGssapi, "disable", "prefer")),
  keyword("krbsrvname", undefined, "PGKRBSRVNAME", ignored(noGssapi, "", "postgres")),
  keyword("gsslib", undefined, "PGGSSLIB", ignored(noGssapi, "")),
  keyword("gssdelegation", undefined, "PGGSSDELEGATION", ignored(noGssapi, "", "0")),
  keyword(
    "replication",
    undefined,
    undefined,
    refused("replication connections are not implemented", "", "false", "off", "no", "0")
  ),
  keyword("target_session_attrs", "targetSessionAttrs", "PGTARGETSESSIONATTRS"),
  keyword("load_balance_hosts", "loadBalanceHosts", "PGLOADBALANCEHOSTS"),
  keyword("scram_client_key", undefined, undefined, refused("SCRAM keys cannot stand in for a password", ""), true),
  keyword("scram_server_key", undefined, undefined, refused("SCRAM keys cannot stand in for a password", ""), true),
  keyword("oauth_issuer", undefined, undefined, refused(noOauth, "")),
  keyword("oauth_client_id", undefined, undefined, refused(noOauth, "")),
  keyword("oauth_client_secret", undefined, undefined, refused(noOauth, ""), true),
  keyword("oauth_scope", undefined, undefined, refused(noOauth, "")),
  keyword("sslkeylogfile", undefined, undefined, refused(noFilesWritten, ""))
]

const byName: ReadonlyMap<string, Keyword> = new Map(keywords.map((keyword) => [keyword.name, keyword]))

export const findKeyword = (name: string): Keyword | undefined => byName.get(name)

/** The name under which an error reports a keyword: ours if there is one. */
export const settingName = (name: string): string => byName.get(name)?.setting ?? name

/**
 * What `conninfo_storeval` does to a pair before it stores it: `requiressl` is an old spelling of two modes.
 * Answers `undefined` for a name that is not in the table. Case matters.
 */
export const canonicalPair = (name: string, value: string): readonly [name: string, value: string] | undefined =>
  name === "requiressl"
    ? ["sslmode", value.startsWith("1") ? "require" : "prefer"]
    : byName.has(name)
      ? [name, value]
      : undefined
