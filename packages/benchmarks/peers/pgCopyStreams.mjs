// pg-copy-streams as a contestant: COPY of node-postgres. It copies bytes; rows are for its user to write, in the text format.
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import pg from "pg"
import { from as copyFrom, to as copyTo } from "pg-copy-streams"
import {
  BytesChecksum,
  copyPieces,
  copySql,
  eventLines,
  eventOf,
  serve,
  statements,
  verifiedMegabytes
} from "../dist/workers/serve.mjs"

const one = async ({ database, host, password, port, user }) => {
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  return client
}

const out = (most) => async (server) => {
  const client = await one(server)
  const each = async (megabytes, use) => {
    for await (const piece of client.query(copyTo(copySql.out(megabytes)))) use(piece)
  }
  return {
    run: async (units) => {
      let bytes = 0
      await each(units, (piece) => (bytes += piece.length))
      return bytes
    },
    verify: async (units) => {
      const checksum = new BytesChecksum()
      await each(Math.min(units, most), checksum.add)
      return checksum.value
    },
    close: () => client.end()
  }
}

const load = (client, sql, pieces) =>
  pipeline(Readable.from(pieces, { objectMode: false }), client.query(copyFrom(sql)))

const into = (sql, most) => async (server) => {
  const client = await one(server)
  return {
    prepare: () => client.query(copySql.truncate),
    run: async (units) => {
      await load(client, sql, copyPieces(units))
      return units
    },
    verify: async (units) => {
      await load(client, copySql.in(), copyPieces(Math.min(units, most)))
      return (await client.query(copySql.stored)).rows[0].sum
    },
    close: () => client.end()
  }
}

const insert = async (server) => {
  const client = await one(server)
  const write = (units) =>
    load(client, copySql.events, eventLines(Array.from({ length: units }, (_, index) => eventOf(index))))
  return {
    prepare: () => client.query("TRUNCATE bench_event"),
    run: async (units) => {
      await write(units)
      return units
    },
    verify: async (units) => {
      await write(units)
      return (await client.query(statements.count)).rows[0].sum
    },
    close: () => client.end()
  }
}

await serve({
  "copy out": out(Infinity),
  "copy in": into(copySql.in(), Infinity),
  "gigabyte out": out(verifiedMegabytes),
  "gigabyte in": into(copySql.inDropped(), verifiedMegabytes),
  "insert copy": insert
})
