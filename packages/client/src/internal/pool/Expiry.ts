// The time-out of those who wait: one timer for all, because the head of the queue expires first. It is left running when the queue
// becomes empty, so a request that waits a moment costs no timer of its own.
import type { Line } from "../lease.ts"
import type { Place } from "./Place.ts"
import type { PoolLimits, PoolPorts } from "./PoolPorts.ts"
import type { Waiting } from "./Waiting.ts"

/** milliseconds; timers are not more exact than that */
const tolerance = 0.5

export interface ExpiryParts<L extends Line> {
  readonly limits: PoolLimits
  readonly ports: PoolPorts<L>
  readonly waiting: Waiting<L>
}

export interface ExpiryEvents<L extends Line> {
  /** its time is over; ends its wait */
  readonly due: (place: Place<L>) => void
  /** nobody more is due */
  readonly done: () => void
}

export class Expiry<L extends Line> {
  private cancel: (() => void) | undefined = undefined
  /** when the timer that runs is due, in milliseconds */
  private at = 0

  private readonly acquireTimeout: number
  private readonly ports: PoolPorts<L>
  private readonly waiting: Waiting<L>
  private readonly events: ExpiryEvents<L>
  constructor({ limits, ports, waiting }: ExpiryParts<L>, events: ExpiryEvents<L>) {
    this.acquireTimeout = limits.acquireTimeout
    this.ports = ports
    this.waiting = waiting
    this.events = events
  }

  /** Somebody waits. Nothing happens if it runs already, and not for too long. */
  start(): void {
    const { first } = this.waiting
    if (first === undefined || !Number.isFinite(this.acquireTimeout)) return
    const at = first.since + this.acquireTimeout
    if (this.cancel !== undefined && this.at <= at) return
    this.stop()
    this.at = at
    this.cancel = this.ports.schedule(Math.max(0, at - this.ports.now()), () => {
      this.cancel = undefined
      this.expireDue()
      this.start()
    })
  }

  stop(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  private expireDue(): void {
    const latest = this.ports.now() + tolerance - this.acquireTimeout
    const { waiting } = this
    for (let place = waiting.first; place !== undefined && place.since <= latest; place = waiting.first) {
      this.events.due(place)
    }
    this.events.done()
  }
}
