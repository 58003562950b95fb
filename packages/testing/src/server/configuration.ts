// The server's files: settings, host-based authentication, certificates. Written whole each time, never patched, so that
// a cluster's behaviour is what its options say and nothing from before.
import { appendFileSync, chmodSync, chownSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Identity } from "./runProgram.ts"

/** TLS of the server. All four are PEM text; several certificates in one text form a chain, the server's own first. */
export interface ServerTls {
  readonly certificate: string
  readonly key: string
  /** authorities that client certificates are checked against (`clientcert=` and the `cert` method need it) */
  readonly clientAuthority?: string
  readonly clientRevocations?: string
}

/** What the server's files say. */
export interface ServerConfiguration {
  /** Settings of postgresql.conf, by name; they win over the harness's own. Values are quoted for you. */
  readonly settings: Readonly<Record<string, string>>
  /** Lines of pg_hba.conf, first match wins; they replace the default (scram-sha-256 for everyone). */
  readonly hba: ReadonlyArray<string>
  readonly tls: ServerTls | undefined
}

export const defaultHba: ReadonlyArray<string> = [
  "local all         all                scram-sha-256",
  "host  all         all all            scram-sha-256",
  "local replication all                scram-sha-256",
  "host  replication all all            scram-sha-256"
]

const tlsFiles = {
  certificate: "server.crt",
  key: "server.key",
  clientAuthority: "root.crt",
  clientRevocations: "root.crl"
}

const tlsSettings = (tls: ServerTls): Record<string, string> => ({
  ssl: "on",
  ssl_cert_file: tlsFiles.certificate,
  ssl_key_file: tlsFiles.key,
  ssl_ca_file: tls.clientAuthority === undefined ? "" : tlsFiles.clientAuthority,
  ssl_crl_file: tls.clientRevocations === undefined ? "" : tlsFiles.clientRevocations
})

/** Fast and small; durability is nothing a test's database needs. `port` and the socket's place are the cluster's. */
const harnessSettings = (port: number, socketDirectory: string): Record<string, string> => ({
  listen_addresses: "127.0.0.1",
  port: String(port),
  unix_socket_directories: `"${socketDirectory}"`,
  fsync: "off",
  full_page_writes: "off",
  shared_buffers: "16MB",
  // In the data directory instead of /dev/shm, which is 64 MB in containers and keeps the pieces of a killed server.
  dynamic_shared_memory_type: "mmap",
  log_line_prefix: "%m [%p] %q%u@%d/%a "
})

const quoted = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`

/** Adds the line that makes the server read our file after its own. Once per data directory. */
export const includeConfiguration = (dataDirectory: string): void =>
  appendFileSync(join(dataDirectory, "postgresql.conf"), "\ninclude 'pgfx.conf'\n")

/** Writes every file. A running server sees them after a reload (some settings: after a restart). */
export const writeConfiguration = (
  cluster: {
    readonly dataDirectory: string
    readonly port: number
    readonly socketDirectory: string
    readonly identity: Identity | undefined
  },
  configuration: ServerConfiguration
): void => {
  const { hba, settings, tls } = configuration
  const write = (name: string, text: string | undefined) => {
    const path = join(cluster.dataDirectory, name)
    if (text === undefined) return rmSync(path, { force: true })
    writeFileSync(path, text, { mode: 0o600 })
    // The server refuses a key file that others can read (be-secure-common.c, check_ssl_key_file_permissions).
    chmodSync(path, 0o600)
    if (cluster.identity !== undefined) chownSync(path, cluster.identity.uid, cluster.identity.gid)
  }
  const all = {
    ...harnessSettings(cluster.port, cluster.socketDirectory),
    ...(tls === undefined ? { ssl: "off" } : tlsSettings(tls)),
    ...settings
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${quoted(value)}\n`)
  write("pgfx.conf", lines.join(""))
  write("pg_hba.conf", hba.map((line) => `${line}\n`).join(""))
  write(tlsFiles.certificate, tls?.certificate)
  write(tlsFiles.key, tls?.key)
  write(tlsFiles.clientAuthority, tls?.clientAuthority)
  write(tlsFiles.clientRevocations, tls?.clientRevocations)
}
