// postgres.js as a contestant: it prepares and pipelines by itself.
import { readFileSync } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import postgres from "postgres"
import {
  BytesChecksum,
  copyPieces,
  copySql,
  eventLines,
  eventOf,
  items,
  rowChecksum,
  serve,
  spreadOver,
  statements,
  verifiedMegabytes
} from "../dist/workers/serve.mjs"

const idOf = (index) => ((index * 7919) % items) + 1
const options = ({ host, port, user, password, database }) => ({ host, port, user, password, database })

const open = async (server, max) => {
  const sql = postgres({ ...options(server), max, max_pipeline: 1000 })
  await Promise.all(Array.from({ length: max }, () => sql`SELECT pg_sleep(0.02)`))
  return sql
}

const byId = async (sql, index) => {
  const [row] = await sql`SELECT id, name, value FROM bench_item WHERE id = ${idOf(index)}`
  return row.id + row.name.length
}

const callers = (max, count) => async (server, point) => {
  const sql = await open(server, max(point))
  return { run: (units) => spreadOver(count(point), units, (index) => byId(sql, index)), close: () => sql.end() }
}

const checksum = (rows) => rows.reduce((sum, row) => sum + rowChecksum(row), 0)
const read = (sql, units) => sql`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${units}`

const rows = async (server) => {
  const sql = await open(server, 1)
  return {
    run: async (units) => (await read(sql, units)).length,
    verify: async (units) => checksum(await read(sql, units)),
    close: () => sql.end()
  }
}

const streamed = (query) => async (server) => {
  const sql = await open(server, 1)
  const fold = async (units, add) => {
    let sum = 0
    await query(sql, units).cursor(1000, (batch) => {
      for (const row of batch) sum += add(row)
    })
    return sum
  }
  return { run: (units) => fold(units, () => 1), verify: (units) => fold(units, rowChecksum), close: () => sql.end() }
}

const inserts = (write) => async (server) => {
  const sql = await open(server, 1)
  return {
    prepare: () => sql`TRUNCATE bench_event`,
    run: async (units) => {
      await write(sql, units)
      return units
    },
    verify: async (units) => {
      await write(sql, units)
      const [row] = await sql.unsafe(statements.count)
      return row.sum
    },
    close: () => sql.end()
  }
}

const insertOne = (sql, units) =>
  spreadOver(100, units, async (index) => {
    const { amount, id, kind } = eventOf(index)
    await sql`INSERT INTO bench_event (id, kind, amount) VALUES (${id}, ${kind}, ${amount})`
    return 1
  })

const insertMany = (sql, units) => {
  const events = Array.from({ length: units }, (_, index) => eventOf(index))
  const column = (name) => events.map((event) => event[name])
  return sql`INSERT INTO bench_event SELECT * FROM unnest(${column("id")}::int4[], ${column("kind")}::text[], ${column("amount")}::float8[])`
}

/** A connection may stay paused for good behind data that was read to its end (3.4.9): each run has one of its own. */
const copyOut = (most) => async (server) => {
  let sql
  const each = async (megabytes, use) => {
    for await (const piece of await sql.unsafe(copySql.out(megabytes)).readable()) use(piece)
  }
  return {
    prepare: async () => {
      await sql?.end({ timeout: 0 })
      sql = await open(server, 1)
    },
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
    close: () => sql.end({ timeout: 0 })
  }
}

const load = async (sql, text, pieces) =>
  pipeline(Readable.from(pieces, { objectMode: false }), await sql.unsafe(text).writable())

const copyIn = (text, most) => async (server) => {
  const sql = await open(server, 1)
  return {
    prepare: () => sql.unsafe(copySql.truncate),
    run: async (units) => {
      await load(sql, text, copyPieces(units))
      return units
    },
    verify: async (units) => {
      await load(sql, copySql.in(), copyPieces(Math.min(units, most)))
      const [row] = await sql.unsafe(copySql.stored)
      return row.sum
    },
    close: () => sql.end()
  }
}

const insertCopy = (sql, units) =>
  load(sql, copySql.events, eventLines(Array.from({ length: units }, (_, index) => eventOf(index))))

const transaction = async (server) => {
  const sql = await open(server, 10)
  const transfer = (index) => {
    const id = index % 1000
    return sql.begin(async (tx) => {
      const [before] = await tx`SELECT balance FROM bench_account WHERE id = ${id}`
      await tx`UPDATE bench_account SET balance = balance + 1 WHERE id = ${id}`
      const [after] = await tx`SELECT balance FROM bench_account WHERE id = ${id}`
      return Number(after.balance) - Number(before.balance)
    })
  }
  return { run: (units) => spreadOver(50, units, transfer), close: () => sql.end() }
}

const connect = async (server) => ({
  run: (units) =>
    spreadOver(1, units, async (index) => {
      const ssl = { ca: readFileSync(server.ca, "utf8"), servername: "localhost" }
      // types of its own are not asked for: the others do not ask either
      const sql = postgres({ ...options(server), host: "localhost", max: 1, ssl, fetch_types: false })
      const answer = await byId(sql, index)
      await sql.end()
      return answer
    }),
  close: async () => undefined
})

const growColumns = async (server, { columns }) => {
  const sql = await open(server, 1)
  const text = statements.wide(columns)
  return {
    run: async (units) => (await sql.unsafe(text, [Math.ceil(units / columns)], { prepare: true })).length * columns,
    close: () => sql.end()
  }
}

const growStatements = async (server, { statements: distinct }) => {
  const sql = await open(server, 1)
  const texts = Array.from({ length: distinct }, (_, i) => statements.numbered(i))
  return {
    run: (units) =>
      spreadOver(1, units, async (index) => {
        const [row] = await sql.unsafe(texts[index % distinct], [index % 1000], { prepare: true })
        return row.n
      }),
    close: () => sql.end()
  }
}

const single = () => 1
await serve({
  sequential: callers(single, () => 1),
  concurrent: callers(single, () => 100),
  pool: callers(
    () => 10,
    () => 100
  ),
  rows,
  "rows streamed": streamed(read),
  "insert one by one": inserts(insertOne),
  "insert unnest": inserts(insertMany),
  "insert copy": inserts(insertCopy),
  "copy out": copyOut(Infinity),
  "copy in": copyIn(copySql.in(), Infinity),
  "gigabyte out": copyOut(verifiedMegabytes),
  "gigabyte in": copyIn(copySql.inDropped(), verifiedMegabytes),
  transaction,
  connect,
  "grow fibers": callers(single, ({ fibers }) => fibers),
  "grow rows": rows,
  "grow rows streamed": streamed((sql, units) => sql.unsafe(statements.generated, [units], { prepare: true })),
  "grow columns": growColumns,
  "grow statements": growStatements,
  "grow connections": callers(
    ({ connections }) => connections,
    () => 100
  )
})
