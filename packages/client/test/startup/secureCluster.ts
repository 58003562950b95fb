// A server with TLS of its own authority, and one role for each way of being asked who one is. Roles are named after pg_hba.conf's words.
import { type Authority, makeAuthority } from "@pgfx/testing/server/certificates"
import { type Cluster, startCluster } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "pgfx/Settings"
import { open, say } from "./opening.ts"

export const hostName = "db.pgfx.test"
export const password = "an unguessable word"

const hba = [
  "local   all all              trust",
  "host    all truster   all    trust",
  "host    all md5er     all    md5",
  "host    all clearer   all    password",
  "hostssl all certified all    cert",
  "host    all nobody    all    reject",
  "host    all all       all    scram-sha-256"
]

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

export interface SecureCluster {
  readonly cluster: Cluster
  readonly authority: Authority
  /** TLS to the name in the certificate, over loopback */
  readonly secure: (user: string, more?: Settings) => Settings
  /** the same server in plain text */
  readonly plain: (user: string, more?: Settings) => Settings
  /** runs SQL as the superuser, over the Unix socket */
  readonly asSuperuser: (...statements: ReadonlyArray<string>) => Promise<string | undefined>
}

export const startSecureCluster = async (majorVersion: number): Promise<SecureCluster> => {
  const authority = makeAuthority()
  const server = authority.issue({ names: [hostName] })
  const cluster = await startCluster({
    major: majorVersion,
    hba,
    tls: { certificate: server.chain, key: server.key, clientAuthority: authority.certificate }
  })
  const { port, socketDirectory, user: superuser } = cluster
  const asSuperuser = (...statements: ReadonlyArray<string>): Promise<string | undefined> =>
    open({ host: socketDirectory, port, user: superuser, database: "postgres" }).pipe(
      Effect.flatMap((connection) => say(connection, statements.join("; "))),
      Effect.scoped,
      Effect.runPromise
    )
  await asSuperuser(
    ...["scrammer", "clearer", "nobody"].map((user) => `CREATE ROLE ${user} LOGIN PASSWORD ${quoted(password)}`),
    "CREATE ROLE limited LOGIN CONNECTION LIMIT 0 PASSWORD 'a limited word'",
    "CREATE ROLE truster LOGIN",
    "CREATE ROLE certified LOGIN",
    "SET password_encryption = 'md5'",
    `CREATE ROLE md5er LOGIN PASSWORD ${quoted(password)}`
  )
  const database = "postgres"
  const common = { hostaddr: "127.0.0.1", port, database, password: Redacted.make(password) }
  return {
    cluster,
    authority,
    asSuperuser,
    secure: (user, more) => ({ ...common, host: hostName, user, sslrootcert: authority.certificate, ...more }),
    plain: (user, more) => ({ ...common, host: "127.0.0.1", user, sslmode: "disable", ...more })
  }
}
