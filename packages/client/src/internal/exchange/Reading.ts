// May the reader read on? A consumer that has as much as it can hold stops it, whatever changes lets it go on. Who may stop it, and when, is for
// the Dispatcher to say; the reader itself is in the start of a session.
import { Callbacks } from "./Callbacks.ts"

export class Reading {
  /** nothing more is to be read for now */
  isPaused = false
  private readonly waiting = new Callbacks()

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.waiting.call()
  }

  /** Calls back once reading may go on. Answers a function that takes the callback back. */
  onResumed(callback: () => void): () => void {
    return this.waiting.add(callback, !this.isPaused)
  }
}
