// An in-memory connection: the client's end is a Duplex, the script's end a few plain calls. Ordered, lossless until somebody ends
// or cuts it; no clock, no sockets, no messages. Bytes are handed over, never copied: who takes them owns them.
import * as Effect from "effect/Effect"
import { Broken, type Duplex, type SecureDuplex, type TlsOptions } from "pgfx"

type Reading = Effect.Effect<Uint8Array | undefined, Broken>

/** Above this many bytes that the script has not read, `drained` waits: the mark of the transport over sockets. */
const highWaterBytes = 1024 * 1024

/** How the client went: an orderly end, or a socket that was dropped. */
export type Departure = "FIN" | "destroyed"

export interface TlsAnswer {
  /** DER; absent: the transport does not show one */
  readonly certificate?: Uint8Array | undefined
  readonly alpnProtocol?: string | undefined
}

interface TlsRequest {
  readonly options: TlsOptions
  readonly resume: (result: Effect.Effect<SecureDuplex, Broken>) => void
}

/** A short reason: whatever shows it shows the cause, which may be long, as well. */
const lost = (why: string, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "ConnectionLost", cause: why }, outcome: "Unknown", cause })

const tlsFailed = (check: string, cause?: unknown): Broken =>
  new Broken({
    reason: { _tag: "TlsFailed", check, cause },
    outcome: "NotSent",
    ...(cause === undefined ? {} : { cause })
  })

export class Wire {
  /** set when the client ends or drops the connection */
  departure: Departure | undefined = undefined
  /** the script has ended or cut the connection */
  closedByScript = false

  private readonly toClient: Array<Uint8Array> = []
  private readonly toScript: Array<Uint8Array> = []
  private unread = 0
  private reading: ((reading: Reading) => void) | undefined = undefined
  /** what `read` answers once everything was read */
  private end: Reading | undefined = undefined
  private tlsRequest: TlsRequest | undefined = undefined
  /** fibers of the script that wait for anything to happen */
  private readonly watchers = new Set<() => void>()
  private events = 0
  private readonly drainers = new Set<() => void>()

  // ---- the client's end

  private readonly read: Reading = Effect.async((resume) => {
    const bytes = this.toClient.shift()
    if (bytes !== undefined) return resume(Effect.succeed(bytes))
    if (this.end !== undefined) return resume(this.end)
    this.reading = resume
    return Effect.sync(() => {
      if (this.reading === resume) this.reading = undefined
    })
  })

  private readonly drained: Effect.Effect<void> = Effect.async((resume) => {
    if (this.unread <= highWaterBytes || this.isOver) return resume(Effect.void)
    const done = (): void => resume(Effect.void)
    this.drainers.add(done)
    return Effect.sync(() => this.drainers.delete(done))
  })

  readonly duplex: Duplex = {
    read: this.read,
    write: (bytes) => {
      if (this.isOver || bytes.length === 0) return
      this.toScript.push(bytes)
      this.unread += bytes.length
      this.notify()
    },
    buffered: () => this.unread,
    drained: this.drained,
    startTls: (options) => this.startTls(options),
    end: Effect.sync(() => this.depart("FIN")),
    destroy: () => {
      this.depart("destroyed")
      this.finish(Effect.succeed(undefined))
    }
  }

  private startTls(options: TlsOptions): Effect.Effect<SecureDuplex, Broken> {
    return Effect.async((resume) => {
      if (this.toClient.length > 0) {
        return resume(Effect.fail(tlsFailed("the start of TLS: bytes in clear text stand behind the server's answer")))
      }
      if (this.end !== undefined) return resume(Effect.fail(this.handshakeCut()))
      this.tlsRequest = { options, resume }
      this.notify()
      return Effect.sync(() => {
        this.tlsRequest = undefined
      })
    })
  }

  private handshakeCut(cause?: unknown): Broken {
    return tlsFailed("the TLS handshake: the server closed the connection", cause)
  }

  private depart(departure: Departure): void {
    this.departure ??= departure
    this.release()
    this.notify()
  }

  // ---- the script's end

  /** Bytes for the client: one call, one chunk of a `read`. */
  send(bytes: Uint8Array): void {
    if (this.end !== undefined || bytes.length === 0) return
    const { reading } = this
    if (reading === undefined) this.toClient.push(bytes)
    else {
      this.reading = undefined
      reading(Effect.succeed(bytes))
    }
  }

  /** The next bytes as the client wrote them. What was written before the connection ended is still there. */
  take(): Uint8Array | undefined {
    const bytes = this.toScript.shift()
    if (bytes === undefined) return undefined
    this.unread -= bytes.length
    if (this.unread <= highWaterBytes) this.release()
    return bytes
  }

  /** What the client asked `startTls` for, if it waits there now. */
  get tlsWanted(): TlsOptions | undefined {
    return this.tlsRequest?.options
  }

  /** Completes the handshake. Nothing is encrypted and no certificate judged: that is a real transport's work. */
  acceptTls({ alpnProtocol, certificate }: TlsAnswer): void {
    const request = this.tlsRequest
    this.tlsRequest = undefined
    request?.resume(Effect.succeed({ ...this.duplex, peerCertificate: certificate, alpnProtocol }))
  }

  /** What was sent arrives, then the end. */
  endConnection(): void {
    this.closedByScript = true
    this.finish(Effect.succeed(undefined))
  }

  /** What was sent arrives, then the failure, whose innermost cause is `cause`. */
  cutConnection(why: string, cause?: unknown): void {
    this.closedByScript = true
    this.finish(Effect.fail(lost(why, cause)), cause)
  }

  /** Counts what happened: bytes, departures, wishes for TLS. */
  get now(): number {
    return this.events
  }

  /** Completes when something has happened since `then`: a fiber may lose its turn between looking and waiting. */
  changedSince(then: number): Effect.Effect<void> {
    return Effect.async((resume) => {
      if (this.events !== then) return resume(Effect.void)
      const woken = (): void => resume(Effect.void)
      this.watchers.add(woken)
      return Effect.sync(() => this.watchers.delete(woken))
    })
  }

  // ----

  private get isOver(): boolean {
    return this.departure !== undefined || this.closedByScript
  }

  private finish(end: Reading, cause?: unknown): void {
    if (this.end !== undefined) return
    this.end = end
    this.release()
    const { reading } = this
    this.reading = undefined
    reading?.(end)
    const request = this.tlsRequest
    this.tlsRequest = undefined
    request?.resume(Effect.fail(this.handshakeCut(cause)))
  }

  private notify(): void {
    this.events++
    for (const woken of this.watchers) {
      this.watchers.delete(woken)
      woken()
    }
  }

  private release(): void {
    for (const done of this.drainers) {
      this.drainers.delete(done)
      done()
    }
  }
}
