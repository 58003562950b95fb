// Who gets which connection, and when: the pool as its users see it. Events in (a request, an answer, a connection opened or lost, a timer),
// calls out (grant, refuse). Knows neither Effect nor sockets. Serving matches those in Waiting with the connections in Members.
//
// Invariant, at every instant: members + openings ≤ max. Hand-over happens in the event that makes a connection free, so no newcomer
// can take it from somebody who waits. Rules and numbers: design of the engine, §2–4 and §12.
import type { PostgresError } from "../../PostgresError.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import type { Claim, Lessor, Line, Waiter } from "../lease.ts"
import { Beat } from "./Beat.ts"
import { ConnectPace } from "./ConnectPace.ts"
import { Expiry } from "./Expiry.ts"
import type { Member, PooledConnection } from "./Member.ts"
import { Members } from "./Members.ts"
import { Openings } from "./Openings.ts"
import { Place, type PlaceKeeper } from "./Place.ts"
import type { MemberEvents, PoolLimits, PoolPorts } from "./PoolPorts.ts"
import { notLeased, poolClosed, poolDeadlock, type PoolPicture, poolSaturated, poolTimeout } from "./refusals.ts"
import { sessionChanged } from "./reports.ts"
import { Serving } from "./Serving.ts"
import { StatementProofs } from "./StatementProofs.ts"
import { Upkeep } from "./Upkeep.ts"
import { Waiting } from "./Waiting.ts"

export class PoolLessor<L extends Line> implements Lessor<L>, PlaceKeeper<L> {
  readonly members: Members<L>
  readonly waiting: Waiting<L>
  readonly openings: Openings<L>
  private readonly proofs = new StatementProofs()
  private readonly pace: ConnectPace
  private readonly expiry: Expiry<L>
  private readonly beat: Beat<L>
  private readonly upkeep: Upkeep<L>
  private readonly serving: Serving<L>
  private arrivals = 0
  private whenEmpty: Array<() => void> = []

  readonly limits: PoolLimits
  private readonly ports: PoolPorts<L>
  constructor(limits: PoolLimits, ports: PoolPorts<L>) {
    this.limits = limits
    this.ports = ports
    const serve = (): void => this.serving.serve()
    this.pace = new ConnectPace(ports, serve)
    this.waiting = new Waiting(limits.max === 1)
    const { pace, waiting } = this
    const members = new Members({ limits, pace, ports }, { changed: serve, removed: () => this.tellIfEmpty() })
    this.members = members
    this.openings = new Openings(
      { limits, members, pace, ports },
      { adopt: this.adopt, failed: (error) => this.openFailed(error) }
    )
    this.beat = new Beat({ members, ports, waiting }, () => {
      if (waiting.sharing.size > 0) this.serving.serve()
    })
    this.expiry = new Expiry(
      { limits, ports, waiting },
      {
        due: (place) => this.refuse(place, poolTimeout(place, this.picture, pace.lastError)),
        done: () => {
          if (members.reservations.size > 0) this.serving.serve()
        }
      }
    )
    const { beat, openings } = this
    this.serving = new Serving({ beat, limits, members, openings, ports, waiting })
    this.upkeep = new Upkeep({ limits, members, ports, waiting }, () => this.fill())
  }

  get stats(): { readonly idle: number; readonly busy: number; readonly waiting: number; readonly max: number } {
    const idle = this.members.idle.length
    return { idle, busy: this.members.live - idle, waiting: this.waiting.size, max: this.limits.max }
  }

  // ---- requests

  readonly shared = (waiter: Waiter<L>, lost?: Claim): Claim => {
    const { order, since } = lost instanceof Place ? lost : { order: ++this.arrivals, since: Number.POSITIVE_INFINITY }
    return this.join(new Place<L>(this, { order, since, waiter, proof: this.proofs.of(waiter.statement?.sql) }))
  }

  readonly exclusive = (waiter: Waiter<L>): Claim =>
    this.join(new Place<L>(this, { order: ++this.arrivals, since: Number.POSITIVE_INFINITY, waiter, proof: undefined }))

  private join(place: Place<L>): Claim {
    if (!this.members.closed && this.serving.atOnce(place)) return place
    const refusal = this.refusalOf(place)
    if (refusal !== undefined) {
      place.waiter.refused(refusal)
      return place
    }
    this.waiting.add(place, this.ports.now())
    this.expiry.start()
    this.serving.serve()
    return place
  }

  private refusalOf({ waiter }: Place<L>): ExchangeFailure | undefined {
    const { members, openings, pace, waiting } = this
    if (members.closed) return poolClosed()
    if (waiting.size >= this.limits.maxWaiting) return poolSaturated(waiting.size)
    if (pace.refusal !== undefined && members.live === 0) return notLeased(pace.refusal)
    if (openings.size > 0 || openings.canGrow) return undefined
    return poolDeadlock(waiter, this.picture, waiting.includes)
  }

  private get picture(): PoolPicture<L> {
    const { limits, members, ports, waiting } = this
    return { now: ports.now(), max: limits.max, waiting: waiting.size, members: members.all, nameOf: ports.nameOf }
  }

  private refuse(place: Place<L>, failure: ExchangeFailure): void {
    this.waiting.remove(place)
    place.waiter.refused(failure)
  }

  private refuseAll(failure: ExchangeFailure): void {
    for (let place = this.waiting.first; place !== undefined; place = this.waiting.first) this.refuse(place, failure)
  }

  // ---- leases

  left(place: Place<L>, sweeping: boolean): void {
    if (place.isWaiting) {
      this.waiting.remove(place)
      if (this.members.reservations.size > 0) this.serving.serve()
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
    this.members.comeToRest(member)
  }

  /** A shared request has its answer; the connection tells by itself when it has none left. */
  private answered(place: Place<L>, member: Member<L>): void {
    const { proof, waiter } = place
    member.shares.remove(place)
    if (member.headAtBeat === place) member.stalled = false
    if (member.line.changedBy !== undefined && !member.sweepPending) {
      // Nothing more is put on it; when it has drained it is reset.
      member.sweepPending = true
      this.ports.warn(sessionChanged(member.line.changedBy, waiter.statement))
    }
    const moved = proof !== undefined && !place.wasSlow && this.waiting.wasQuick(proof)
    if (moved || this.waiting.sharing.size > 0) this.serving.serve()
  }

  // ---- connections

  /** Takes in a connection that was opened, by the pool or for it. */
  readonly adopt = (connection: PooledConnection<L>, retired = false): MemberEvents => {
    const events = this.members.adopt(connection, retired)
    this.upkeep.start()
    return events
  }

  private openFailed(error: PostgresError): void {
    this.pace.failed(error)
    // What is refused for good is told now, unless somebody else's connection will come free.
    if (this.pace.isRefused && this.members.live === 0) this.refuseAll(notLeased(error))
    this.tellIfEmpty()
    this.serving.serve()
  }

  /** Opens connections up to `min`. */
  fill(): void {
    this.openings.fill()
    this.serving.serve()
  }

  /** Every connection of now is replaced when it is next idle. */
  refresh(): void {
    this.openings.retireAll()
    this.members.retireAll()
    this.serving.serve()
  }

  /** Drops a connection and everything on it; one that is ending already does so in its own time. */
  readonly destroy = (line: L, reason: CloseReason): void => {
    const { members } = this
    for (const member of members.all) {
      if (member.line === line && member.phase !== "closing") members.drop(member, reason)
    }
  }

  /** Nothing is written on it until what was abandoned has ended: who shares it and was not sent need not wait for that. */
  readonly held = (line: L): void => {
    for (const member of this.members.all) {
      if (member.line === line && member.phase === "serving") line.giveBackUnsent?.()
    }
  }

  // ---- the end

  /** Nobody gets a connection any more; those that are held may be used until they are released. */
  close(): void {
    if (this.members.closed) return
    this.members.closed = true
    for (const timer of [this.expiry, this.beat, this.upkeep, this.pace]) timer.stop()
    this.openings.giveUp()
    this.refuseAll(poolClosed())
    this.members.endUnused()
    this.tellIfEmpty()
  }

  /** Calls back once no connection is left. Only after `close`. */
  onEmpty(callback: () => void): void {
    this.whenEmpty.push(callback)
    this.tellIfEmpty()
  }

  private tellIfEmpty(): void {
    if (!this.members.closed || this.members.all.size > 0) return
    for (const callback of this.whenEmpty.splice(0)) callback()
  }
}
