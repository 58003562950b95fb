// A TCP port nobody listens on. Taken from below the range that the kernel gives to outgoing connections (32768 and up on
// Linux, 49152 and up elsewhere), so that it is still free after a restart of the server.
import { randomInt } from "node:crypto"
import { createServer } from "node:net"

const canListen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A random free port of 127.0.0.1. Another process may still take it first: starting a server must be ready for that. */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(16_384, 32_768)
    if (await canListen(port)) return port
  }
  throw new Error("No free TCP port on 127.0.0.1 between 16384 and 32767.")
}
