// One direction of a proxied connection: bytes from one socket to the other, in order, until the fault that was armed for it comes.
// Only one piece is on its way at a time, so that every count is exact and whoever does not read is felt at the other end.
import type * as Net from "node:net"

/**
 * `cut`: what was handed on arrives, then both sides see FIN and nothing more moves. `reset`: both see RST. `halfClose`: this direction
 * ends with FIN, the other goes on. `stall`: nothing more moves in this direction, and nobody is told.
 */
export type Fault = "cut" | "reset" | "halfClose" | "stall"

/** How bytes are handed on, if not as they come. */
export interface Pace {
  readonly size: () => number
  readonly wait: (next: () => void) => void
}

interface Armed {
  remaining: number
  readonly fault: Fault
}

export class Lane {
  passed = 0
  pace: Pace | undefined = undefined
  onFault: (fault: Fault) => void = () => undefined
  private armed: Armed | undefined = undefined
  private stalled = false
  private ended = false
  /** where to go on after a stall */
  private held: (() => void) | undefined = undefined

  private readonly source: Net.Socket
  private readonly sink: Net.Socket
  constructor(source: Net.Socket, sink: Net.Socket) {
    this.source = source
    this.sink = sink
    source.on("data", (chunk: Buffer) => {
      source.pause()
      this.hand(chunk, 0)
    })
    source.on("end", () => this.whenFree(() => this.end()))
    source.on("error", () => this.whenFree(() => sink.resetAndDestroy()))
    // Also after an orderly end: whoever is gone takes nothing any more.
    source.on("close", () => this.whenFree(() => sink.end()))
    source.resume()
  }

  arm(bytes: number, fault: Fault): void {
    this.armed = { remaining: bytes, fault }
  }

  disarm(): void {
    this.armed = undefined
  }

  stall(): void {
    this.stalled = true
  }

  resume(): void {
    this.stalled = false
    const { held } = this
    this.held = undefined
    held?.()
  }

  /** What comes from now on is dropped. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.sink.end()
    this.resume()
  }

  private hand(chunk: Buffer, at: number): void {
    if (at === chunk.length || this.ended) {
      this.source.resume()
      return
    }
    this.whenFree(() => this.handPiece(chunk, at))
  }

  private handPiece(chunk: Buffer, at: number): void {
    const { armed, pace } = this
    if (this.ended) return this.hand(chunk, at)
    if (armed?.remaining === 0) {
      this.happen(armed)
      return this.hand(chunk, at)
    }
    const size = Math.min(chunk.length - at, armed?.remaining ?? Infinity, pace?.size() ?? Infinity)
    this.passed += size
    if (armed !== undefined) armed.remaining -= size
    // The callback comes when the kernel has the bytes, or the sink is gone.
    this.sink.write(chunk.subarray(at, at + size), () => {
      if (armed?.remaining === 0) this.happen(armed)
      const next = (): void => this.hand(chunk, at + size)
      if (pace === undefined) next()
      else pace.wait(next)
    })
  }

  private happen(armed: Armed): void {
    if (this.armed !== armed) return
    this.armed = undefined
    this.onFault(armed.fault)
  }

  private whenFree(go: () => void): void {
    if (this.stalled) this.held = go
    else go()
  }
}
