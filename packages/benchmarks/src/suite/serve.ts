// The worker's side of the benchmarks: a process of its own for each contestant of each scenario, so that neither its memory nor what the engine
// has compiled for it is anybody else's. Told by lines of JSON on stdin what to do, it answers each with one on stdout.
// It knows no driver; it only measures what a contestant does.
import { createInterface } from "node:readline"

// what the peers' programs, which are no TypeScript, need of ours
export { eventOf, items, rowChecksum, statements } from "./rows.ts"
export { BytesChecksum, copyPieces, copySql, eventLines, verifiedMegabytes } from "./copying.ts"

/** Where the server is. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** file of the certificate authority, where the server speaks TLS */
  readonly ca: string
}

/** What a scenario varies, by name: fibers, rows, columns, statements, connections. */
export type Point = Readonly<Record<string, number>>

/** A contestant at work, connected. */
export interface Work {
  /** Undoes what the last run left in the database, outside of its time. */
  readonly prepare?: () => Promise<void>
  /** Does `units` units of work, and returns a checksum that all contestants agree on and that is cheap to make. */
  readonly run: (units: number) => Promise<number>
  /** The same with a checksum of everything that came out, where `run` has only looked at some of it. Not measured. */
  readonly verify?: (units: number) => Promise<number>
  readonly close: () => Promise<void>
}

export type Contestants = Readonly<Record<string, (server: Server, point: Point) => Promise<Work>>>

export type Request =
  | { readonly type: "open"; readonly scenario: string; readonly server: Server; readonly point: Point }
  | { readonly type: "verify" | "run"; readonly units: number }
  | { readonly type: "close" }

export type Answer =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string }
  | {
      readonly type: "measured"
      readonly checksum: number
      readonly seconds: number
      /** microseconds of CPU time, all threads of the process */
      readonly cpu: number
      /** bytes: the most the process ever had, and what it had when the work began */
      readonly peakRss: number
      readonly startRss: number
    }

const handler = (contestants: Contestants) => {
  let work: Work | undefined
  const opened = (): Work => {
    if (work === undefined) throw new Error("nothing is open")
    return work
  }
  return async (request: Request): Promise<Answer> => {
    switch (request.type) {
      case "open": {
        const open = contestants[request.scenario]
        if (open === undefined) throw new Error(`no scenario ${request.scenario}`)
        work = await open(request.server, request.point)
        return { type: "done" }
      }
      case "verify":
      case "run": {
        const current = opened()
        await current.prepare?.()
        const does = request.type === "verify" ? (current.verify ?? current.run) : current.run
        const startRss = process.memoryUsage().rss
        const before = process.cpuUsage()
        const start = performance.now()
        const checksum = await does(request.units)
        const seconds = (performance.now() - start) / 1000
        const { system, user } = process.cpuUsage(before)
        const { maxRSS } = process.resourceUsage()
        return { type: "measured", checksum, seconds, cpu: user + system, peakRss: maxRSS * 1024, startRss }
      }
      case "close": {
        await opened().close()
        return { type: "done" }
      }
    }
  }
}

/** Serves until stdin ends. */
export const serve = async (contestants: Contestants): Promise<void> => {
  const handle = handler(contestants)
  for await (const line of createInterface({ input: process.stdin })) {
    // the other side is Worker.ts, which writes nothing but Requests
    const request = JSON.parse(line) as Request
    const answer = await handle(request).catch((error: unknown): Answer => ({
      type: "failed",
      message: error instanceof Error ? (error.stack ?? error.message) : String(error)
    }))
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}

/** Runs `job` for 0 to `units` - 1, `callers` at a time, each caller one after the other: what a server with so many requests does. */
export const spreadOver = async (
  callers: number,
  units: number,
  job: (index: number) => Promise<number>
): Promise<number> => {
  let next = 0
  let sum = 0
  const caller = async (): Promise<void> => {
    while (next < units) {
      const value = await job(next++)
      sum += value
    }
  }
  await Promise.all(Array.from({ length: Math.min(callers, units) }, caller))
  return sum
}
