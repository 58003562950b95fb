// The proxy against a server that answers every byte with itself: where exactly does each fault fall?
import * as Net from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { type FaultProxy, type ProxiedConnection, startFaultProxy } from "../src/FaultProxy.ts"

/** What a side of a socket saw until it closed. */
class Witness {
  received = ""
  /** lengths of the chunks, in order */
  readonly sizes: Array<number> = []
  sawEnd = false
  error: string | undefined = undefined
  readonly closed: Promise<void>
  readonly socket: Net.Socket
  constructor(socket: Net.Socket, answer?: (chunk: Buffer) => void) {
    this.socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1")
      this.sizes.push(chunk.length)
      answer?.(chunk)
    })
    socket.on("end", () => {
      this.sawEnd = true
    })
    socket.on("error", (error) => {
      this.error = "code" in error ? String(error.code) : error.message
    })
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve())
    })
  }
}

interface Scene {
  readonly proxy: FaultProxy
  readonly server: ReadonlyArray<Witness>
  readonly connect: () => Promise<Witness>
  readonly first: () => ProxiedConnection
}

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

const stage = async (): Promise<Scene> => {
  const server: Array<Witness> = []
  const listener = Net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const witness = new Witness(socket, (chunk) => socket.write(chunk))
    socket.on("end", () => socket.end())
    server.push(witness)
  })
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  if (typeof address !== "object" || address === null) throw new Error("no address")
  const proxy = await startFaultProxy({ target: { host: "127.0.0.1", port: address.port } })
  open.push(proxy.close, () => new Promise((resolve) => listener.close(resolve)))
  const connect = async (): Promise<Witness> => {
    const socket = Net.connect({ port: proxy.port, host: proxy.host, allowHalfOpen: true, noDelay: true })
    const witness = new Witness(socket)
    open.push(async () => socket.destroy())
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject))
    await until(() => witness.error !== undefined || proxy.connections.length > 0)
    return witness
  }
  return { proxy, server, connect, first: () => proxy.connections[0]! }
}

const until = async (holds: () => boolean): Promise<void> => {
  for (let turns = 0; !holds(); turns++) {
    if (turns > 2000) throw new Error("it never came to that")
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe("FaultProxy", () => {
  it("hands on every byte in both directions, and both ends", async () => {
    const { connect, first, server } = await stage()
    const client = await connect()
    client.socket.end("hello")
    await client.closed
    expect(client.received).toBe("hello")
    expect(server[0]?.received).toBe("hello")
    expect([first().passed("toServer"), first().passed("toClient")]).toEqual([5, 5])
    await first().serverDone
  })

  it("hands on megabytes unchanged", async () => {
    const { connect, server } = await stage()
    const client = await connect()
    const text = "0123456789abcdef".repeat(256 * 1024)
    client.socket.end(text)
    await client.closed
    expect(server[0]?.received === text).toBe(true)
    expect(client.received === text).toBe(true)
  })

  it("cuts after exactly so many bytes towards the server, which still get there", async () => {
    for (const bytes of [0, 1, 4, 5]) {
      const { connect, first, server } = await stage()
      const client = await connect()
      first().arm("toServer", bytes, "cut")
      client.socket.write("hello")
      await until(() => client.sawEnd)
      await first().serverDone
      expect(server[0]?.received).toBe("hello".slice(0, bytes))
      expect(first().hasFired()).toBe(true)
      expect(client.error).toBeUndefined()
    }
  })

  it("cuts after exactly so many bytes towards the client", async () => {
    for (const bytes of [0, 3]) {
      const { connect, first, server } = await stage()
      const client = await connect()
      first().arm("toClient", bytes, "cut")
      client.socket.write("hello")
      await until(() => client.sawEnd)
      expect(client.received).toBe("hello".slice(0, bytes))
      await until(() => server[0]?.sawEnd ?? false)
    }
  })

  it("counts from the moment a fault was armed", async () => {
    const { connect, first } = await stage()
    const client = await connect()
    client.socket.write("one")
    await until(() => client.received === "one")
    first().arm("toClient", 2, "cut")
    client.socket.write("two")
    await until(() => client.sawEnd)
    expect(client.received).toBe("onetw")
  })

  it("resets both sides", async () => {
    const { connect, first, server } = await stage()
    const client = await connect()
    first().arm("toServer", 2, "reset")
    client.socket.write("hello")
    await client.closed
    expect(client.error).toBe("ECONNRESET")
    await until(() => server[0]?.error === "ECONNRESET")
  })

  it("ends one direction and leaves the other", async () => {
    const { connect, first, server } = await stage()
    const client = await connect()
    client.socket.write("a")
    await until(() => client.received === "a")
    first().arm("toClient", 1, "halfClose")
    client.socket.write("bc")
    await until(() => client.sawEnd)
    expect(client.received).toBe("ab")
    client.socket.write("d")
    await until(() => server[0]?.received === "abcd")
  })

  it("stalls one direction, keeps what came, and goes on when told to", async () => {
    const { connect, first, server } = await stage()
    const client = await connect()
    first().arm("toClient", 2, "stall")
    client.socket.write("hello")
    await until(() => server[0]?.received === "hello" && first().hasFired())
    await until(() => client.received === "he")
    client.socket.write(" you")
    await until(() => server[0]?.received === "hello you")
    expect(client.received).toBe("he")
    first().resume("toClient")
    await until(() => client.received === "hello you")
  })

  it("lets a stalled side be felt at the other end", async () => {
    const { connect, first } = await stage()
    const client = await connect()
    first().stall("toServer")
    let accepted = true
    for (let i = 0; i < 64 && accepted; i++) accepted = client.socket.write(Buffer.alloc(1024 * 1024))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(client.socket.writableLength).toBeGreaterThan(0)
    expect(first().passed("toServer")).toBe(0)
  })

  it("chops into the sizes it was given", async () => {
    const { connect, first } = await stage()
    const client = await connect()
    first().chop("toClient", [1, 2])
    client.socket.write("abcdef")
    await until(() => client.received === "abcdef")
    expect(client.sizes.length).toBeGreaterThan(1)
    expect(Math.max(...client.sizes)).toBeLessThanOrEqual(4)
  })

  it("loses nothing of what it chops when the other side ends in the middle", async () => {
    const { connect, first, server } = await stage()
    const client = await connect()
    first().chop("toServer", [3])
    first().chop("toClient", [5])
    client.socket.end("x".repeat(500))
    await client.closed
    expect([server[0]?.received.length, client.received.length]).toEqual([500, 500])
  })

  it("throttles", async () => {
    const { connect, first } = await stage()
    const client = await connect()
    first().throttle("toServer", 1, 10)
    const start = performance.now()
    client.socket.write("abcdef")
    await until(() => client.received === "abcdef")
    expect(performance.now() - start).toBeGreaterThan(40)
  })

  it("mutes a connection until it is told to speak", async () => {
    const { connect, proxy, server } = await stage()
    proxy.admit(() => "mute")
    const client = await connect()
    client.socket.end("hello")
    await until(() => server[0]?.sawEnd ?? false)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect([client.received, client.sawEnd]).toEqual(["", false])
    proxy.connections[0]?.resume("toClient")
    await client.closed
    expect(client.received).toBe("hello")
  })

  it("resets, holds or refuses new connections when told to", async () => {
    const { connect, proxy, server } = await stage()
    const served = await connect()
    served.socket.write("x")
    await until(() => served.received === "x")
    proxy.admit((index) => (index === 1 ? "reset" : "hold"))
    // The RST may overtake the news of the connection.
    const broken = connect().then(
      (witness) => witness.closed.then(() => witness.error),
      (error: { readonly code: string }) => error.code
    )
    expect(await broken).toBe("ECONNRESET")
    const held = await connect()
    held.socket.write("hello")
    proxy.refuse()
    await expect(connect()).rejects.toMatchObject({ code: "ECONNREFUSED" })
    expect([server.length, held.received, held.sawEnd]).toEqual([1, "", false])
    served.socket.write("y")
    await until(() => served.received === "xy")
  })
})
