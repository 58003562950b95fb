// Places meet connections: the queue is served from its head whenever something has changed, by the rules of the engine's design, §4. An
// idle connection first, room for a new one next, then one to share; one drains for each who needs one alone.
import type { Line } from "../lease.ts"
import type { Beat } from "./Beat.ts"
import type { Member } from "./Member.ts"
import type { Members } from "./Members.ts"
import type { Openings } from "./Openings.ts"
import type { Place } from "./Place.ts"
import type { PoolLimits, PoolPorts } from "./PoolPorts.ts"
import { QueueTarget } from "./QueueTarget.ts"
import { poolOverloaded } from "./refusals.ts"
import type { Waiting } from "./Waiting.ts"

export interface ServingParts<L extends Line> {
  readonly ports: PoolPorts<L>
  readonly waiting: Waiting<L>
  readonly members: Members<L>
  readonly openings: Openings<L>
  readonly beat: Beat<L>
  readonly limits: PoolLimits
}

export class Serving<L extends Line> {
  private isServing = false
  private again = false

  private readonly ports: PoolPorts<L>
  private readonly waiting: Waiting<L>
  private readonly members: Members<L>
  private readonly openings: Openings<L>
  private readonly beat: Beat<L>
  private readonly queueTarget: QueueTarget | undefined
  private readonly pipelineDepth: number
  constructor({ beat, limits, members, openings, ports, waiting }: ServingParts<L>) {
    this.ports = ports
    this.waiting = waiting
    this.members = members
    this.openings = openings
    this.beat = beat
    this.pipelineDepth = limits.pipelineDepth
    this.queueTarget = limits.queueTarget === undefined ? undefined : new QueueTarget(limits.queueTarget)
  }

  /** Serves somebody who has just come, without the queue. False: he has to wait. */
  atOnce(place: Place<L>): boolean {
    if (this.waiting.size > 0) return false
    const member = this.takeIdle() ?? this.sharedAtOnce(place)
    if (member === undefined) return false
    this.queueTarget?.placedAtOnce()
    this.grant(place, member)
    return true
  }

  /** As `serve` does it: room for a new connection comes before one to share. */
  private sharedAtOnce(place: Place<L>): Member<L> | undefined {
    return this.openings.canGrow || !this.waiting.mayShare(place) ? undefined : this.leastLoaded()
  }

  /** Every event ends here. Grants may cause further events: those are served by the loop that is running. */
  serve(): void {
    if (this.isServing) {
      this.again = true
      return
    }
    this.isServing = true
    do {
      this.again = false
      this.serveIdle()
      if (!this.members.closed) this.openings.grow(() => this.waiting.size)
      this.share()
      const { alone, sharing } = this.waiting
      if (this.members.reservations.adjust(alone.size) && sharing.size > 0) this.again = true
    } while (this.again)
    this.isServing = false
  }

  private serveIdle(): void {
    const { idle } = this.members
    while (this.waiting.first !== undefined) {
      const member = this.takeIdle()
      // takeIdle may have ended the wait of some
      const place = this.waiting.first
      if (member === undefined) return
      if (place === undefined) {
        idle.push(member)
        return
      }
      this.waiting.remove(place)
      if (this.sheds(place)) idle.push(member)
      else this.grant(place, member)
    }
  }

  private share(): void {
    const { sharing } = this.waiting
    for (let place = sharing.head; place !== undefined; place = sharing.head) {
      const member = this.leastLoaded()
      if (member === undefined) return
      this.waiting.remove(place)
      if (!this.sheds(place)) this.grant(place, member)
    }
  }

  /** The one to share that has the fewest requests. */
  private leastLoaded(): Member<L> | undefined {
    let found: Member<L> | undefined
    for (const member of this.members.all) {
      if (!member.takesShared(this.pipelineDepth)) continue
      if (found === undefined || member.shares.size < found.shares.size) found = member
    }
    return found
  }

  private takeIdle(): Member<L> | undefined {
    const { members, openings, waiting } = this
    return members.takeIdle(() => openings.size + members.checking >= waiting.size)
  }

  private sheds(place: Place<L>): boolean {
    const { queueTarget } = this
    if (queueTarget === undefined) return false
    const now = this.ports.now()
    const waited = now - place.since
    if (!queueTarget.sheds(now, waited)) return false
    place.waiter.refused(poolOverloaded(Math.round(waited), queueTarget.target))
    return true
  }

  private grant(place: Place<L>, member: Member<L>): void {
    place.member = member
    this.members.taken(member)
    if (place.proof === undefined) {
      member.phase = "leased"
      member.holder = place
      member.busySince = this.ports.now()
      place.waiter.granted(member.line)
      return
    }
    if (member.phase === "idle") {
      member.phase = "serving"
      member.busySince = undefined
    }
    member.shares.append(place)
    if (!this.waiting.mayShare(place)) member.unproven = true
    this.beat.start()
    place.waiter.granted(member.line)
    // It may have settled without a byte: then no answer will tell that the connection is free.
    if (member.line.inFlight === 0) this.members.becameIdle(member)
  }
}
