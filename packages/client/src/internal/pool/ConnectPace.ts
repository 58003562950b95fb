// How fast connections may be opened: four at a time while all goes well, one at a time with pauses while it does not. Until one has
// been opened after a failure or a loss the next attempt is alone, so a server that went away sees two attempts a second at most.
import type { PostgresError } from "../../PostgresError.ts"

const atOnce = 4

/** Milliseconds. Two attempts a second at most, and an answer within a second of the server's return: 1,000 less what connecting takes. */
const shortestPause = 500
const longestPause = 900

/** What was refused for good is not asked again for so long: a server counts failed passwords. */
const refusalKept = 500

const isFinal = (error: PostgresError): boolean => error._tag === "Permanent" || error.reason._tag === "TlsFailed"

export interface PaceClock {
  now(): number
  random(): number
  schedule(millis: number, callback: () => void): () => void
}

export class ConnectPace {
  /** of the last attempt, if it failed */
  lastError: PostgresError | undefined = undefined
  private alone = true
  /** connections in a row that ended before they were of use to anybody */
  private stillborn = 0
  private resume: (() => void) | undefined = undefined
  private refusedUntil = 0

  private readonly clock: PaceClock
  private readonly resumed: () => void
  /** `resumed`: a pause is over */
  constructor(clock: PaceClock, resumed: () => void) {
    this.clock = clock
    this.resumed = resumed
  }

  /** How many attempts may run at a time. */
  get limit(): number {
    return this.resume !== undefined ? 0 : this.alone ? 1 : atOnce
  }

  /** Repeating would be refused again: only somebody who asks anew starts another attempt. */
  get isRefused(): boolean {
    return this.lastError !== undefined && isFinal(this.lastError)
  }

  /** The error to answer with instead of asking the server again. */
  get refusal(): PostgresError | undefined {
    return this.isRefused && this.clock.now() < this.refusedUntil ? this.lastError : undefined
  }

  opened(): void {
    this.alone = false
    this.lastError = undefined
    this.stop()
  }

  /**
   * A connection ended that we had not ended: maybe all are about to. `atOnce`: it was of no use to anybody. A server that does so to one
   * after the other must not be asked without a pause.
   */
  lost(atOnce: PostgresError | undefined): void {
    this.alone = true
    if (atOnce !== undefined && this.stillborn++ > 0) this.failed(atOnce)
  }

  /** Somebody has got a connection that was opened. */
  used(): void {
    this.stillborn = 0
  }

  failed(error: PostgresError): void {
    this.alone = true
    this.lastError = error
    if (this.isRefused) this.refusedUntil = this.clock.now() + refusalKept
    if (this.resume !== undefined) return
    const pause = this.isRefused ? refusalKept : shortestPause + this.clock.random() * (longestPause - shortestPause)
    this.resume = this.clock.schedule(pause, () => {
      this.resume = undefined
      this.resumed()
    })
  }

  stop(): void {
    this.resume?.()
    this.resume = undefined
  }
}
