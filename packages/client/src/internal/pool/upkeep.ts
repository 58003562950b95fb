// What happens to connections with time: the idle ones are counted, the old ones retired, leases that nobody uses reported. Ages advance
// with the sweep, so no request reads a clock, and nothing is ever ended before its time.
import type { Line } from "../lease.ts"
import type { Member } from "./Member.ts"
import type { PoolLessor, PoolLimits } from "./PoolLessor.ts"

/** milliseconds */
const longestInterval = 5_000
const shortestInterval = 10

/** A lease without use for so long while others wait is reported, once. */
const unusedLeaseMillis = 60_000

/** Ages are exact to one sweep: half of the shortest of them, but not above five seconds. */
export const sweepInterval = ({ checkAfter, idleTimeout, maxLifetime }: PoolLimits): number => {
  const ages = [checkAfter, idleTimeout, maxLifetime].filter((age) => age > 0)
  return Math.max(shortestInterval, Math.min(longestInterval, ...ages.map((age) => age / 2)))
}

const reportUnused = <L extends Line>(pool: PoolLessor<L>, member: Member<L>): void => {
  const fiber = member.holder?.waiter.fiber
  const unused = member.phase === "leased" && member.line.inFlight === 0 && pool.waiting > 0
  member.unusedSweeps = unused ? member.unusedSweeps + 1 : 0
  const interval = sweepInterval(pool.limits)
  if (member.unusedSweeps !== Math.ceil(unusedLeaseMillis / interval)) return
  const held = Math.round((pool.sweptAt - (member.busySince ?? pool.sweptAt)) / 1000)
  const by = fiber === undefined ? "an unknown fiber" : pool.ports.nameOf(fiber)
  pool.ports.warn(
    `pgfx: ${by} has held a connection for ${held} s and not used it for ${unusedLeaseMillis / 1000} s, while ${pool.waiting} wait`
  )
}

export const sweep = <L extends Line>(pool: PoolLessor<L>): void => {
  const { limits, sweptAt } = pool
  for (const member of pool.members) {
    if (sweptAt >= member.endsAt) member.retired = true
    if (member.phase === "idle") {
      member.idleSince ??= sweptAt
      member.checked = false
    }
    reportUnused(pool, member)
  }
  for (const member of pool.idle.filter((member) => member.retired || member.isDead)) pool.end(member)
  // least recently used first
  for (const member of pool.idle.slice()) {
    if (pool.live <= limits.min) break
    const idleFor = sweptAt - (member.idleSince ?? sweptAt)
    if (idleFor >= limits.idleTimeout && idleFor > 0) pool.end(member)
  }
}
