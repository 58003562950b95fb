// The right to write requests to a connection. Effect-free: waiters are callbacks, so that a lease costs no fiber and no Scope.
// A *shared* lease lasts for one request, an *exclusive* one until it is released.
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason } from "./exchange/Exchange.ts"

export interface Waiter {
  /** called at most once, now or later */
  granted(dispatcher: Dispatcher): void
  /** the connection is gone, or closing */
  refused(reason: CloseReason): void
}

/** What queries, transactions and streams ask for a connection. One connection and a pool answer it alike. */
export interface Lessor {
  /** Grants at once or in FIFO order. The function gives up the place in the queue; it has no effect once granted. */
  readonly shared: (waiter: Waiter) => () => void
  readonly exclusive: (waiter: Waiter) => () => void
  /** Ends an exclusive lease; the connection goes to the next in the queue. No effect for a waiter that holds none. */
  readonly release: (waiter: Waiter) => void
}

interface Place {
  readonly waiter: Waiter
  readonly exclusive: boolean
  left: boolean
}

/**
 * Leases of a single connection. Shared requests are pipelined; an exclusive one waits until nothing is in flight and nobody who
 * came before waits. The queue is FIFO for both kinds, so neither starves.
 */
export class SingleConnectionLessor implements Lessor {
  private holder: Waiter | undefined = undefined
  private readonly queue: Array<Place> = []

  private readonly dispatcher: Dispatcher
  constructor(dispatcher: Dispatcher) {
    this.dispatcher = dispatcher
  }

  get waiting(): number {
    return this.queue.length
  }
  get isHeld(): boolean {
    return this.holder !== undefined
  }

  readonly shared = (waiter: Waiter): (() => void) => this.join({ waiter, exclusive: false, left: false })
  readonly exclusive = (waiter: Waiter): (() => void) => this.join({ waiter, exclusive: true, left: false })

  readonly release = (waiter: Waiter): void => {
    if (this.holder !== waiter) return
    this.holder = undefined
    this.serve()
  }

  /** The dispatcher has nothing in flight: an exclusive waiter may have its turn. */
  readonly idle = (): void => {
    if (this.queue.length > 0) this.serve()
  }

  close(reason: CloseReason): void {
    for (const place of this.queue.splice(0)) if (!place.left) place.waiter.refused(reason)
  }

  private join(place: Place): () => void {
    const closed = this.dispatcher.closed
    if (closed !== undefined) {
      place.waiter.refused(closed)
      return () => undefined
    }
    this.queue.push(place)
    this.serve()
    return () => {
      place.left = true
      const index = this.queue.indexOf(place)
      if (index >= 0) this.queue.splice(index, 1)
      this.serve()
    }
  }

  private serve(): void {
    while (this.holder === undefined) {
      const place = this.queue[0]
      if (place === undefined) return
      if (place.exclusive && this.dispatcher.inFlight > 0) return
      this.queue.shift()
      if (place.exclusive) this.holder = place.waiter
      place.waiter.granted(this.dispatcher)
    }
  }
}
