// The server of one cluster over its life: configured, started, halted, frozen, killed, started again. Knows nothing of
// how its directory was made and leaves it there when it ends; cluster.ts does both.
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { writeConfiguration } from "./configuration.ts"
import type { ServerConfiguration, ServerTls } from "./configuration.ts"
import { launchPostmaster, ServerError, waitUntilReady } from "./postmaster.ts"
import type { LaunchOptions, Postmaster } from "./postmaster.ts"
import { childProcesses, signalProcess, waitUntilGone } from "./processes.ts"

/** How a server is told to end: SIGTERM (waits for clients), SIGINT (ends sessions), SIGQUIT (no checkpoint). */
export type ShutdownMode = "smart" | "fast" | "immediate"

/** What is to change. Settings are added to the present ones; a part that is absent stays; `tls: undefined` turns it off. */
export interface ConfigurationChange {
  readonly configuration?: Readonly<Record<string, string>>
  readonly hba?: ReadonlyArray<string>
  readonly tls?: ServerTls | undefined
}

/** Where a cluster's server lives. */
export interface ServerPlace extends LaunchOptions {
  readonly socketDirectory: string
}

const signals = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const
const startDeadline = 60_000
const haltDeadline = 10_000
const reloadNotice = "received SIGHUP, reloading configuration files"

const running = new Set<Postmaster>()
let watchesExit = false

/** The watchdog would do it too; this is a little sooner. */
const stopAtExit = (postmaster: Postmaster): void => {
  running.add(postmaster)
  if (watchesExit) return
  watchesExit = true
  process.once("exit", () => {
    for (const one of running) one.signal("SIGQUIT")
  })
}

export class ClusterServer {
  readonly place: ServerPlace
  port = 0
  #configuration: ServerConfiguration
  #postmaster: Postmaster | undefined
  #frozen: ReadonlyArray<number> = []

  constructor(place: ServerPlace, configuration: ServerConfiguration) {
    this.place = place
    this.#configuration = configuration
  }

  /** Chooses the port of the next start. */
  listenOn(port: number): void {
    this.port = port
    this.#writeFiles()
  }

  log(): string {
    try {
      return readFileSync(this.place.logFile, "utf8")
    } catch {
      return ""
    }
  }

  pid(): number | undefined {
    return this.#postmaster === undefined || this.#postmaster.hasExited() ? undefined : this.#postmaster.pid
  }

  async start(): Promise<void> {
    if (this.pid() !== undefined) return
    const postmaster = launchPostmaster(this.place)
    this.#postmaster = postmaster
    stopAtExit(postmaster)
    await waitUntilReady(postmaster, this.place, startDeadline)
  }

  async halt(mode: ShutdownMode = "fast"): Promise<void> {
    this.resume()
    const postmaster = this.#postmaster
    if (postmaster === undefined) return
    for (const signal of [signals[mode], "SIGQUIT", "SIGKILL"] as const) {
      postmaster.signal(signal)
      if (await postmaster.waitForExit(haltDeadline)) break
    }
    this.#forget(postmaster)
  }

  async restart(mode?: ShutdownMode, change?: ConfigurationChange): Promise<void> {
    await this.halt(mode)
    if (change !== undefined) this.#adopt(change)
    await this.start()
  }

  /** The postmaster reads its files in the turn in which it logs the notice, before it accepts another connection. */
  async reload(change: ConfigurationChange): Promise<void> {
    const postmaster = this.#alive()
    this.#adopt(change)
    const before = this.log().split(reloadNotice).length
    postmaster.signal("SIGHUP")
    for (const until = Date.now() + haltDeadline; Date.now() < until; await sleep(2)) {
      if (this.log().split(reloadNotice).length > before) return
    }
    throw new ServerError(`The server did not reload its configuration within ${haltDeadline} ms.`, this.log())
  }

  pause(): void {
    const { pid } = this.#alive()
    // The postmaster first: it then starts no child that we would miss.
    signalProcess(pid, "SIGSTOP")
    const children = childProcesses(pid)
    for (const child of children) signalProcess(child, "SIGSTOP")
    this.#frozen = [...children, pid]
  }

  resume(): void {
    for (const pid of this.#frozen) signalProcess(pid, "SIGCONT")
    this.#frozen = []
  }

  killBackend(pid: number): void {
    if (!childProcesses(this.#alive().pid).includes(pid)) throw new Error(`${pid} is not a process of this server.`)
    signalProcess(pid, "SIGKILL")
  }

  /**
   * Orphans notice the postmaster's death by themselves, but some only when they wait for something (measured on 14: one in
   * twelve took more than five seconds). After one second they are killed too.
   */
  async killPostmaster(): Promise<void> {
    const postmaster = this.#alive()
    const children = childProcesses(postmaster.pid)
    this.resume()
    postmaster.signal("SIGKILL")
    await postmaster.waitForExit(haltDeadline)
    await waitUntilGone(children, 1000)
    this.#forget(postmaster)
  }

  #alive(): Postmaster {
    const postmaster = this.#postmaster
    if (postmaster === undefined || postmaster.hasExited())
      throw new ServerError("The server does not run.", this.log())
    return postmaster
  }

  #forget(postmaster: Postmaster): void {
    running.delete(postmaster)
    if (this.#postmaster === postmaster) this.#postmaster = undefined
  }

  #adopt(change: ConfigurationChange): void {
    const present = this.#configuration
    this.#configuration = {
      settings: { ...present.settings, ...change.configuration },
      hba: change.hba ?? present.hba,
      tls: "tls" in change ? change.tls : present.tls
    }
    this.#writeFiles()
  }

  #writeFiles(): void {
    const { dataDirectory, identity, socketDirectory } = this.place
    writeConfiguration({ dataDirectory, port: this.port, socketDirectory, identity }, this.#configuration)
  }
}
