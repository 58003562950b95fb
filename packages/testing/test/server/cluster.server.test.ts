import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { startCluster } from "../../src/server/cluster.ts"
import type { Cluster } from "../../src/server/cluster.ts"
import type {} from "../../src/vitestServer.ts"
import { isAlive } from "../../src/server/processes.ts"
import { askForTls, openConnection } from "./rawConnection.ts"

const major = inject("postgres")[0].majorVersion
const trust = ["local all all trust", "host all all all trust"]

describe.each(inject("postgres"))("the shared server of PostgreSQL $majorVersion", (server) => {
  it("answers an SSLRequest over TCP and over its unix socket", async () => {
    expect(await askForTls({ host: server.host, port: server.port })).toBe("N")
    expect(await askForTls({ path: join(server.socketDirectory, `.s.PGSQL.${server.port}`) })).toBe("N")
  })

  it("asks for a SCRAM password", async () => {
    const connection = openConnection({ host: server.host, port: server.port })
    await expect(connection).rejects.toThrow("asks for a password: SCRAM-SHA-256")
  })
})

describe("a cluster of one's own", () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster({
      major,
      hba: trust,
      configuration: { max_connections: "17", "pgfx.word": "it's \\ here" }
    })
  })
  afterAll(() => cluster.stop())
  const open = () => openConnection({ host: cluster.host, port: cluster.port })

  it("runs with the settings it was given", async () => {
    const { query, socket } = await open()
    expect(await query("show max_connections")).toEqual(["17"])
    expect(await query("show pgfx.word")).toEqual(["it's \\ here"])
    expect(await query("show server_version")).toEqual([expect.stringMatching(new RegExp(`^${major}\\.`))])
    socket.destroy()
  })

  it("does not run as root", async ({ skip }) => {
    skip(process.platform !== "linux", "there is no /proc to ask")
    const { query, socket } = await open()
    const [status] = await query(`select pg_read_file('/proc/self/status')`)
    expect(status).toMatch(/^Uid:\s+[1-9]/m)
    socket.destroy()
  })

  it("keeps its data and its port over a restart", async () => {
    const before = await open()
    await before.query("create table kept as select 42 as answer")
    const pid = cluster.postmasterPid()
    await cluster.restart()
    await before.closed
    expect(cluster.postmasterPid()).not.toBe(pid)
    const after = await open()
    expect(await after.query("select answer from kept")).toEqual(["42"])
    after.socket.destroy()
  })

  it("comes back after its postmaster was killed", async () => {
    const before = await open()
    const pid = cluster.postmasterPid()
    await cluster.killPostmaster()
    expect(isAlive(pid ?? 0)).toBe(false)
    expect(cluster.postmasterPid()).toBe(undefined)
    await before.closed
    await expect(open()).rejects.toThrow("ECONNREFUSED")
    await cluster.start()
    const after = await open()
    expect(await after.query("select 1")).toEqual(["1"])
    after.socket.destroy()
  })

  it("loses every session when one backend is killed, and recovers", async () => {
    const victim = await open()
    const bystander = await open()
    cluster.killBackend(victim.backendPid)
    await victim.closed
    await bystander.closed
    expect(cluster.serverLog()).toContain("terminated by signal 9")
    await expect.poll(() => open().then((it) => it.query("select 1")), { timeout: 5000 }).toEqual(["1"])
  })

  it("refuses to kill a process that is not its own", () => {
    expect(() => cluster.killBackend(process.pid)).toThrow("not a process of this server")
  })

  it("is silent while paused and answers after it resumes", async () => {
    const { query, socket } = await open()
    cluster.pause()
    let answered = false
    const answer = query("select 7").then((rows) => {
      answered = true
      return rows
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(answered).toBe(false)
    cluster.resume()
    expect(await answer).toEqual(["7"])
    socket.destroy()
  })

  it("obeys new authentication rules from the next connection on", async () => {
    for (let round = 0; round < 3; round++) {
      await cluster.reload({ hba: ["host all all all reject"] })
      await expect(open()).rejects.toThrow("28000")
      await cluster.reload({ hba: trust })
      ;(await open()).socket.destroy()
    }
  })

  it("says in its log why it cannot start", async () => {
    const attempt = startCluster({ major, configuration: { shared_buffers: "a lot" } })
    await expect(attempt).rejects.toThrow(/invalid value for parameter "shared_buffers": "a lot"/)
  })

  it("fails on a port that is taken if the caller chose it", async () => {
    const squatter = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => squatter.once("listening", resolve))
    const address = squatter.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    await expect(startCluster({ major, port })).rejects.toThrow("Address already in use")
    squatter.close()
  })
})

describe("a standby", () => {
  it("follows its primary, refuses to write, and takes over when told to", async () => {
    const hba = [...trust, "host replication all all trust"]
    const primary = await startCluster({ major, hba })
    const standby = await startCluster({ standbyOf: primary, hba })
    try {
      const first = await openConnection({ host: primary.host, port: primary.port })
      await first.query("create table followed as select 42 as answer")
      const second = await openConnection({ host: standby.host, port: standby.port })
      expect(await first.query("select pg_is_in_recovery()")).toEqual(["f"])
      expect(await second.query("select pg_is_in_recovery()")).toEqual(["t"])
      await expect
        .poll(() => second.query("select count(*) from pg_class where relname = 'followed'"), { timeout: 5000 })
        .toEqual(["1"])
      await expect(second.query("insert into followed values (1)")).rejects.toThrow("25006")
      await primary.halt("immediate")
      const third = await openConnection({ host: standby.host, port: standby.port })
      expect(await third.query("select pg_promote(true, 20)")).toEqual(["t"])
      expect(await third.query("insert into followed values (1) returning answer")).toEqual(["1"])
    } finally {
      await Promise.all([standby.stop(), primary.stop()])
    }
  })
})

describe("a stopped cluster", () => {
  it("leaves neither a process nor a file, from whatever state it was in", async () => {
    const states: ReadonlyArray<(cluster: Cluster) => unknown> = [
      () => undefined,
      (cluster) => cluster.pause(),
      (cluster) => cluster.killPostmaster(),
      (cluster) => cluster.halt("immediate")
    ]
    for (const bringAbout of states) {
      const cluster = await startCluster({ major })
      const pid = cluster.postmasterPid()
      const postmasterFile = join(cluster.dataDirectory, "postmaster.pid")
      expect(readFileSync(postmasterFile, "utf8").startsWith(`${pid}\n`)).toBe(true)
      await bringAbout(cluster)
      await cluster.stop()
      await cluster.stop()
      expect(isAlive(pid ?? 0)).toBe(false)
      expect(existsSync(dirname(cluster.dataDirectory))).toBe(false)
      await expect(askForTls({ host: cluster.host, port: cluster.port })).rejects.toThrow("ECONNREFUSED")
      await expect(cluster.start()).rejects.toThrow()
    }
  })
})
