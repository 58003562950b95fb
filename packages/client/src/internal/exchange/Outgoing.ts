// Requests on their way out, in order: kept until they may be sent, encoded behind one another, and written at once, in the microtask after the
// first of them or at 64 KiB. What the transport has not passed on is watched: above the mark they stay here, where they can still be given up.
// Knows nothing of answers. The writer owns the bytes until they are handed to the transport.
import { ByteWriter } from "@pgfx/protocol"
import type { Exchange } from "./Exchange.ts"
import { RequestQueue } from "./RequestQueue.ts"

/** 64 KiB is one system call on loopback; above it waiting for the microtask only adds memory. */
const flushAtBytes = 64 * 1024

/** Handed over and not accepted by the transport: above it requests stay unsent, so they can still be given up (engine design §4). */
const highWaterBytes = 1024 * 1024

/** Where bytes go. */
export interface ByteOutlets {
  /** hands bytes to the transport, in order */
  readonly write: (bytes: Uint8Array) => void
  /** bytes handed over that the transport has not passed on yet */
  readonly backlog: () => number
  /** calls back when it has passed on enough of them, or is gone; the function it answers takes the call back */
  readonly onDrained: (callback: () => void) => () => void
}

export class Outgoing {
  private readonly unsent = new RequestQueue()
  private readonly writer = new ByteWriter()
  private readonly outlets: ByteOutlets
  private readonly flush: () => void
  private flushScheduled = false
  /** the transport has enough to do */
  private full = false

  /** `flush` is called when it is time to send what may be sent; it calls `beginFlush`. */
  constructor(outlets: ByteOutlets, flush: () => void) {
    this.outlets = outlets
    this.flush = flush
  }

  /** Requests that are not sent yet. */
  get size(): number {
    return this.unsent.size
  }

  push(exchange: Exchange): void {
    this.unsent.push(exchange)
  }

  shift(): Exchange | undefined {
    return this.unsent.shift()
  }

  /** Calls `flush` in a microtask, once for all that ask until then. */
  schedule(): void {
    if (this.flushScheduled || this.full) return
    this.flushScheduled = true
    queueMicrotask(this.flush)
  }

  /** True if the transport takes more. */
  beginFlush(): boolean {
    this.flushScheduled = false
    return !this.full
  }

  /** True: `flush` comes by itself when the transport has passed on enough. */
  isFull(): boolean {
    if (this.outlets.backlog() <= highWaterBytes) return false
    this.full = true
    this.outlets.onDrained(() => {
      this.full = false
      this.flush()
    })
    return true
  }

  /** Encodes a request; false if it could not be or need not be, which it has been told, and no byte of it is left. */
  encode(exchange: Exchange): boolean {
    const mark = this.writer.mark()
    const before = this.writer.size
    try {
      if (exchange.abandoned) {
        exchange.fail({ _tag: "Abandoned" })
        return false
      }
      exchange.encode(this.writer)
    } catch (error) {
      this.writer.rewind(mark)
      exchange.fail({ _tag: "NotEncoded", error })
      return false
    }
    exchange.sent = true
    exchange.bytes = this.writer.size - before
    return true
  }

  /** Writes what is encoded, if it is worth a system call by now. */
  writeIfLarge(): void {
    if (this.writer.size >= flushAtBytes) this.write()
  }

  /** Writes what is encoded. */
  write(): void {
    if (this.writer.size === 0) return
    for (const chunk of this.writer.take()) this.outlets.write(chunk)
  }

  /** Bytes that belong to no request of their own, written behind what is encoded. */
  writeNow(encode: (writer: ByteWriter) => void): void {
    encode(this.writer)
    this.write()
  }
}
