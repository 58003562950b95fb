// A proxy between any client and a server that shows the conversation in the form of libpq's PQtrace. Needs nothing of pgfx but the
// protocol package. TLS is declined on the client's side, because encrypted bytes tell nothing: for machines of your own only.
import * as Net from "node:net"
import {
  makeBackendDecoder,
  makeFrontendDecoder,
  ProtocolViolation,
  transcriptLine,
  transcriptOfAnswer
} from "@pgfx/protocol"

export interface TracingProxyOptions {
  readonly upstream: { readonly host: string; readonly port: number }
  /** gets one line per message; secrets are blanked, values elided */
  readonly print: (line: string) => void
}

/** Packets of 8 bytes that ask for encryption before anything else is said. */
const encryptionRequests: ReadonlyMap<number, "SSLRequest" | "GSSENCRequest"> = new Map([
  [80_877_103, "SSLRequest"],
  [80_877_104, "GSSENCRequest"]
])

const encryptionRequest = (bytes: Buffer) =>
  bytes.length === 8 && bytes.readInt32BE(0) === 8 ? encryptionRequests.get(bytes.readInt32BE(4)) : undefined

const serve = (client: Net.Socket, { print, upstream }: TracingProxyOptions): void => {
  const server = Net.connect(upstream.port, upstream.host)
  const frontend = makeFrontendDecoder()
  const backend = makeBackendDecoder()
  const end = (): void => {
    client.destroy()
    server.destroy()
  }
  /** A violation is shown and forwarded all the same: the other side decides what to make of it. */
  const showing = (show: () => void): void => {
    try {
      show()
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      print(`! ${error.message}`)
    }
  }
  client.on("data", (bytes) => {
    showing(() => {
      for (const message of frontend.push(bytes)) print(transcriptLine("F", message))
    })
    const asked = encryptionRequest(bytes)
    if (asked === undefined) server.write(bytes)
    else {
      client.write("N")
      print(transcriptOfAnswer(asked, "N"))
    }
  })
  server.on("data", (bytes) => {
    showing(() => {
      for (const message of backend.push(bytes)) print(transcriptLine("B", message))
    })
    client.write(bytes)
  })
  for (const socket of [client, server]) socket.on("error", end).on("close", end)
}

/** Listens on loopback; port 0 takes a free one. */
export const startTracingProxy = (port: number, options: TracingProxyOptions): Promise<Net.Server> =>
  new Promise((resolve, reject) => {
    const proxy = Net.createServer((client) => serve(client, options))
    proxy.once("error", reject)
    proxy.listen(port, "127.0.0.1", () => resolve(proxy))
  })
