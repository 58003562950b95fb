// Captures the golden sessions of packages/protocol/test/goldens from real servers: `npx tsx scripts/capture-goldens.ts [14 … 18]`.
// Each major version gets a server of its own, thrown away afterwards; cancel keys are zeros in the files, and the passwords in them open nothing.
// Two captures differ in process ids, SCRAM nonces and what the servers themselves changed.
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { startCluster } from "@pgfx/testing/server/cluster"
import { goldenFolder, renderGolden } from "../packages/protocol/test/goldens/golden.ts"
import { roles, sessions, type Target } from "./capture-goldens-sessions.ts"
import { Wire } from "./capture-goldens-wire.ts"

/** Known to the test that verifies the servers' SCRAM signatures. */
const password = "golden"

const hba = [
  `host all ${roles.scram} all scram-sha-256`,
  `host all ${roles.md5} all md5`,
  `host all ${roles.cleartext} all password`,
  "host all all all trust",
  "host replication all all trust"
]

const makeRoles = async (target: Target): Promise<void> => {
  const wire = await Wire.ready(target)
  await wire.query(`CREATE ROLE ${roles.scram} LOGIN PASSWORD '${password}'`)
  await wire.query(`SET password_encryption = 'md5'; CREATE ROLE ${roles.md5} LOGIN PASSWORD '${password}'`)
  await wire.query(`CREATE ROLE ${roles.cleartext} LOGIN PASSWORD '${password}'`)
  await wire.close()
}

const capture = async (major: number): Promise<void> => {
  const configuration = { timezone: "UTC", lc_messages: "C", autovacuum: "off" }
  const cluster = await startCluster({ major, hba, configuration })
  const folder = `${goldenFolder}${major}`
  try {
    const target: Target = { major, host: cluster.host, port: cluster.port, user: cluster.user, password }
    await makeRoles(target)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const session of sessions) {
      for (const golden of await session(target)) {
        writeFileSync(`${folder}/${golden.name}.txt`, renderGolden(golden))
        console.log(`${major} ${golden.name}: ${golden.frames.length} frames`)
      }
    }
  } finally {
    await cluster.stop()
  }
}

const asked = process.argv.slice(2).map(Number)
for (const major of asked.length === 0 ? [14, 15, 16, 17, 18] : asked) await capture(major)
