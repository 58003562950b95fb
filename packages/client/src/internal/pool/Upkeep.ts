// What happens to connections with time: the idle ones are counted, the old ones retired, leases that nobody uses reported. Ages advance
// with the sweep, so no request reads a clock, and nothing is ever ended before its time.
import type { Line } from "../lease.ts"
import type { Member } from "./Member.ts"
import type { Members } from "./Members.ts"
import type { PoolLimits, PoolPorts } from "./PoolPorts.ts"
import { unusedLease } from "./reports.ts"
import type { Waiting } from "./Waiting.ts"

/** milliseconds */
const longestInterval = 5_000
const shortestInterval = 10

/** A lease without use for so long while others wait is reported, once. */
const unusedLeaseMillis = 60_000

/** Ages are exact to one sweep: half of the shortest of them, but not above five seconds. */
const sweepInterval = ({ checkAfter, idleTimeout, maxLifetime }: PoolLimits): number => {
  const ages = [checkAfter, idleTimeout, maxLifetime].filter((age) => age > 0)
  return Math.max(shortestInterval, Math.min(longestInterval, ...ages.map((age) => age / 2)))
}

export interface UpkeepParts<L extends Line> {
  readonly limits: PoolLimits
  readonly ports: PoolPorts<L>
  readonly members: Members<L>
  readonly waiting: Waiting<L>
}

export class Upkeep<L extends Line> {
  private cancel: (() => void) | undefined = undefined
  private readonly interval: number

  private readonly limits: PoolLimits
  private readonly ports: PoolPorts<L>
  private readonly members: Members<L>
  private readonly waiting: Waiting<L>
  private readonly swept: () => void
  /** `swept` follows each sweep. */
  constructor({ limits, members, ports, waiting }: UpkeepParts<L>, swept: () => void) {
    this.limits = limits
    this.ports = ports
    this.members = members
    this.waiting = waiting
    this.swept = swept
    this.interval = sweepInterval(limits)
  }

  /** There is something to keep. Nothing happens if it runs already. */
  start(): void {
    const { all, closed } = this.members
    if (closed || (all.size === 0 && this.limits.min === 0)) return
    this.cancel ??= this.ports.schedule(this.interval, () => {
      this.cancel = undefined
      this.members.sweptAt = this.ports.now()
      this.sweep()
      this.swept()
      this.start()
    })
  }

  stop(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  private sweep(): void {
    const { limits, members } = this
    const { idle, sweptAt } = members
    for (const member of members.all) {
      if (sweptAt >= member.endsAt) member.retired = true
      if (member.phase === "idle") {
        member.idleSince ??= sweptAt
        member.checked = false
      }
      this.reportUnused(member)
    }
    for (const member of idle.filter((member) => member.retired || member.isDead)) members.end(member)
    // least recently used first
    for (const member of idle.slice()) {
      if (members.live <= limits.min) break
      const idleFor = sweptAt - (member.idleSince ?? sweptAt)
      if (idleFor >= limits.idleTimeout && idleFor > 0) members.end(member)
    }
  }

  private reportUnused(member: Member<L>): void {
    const { sweptAt } = this.members
    const waiting = this.waiting.size
    const fiber = member.holder?.waiter.fiber
    const unused = member.phase === "leased" && member.line.inFlight === 0 && waiting > 0
    member.unusedSweeps = unused ? member.unusedSweeps + 1 : 0
    if (member.unusedSweeps !== Math.ceil(unusedLeaseMillis / this.interval)) return
    this.ports.warn(
      unusedLease({
        fiber: fiber === undefined ? "an unknown fiber" : this.ports.nameOf(fiber),
        site: member.holder?.waiter.site,
        latest: member.line.latest,
        heldSeconds: Math.round((sweptAt - (member.busySince ?? sweptAt)) / 1000),
        unusedSeconds: unusedLeaseMillis / 1000,
        waiting
      })
    )
  }
}
