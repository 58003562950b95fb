// Started by watchdog.server.test.ts as a process of its own: starts a cluster, says where it is, and waits to be killed.
import { startCluster } from "../../src/server/cluster.ts"

const cluster = await startCluster()
process.stdout.write(`${JSON.stringify({ dataDirectory: cluster.dataDirectory, pid: cluster.postmasterPid() })}\n`)
process.stdin.resume()
