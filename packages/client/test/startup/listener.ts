// A TCP listener that behaves as it is told, for what no well-behaved server does: silence, dripping bytes, an early end. Real sockets,
// because what is tested is time.
import { type AddressInfo, createServer, type Socket } from "node:net"
import { type BackendMessage, encodeBackend } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** What the listener does after the client's nth piece of bytes, from 1; 0 is the connection itself. */
export type Behaviour = (socket: Socket, piece: number, bytes: Buffer) => void

export interface Listener {
  readonly port: number
  /** connections so far */
  readonly connections: () => number
}

export const listen = (behave: Behaviour, host = "127.0.0.1"): Effect.Effect<Listener, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly listener: Listener; readonly close: () => void }>((resume) => {
        let connections = 0
        const sockets = new Set<Socket>()
        const server = createServer((socket) => {
          connections++
          let piece = 0
          sockets.add(socket)
          socket.on("error", () => undefined)
          socket.on("close", () => sockets.delete(socket))
          socket.on("data", (bytes: Buffer) => behave(socket, ++piece, bytes))
          behave(socket, 0, Buffer.alloc(0))
        })
        server.listen(0, host, () => {
          const { port } = server.address() as AddressInfo
          const close = (): void => {
            for (const socket of sockets) socket.destroy()
            server.close()
          }
          resume(Effect.succeed({ listener: { port, connections: () => connections }, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ listener }) => listener
  )

export const messages = (...all: ReadonlyArray<BackendMessage>): Buffer => Buffer.concat(all.map(encodeBackend))

/** A server without questions, up to ReadyForQuery. */
export const welcome: ReadonlyArray<BackendMessage> = [
  { _tag: "AuthenticationOk" },
  { _tag: "ParameterStatus", name: "client_encoding", value: "UTF8" },
  { _tag: "BackendKeyData", processId: 1, secretKey: new Uint8Array(4) },
  { _tag: "ReadyForQuery", status: "I" }
]

/** One byte now and then, until the socket is gone. */
export const drip = (socket: Socket, bytes: Buffer, everyMillis: number): void => {
  let at = 0
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer)
    socket.write(bytes.subarray(at % bytes.length, (at % bytes.length) + 1))
    at++
  }, everyMillis)
  socket.on("close", () => clearInterval(timer))
}
