// @effect/sql-pg for Effect 4 as a contestant: a protocol implementation of its own, pipelining (`multiplex`) on.
import { PgClient } from "@effect/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Reactivity from "effect/reactivity/Reactivity"
import { eventOf, items, rowChecksum, serve, statements } from "../dist/workers/serve.mjs"

const idOf = (index) => ((index * 7919) % items) + 1

const open = async ({ database, host, password, port, user }, max) => {
  const layer = PgClient.layer({
    host,
    port,
    username: user,
    password: Redacted.make(password),
    database,
    maxConnections: max,
    minConnections: max,
    multiplex: true,
    // on one connection everybody shares it; 32, the default, would be a queue before the queue
    ...(max === 1 ? { multiplexConcurrency: 128 } : {}),
    preparedStatementCacheSize: 256,
    // a row of 1,600 columns and a result of 300,000 rows are no hostile server
    maxMessageSize: 64 * 1024 * 1024
  }).pipe(Layer.provide(Reactivity.layer))
  const runtime = ManagedRuntime.make(layer)
  const sql = await runtime.runPromise(PgClient.PgClient)
  const run = (effect) => runtime.runPromise(effect)
  await run(
    Effect.all(
      Array.from({ length: max }, () => sql`SELECT pg_sleep(0.02)`),
      { concurrency: "unbounded" }
    )
  )
  return { sql, run, close: () => runtime.dispose() }
}

const fibers = (callers, units, one) =>
  Effect.suspend(() => {
    let next = 0
    let sum = 0
    const caller = Effect.whileLoop({
      while: () => next < units,
      body: () => one(next++),
      step: (value) => {
        sum += value
      }
    })
    const all = Array.from({ length: Math.min(callers, units) }, () => caller)
    return Effect.map(Effect.all(all, { concurrency: "unbounded", discard: true }), () => sum)
  })

const byId = (sql, index) =>
  Effect.map(sql`SELECT id, name, value FROM bench_item WHERE id = ${idOf(index)}`, ([row]) => row.id + row.name.length)

const callers = (max, count) => async (server, point) => {
  const { close, run, sql } = await open(server, max(point))
  return { run: (units) => run(fibers(count(point), units, (index) => byId(sql, index))), close }
}

const checksum = (rows) => rows.reduce((sum, row) => sum + rowChecksum(row), 0)
const read = (sql, units) => sql`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${units}`

const rows = async (server) => {
  const { close, run, sql } = await open(server, 1)
  return {
    run: (units) => run(Effect.map(read(sql, units), (all) => all.length)),
    verify: (units) => run(Effect.map(read(sql, units), checksum)),
    close
  }
}

const streamed = (query) => async (server) => {
  const { close, run, sql } = await open(server, 1)
  const fold = (units, add) =>
    run(
      Stream.runFold(
        query(sql, units).stream,
        () => 0,
        (sum, row) => sum + add(row)
      )
    )
  return { run: (units) => fold(units, () => 1), verify: (units) => fold(units, rowChecksum), close }
}

const inserts = (write) => async (server) => {
  const { close, run, sql } = await open(server, 1)
  return {
    prepare: () => run(sql`TRUNCATE bench_event`),
    run: (units) => run(Effect.as(write(sql, units), units)),
    verify: (units) =>
      run(Effect.flatMap(write(sql, units), () => Effect.map(sql.unsafe(statements.count), ([row]) => row.sum))),
    close
  }
}

const insertOne = (sql, units) =>
  fibers(100, units, (index) => {
    const { amount, id, kind } = eventOf(index)
    return Effect.as(sql`INSERT INTO bench_event (id, kind, amount) VALUES (${id}, ${kind}, ${amount})`, 1)
  })

const insertMany = (sql, units) => {
  const events = Array.from({ length: units }, (_, index) => eventOf(index))
  const values = [events.map(({ id }) => id), events.map(({ kind }) => kind), events.map(({ amount }) => amount)]
  return sql.unsafe(statements.insertMany, values)
}

const transaction = async (server) => {
  const { close, run, sql } = await open(server, 10)
  const transfer = (index) => {
    const id = index % 1000
    return sql.withTransaction(
      Effect.gen(function* () {
        const [before] = yield* sql`SELECT balance FROM bench_account WHERE id = ${id}`
        yield* sql`UPDATE bench_account SET balance = balance + 1 WHERE id = ${id}`
        const [after] = yield* sql`SELECT balance FROM bench_account WHERE id = ${id}`
        return Number(after.balance) - Number(before.balance)
      })
    )
  }
  return { run: (units) => run(fibers(50, units, transfer)), close }
}

const growColumns = async (server, { columns }) => {
  const { close, run, sql } = await open(server, 1)
  const text = statements.wide(columns)
  return {
    run: (units) => run(Effect.map(sql.unsafe(text, [Math.ceil(units / columns)]), (all) => all.length * columns)),
    close
  }
}

const growStatements = async (server, { statements: distinct }) => {
  const { close, run, sql } = await open(server, 1)
  const texts = Array.from({ length: distinct }, (_, i) => statements.numbered(i))
  const one = (index) => Effect.map(sql.unsafe(texts[index % distinct], [index % 1000]), ([row]) => row.n)
  return { run: (units) => run(fibers(1, units, one)), close }
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
  transaction,
  "grow fibers": callers(single, ({ fibers }) => fibers),
  "grow rows": rows,
  "grow rows streamed": streamed((sql, units) => sql.unsafe(statements.generated, [units])),
  "grow columns": growColumns,
  "grow statements": growStatements,
  "grow connections": callers(
    ({ connections }) => connections,
    () => 100
  )
})
