// No driver at all: the same frames, made and read by the shortest code that can, on a connection that pg has opened. What the server, the
// kernel and Node's sockets leave for a driver to win.
import pg from "pg"
import { items, serve, statements } from "../dist/workers/serve.mjs"

const idOf = (index) => ((index * 7919) % items) + 1

/** Bind, Execute, Sync of the statement "byId", with an int4 and an answer in binary; the id is the only thing that changes. */
const frames = (() => {
  const name = Buffer.from("byId\0")
  const bind = Buffer.concat([
    Buffer.from([0]), // portal
    name,
    Buffer.from([0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 1])
  ])
  const head = Buffer.from([0x42, 0, 0, 0, bind.length + 4])
  const rest = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4])
  return { bytes: Buffer.concat([head, bind, rest]), id: head.length + bind.length - 8 }
})()

const requests = (first, count) => {
  const size = frames.bytes.length
  const out = Buffer.allocUnsafe(size * count)
  for (let i = 0; i < count; i++) {
    frames.bytes.copy(out, i * size)
    out.writeInt32BE(idOf(first + i), i * size + frames.id)
  }
  return out
}

/** A socket that has the statement, and nobody who listens. */
const open = async ({ host, port, user, password, database }) => {
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  await client.query({ name: "byId", text: statements.byId, values: [1] })
  const { stream } = client.connection
  stream.removeAllListeners("data")
  return { client, stream }
}

/** So many requests, `width` of them under way at a time, each the `index`-th of all sockets' together. */
const exchange = (stream, width, next) =>
  new Promise((resolve) => {
    let sum = 0
    let underWay = 0
    let rest = Buffer.alloc(0)
    const send = (wanted) => {
      const { first, count } = next(wanted)
      underWay += count
      if (count > 0) stream.write(requests(first, count))
      else if (underWay === 0) {
        stream.removeListener("data", read)
        resolve(sum)
      }
    }
    const read = (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      let answered = 0
      while (bytes.length - at >= 5) {
        const end = at + 1 + bytes.readInt32BE(at + 1)
        if (end > bytes.length) break
        // DataRow: count, length and value of the id, length of the name
        if (bytes[at] === 0x44) sum += bytes.readInt32BE(at + 11) + bytes.readInt32BE(at + 15)
        if (bytes[at] === 0x5a) answered++
        at = end
      }
      rest = bytes.subarray(at)
      underWay -= answered
      if (answered > 0) send(answered)
    }
    stream.on("data", read)
    send(width)
  })

const wire = (connections, width) => async (server) => {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(server)))
  return {
    run: async (units) => {
      let sent = 0
      const next = (wanted) => {
        const first = sent
        sent = Math.min(units, sent + wanted)
        return { first, count: sent - first }
      }
      const sums = await Promise.all(sockets.map(({ stream }) => exchange(stream, width, next)))
      return sums.reduce((sum, one) => sum + one, 0)
    },
    close: async () => {
      for (const { stream } of sockets) stream.destroy()
    }
  }
}

await serve({ sequential: wire(1, 1), concurrent: wire(1, 100), pool: wire(10, 10) })
