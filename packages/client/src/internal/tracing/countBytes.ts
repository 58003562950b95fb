// A Transport that counts what goes through it, before TLS and after: what the program says and hears, not what is on the cable.
import * as Effect from "effect/Effect"
import type { Duplex, Transport } from "../../Transport.ts"
import { countOf } from "./ClientMetrics.ts"

type Count = ReturnType<typeof countOf>

const countedPoll = ({ poll }: Duplex, count: Count): Duplex["poll"] =>
  poll === undefined
    ? undefined
    : (wake) => {
        const bytes = poll(wake)
        if (bytes !== undefined && bytes !== "over") count.received(bytes.length)
        return bytes
      }

const counted = (duplex: Duplex, count: Count): Duplex => ({
  read: Effect.map(duplex.read, (bytes) => {
    if (bytes !== undefined) count.received(bytes.length)
    return bytes
  }),
  poll: countedPoll(duplex, count),
  write: (bytes) => {
    count.sent(bytes.length)
    duplex.write(bytes)
  },
  buffered: () => duplex.buffered(),
  drained: duplex.drained,
  startTls: (options) =>
    Effect.map(duplex.startTls(options), (secure) => ({
      ...counted(secure, count),
      peerCertificate: secure.peerCertificate,
      alpnProtocol: secure.alpnProtocol
    })),
  end: duplex.end,
  destroy: () => duplex.destroy(),
  remoteAddress: duplex.remoteAddress
})

export const countBytes = (transport: Transport["Type"]): Transport["Type"] => ({
  ...transport,
  connect: (endpoint, options) =>
    Effect.map(transport.connect(endpoint, options), (duplex) => counted(duplex, countOf(endpoint)))
})
