// Who may write on the connection of a transaction: everybody, or for a while one nested scope alone. FIFO; passing an open gate is free.
import * as Effect from "effect/Effect"
import { answeredWithin, type Restore } from "./untilAnswered.ts"

class Place {
  inside = false
  readonly closing: boolean
  private readonly resume: (effect: Effect.Effect<void>) => void
  constructor(closing: boolean, resume: (effect: Effect.Effect<void>) => void) {
    this.closing = closing
    this.resume = resume
  }
  enter(): void {
    this.inside = true
    this.resume(Effect.void)
  }
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

  /** Waits until it is open. */
  get passed(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => this.enter(false, restore))
  }

  /**
   * Waits for its turn, and the gate is closed behind the one who passes, who opens it again. To be run in an uninterruptible region, so that a
   * turn that has come is not lost; `restore` is for the wait.
   */
  passAlone(restore: Restore): Effect.Effect<void> {
    return this.enter(true, restore)
  }

  private enter(closing: boolean, restore: Restore): Effect.Effect<void> {
    return answeredWithin<void, never>(restore, (resume) => {
      const place = new Place(closing, resume)
      if (!this.closed && this.queue.length === 0) {
        if (closing) this.closed = true
        place.enter()
      } else this.queue.push(place)
      // Interruption may come after the turn and before the fiber has seen it: then the gate is opened again here.
      return () =>
        Effect.sync(() => {
          const index = this.queue.indexOf(place)
          if (index >= 0) this.queue.splice(index, 1)
          else if (place.inside && closing) this.open()
        })
    })
  }
}
