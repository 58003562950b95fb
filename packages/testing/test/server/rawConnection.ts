// A connection in raw bytes for the harness's own tests, which must not depend on the client that is tested with it.
// Speaks just enough: SSLRequest, a start-up under `trust`, one simple query at a time.
import { createConnection } from "node:net"
import type { NetConnectOpts, Socket } from "node:net"

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const message = (type: string, body: Buffer): Buffer => Buffer.concat([Buffer.from(type), int32(body.length + 4), body])

export interface RawConnection {
  readonly socket: Socket
  /** process id of the backend, from BackendKeyData */
  readonly backendPid: number
  /** first column of every row, as text */
  readonly query: (sql: string) => Promise<ReadonlyArray<string>>
  /** settles when the other side has closed */
  readonly closed: Promise<void>
}

const connect = (address: NetConnectOpts): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(address)
    socket.once("connect", () => resolve(socket))
    socket.once("error", reject)
  })

/** Asks for TLS and returns the one byte that the server answers: `S` or `N`. */
export const askForTls = async (address: NetConnectOpts): Promise<string> => {
  const socket = await connect(address)
  socket.write(Buffer.concat([int32(8), int32(80877103)]))
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once("data", resolve)
    socket.once("error", reject)
  })
  socket.destroy()
  return answer.toString("latin1")
}

/** The messages that have fully arrived, up to and including the first of type `last`. */
const takeUntil = (received: Buffer, last: string): { messages: Array<[string, Buffer]>; rest: Buffer } | undefined => {
  const messages: Array<[string, Buffer]> = []
  let offset = 0
  while (offset + 5 <= received.length) {
    const end = offset + 1 + received.readInt32BE(offset + 1)
    if (end > received.length) return undefined
    const type = received.toString("latin1", offset, offset + 1)
    messages.push([type, received.subarray(offset + 5, end)])
    offset = end
    if (type === last) return { messages, rest: received.subarray(offset) }
  }
  return undefined
}

const errorText = (body: Buffer): string => body.toString("utf8").split("\0").join(" ")

/** Connects as postgres under `trust`. Rejects with the server's error, or if the connection ends. */
export const openConnection = async (address: NetConnectOpts): Promise<RawConnection> => {
  const socket = await connect(address)
  let received: Buffer = Buffer.alloc(0)
  let wake = () => {}
  let ended = false
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      ended = true
      wake()
      resolve()
    })
  })
  socket.on("error", () => {})
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk])
    wake()
  })
  const until = async (type: string): Promise<Array<[string, Buffer]>> => {
    while (true) {
      const taken = takeUntil(received, type) ?? takeUntil(received, "E")
      if (taken !== undefined) {
        received = taken.rest
        const error = taken.messages.find(([found]) => found === "E")
        if (error !== undefined) throw new Error(errorText(error[1]))
        return taken.messages
      }
      if (ended) throw new Error("the server closed the connection")
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const startUp = Buffer.from("user\0postgres\0database\0postgres\0\0")
  socket.write(Buffer.concat([int32(startUp.length + 8), int32(196608), startUp]))
  const [authentication] = await until("R")
  if (authentication?.[1].readInt32BE(0) !== 0) {
    socket.destroy()
    throw new Error(`the server asks for a password: ${errorText(authentication?.[1].subarray(4) ?? Buffer.alloc(0))}`)
  }
  const key = (await until("Z")).find(([type]) => type === "K")
  return {
    socket,
    closed,
    backendPid: key?.[1].readInt32BE(0) ?? 0,
    query: async (sql) => {
      socket.write(message("Q", Buffer.from(`${sql}\0`)))
      const rows = (await until("Z")).filter(([type]) => type === "D")
      return rows.map(([, body]) => body.toString("utf8", 6, 6 + body.readInt32BE(2)))
    }
  }
}
