// A TCP proxy that breaks connections on purpose, in the same process as the client under test. It counts bytes and looks at no clock
// (but for `throttle`), so that a fault comes at the same byte every time. It knows no protocol: what the bytes mean is the test's affair.
// The bytes are the proxy's; nobody else gets to see them.
import * as Net from "node:net"
import { type Fault, Lane, type Pace } from "./internal/Lane.ts"

export type { Fault } from "./internal/Lane.ts"

export type Direction = "toServer" | "toClient"

/**
 * What becomes of a new connection: `forward` it, `mute` it (forwarded, and the client hears nothing, not even the end, until `resume`),
 * `reset` it at once, or `hold` it: accepted, and nothing ever moves on it (a black hole, from the client's side).
 */
export type Admission = "forward" | "mute" | "reset" | "hold"

export interface FaultProxyOptions {
  /** the server behind it */
  readonly target: { readonly host: string; readonly port: number }
  /** asked for each connection, `index` from 0 in the order of arrival; default: all are forwarded */
  readonly admit?: (index: number) => Admission
}

/** One connection through the proxy. */
export interface ProxiedConnection {
  readonly index: number
  /** bytes handed on so far */
  readonly passed: (direction: Direction) => number
  /**
   * Arms a fault: `bytes` more bytes are handed on, then it happens, at once with the last of them; with 0, when the next one comes.
   * Replaces a fault of this direction that was armed and has not happened.
   */
  readonly arm: (direction: Direction, bytes: number, fault: Fault) => void
  /** A fault of this direction that was armed and has not happened will not. */
  readonly disarm: (direction: Direction) => void
  /** the last fault that was armed, in whatever direction, has happened */
  readonly hasFired: () => boolean
  /** Both directions end now. */
  readonly reset: () => void
  /** Nothing more is handed on, until `resume`. */
  readonly stall: (direction: Direction) => void
  readonly resume: (direction: Direction) => void
  /** Hands bytes on in pieces of these sizes, over and over, each in a turn of the event loop of its own. */
  readonly chop: (direction: Direction, sizes: ReadonlyArray<number>) => void
  /** Hands on at most `bytes` every `millis`. */
  readonly throttle: (direction: Direction, bytes: number, millis: number) => void
  /** settles when the server has closed its side and everything that was sent to it has been read or dropped */
  readonly serverDone: Promise<void>
}

export interface FaultProxy {
  readonly host: string
  readonly port: number
  /** those that were forwarded, in the order of arrival, closed ones included */
  readonly connections: ReadonlyArray<ProxiedConnection>
  /** Asked for each connection from now on. */
  readonly admit: (decide: (index: number) => Admission) => void
  /** New connections are refused from now on; those that are there go on. */
  readonly refuse: () => void
  /** Ends all connections and frees the port. */
  readonly close: () => Promise<void>
}

const options = { allowHalfOpen: true, noDelay: true }

const always = (): Admission => "forward"

class Connection implements ProxiedConnection {
  readonly serverDone: Promise<void>
  private readonly lanes: Readonly<Record<Direction, Lane>>
  private fired = false

  readonly index: number
  private readonly client: Net.Socket
  private readonly server: Net.Socket
  constructor(index: number, client: Net.Socket, server: Net.Socket) {
    this.index = index
    this.client = client
    this.server = server
    this.lanes = { toServer: new Lane(client, server), toClient: new Lane(server, client) }
    for (const lane of [this.lanes.toServer, this.lanes.toClient]) lane.onFault = (fault) => this.happen(lane, fault)
    this.serverDone = new Promise((resolve) => {
      server.once("close", () => resolve())
    })
  }
  readonly passed = (direction: Direction): number => this.lanes[direction].passed
  readonly arm = (direction: Direction, bytes: number, fault: Fault): void => {
    this.fired = false
    this.lanes[direction].arm(bytes, fault)
  }
  readonly disarm = (direction: Direction): void => this.lanes[direction].disarm()
  readonly hasFired = (): boolean => this.fired
  readonly reset = (): void => {
    this.client.resetAndDestroy()
    this.server.resetAndDestroy()
  }
  readonly stall = (direction: Direction): void => this.lanes[direction].stall()
  readonly resume = (direction: Direction): void => this.lanes[direction].resume()
  readonly chop = (direction: Direction, sizes: ReadonlyArray<number>): void => {
    let at = 0
    const size = (): number => sizes[at++ % sizes.length] ?? 1
    this.pace(direction, { size, wait: (next) => setImmediate(next) })
  }
  readonly throttle = (direction: Direction, bytes: number, millis: number): void =>
    this.pace(direction, { size: () => bytes, wait: (next) => setTimeout(next, millis) })

  private pace(direction: Direction, pace: Pace): void {
    this.lanes[direction].pace = pace
  }

  private happen(lane: Lane, fault: Fault): void {
    this.fired = true
    switch (fault) {
      case "stall":
        return lane.stall()
      case "halfClose":
        return lane.end()
      case "reset":
        return this.reset()
      case "cut":
        this.lanes.toServer.end()
        return this.lanes.toClient.end()
    }
  }
}

const listen = (server: Net.Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) resolve(address.port)
      else reject(new Error("no port"))
    })
  })

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @example
 * const proxy = await startFaultProxy({ target: { host: "127.0.0.1", port: 5432 } })
 * // ... connect to proxy.port, then:
 * proxy.connections[0]?.arm("toClient", 7, "cut")
 * await proxy.close()
 *
 * @since 0.1.0
 * @category faults
 */
export const startFaultProxy = async ({ admit = always, target }: FaultProxyOptions): Promise<FaultProxy> => {
  const connections: Array<Connection> = []
  const sockets = new Set<Net.Socket>()
  let decide = admit
  let arrived = 0
  const keep = (socket: Net.Socket): Net.Socket => {
    sockets.add(socket)
    return socket.once("close", () => sockets.delete(socket))
  }
  const listener = Net.createServer({ ...options, pauseOnConnect: true }, (client) => {
    const index = arrived++
    const admission = decide(index)
    keep(client).on("error", () => undefined)
    if (admission === "reset") client.resetAndDestroy()
    if (admission === "reset" || admission === "hold") return
    const connection = new Connection(index, client, keep(Net.connect({ ...options, ...target })))
    if (admission === "mute") connection.stall("toClient")
    connections.push(connection)
  })
  const port = await listen(listener)
  const stopListening = (): Promise<void> => new Promise((resolve) => listener.close(() => resolve()))
  return {
    host: "127.0.0.1",
    port,
    connections,
    admit: (next) => {
      decide = next
    },
    refuse: () => void stopListening(),
    close: () => {
      const closed = stopListening()
      for (const socket of sockets) socket.destroy()
      return closed
    }
  }
}
