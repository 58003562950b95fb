// `Transport` over node:net and node:tls: TCP and Unix sockets, TLS by upgrade. Works on Node, Bun and Deno.
// One socket, one Duplex: bytes as they come, no framing. Which address is dialled, and what a certificate must be, is decided by the
// caller.
import * as Dns from "node:dns"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Broken, type DialOptions, type Duplex, type Endpoint, Transport, type TransportAbilities } from "pgfx"
import { socketDuplex } from "./socketDuplex.ts"
import { isSocketDirectory, type Runtime, type SocketPath, socketPath } from "./socketPath.ts"

const abilities: TransportAbilities = { cancel: true, tls: true, terminate: true }

const connectFailed = (address: string, cause: unknown): Broken =>
  new Broken({ reason: { _tag: "ConnectFailed", address, cause }, outcome: "NotSent", cause })

const tcpName = ({ host, port }: Endpoint): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)

interface Place {
  readonly name: string
  readonly options: Net.NetConnectOpts
}

const tcpPlace = (endpoint: Endpoint, { keepalive }: DialOptions): Place => ({
  name: tcpName(endpoint),
  options: {
    host: endpoint.host,
    port: endpoint.port,
    noDelay: true,
    // The interval and the number of probes are not Node's to set.
    ...(keepalive === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: keepalive.idleMillis })
  }
})

const runtime: Runtime = { platform: process.platform, major: Number.parseInt(process.versions.node, 10) }

const unixPlace = ({ host, port }: Endpoint): Place | Broken => {
  const path: SocketPath = socketPath(host, port, runtime)
  return path.issue === undefined
    ? { name: path.name, options: { path: path.path } }
    : connectFailed(path.name, path.issue)
}

const open = ({ name, options }: Place): Effect.Effect<Duplex, Broken> =>
  Effect.async((resume) => {
    const socket = Net.connect(options)
    const failed = (error: Error): void => resume(Effect.fail(connectFailed(name, error)))
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed)
      // Here and not in the fiber, so that no event can come before somebody listens.
      resume(Effect.succeed(socketDuplex(socket)))
    })
    return Effect.sync(() => {
      // An error that comes after the interruption is nobody's any more, and must not end the process.
      socket.off("error", failed)
      socket.on("error", () => undefined)
      socket.destroy()
    })
  })

const connect = (endpoint: Endpoint, options: DialOptions = {}): Effect.Effect<Duplex, Broken, Scope.Scope> =>
  Effect.suspend(() => {
    const place = isSocketDirectory(endpoint.host) ? unixPlace(endpoint) : tcpPlace(endpoint, options)
    if (place instanceof Broken) return Effect.fail(place)
    return Effect.acquireRelease(Effect.interruptible(open(place)), (duplex) => Effect.sync(duplex.destroy))
  })

/** getaddrinfo, as libpq: hosts file, search domains and the system's order of preference included. */
const lookup = (name: string): Effect.Effect<ReadonlyArray<string>, Broken> =>
  Effect.async((resume) => {
    Dns.lookup(name, { all: true }, (error, addresses) => {
      if (error !== null) return resume(Effect.fail(connectFailed(name, error)))
      resume(Effect.succeed([...new Set(addresses.map(({ address }) => address))]))
    })
  })

/** From the user database, like libpq: containers often have no USER. A user without an entry there has no name. */
const userName: Effect.Effect<string | undefined> = Effect.sync(() => {
  try {
    return Os.userInfo().username
  } catch {
    return undefined
  }
})

/**
 * Sockets of this process.
 *
 * @since 0.1.0
 * @category layers
 */
export const NodeTransport: { readonly layer: Layer.Layer<Transport> } = {
  layer: Layer.succeed(Transport, { abilities, connect, lookup, userName })
}
