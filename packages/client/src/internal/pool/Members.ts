// The connections of a pool, each moved from one state to the next: adopted, at rest, checked, reset, ended, lost. Decides neither who gets
// one nor when another is opened. Whatever a connection was used for, what is left behind is swept up here before it is idle again.
import type { CloseReason } from "../exchange/Exchange.ts"
import type { Line } from "../lease.ts"
import type { ConnectPace } from "./ConnectPace.ts"
import { Member, type Phase, type PooledConnection } from "./Member.ts"
import type { MemberEvents, PoolLimits, PoolPorts } from "./PoolPorts.ts"
import { lostAtOnce } from "./refusals.ts"
import { transactionLeftOpen } from "./reports.ts"
import { Reservations } from "./Reservations.ts"

/** A connection that ends sooner than so many milliseconds, unused, was never of any use. */
const stillbornMillis = 1_000

/** Nobody waits for what it does. */
const unused: ReadonlySet<Phase> = new Set(["idle", "checking", "resetting"])

export interface MembersParts<L extends Line> {
  readonly limits: PoolLimits
  readonly ports: PoolPorts<L>
  readonly pace: ConnectPace
}

export interface MembersEvents {
  /** a connection has come to rest, or its slot is free */
  readonly changed: () => void
  /** one is gone for good; `changed` follows */
  readonly removed: () => void
}

export class Members<L extends Line> {
  readonly all = new Set<Member<L>>()
  /** least recently used first */
  readonly idle: Array<Member<L>> = []
  readonly reservations = new Reservations<L>(this.all)
  checking = 0
  /** nobody gets a connection any more */
  closed = false
  /** milliseconds, of the last sweep: the clock of everything that has an age */
  sweptAt = 0

  private readonly limits: PoolLimits
  private readonly ports: PoolPorts<L>
  private readonly pace: ConnectPace
  private readonly events: MembersEvents
  constructor({ limits, pace, ports }: MembersParts<L>, events: MembersEvents) {
    this.limits = limits
    this.ports = ports
    this.pace = pace
    this.events = events
  }

  /** Connections that are not about to end. */
  get live(): number {
    let live = 0
    for (const { phase } of this.all) if (phase !== "closing") live++
    return live
  }

  // ---- begin and rest

  /** A connection that was opened, by the pool or for it. */
  adopt(connection: PooledConnection<L>, retired: boolean): MemberEvents {
    const { maxLifetime } = this.limits
    const now = this.ports.now()
    // A cliff of connections that end together is avoided by the jitter.
    const member = new Member<L>(connection, now, now + maxLifetime * (0.9 + 0.1 * this.ports.random()))
    member.checked = true
    member.retired = retired
    this.all.add(member)
    this.pace.opened()
    this.comeToRest(member)
    return {
      idle: () => this.becameIdle(member),
      lost: () => {
        this.lose(member)
        this.events.changed()
      }
    }
  }

  /** Somebody has it from now on. */
  taken(member: Member<L>): void {
    member.checked = false
    member.used = true
    this.pace.used()
  }

  /** Nothing is in flight on it. */
  becameIdle(member: Member<L>): void {
    if (member.phase === "serving" || member.phase === "recovering") this.comeToRest(member)
  }

  /** Nobody has it any more. What was left behind is swept up, then it is there for the next. */
  comeToRest(member: Member<L>): void {
    const { line } = member
    if (member.isDead) return this.discard(member)
    if (line.isHeld || line.inFlight > 0) {
      member.phase = "recovering"
      return
    }
    this.forgetShares(member)
    // Nobody needs the session any more; the server itself rolls back what was left open.
    if (member.retired || this.closed) return this.end(member)
    if (member.sweepPending || line.changedBy !== undefined || line.status !== "I") return this.reset(member)
    member.phase = "idle"
    member.idleSince = undefined
    this.idle.push(member)
    this.events.changed()
  }

  private forgetShares(member: Member<L>): void {
    const { shares } = member
    for (let place = shares.head; place !== undefined; place = shares.head) {
      shares.remove(place)
      place.member = undefined
    }
    member.unproven = false
    member.stalled = false
    member.headAtBeat = undefined
    this.reservations.giveBack(member)
  }

  private reset(member: Member<L>): void {
    member.phase = "resetting"
    if (member.line.status !== "I") this.ports.warn(transactionLeftOpen(member.line.latest))
    member.connection.reset((clean) => {
      if (member.phase !== "resetting") return
      member.sweepPending = false
      if (clean && member.line.status === "I" && member.line.changedBy === undefined) this.comeToRest(member)
      else this.discard(member)
    })
  }

  // ---- to be had

  /**
   * Most recently used first, so that the others can age. One that was quiet for long is checked, not taken, if not enough for `waiting`
   * are on their way already.
   */
  takeIdle(enough: () => boolean): Member<L> | undefined {
    for (let member = this.idle.at(-1); member !== undefined; member = this.idle.at(-1)) {
      if (member.isDead) this.discard(member)
      else if (member.retired) this.end(member)
      else if (this.isStale(member)) {
        if (enough()) return undefined
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

  // ---- the end

  /** Orderly: Terminate, FIN. The slot is free when the socket is gone: until then the server may count it. */
  end(member: Member<L>): void {
    this.takeOut(member)
    member.phase = "closing"
    member.connection.close(() => this.gone(member))
  }

  /** Every connection of now is replaced when it is next idle. */
  retireAll(): void {
    for (const member of Array.from(this.all)) {
      member.retired = true
      if (member.phase === "idle") this.end(member)
    }
  }

  /**
   * Those that nobody uses: neither a check nor a reset is waited for. The end of what was interrupted is: it would run on, for nobody, if
   * the cancel were not sent.
   */
  endUnused(): void {
    for (const member of Array.from(this.all)) {
      if (unused.has(member.phase)) this.end(member)
    }
  }

  /** Drops a connection and everything on it. */
  drop(member: Member<L>, reason: CloseReason): void {
    this.lose(member)
    member.connection.destroy(reason)
    this.events.changed()
  }

  /** The connection is of no use to anybody. */
  private discard(member: Member<L>): void {
    this.drop(member, { _tag: "Closed" })
  }

  private lose(member: Member<L>): void {
    if (member.phase === "gone") return
    this.takeOut(member)
    const { line, openedAt, phase, used } = member
    const stillborn = !used && phase !== "closing" && this.ports.now() - openedAt < stillbornMillis
    this.pace.lost(stillborn ? lostAtOnce(line) : undefined)
    this.remove(member)
  }

  private gone(member: Member<L>): void {
    if (member.phase === "gone") return
    this.remove(member)
    this.events.changed()
  }

  private remove(member: Member<L>): void {
    this.forgetShares(member)
    member.phase = "gone"
    this.all.delete(member)
    this.events.removed()
  }

  /** Off whatever list its phase has it on. */
  private takeOut(member: Member<L>): void {
    if (member.phase === "checking") this.checking--
    if (member.phase !== "idle") return
    const index = this.idle.lastIndexOf(member)
    if (index >= 0) this.idle.splice(index, 1)
  }
}
