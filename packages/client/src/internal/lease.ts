// The right to write requests to a connection. Effect-free: waiters are callbacks, so that a lease costs no fiber and no Scope.
// A *shared* lease lasts for one request, an *exclusive* one until it is ended. One connection and a pool answer alike.
import { Permanent, type PostgresError, type StatementInfo } from "../PostgresError.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason, ExchangeFailure } from "./exchange/Exchange.ts"

/** What leases have to know of a connection. A Dispatcher is one; tests have simpler ones. */
export interface Line {
  /** requests whose answer is not complete */
  readonly inFlight: number
  /** what was abandoned is being cancelled or drained */
  readonly isHeld: boolean
  readonly status: "I" | "T" | "E"
  /** why it ended */
  readonly closed: CloseReason | undefined
  /** what the server said without being asked: it is about to close */
  readonly lastReport?: unknown
  /** bytes of the requests whose answer is not complete */
  readonly unansweredBytes?: number
  /** what tells that a statement has changed the session */
  readonly changedBy?: string | undefined
  /** what was placed and not sent looks for another connection */
  giveBackUnsent?(): void
  /** what was started last */
  readonly latest?: StatementInfo | undefined
}

/** Who asks, and for what. */
export interface Waiter<L = Dispatcher> {
  /** called at most once, now or later */
  granted(line: L): void
  /** there is no connection for it, and will not be */
  refused(failure: ExchangeFailure): void
  /** identity of the fiber: to tell who holds what, and who waits for himself */
  readonly fiber?: object | undefined
  /** of a shared lease: what it is for */
  readonly statement?: StatementInfo | undefined
  /** of an exclusive lease: the span in which it was asked for */
  readonly site?: string | undefined
}

/** A place in the queue, and later the lease. */
export interface Claim {
  /**
   * Gives up the place, or ends the lease: every claim is ended once its owner is done, whatever became of it. The connection goes to the
   * next in the queue. `sweep`: the session is reset before anybody gets it; nobody waits for that but the next.
   */
  end(sweep?: boolean): void
}

/** What queries, transactions and streams ask for a connection: grants at once or in FIFO order. */
export interface Lessor<L = Dispatcher> {
  /** `lost`: of the same request, on a connection that ended before anything was sent; its place in the queue is kept */
  readonly shared: (waiter: Waiter<L>, lost?: Claim) => Claim
  readonly exclusive: (waiter: Waiter<L>) => Claim
}

const isSameFiber = (one: Waiter, other: Waiter): boolean => one.fiber !== undefined && one.fiber === other.fiber

/** A stream whose consumer asks for the stream's connection: nobody would ever end either. */
const waitsForItself = (): Permanent =>
  new Permanent({
    reason: { _tag: "PoolDeadlock", chain: ["the fiber that asks holds the only connection itself"] },
    outcome: "NotSent"
  })

type End = (place: Place, sweep: boolean) => void

class Place implements Claim {
  readonly waiter: Waiter
  readonly exclusive: boolean
  /** milliseconds, by the clock of the replacement */
  readonly since: number
  private readonly over: End
  constructor(waiter: Waiter, exclusive: boolean, since: number, over: End) {
    this.waiter = waiter
    this.exclusive = exclusive
    this.since = since
    this.over = over
  }
  end(sweep = false): void {
    this.over(this, sweep)
  }
}

/** Where another connection comes from when the one that was there has ended. */
export interface Replacement {
  /** milliseconds, monotonic */
  now(): number
  /** Somebody waits, and there is no connection. The error is the answer if there will be none. */
  wanted(): PostgresError | undefined
}

/**
 * Leases of a single connection. Shared requests are pipelined; an exclusive one waits until nothing is in flight and nobody who
 * came before waits. The queue is FIFO for both kinds, so neither starves. When the connection has ended and there may be another, the
 * queue waits for that one; whoever held the old one keeps that, and finds it closed.
 */
export class SingleConnectionLessor implements Lessor {
  private holder: Place | undefined = undefined
  private resetting = false
  /** the reset waits for the answers to what its holder has left behind */
  private sweepPending = false
  private readonly queue: Array<Place> = []
  /** there will be no other connection */
  private ended = false

  private dispatcher: Dispatcher
  private readonly reset: (dispatcher: Dispatcher, done: () => void) => void
  private readonly replacement: Replacement | undefined
  /** `reset` brings the session back to its first state, or destroys it; calls back in either case. */
  constructor(
    dispatcher: Dispatcher,
    reset: (dispatcher: Dispatcher, done: () => void) => void,
    replacement: Replacement | undefined
  ) {
    this.dispatcher = dispatcher
    this.reset = reset
    this.replacement = replacement
  }

  get waiting(): number {
    return this.queue.length
  }
  get isHeld(): boolean {
    return this.holder !== undefined || this.resetting
  }
  /** since when the first in the queue has been there, in milliseconds; `undefined`: nobody waits */
  get waitingSince(): number | undefined {
    return this.queue[0]?.since
  }

  readonly shared = (waiter: Waiter): Claim => this.join(waiter, false)
  readonly exclusive = (waiter: Waiter): Claim => this.join(waiter, true)

  /** The dispatcher has nothing in flight: an exclusive waiter may have its turn. */
  readonly idle = (): void => {
    if (this.sweepPending) this.sweep()
    else if (this.queue.length > 0) this.serve()
  }

  /** The connection has ended: whoever waits does so for another one, if there may be one. */
  lost(reason: CloseReason): void {
    if (this.ended || this.replacement === undefined) return this.close(reason)
    this.holder = undefined
    this.resetting = false
    this.sweepPending = false
    if (this.queue.length === 0) return
    const refusal = this.replacement.wanted()
    if (refusal !== undefined) this.refuse(refusal)
  }

  /** Another connection, in the state in which the first one began. */
  replaced(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    this.serve()
  }

  /** Whoever waits now gets none. */
  refuse(error: PostgresError, since = Infinity): void {
    while ((this.queue[0]?.since ?? Infinity) <= since) {
      const place = this.queue.shift()
      if (place === undefined) return
      place.waiter.refused({ _tag: "NotLeased", error })
    }
  }

  /** For good. */
  close(reason: CloseReason): void {
    this.ended = true
    for (const { waiter } of this.queue.splice(0)) waiter.refused({ _tag: "ConnectionClosed", reason, sent: false })
  }

  private join(waiter: Waiter, exclusive: boolean): Claim {
    const place = new Place(waiter, exclusive, this.replacement?.now() ?? 0, this.over)
    const { closed } = this.dispatcher
    if (closed === undefined && this.holder !== undefined && isSameFiber(this.holder.waiter, waiter)) {
      waiter.refused({ _tag: "NotLeased", error: waitsForItself() })
      return place
    }
    if (closed === undefined) {
      if (this.queue.length === 0 && this.mayTake(place)) this.grant(place)
      else {
        this.queue.push(place)
        this.serve()
      }
      return place
    }
    if (this.ended || this.replacement === undefined) {
      waiter.refused({ _tag: "ConnectionClosed", reason: closed, sent: false })
      return place
    }
    this.queue.push(place)
    const refusal = this.replacement.wanted()
    if (refusal !== undefined && this.leave(place)) waiter.refused({ _tag: "NotLeased", error: refusal })
    return place
  }

  private leave(place: Place): boolean {
    const index = this.queue.indexOf(place)
    if (index < 0) return false
    this.queue.splice(index, 1)
    return true
  }

  private readonly over = (place: Place, sweep: boolean): void => {
    if (this.holder === place) {
      this.holder = undefined
      if (sweep && this.dispatcher.closed === undefined) return this.sweep()
    } else if (!this.leave(place)) return
    this.serve()
  }

  /** What is still in flight may open a transaction: the reset has to know. */
  private sweep(): void {
    const { dispatcher } = this
    this.resetting = true
    this.sweepPending = dispatcher.inFlight > 0 || dispatcher.isHeld
    if (this.sweepPending) return
    this.reset(dispatcher, () => {
      if (this.dispatcher !== dispatcher) return
      this.resetting = false
      this.serve()
    })
  }

  private mayTake({ exclusive }: Place): boolean {
    const { closed, inFlight } = this.dispatcher
    return closed === undefined && !this.isHeld && !(exclusive && inFlight > 0)
  }

  private grant(place: Place): void {
    if (place.exclusive) this.holder = place
    place.waiter.granted(this.dispatcher)
  }

  private serve(): void {
    for (let place = this.queue[0]; place !== undefined && this.mayTake(place); place = this.queue[0]) {
      this.queue.shift()
      this.grant(place)
    }
  }
}
