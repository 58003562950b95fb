// A socket of Node as a Duplex. The socket stays paused unless somebody reads: then one chunk is taken and it pauses again, so that
// a reader that stops is felt by the server. Errors and the end are kept for the next `read`.
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import { Broken, type Duplex, type SecureDuplex } from "pgfx"
import { refusedByServer, startTls } from "./startTls.ts"

type Reading = Effect.Effect<Uint8Array | undefined, Broken>

/** Above this many bytes not yet accepted by the kernel, `drained` waits. */
const highWaterBytes = 1024 * 1024

const lost = (cause: unknown): Broken =>
  refusedByServer(cause) ?? new Broken({ reason: { _tag: "ConnectionLost", cause }, outcome: "Unknown", cause })

/** The one place that listens to a socket. */
class SocketReader {
  private waiting: ((reading: Reading) => void) | undefined = undefined
  /** whoever polled in vain */
  private wake: (() => void) | undefined = undefined
  private ended: Reading | undefined = undefined

  private readonly socket: Net.Socket
  constructor(socket: Net.Socket) {
    this.socket = socket
    socket.on("readable", this.offer)
    socket.on("end", this.offer)
    socket.on("error", (error) => this.finish(Effect.fail(lost(error))))
    socket.on("close", this.closed)
  }

  readonly read: Reading = Effect.async((resume) => {
    const chunk: Uint8Array | null = this.socket.read()
    if (chunk !== null) return resume(Effect.succeed(chunk))
    if (this.ended !== undefined) return resume(this.ended)
    this.waiting = resume
    return Effect.sync(() => {
      if (this.waiting === resume) this.waiting = undefined
    })
  })

  readonly poll = (wake: () => void): Uint8Array | "over" | undefined => {
    const chunk: Uint8Array | null = this.socket.read()
    if (chunk !== null) return chunk
    if (this.ended !== undefined) return "over"
    this.wake = wake
    return undefined
  }

  /** TLS takes the socket over: what is read from now on is not ours. */
  release(): void {
    this.socket.off("readable", this.offer)
    this.socket.off("end", this.offer)
    this.socket.off("close", this.closed)
  }

  private readonly closed = (): void => this.finish(Effect.succeed(undefined))

  private readonly offer = (): void => {
    const { waiting } = this
    if (this.wake !== undefined) return this.wakeUp()
    if (waiting === undefined) return
    const chunk: Uint8Array | null = this.socket.read()
    if (chunk === null) {
      if (this.socket.readableEnded) this.finish(Effect.succeed(undefined))
      return
    }
    this.waiting = undefined
    waiting(Effect.succeed(chunk))
  }

  private wakeUp(): void {
    // At the end there is nothing to read, and nobody else will ask.
    if (this.socket.readableEnded) return this.finish(Effect.succeed(undefined))
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  private finish(ended: Reading): void {
    this.ended ??= ended
    const { waiting } = this
    this.waiting = undefined
    waiting?.(this.ended)
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

const drained = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (socket.destroyed || socket.writableLength <= highWaterBytes) return resume(Effect.void)
    const done = (): void => {
      socket.off("drain", done)
      socket.off("close", done)
      resume(Effect.void)
    }
    socket.on("drain", done)
    socket.on("close", done)
    return Effect.sync(() => {
      socket.off("drain", done)
      socket.off("close", done)
    })
  })

const end = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (socket.destroyed || socket.writableEnded) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.end(() => resume(Effect.void))
  })

/** Takes over the socket's events. */
export const socketDuplex = (socket: Net.Socket): Duplex => {
  const reader = new SocketReader(socket)
  return {
    read: reader.read,
    poll: reader.poll,
    write: (bytes) => {
      if (!socket.destroyed && !socket.writableEnded) socket.write(bytes)
    },
    buffered: () => socket.writableLength,
    drained: drained(socket),
    startTls: (options) =>
      Effect.suspend(() => {
        reader.release()
        return startTls(socket, options, (secure): SecureDuplex => ({
          ...socketDuplex(secure),
          peerCertificate: secure.getPeerX509Certificate()?.raw,
          alpnProtocol: typeof secure.alpnProtocol === "string" ? secure.alpnProtocol : undefined
        }))
      }),
    end: end(socket),
    destroy: () => socket.destroy(),
    remoteAddress: socket.remoteAddress
  }
}
