// Who may write on the connection of a transaction: everybody, or for a while one nested scope alone. FIFO; passing an open gate is free.
import * as Effect from "effect/Effect"

interface Place {
  readonly closing: boolean
  readonly enter: () => void
}

export class Gate {
  private closed = false
  private readonly queue: Array<Place> = []

  get isClosed(): boolean {
    return this.closed
  }

  /** Synchronous; only for whoever has just seen it open. */
  close(): void {
    this.closed = true
  }

  /** Lets in those who wait, up to the first who closes it again. */
  open(): void {
    this.closed = false
    let next = this.queue[0]
    while (next !== undefined && !this.closed) {
      this.queue.shift()
      if (next.closing) this.closed = true
      next.enter()
      next = this.queue[0]
    }
  }

  /** Waits for its turn. `closing`: the gate is closed behind the one who passes, who opens it again. */
  pass(closing: boolean): Effect.Effect<void> {
    return Effect.async((resume) => {
      let inside = false
      const place: Place = {
        closing,
        enter: () => {
          inside = true
          resume(Effect.void)
        }
      }
      if (!this.closed && this.queue.length === 0) {
        if (closing) this.closed = true
        place.enter()
      } else this.queue.push(place)
      // Interruption may come after the turn and before the fiber has seen it: then the gate is opened again here.
      return Effect.sync(() => {
        const index = this.queue.indexOf(place)
        if (index >= 0) this.queue.splice(index, 1)
        else if (inside && closing) this.open()
      })
    })
  }
}
