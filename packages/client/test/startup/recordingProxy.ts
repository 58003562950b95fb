// A TCP proxy in front of a server that writes down what can be seen from outside while connections are set up, in the words of
// PostgreSQL's own test of encryption negotiation: connect, reconnect, sslaccept, sslreject, directssl, authok, authfail. What happens
// inside TLS it cannot see.
import { createServer, type AddressInfo, type Socket, connect } from "node:net"

export interface RecordingProxy {
  readonly port: number
  /** what happened since the last call, in order */
  readonly take: () => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

const sslRequest = 80877103

type Side = (bytes: Buffer) => void

/** First bytes only; the first flight of each side fits in one segment on loopback. */
const watch = (say: (event: string) => void): { readonly client: Side; readonly server: Side } => {
  let waiting: "start" | "ssl" | "auth" | "nothing" = "start"
  return {
    client: (bytes) => {
      if (waiting !== "start") return
      if (bytes[0] === 0x16) {
        say("directssl")
        waiting = "nothing"
      } else waiting = bytes.length === 8 && bytes.readUInt32BE(4) === sslRequest ? "ssl" : "auth"
    },
    server: (bytes) => {
      const first = String.fromCharCode(bytes[0] ?? 0)
      if (waiting === "ssl") {
        say(first === "S" ? "sslaccept" : first === "N" ? "sslreject" : `sslanswer ${first}`)
        waiting = first === "N" ? "start" : "nothing"
      } else if (waiting === "auth") {
        say(first === "R" ? "authok" : first === "E" ? "authfail" : `answer ${first}`)
        waiting = "nothing"
      }
    }
  }
}

export const startRecordingProxy = async (target: {
  readonly host: string
  readonly port: number
}): Promise<RecordingProxy> => {
  let events: Array<string> = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    events.push(events.length === 0 ? "connect" : "reconnect")
    const upstream = connect(target)
    const see = watch((event) => events.push(event))
    for (const [from, to, side] of [
      [client, upstream, see.client],
      [upstream, client, see.server]
    ] as const) {
      sockets.add(from)
      from.on("data", (bytes: Buffer) => {
        side(bytes)
        to.write(bytes)
      })
      from.on("error", () => to.destroy())
      from.on("close", () => {
        sockets.delete(from)
        to.end()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    take: () => {
      const taken = events
      events = []
      return taken
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
