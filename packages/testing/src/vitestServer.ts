// Vitest's globalSetup: starts the PostgreSQL servers that the tests share, once per run, and tells them how to connect.
// The environment variable PGFX_POSTGRES names the major versions, separated by commas; default: 18.
// Tests read the facts with `inject("postgres")`, one entry per server, in the order they were named. A test that needs a
// server of its own (a configuration, a crash) calls `startCluster`.
import type {} from "vitest"
import type { TestProject } from "vitest/node"
import { startCluster } from "./server/cluster.ts"
import type { Cluster, ConnectionFacts } from "./server/cluster.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** the servers of this run, at least one */
    readonly postgres: readonly [ConnectionFacts, ...ReadonlyArray<ConnectionFacts>]
  }
}

/** The versions asked for by PGFX_POSTGRES, for example `14,18`. Throws if it is not a list of numbers. */
export const requestedVersions = (variable = process.env.PGFX_POSTGRES): ReadonlyArray<number> => {
  const words = (variable ?? "").split(",").map((word) => word.trim())
  const named = words.filter((word) => word !== "")
  if (named.length === 0) return [18]
  if (named.some((word) => !/^\d{2}$/.test(word))) {
    throw new Error(`PGFX_POSTGRES=${variable} is not a list of major versions such as 14,15,16,17,18`)
  }
  return [...new Set(named.map(Number))]
}

const factsOf = (cluster: Cluster): ConnectionFacts => ({
  majorVersion: cluster.majorVersion,
  host: cluster.host,
  port: cluster.port,
  socketDirectory: cluster.socketDirectory,
  user: cluster.user,
  password: cluster.password,
  database: cluster.database,
  url: cluster.url
})

const stopAll = async (clusters: ReadonlyArray<Cluster>): Promise<void> => {
  await Promise.all(clusters.map((cluster) => cluster.stop()))
}

/** Starts the servers and returns what stops them; vitest calls both. */
export default async (project: Pick<TestProject, "provide">): Promise<() => Promise<void>> => {
  const clusters: Array<Cluster> = []
  try {
    // One after the other: each start uses all cores for a moment.
    for (const major of requestedVersions()) clusters.push(await startCluster({ major }))
  } catch (error) {
    await stopAll(clusters)
    throw error
  }
  const [first, ...others] = clusters.map(factsOf)
  if (first !== undefined) project.provide("postgres", [first, ...others])
  return () => stopAll(clusters)
}
