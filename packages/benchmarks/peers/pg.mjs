// node-postgres as a contestant: named statements, as its documentation advises for speed, and its own pool.
import { readFileSync } from "node:fs"
import pg from "pg"
import Cursor from "pg-cursor"
import { eventOf, items, rowChecksum, serve, spreadOver, statements } from "../dist/workers/serve.mjs"

const idOf = (index) => ((index * 7919) % items) + 1
const options = ({ host, port, user, password, database }) => ({ host, port, user, password, database })

const one = async (server) => {
  const client = new pg.Client(options(server))
  await client.connect()
  return client
}
const pool = async (server, max = 10) => {
  const made = new pg.Pool({ ...options(server), max, min: max })
  await Promise.all(Array.from({ length: max }, () => made.query("SELECT pg_sleep(0.02)")))
  return made
}

const byId = async (client, index) => {
  const { rows } = await client.query({ name: "byId", text: statements.byId, values: [idOf(index)] })
  return rows[0].id + rows[0].name.length
}

const callers = (open, count) => async (server, point) => {
  const client = await open(server, point)
  return {
    run: (units) => spreadOver(count(point), units, (index) => byId(client, index)),
    close: () => client.end()
  }
}

const checksum = (rows) => rows.reduce((sum, row) => sum + rowChecksum(row), 0)

const rows = async (server) => {
  const client = await one(server)
  const read = async (units) => (await client.query({ name: "rows", text: statements.rows, values: [units] })).rows
  return {
    run: async (units) => (await read(units)).length,
    verify: async (units) => checksum(await read(units)),
    close: () => client.end()
  }
}

const streamed = (text) => async (server) => {
  const client = await one(server)
  const fold = async (units, add) => {
    const cursor = client.query(new Cursor(text, [units]))
    let sum = 0
    for (let batch = await cursor.read(1000); batch.length > 0; batch = await cursor.read(1000)) {
      for (const row of batch) sum += add(row)
    }
    await cursor.close()
    return sum
  }
  return {
    run: (units) => fold(units, () => 1),
    verify: (units) => fold(units, rowChecksum),
    close: () => client.end()
  }
}

const inserts = (write) => async (server) => {
  const client = await one(server)
  return {
    prepare: () => client.query("TRUNCATE bench_event"),
    run: async (units) => {
      await write(client, units)
      return units
    },
    verify: async (units) => {
      await write(client, units)
      const { rows } = await client.query(statements.count)
      return rows[0].sum
    },
    close: () => client.end()
  }
}

const insertOne = (client, units) =>
  spreadOver(100, units, async (index) => {
    const { amount, id, kind } = eventOf(index)
    await client.query({ name: "insert", text: statements.insert, values: [id, kind, amount] })
    return 1
  })

const insertMany = (client, units) => {
  const events = Array.from({ length: units }, (_, index) => eventOf(index))
  const values = [events.map(({ id }) => id), events.map(({ kind }) => kind), events.map(({ amount }) => amount)]
  return client.query({ name: "unnest", text: statements.insertMany, values })
}

const transaction = async (server) => {
  const made = await pool(server)
  const transfer = async (index) => {
    const client = await made.connect()
    try {
      const values = [index % 1000]
      await client.query("BEGIN")
      const before = await client.query({ name: "balance", text: statements.balance, values })
      await client.query({ name: "deposit", text: statements.deposit, values })
      const after = await client.query({ name: "balance", text: statements.balance, values })
      await client.query("COMMIT")
      return Number(after.rows[0].balance) - Number(before.rows[0].balance)
    } finally {
      client.release()
    }
  }
  return { run: (units) => spreadOver(50, units, transfer), close: () => made.end() }
}

const connect = async (server) => ({
  run: (units) =>
    spreadOver(1, units, async (index) => {
      const ssl = { ca: readFileSync(server.ca, "utf8") }
      const client = new pg.Client({ ...options(server), host: "localhost", ssl })
      await client.connect()
      const answer = await byId(client, index)
      await client.end()
      return answer
    }),
  close: async () => undefined
})

const growColumns = async (server, { columns }) => {
  const client = await one(server)
  const text = statements.wide(columns)
  return {
    run: async (units) =>
      (await client.query({ name: "wide", text, values: [Math.ceil(units / columns)] })).rows.length * columns,
    close: () => client.end()
  }
}

const growStatements = async (server, { statements: distinct }) => {
  const client = await one(server)
  const texts = Array.from({ length: distinct }, (_, i) => statements.numbered(i))
  return {
    run: (units) =>
      spreadOver(1, units, async (index) => {
        const at = index % distinct
        const { rows } = await client.query({ name: `s${at}`, text: texts[at], values: [index % 1000] })
        return rows[0].n
      }),
    close: () => client.end()
  }
}

await serve({
  sequential: callers(one, () => 1),
  concurrent: callers(one, () => 100),
  pool: callers(
    (server) => pool(server),
    () => 100
  ),
  rows,
  "rows streamed": streamed(statements.rows),
  "insert one by one": inserts(insertOne),
  "insert unnest": inserts(insertMany),
  transaction,
  connect,
  "grow fibers": callers(one, ({ fibers }) => fibers),
  "grow rows": rows,
  "grow rows streamed": streamed(statements.generated),
  "grow columns": growColumns,
  "grow statements": growStatements,
  "grow connections": callers(
    (server, { connections }) => pool(server, connections),
    () => 100
  )
})
