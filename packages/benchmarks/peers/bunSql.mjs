// Bun.SQL as a contestant, on Bun: written in Zig, it prepares and pipelines by itself. It has no cursors.
import { SQL } from "bun"
import { eventOf, items, rowChecksum, serve, spreadOver, statements } from "../dist/workers/serve.mjs"

const idOf = (index) => ((index * 7919) % items) + 1

const open = async ({ database, host, password, port, user }, max) => {
  const sql = new SQL({ hostname: host, port, username: user, password, database, max, tls: false })
  await Promise.all(Array.from({ length: max }, () => sql`SELECT pg_sleep(0.02)`))
  return sql
}

const byId = async (sql, index) => {
  const [row] = await sql`SELECT id, name, value FROM bench_item WHERE id = ${idOf(index)}`
  return row.id + row.name.length
}

const callers = (max, count) => async (server, point) => {
  const sql = await open(server, max(point))
  return { run: (units) => spreadOver(count(point), units, (index) => byId(sql, index)), close: () => sql.close() }
}

const read = (sql, units) => sql`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${units}`

const rows = async (server) => {
  const sql = await open(server, 1)
  return {
    run: async (units) => (await read(sql, units)).length,
    verify: async (units) => (await read(sql, units)).reduce((sum, row) => sum + rowChecksum(row), 0),
    close: () => sql.close()
  }
}

const insertOne = async (server) => {
  const sql = await open(server, 1)
  const write = (units) =>
    spreadOver(100, units, async (index) => {
      const { amount, id, kind } = eventOf(index)
      await sql`INSERT INTO bench_event (id, kind, amount) VALUES (${id}, ${kind}, ${amount})`
      return 1
    })
  const verify = async (units) => {
    await write(units)
    const [row] = await sql.unsafe(statements.count)
    return row.sum
  }
  return { prepare: () => sql`TRUNCATE bench_event`, run: write, verify, close: () => sql.close() }
}

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
  return { run: (units) => spreadOver(50, units, transfer), close: () => sql.close() }
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
  "insert one by one": insertOne,
  transaction,
  "grow fibers": callers(single, ({ fibers }) => fibers),
  "grow rows": rows,
  "grow connections": callers(
    ({ connections }) => connections,
    () => 100
  )
})
