// Who gets which connection, and when: the pool's state machine. Events in (a request, an answer, a connection opened or lost, a timer),
// calls out (grant, refuse, open, check, reset, close). Knows neither Effect nor sockets; every timer goes through `schedule`.
//
// Invariant, at every instant: members + openings ≤ max. Hand-over happens in the event that makes a connection free, so no newcomer
// can take it from somebody who waits. Rules and numbers: design of the engine, §2–4 and §12.
import type { PostgresError } from "../../PostgresError.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import type { Claim, Lessor, Line, Waiter } from "../lease.ts"
import { ConnectPace } from "./ConnectPace.ts"
import { Member, type PooledConnection } from "./Member.ts"
import { Place, type PlaceKeeper } from "./Place.ts"
import { QueueTarget } from "./QueueTarget.ts"
import {
  lostAtOnce,
  notLeased,
  poolClosed,
  poolDeadlock,
  poolOverloaded,
  type PoolPicture,
  poolSaturated,
  poolTimeout
} from "./refusals.ts"
import { StatementProofs, wasQuick, wasSlow } from "./StatementProofs.ts"
import { sweep, sweepInterval } from "./upkeep.ts"
import { WaitQueue } from "./WaitQueue.ts"

/** Milliseconds; infinity: never. */
export interface PoolLimits {
  readonly min: number
  readonly max: number
  readonly acquireTimeout: number
  readonly idleTimeout: number
  readonly maxLifetime: number
  readonly maxWaiting: number
  readonly queueTarget: number | undefined
  readonly pipelineDepth: number
  readonly checkAfter: number
}

/** What the pool is told about a connection that it has. */
export interface MemberEvents {
  /** nothing is in flight any more */
  idle(): void
  /** it ended, and not because the pool wanted it */
  lost(): void
}

export interface Opening<L extends Line> {
  readonly opened: (connection: PooledConnection<L>) => MemberEvents
  readonly failed: (error: PostgresError) => void
}

export interface PoolPorts<L extends Line> {
  /** milliseconds, monotonic */
  now(): number
  /** The function it answers takes the call back. */
  schedule(millis: number, callback: () => void): () => void
  /** from 0 to below 1 */
  random(): number
  /** Begins to open a connection. The function it answers gives that up; neither callback is called then. */
  open(opening: Opening<L>): () => void
  readonly nameOf: (fiber: object) => string
  warn(message: string): void
}

/** A head that has not moved for so long makes its connection unfit to share, and its statement slow. */
const beat = 20

export class PoolLessor<L extends Line> implements Lessor<L>, PlaceKeeper<L> {
  readonly members = new Set<Member<L>>()
  /** least recently used first */
  readonly idle: Array<Member<L>> = []
  /** those who need a connection of their own for a while: exclusive, or not proven to be quick */
  private readonly alone = new WaitQueue<L>()
  /** those who may share one */
  private readonly sharing = new WaitQueue<L>()
  private readonly openings = new Set<() => void>()
  private readonly waitingFibers = new Map<object, number>()
  private readonly proofs = new StatementProofs()
  private readonly pace: ConnectPace
  private readonly queueTarget: QueueTarget | undefined
  private arrivals = 0
  private checking = 0
  /** connections in a row that ended before they were of use to anybody */
  private stillborn = 0
  private reserved = 0
  private isServing = false
  private serveAgain = false
  private closed = false
  /** connections are being opened up to `min`, whether anybody waits or not */
  private filling = false
  private whenEmpty: Array<() => void> = []
  private stopExpiry: (() => void) | undefined = undefined
  private stopBeat: (() => void) | undefined = undefined
  private stopSweep: (() => void) | undefined = undefined
  /** milliseconds, of the last sweep: the clock of everything that has an age */
  sweptAt = 0

  readonly limits: PoolLimits
  readonly ports: PoolPorts<L>
  constructor(limits: PoolLimits, ports: PoolPorts<L>) {
    this.limits = limits
    this.ports = ports
    this.pace = new ConnectPace(ports, () => this.serve())
    this.queueTarget = limits.queueTarget === undefined ? undefined : new QueueTarget(limits.queueTarget)
  }

  // ---- what can be seen

  get waiting(): number {
    return this.alone.size + this.sharing.size
  }
  /** Connections that are there or on their way, those that are ending included. */
  get total(): number {
    return this.members.size + this.openings.size
  }
  get opening(): number {
    return this.openings.size
  }
  get stats(): { readonly idle: number; readonly busy: number; readonly waiting: number; readonly max: number } {
    const { idle, limits, live, waiting } = this
    return { idle: idle.length, busy: live - idle.length, waiting, max: limits.max }
  }
  /** Connections that are not about to end. */
  get live(): number {
    let live = 0
    for (const { phase } of this.members) if (phase !== "closing") live++
    return live
  }

  // ---- requests

  readonly shared = (waiter: Waiter<L>): Claim =>
    this.join(new Place<L>(this, waiter, this.proofs.of(waiter.statement?.sql)))

  readonly exclusive = (waiter: Waiter<L>): Claim => this.join(new Place<L>(this, waiter, undefined))

  private join(place: Place<L>): Claim {
    if (this.waiting === 0 && !this.closed) {
      const member = this.takeIdle()
      if (member !== undefined) {
        this.queueTarget?.placedAtOnce()
        this.grant(place, member)
        return place
      }
    }
    const refusal = this.refusalOf(place)
    if (refusal !== undefined) {
      place.waiter.refused(refusal)
      return place
    }
    this.enqueue(place)
    this.serve()
    return place
  }

  private refusalOf({ waiter }: Place<L>): ExchangeFailure | undefined {
    if (this.closed) return poolClosed()
    if (this.waiting >= this.limits.maxWaiting) return poolSaturated(this.waiting)
    const { refusal } = this.pace
    if (refusal !== undefined && this.members.size === 0) return notLeased(refusal)
    if (this.openings.size > 0 || this.total < this.limits.max) return undefined
    return poolDeadlock(waiter, this.picture, (fiber) => this.waitingFibers.has(fiber))
  }

  private get picture(): PoolPicture<L> {
    const { members, ports, waiting } = this
    return { now: ports.now(), max: this.limits.max, waiting, members, nameOf: ports.nameOf }
  }

  private enqueue(place: Place<L>): void {
    place.order = ++this.arrivals
    place.since = this.ports.now()
    const { proof } = place
    if (proof !== undefined) proof.waiting++
    const { fiber } = place.waiter
    if (fiber !== undefined) this.waitingFibers.set(fiber, (this.waitingFibers.get(fiber) ?? 0) + 1)
    const queue = this.mayShare(place) ? this.sharing : this.alone
    queue.insert(place)
    this.armExpiry()
  }

  private dequeue(place: Place<L>): void {
    place.queue?.remove(place)
    if (place.proof !== undefined) place.proof.waiting--
    const { fiber } = place.waiter
    if (fiber === undefined) return
    const others = (this.waitingFibers.get(fiber) ?? 1) - 1
    if (others === 0) this.waitingFibers.delete(fiber)
    else this.waitingFibers.set(fiber, others)
  }

  /** With one connection there is nothing to prove: whoever waits, waits for the same. */
  private mayShare({ proof }: Place<L>): boolean {
    return proof !== undefined && (proof.quickRunsNeeded === 0 || this.limits.max === 1)
  }

  private get first(): Place<L> | undefined {
    const one = this.alone.head
    const other = this.sharing.head
    return one === undefined || (other !== undefined && other.order < one.order) ? other : one
  }

  // ---- leases

  left(place: Place<L>, sweeping: boolean): void {
    if (place.queue !== undefined) {
      this.dequeue(place)
      if (this.reserved > 0) this.serve()
      return
    }
    const { member } = place
    if (member === undefined) return
    place.member = undefined
    if (place.proof === undefined) this.released(member, sweeping)
    else this.answered(place, member)
  }

  /** An exclusive lease has ended. */
  private released(member: Member<L>, sweeping: boolean): void {
    member.holder = undefined
    if (member.phase !== "leased") return
    member.sweepPending = sweeping
    this.comeToRest(member)
  }

  /** A shared request has its answer; the connection tells by itself when it has none left. */
  private answered(place: Place<L>, member: Member<L>): void {
    const { proof } = place
    member.shares.delete(place)
    if (member.headAtBeat === place) member.stalled = false
    if (proof !== undefined && !place.wasSlow && wasQuick(proof) && proof.waiting > 0) {
      this.move(this.alone, this.sharing, proof)
      this.serve()
    } else if (this.sharing.size > 0) this.serve()
  }

  /** Places that wait for a statement about which something was learned. */
  private move(from: WaitQueue<L>, to: WaitQueue<L>, proof: Place<L>["proof"]): void {
    for (let place = from.head; place !== undefined;) {
      const { next } = place
      if (place.proof === proof) {
        from.remove(place)
        to.insert(place)
      }
      place = next
    }
  }

  private grant(place: Place<L>, member: Member<L>): void {
    const { proof } = place
    place.member = member
    member.checked = false
    member.used = true
    this.stillborn = 0
    if (proof === undefined) {
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
    member.shares.add(place)
    if (!this.mayShare(place)) member.unproven = true
    this.armBeat()
    place.waiter.granted(member.line)
    // It may have settled without a byte: then no answer will tell that the connection is free.
    if (member.line.inFlight === 0) this.becameIdle(member)
  }

  // ---- connections

  private becameIdle(member: Member<L>): void {
    if (member.phase === "serving" || member.phase === "recovering") this.comeToRest(member)
  }

  /** Nobody has it any more. What was left behind is swept up, then it is there for the next. */
  private comeToRest(member: Member<L>): void {
    const { line } = member
    if (member.isDead) return this.discard(member)
    if (this.closed && line.isHeld) return this.end(member)
    if (line.isHeld || line.inFlight > 0) {
      member.phase = "recovering"
      return
    }
    this.forgetShares(member)
    if (member.sweepPending || line.status !== "I") return this.reset(member)
    if (member.retired || this.closed) return this.end(member)
    member.phase = "idle"
    member.idleSince = undefined
    this.idle.push(member)
    this.serve()
  }

  private forgetShares(member: Member<L>): void {
    for (const place of member.shares) place.member = undefined
    member.shares.clear()
    member.unproven = false
    member.stalled = false
    member.headAtBeat = undefined
    if (!member.reserved) return
    member.reserved = false
    this.reserved--
  }

  private reset(member: Member<L>): void {
    member.phase = "resetting"
    member.connection.reset((clean) => {
      if (member.phase !== "resetting") return
      member.sweepPending = false
      if (clean && member.line.status === "I") this.comeToRest(member)
      else this.discard(member)
    })
  }

  private check(member: Member<L>): void {
    member.phase = "checking"
    member.busySince = this.ports.now()
    this.checking++
    member.connection.check((healthy) => {
      if (member.phase !== "checking") return
      if (!healthy) return this.discard(member)
      this.checking--
      member.phase = "recovering"
      member.checked = true
      this.comeToRest(member)
    })
  }

  /** Orderly: Terminate, FIN. The slot is free when the socket is gone: until then the server may count it. */
  end(member: Member<L>): void {
    this.takeOut(member)
    member.phase = "closing"
    member.connection.close(() => this.gone(member))
  }

  /** The connection is of no use to anybody. */
  private discard(member: Member<L>): void {
    this.drop(member, { _tag: "Closed" })
  }

  private lose(member: Member<L>): void {
    if (member.phase === "gone") return
    this.takeOut(member)
    if (this.isStillborn(member) && this.stillborn++ > 0) this.pace.failed(lostAtOnce(member.line))
    else this.pace.lost()
    this.remove(member)
  }

  /** It ended before anybody had it. A server that does so to one after the other must not be asked without a pause. */
  private isStillborn({ openedAt, phase, used }: Member<L>): boolean {
    return !used && phase !== "closing" && this.ports.now() - openedAt < 1_000
  }

  private gone(member: Member<L>): void {
    if (member.phase === "gone") return
    this.remove(member)
    this.serve()
  }

  private remove(member: Member<L>): void {
    this.forgetShares(member)
    member.phase = "gone"
    this.members.delete(member)
    this.tellIfEmpty()
  }

  /** Off whatever list its phase has it on. */
  private takeOut(member: Member<L>): void {
    if (member.phase === "checking") this.checking--
    if (member.phase !== "idle") return
    const index = this.idle.lastIndexOf(member)
    if (index >= 0) this.idle.splice(index, 1)
  }

  /** Drops a connection and everything on it; one that is ending already does so in its own time. */
  readonly destroy = (line: L, reason: CloseReason): void => {
    for (const member of this.members) if (member.line === line && member.phase !== "closing") this.drop(member, reason)
  }

  drop(member: Member<L>, reason: CloseReason): void {
    this.lose(member)
    member.connection.destroy(reason)
    this.serve()
  }

  // ---- serving the queue

  /** Most recently used first, so that the others can age. Those that were quiet for long are checked, not taken. */
  private takeIdle(): Member<L> | undefined {
    for (let member = this.idle.at(-1); member !== undefined; member = this.idle.at(-1)) {
      if (member.isDead) this.discard(member)
      else if (member.retired) this.end(member)
      else if (this.isStale(member)) {
        if (this.openings.size + this.checking >= this.waiting) return undefined
        this.idle.pop()
        this.check(member)
      } else {
        this.idle.pop()
        return member
      }
    }
    return undefined
  }

  private isStale({ checked, idleSince }: Member<L>): boolean {
    const { checkAfter } = this.limits
    if (checked) return false
    return checkAfter === 0 || (idleSince !== undefined && this.sweptAt - idleSince >= checkAfter)
  }

  /** Every event ends here. Grants may cause further events: those are served by the loop that is running. */
  serve(): void {
    if (this.isServing) {
      this.serveAgain = true
      return
    }
    this.isServing = true
    do {
      this.serveAgain = false
      this.serveIdle()
      this.grow()
      this.share()
      this.reserve()
    } while (this.serveAgain)
    this.isServing = false
  }

  private serveIdle(): void {
    while (this.first !== undefined) {
      const member = this.takeIdle()
      // takeIdle may have ended the wait of some
      const place = this.first
      if (member === undefined) return
      if (place === undefined) {
        this.idle.push(member)
        return
      }
      this.dequeue(place)
      if (this.sheds(place)) this.idle.push(member)
      else this.grant(place, member)
    }
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

  private grow(): void {
    const { max, min } = this.limits
    if (this.total >= min || this.pace.isRefused) this.filling = false
    while (!this.closed && this.total < max && this.openings.size < this.pace.limit) {
      const wanted = this.openings.size + this.checking < this.waiting
      if (!wanted && !(this.filling && this.total < min)) return
      this.open()
    }
  }

  /** Opens connections up to `min`. */
  fill(): void {
    this.filling = true
    this.serve()
  }

  private open(): void {
    let stop = (): void => undefined
    const giveUp = (): void => stop()
    this.openings.add(giveUp)
    stop = this.ports.open({
      opened: (connection) => {
        this.openings.delete(giveUp)
        return this.adopt(connection)
      },
      failed: (error) => {
        this.openings.delete(giveUp)
        this.openFailed(error)
      }
    })
  }

  /** A connection that was opened, by the pool or for it. */
  readonly adopt = (connection: PooledConnection<L>): MemberEvents => {
    const { maxLifetime } = this.limits
    const now = this.ports.now()
    // A cliff of connections that end together is avoided by the jitter.
    const member = new Member<L>(connection, now, now + maxLifetime * (0.9 + 0.1 * this.ports.random()))
    member.checked = true
    this.members.add(member)
    this.pace.opened()
    this.armSweep()
    this.comeToRest(member)
    return {
      idle: () => this.becameIdle(member),
      lost: () => {
        this.lose(member)
        this.serve()
      }
    }
  }

  private openFailed(error: PostgresError): void {
    this.pace.failed(error)
    // What is refused for good is told now, unless somebody else's connection will come free.
    if (this.pace.isRefused && this.members.size === 0) {
      for (let place = this.first; place !== undefined; place = this.first) {
        this.dequeue(place)
        place.waiter.refused(notLeased(error))
      }
    }
    this.tellIfEmpty()
    this.serve()
  }

  private share(): void {
    for (let place = this.sharing.head; place !== undefined; place = this.sharing.head) {
      const member = this.leastLoaded()
      if (member === undefined) return
      this.dequeue(place)
      if (!this.sheds(place)) this.grant(place, member)
    }
  }

  private leastLoaded(): Member<L> | undefined {
    let found: Member<L> | undefined
    for (const member of this.members) {
      if (!member.takesShared(this.limits.pipelineDepth)) continue
      if (found === undefined || member.shares.size < found.shares.size) found = member
    }
    return found
  }

  /** One connection drains for each who needs one alone; without this, shared load would keep all of them busy for ever. */
  private reserve(): void {
    while (this.reserved < this.alone.size) {
      let found: Member<L> | undefined
      for (const member of this.members) {
        if (member.phase !== "serving" || member.reserved || member.retired) continue
        if (found === undefined || member.shares.size < found.shares.size) found = member
      }
      if (found === undefined) return
      found.reserved = true
      this.reserved++
    }
    if (this.reserved <= this.alone.size) return
    for (const member of this.members) {
      if (!member.reserved) continue
      member.reserved = false
      this.reserved--
      if (this.sharing.size > 0) this.serveAgain = true
      if (this.reserved <= this.alone.size) return
    }
  }

  // ---- timers

  /** One timer for all: the head of the queue expires first. It is left running when the queue becomes empty. */
  private armExpiry(): void {
    const { acquireTimeout } = this.limits
    const { first } = this
    if (this.stopExpiry !== undefined || first === undefined || !Number.isFinite(acquireTimeout)) return
    const left = Math.max(0, first.since + acquireTimeout - this.ports.now())
    this.stopExpiry = this.ports.schedule(left, () => {
      this.stopExpiry = undefined
      this.expire()
      this.armExpiry()
    })
  }

  private expire(): void {
    const now = this.ports.now()
    for (let place = this.first; place !== undefined; place = this.first) {
      // half a millisecond: timers are not more exact than that
      if (place.since + this.limits.acquireTimeout > now + 0.5) break
      const refusal = poolTimeout(place, this.picture, this.pace.lastError)
      this.dequeue(place)
      place.waiter.refused(refusal)
    }
    if (this.reserved > 0) this.serve()
  }

  private armBeat(): void {
    this.stopBeat ??= this.ports.schedule(beat, () => {
      this.stopBeat = undefined
      if (this.takeBeat()) this.armBeat()
      if (this.sharing.size > 0) this.serve()
    })
  }

  /** Notices who has been at the head since the last beat. True while anything is in flight. */
  private takeBeat(): boolean {
    let busy = false
    const now = this.ports.now()
    for (const member of this.members) {
      const head = member.shares.values().next().value
      if (head === undefined) continue
      busy = true
      if (member.headAtBeat !== head) {
        member.headAtBeat = head
        member.busySince = now
        member.stalled = false
        continue
      }
      member.stalled = true
      if (head.wasSlow) continue
      head.wasSlow = true
      const { proof } = head
      if (proof !== undefined && wasSlow(proof) && proof.waiting > 0 && !this.mayShare(head))
        this.move(this.sharing, this.alone, proof)
    }
    return busy
  }

  private armSweep(): void {
    if (this.closed || (this.members.size === 0 && this.limits.min === 0)) return
    this.stopSweep ??= this.ports.schedule(sweepInterval(this.limits), () => {
      this.stopSweep = undefined
      this.sweptAt = this.ports.now()
      sweep(this)
      this.fill()
      this.armSweep()
    })
  }

  // ---- the end

  /** Every connection of now is replaced when it is next idle. */
  refresh(): void {
    for (const member of Array.from(this.members)) {
      member.retired = true
      if (member.phase === "idle") this.end(member)
    }
    this.serve()
  }

  /** Nobody gets a connection any more; those that are held may be used until they are released. */
  close(): void {
    if (this.closed) return
    this.closed = true
    for (const stop of [this.stopExpiry, this.stopBeat, this.stopSweep]) stop?.()
    this.pace.stop()
    for (const giveUp of Array.from(this.openings)) giveUp()
    this.openings.clear()
    for (let place = this.first; place !== undefined; place = this.first) {
      this.dequeue(place)
      place.waiter.refused(poolClosed())
    }
    for (const member of Array.from(this.members)) this.endIfUnused(member)
    this.tellIfEmpty()
  }

  /** Nobody waits for a check, a reset, or the end of what was interrupted. */
  private endIfUnused(member: Member<L>): void {
    const { line, phase } = member
    const isUsed = phase === "leased" || (phase === "serving" && !line.isHeld)
    if (!isUsed && phase !== "closing") this.end(member)
  }

  /** Calls back once no connection is left. Only after `close`. */
  onEmpty(callback: () => void): void {
    this.whenEmpty.push(callback)
    this.tellIfEmpty()
  }

  private tellIfEmpty(): void {
    if (!this.closed || this.members.size > 0) return
    for (const callback of this.whenEmpty.splice(0)) callback()
  }
}
