// Connections on their way: how many are opened at a time, for whom, and until when. The pool owns them, not the waiter who caused one:
// if he gives up, the connection serves the next.
import type { PostgresError } from "../../PostgresError.ts"
import type { Line } from "../lease.ts"
import type { ConnectPace } from "./ConnectPace.ts"
import type { PooledConnection } from "./Member.ts"
import type { Members, MembersParts } from "./Members.ts"
import type { MemberEvents, PoolLimits, PoolPorts } from "./PoolPorts.ts"

export interface OpeningOutcome<L extends Line> {
  /** `retired`: it is not to be used */
  readonly adopt: (connection: PooledConnection<L>, retired: boolean) => MemberEvents
  readonly failed: (error: PostgresError) => void
}

export class Openings<L extends Line> {
  /** connections are being opened up to `min`, whether anybody waits or not */
  private filling = false
  private readonly underWay = new Set<() => void>()
  /** `Pool.refresh` raises it: what was begun before is not used */
  private generation = 0

  private readonly limits: PoolLimits
  private readonly ports: PoolPorts<L>
  private readonly pace: ConnectPace
  private readonly members: Members<L>
  private readonly outcome: OpeningOutcome<L>
  constructor(
    { limits, members, pace, ports }: MembersParts<L> & { readonly members: Members<L> },
    outcome: OpeningOutcome<L>
  ) {
    this.limits = limits
    this.ports = ports
    this.pace = pace
    this.members = members
    this.outcome = outcome
  }

  get size(): number {
    return this.underWay.size
  }

  /** Connections that are there or on their way, those that are ending included. */
  private get total(): number {
    return this.members.all.size + this.size
  }

  /** There is room for one more. */
  get canGrow(): boolean {
    return this.total < this.limits.max
  }

  /** From now on connections are opened up to `min`. */
  fill(): void {
    this.filling = true
  }

  /** Opens what so many waiters need, and what is missing to `min`. */
  grow(waiting: () => number): void {
    const { min } = this.limits
    if (this.total >= min || this.pace.isRefused) this.filling = false
    while (this.canGrow && this.size < this.pace.limit) {
      const wanted = this.size + this.members.checking < waiting()
      if (!wanted && !(this.filling && this.total < min)) return
      this.open()
    }
  }

  /** What is on its way may have been dialled with settings of yesterday. */
  retireAll(): void {
    this.generation++
  }

  giveUp(): void {
    for (const giveUp of Array.from(this.underWay)) giveUp()
    this.underWay.clear()
  }

  private open(): void {
    let stop = (): void => undefined
    const giveUp = (): void => stop()
    const { generation } = this
    this.underWay.add(giveUp)
    stop = this.ports.open({
      opened: (connection) => {
        this.underWay.delete(giveUp)
        return this.outcome.adopt(connection, generation !== this.generation)
      },
      failed: (error) => {
        this.underWay.delete(giveUp)
        this.outcome.failed(error)
      }
    })
  }
}
