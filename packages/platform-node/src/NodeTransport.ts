// `Transport` over node:net and node:tls: TCP and Unix sockets, TLS by upgrade. Works on Node, Bun and Deno.
// One socket, one Duplex: bytes as they come, no framing. What a certificate must be is decided by the caller's options.
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broken, type Duplex, type Endpoint, Transport, type TransportAbilities } from "pgfx"
import { socketDuplex } from "./socketDuplex.ts"

const abilities: TransportAbilities = { cancel: true, tls: true, terminate: true }

/** libpq's rule: a host that begins with a slash is a directory, the socket in it carries the port in its name. */
const addressOf = ({ host, port }: Endpoint): Net.NetConnectOpts =>
  host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true }

const nameOf = ({ host, port }: Endpoint): string =>
  host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const connectFailed = (endpoint: Endpoint, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "ConnectFailed", address: nameOf(endpoint), cause }, outcome: "NotSent", cause })

const open = (endpoint: Endpoint): Effect.Effect<Net.Socket, Broken> =>
  Effect.async((resume) => {
    const socket = Net.connect(addressOf(endpoint))
    const failed = (error: Error): void => resume(Effect.fail(connectFailed(endpoint, error)))
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed)
      resume(Effect.succeed(socket))
    })
    return Effect.sync(() => socket.destroy())
  })

const connect = (endpoint: Endpoint): Effect.Effect<Duplex, Broken, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.interruptible(open(endpoint)), (socket) => Effect.sync(() => socket.destroy())),
    socketDuplex
  )

/**
 * Sockets of this process.
 *
 * @since 0.1.0
 * @category layers
 */
export const NodeTransport: { readonly layer: Layer.Layer<Transport> } = {
  layer: Layer.succeed(Transport, { abilities, connect })
}
