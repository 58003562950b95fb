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

/** Bytes, or how the source ended: in the order in which they came. */
type Item = Buffer | "end" | "reset"

export class Lane {
  passed = 0
  pace: Pace | undefined = undefined
  onFault: (fault: Fault) => void = () => undefined
  private armed: Armed | undefined = undefined
  private stalled = false
  private ended = false
  private busy = false
  private readonly items: Array<Item> = []

  private readonly source: Net.Socket
  private readonly sink: Net.Socket
  constructor(source: Net.Socket, sink: Net.Socket) {
    this.source = source
    this.sink = sink
    source.on("data", (chunk: Buffer) => {
      source.pause()
      this.take(chunk)
    })
    source.on("end", () => this.take("end"))
    source.on("error", () => this.take("reset"))
    // Also after an orderly end: whoever is gone takes nothing any more.
    source.on("close", () => this.take("end"))
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
    this.pump()
  }

  /** What comes from now on is dropped. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.sink.end()
    this.resume()
  }

  private take(item: Item): void {
    this.items.push(item)
    this.pump()
  }

  private pump(): void {
    while (!this.busy && !this.stalled) {
      const item = this.items[0]
      if (item === undefined) {
        this.source.resume()
        return
      }
      if (typeof item !== "string" && !this.ended) this.hand(item)
      else {
        this.items.shift()
        if (item === "end") this.end()
        if (item === "reset") this.sink.resetAndDestroy()
      }
    }
  }

  private hand(chunk: Buffer): void {
    const { armed, pace } = this
    if (armed?.remaining === 0) return this.happen(armed)
    const size = Math.min(chunk.length, armed?.remaining ?? Infinity, pace?.size() ?? Infinity)
    if (size === chunk.length) this.items.shift()
    else this.items[0] = chunk.subarray(size)
    this.passed += size
    if (armed !== undefined) armed.remaining -= size
    this.busy = true
    const next = (): void => {
      this.busy = false
      this.pump()
    }
    // The callback comes when the kernel has the bytes, or the sink is gone.
    this.sink.write(chunk.subarray(0, size), () => {
      if (armed?.remaining === 0) this.happen(armed)
      if (pace === undefined) next()
      else pace.wait(next)
    })
  }

  private happen(armed: Armed): void {
    if (this.armed !== armed) return
    this.armed = undefined
    this.onFault(armed.fault)
  }
}
