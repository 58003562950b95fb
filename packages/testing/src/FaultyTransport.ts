// Any transport, with the network's bad days: bytes in other pieces than they were sent in, late, and cut off. Where the faults are is
// decided by a seed and counted in bytes, not in calls or time: whatever pieces the transport below delivers, a seed means the same.
// Nothing is lost, doubled or changed before the cut: TCP does not do that, and TLS would notice.
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PCGRandom } from "effect/Utils"
import { Broken, type Duplex, type SecureDuplex, Transport } from "pgfx"

/** Which faults, and how many. */
export interface Faults {
  /** any number; connections of one layer get faults of their own, in the order they are made */
  readonly seed: number
  /** bytes of a piece at most, read or written: each is 1 to `split` bytes long. Default 64 */
  readonly split?: number
  /** Every connection is cut off after 0 to `cut` bytes, of those read or of those written. Absent: none is */
  readonly cut?: number
  /** milliseconds by the Clock: every piece that is read is 0 to `delay` late. Default 0: no clock is looked at */
  readonly delay?: number
}

const lost = (direction: string, bytes: number): Broken =>
  new Broken({
    reason: { _tag: "ConnectionLost", cause: `FaultyTransport: cut off after ${bytes} bytes ${direction}` },
    outcome: "Unknown"
  })

/** 0 to `most`, both included, each as likely. */
const upTo = (random: PCGRandom, most: number): number => Math.floor(random.number() * (most + 1))

/** One direction of a connection: where its pieces end, and where it ends itself. */
class Direction {
  /** bytes that have passed */
  passed = 0
  private left = 0

  private readonly random: PCGRandom
  private readonly split: number
  readonly end: number
  constructor(random: PCGRandom, split: number, end: number) {
    this.random = random
    this.split = split
    this.end = end
  }

  get isOver(): boolean {
    return this.passed >= this.end
  }

  /** How many of `available` bytes belong to the present piece. */
  next(available: number): number {
    if (this.left === 0) this.left = 1 + upTo(this.random, this.split - 1)
    const taken = Math.min(available, this.left, this.end - this.passed)
    this.left -= taken
    this.passed += taken
    return taken
  }
}

class Faulty {
  private readonly reads: Direction
  private readonly writes: Direction
  private readonly delays: PCGRandom
  private readonly delay: number
  /** read below, not handed on yet */
  private held: Uint8Array | undefined = undefined
  /** when the next piece may be handed on; `undefined`: not drawn yet */
  private due: number | undefined = undefined
  private broken: Broken | undefined = undefined

  constructor({ cut, delay = 0, seed, split = 64 }: Faults, connection: number) {
    const random = (stream: number) => new PCGRandom(seed, connection * 4 + stream)
    const cuts = random(0)
    const end = cut === undefined ? Infinity : upTo(cuts, cut)
    const cutsReads = upTo(cuts, 1) === 0
    this.reads = new Direction(random(1), split, cutsReads ? end : Infinity)
    this.writes = new Direction(random(2), split, cutsReads ? Infinity : end)
    this.delays = random(3)
    this.delay = delay
  }

  duplex(below: Duplex): Duplex {
    return {
      read: this.read(below),
      write: (bytes) => this.write(below, bytes),
      buffered: () => below.buffered(),
      drained: below.drained,
      startTls: (options) => Effect.map(below.startTls(options), (secure): SecureDuplex => this.secure(secure)),
      end: below.end,
      destroy: () => below.destroy(),
      remoteAddress: below.remoteAddress
    }
  }

  private secure(below: SecureDuplex): SecureDuplex {
    const { alpnProtocol, peerCertificate } = below
    return { ...this.duplex(below), alpnProtocol, peerCertificate }
  }

  private read(below: Duplex): Effect.Effect<Uint8Array | undefined, Broken> {
    return Effect.suspend(() => {
      if (this.reads.isOver) this.cut(below, "read", this.reads.passed)
      if (this.broken !== undefined) return Effect.fail(this.broken)
      return Effect.zipRight(this.hold(below), this.handOn)
    })
  }

  /** What was read below is kept before anybody can interrupt: the bytes belong to the next call. */
  private hold(below: Duplex): Effect.Effect<void, Broken> {
    if (this.held !== undefined) return Effect.void
    return Effect.uninterruptibleMask((restore) =>
      Effect.map(restore(below.read), (bytes) => {
        this.held = bytes
      })
    )
  }

  private readonly handOn: Effect.Effect<Uint8Array | undefined, Broken> = Effect.suspend(() => {
    // cut off by a write meanwhile
    if (this.broken !== undefined) return Effect.fail(this.broken)
    return this.held === undefined || this.delay === 0
      ? Effect.sync(this.take)
      : Effect.zipRight(this.wait, Effect.sync(this.take))
  })

  private readonly wait: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    this.due ??= now + upTo(this.delays, this.delay)
    return this.due > now ? Effect.sleep(this.due - now) : Effect.void
  })

  private readonly take = (): Uint8Array | undefined => {
    const { held } = this
    if (held === undefined) return undefined
    const length = this.reads.next(held.length)
    this.held = length === held.length ? undefined : held.subarray(length)
    this.due = undefined
    return held.subarray(0, length)
  }

  private write(below: Duplex, bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length && this.broken === undefined) {
      if (this.writes.isOver) return this.cut(below, "written", this.writes.passed)
      const length = this.writes.next(bytes.length - at)
      below.write(bytes.subarray(at, at + length))
      at += length
    }
  }

  private cut(below: Duplex, direction: string, bytes: number): void {
    this.broken ??= lost(direction, bytes)
    below.destroy()
  }
}

const layer = (faults: Faults): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (below) => {
      let connections = 0
      return {
        ...below,
        connect: (endpoint, options) =>
          Effect.map(below.connect(endpoint, options), (duplex) => new Faulty(faults, connections++).duplex(duplex))
      }
    })
  )

/**
 * Any transport, with faults where the seed says.
 *
 * @example
 * const Database = Postgres.layer(settings).pipe(
 *   Layer.provide(FaultyTransport.layer({ seed: 7, cut: 5_000, delay: 20 })),
 *   Layer.provide(NodeTransport.layer)
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const FaultyTransport: {
  readonly layer: (faults: Faults) => Layer.Layer<Transport, never, Transport>
} = { layer }
