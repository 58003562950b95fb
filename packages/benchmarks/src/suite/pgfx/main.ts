// pgfx as a contestant: statements defined once, run through Effects as an application would, one fiber for each caller.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { NodeTransport } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Connection, param, Postgres, Query, Row, Sql, Tracing, Transaction } from "pgfx"
import { type BigRow, eventOf, items, rowChecksum, statements } from "../rows.ts"
import { fibers } from "./fibers.ts"
import {
  copyIn,
  copyOut,
  gigabyteIn,
  gigabyteOut,
  insertAll,
  insertCopy,
  insertMany,
  insertOne,
  inserts
} from "./inserts.ts"
import { memoryTracer } from "./memoryTracer.ts"
import { pool, type Runtime, settingsOf, single } from "./open.ts"
import { type Contestants, serve, type Server, type Work } from "../serve.ts"

/** A number from 1 to `items` that is another for each index, and the same for everybody. */
const idOf = (index: number): number => ((index * 7919) % items) + 1

const byId = Query.one(
  Schema.Struct({ id: Schema.Number, name: Schema.String, value: Schema.Number })
)`SELECT id, name, value FROM bench_item WHERE id = ${param("id", Schema.Number)}`

const job = (index: number) => Effect.map(byId({ id: idOf(index) }), (row) => row.id + row.name.length)

const callers =
  (open: (server: Server) => Runtime, count: number, one = job) =>
  async (server: Server): Promise<Work> => {
    const runtime = open(server)
    await runtime.runPromise(one(0))
    return {
      run: (units) => runtime.runPromise(fibers(count, units, one)),
      close: () => runtime.dispose()
    }
  }

const BigSchema = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  ratio: Schema.Number,
  flag: Schema.Boolean,
  at: Schema.String,
  big: Schema.BigIntFromSelf
})
class BigClass extends Schema.Class<BigClass>("BigClass")(BigSchema.fields) {}

const last = param("last", Schema.Number)
const untypedRows = Query.all(Row)`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${last}`
const structRows = Query.all(BigSchema)`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${last}`
const classRows = Query.all(BigClass)`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${last}`
const rowStream = Query.stream(BigSchema, {
  fetchSize: 1000
})`SELECT id, name, ratio, flag, at, big FROM bench_row WHERE id <= ${last}`

const [beforeLast = "", behindLast = ""] = statements.generated.split("$1")
const generatedStream = Query.stream(BigSchema, {
  fetchSize: 1000
})`${Sql.unsafe(beforeLast, [])}${last}${Sql.unsafe(behindLast, [])}`

/** Of an untyped row the names are known, the types are not: `rowChecksum` takes any. */
const checksumOf = (rows: ReadonlyArray<unknown>): number => {
  let sum = 0
  for (const row of rows) sum += rowChecksum(row as BigRow)
  return sum
}

const rows =
  (query: (params: { readonly last: number }) => Effect.Effect<ReadonlyArray<unknown>, unknown, Postgres>) =>
  (server: Server): Promise<Work> => {
    const runtime = single(server)
    return Promise.resolve({
      run: (units) => runtime.runPromise(Effect.map(query({ last: units }), (all) => all.length)),
      verify: (units) => runtime.runPromise(Effect.map(query({ last: units }), checksumOf)),
      close: () => runtime.dispose()
    })
  }

const streamed =
  (stream: typeof rowStream) =>
  (server: Server): Promise<Work> => {
    const runtime = single(server)
    const fold = (units: number, add: (row: typeof BigSchema.Type) => number) =>
      runtime.runPromise(Stream.runFold(stream({ last: units }), 0, (sum, row) => sum + add(row)))
    return Promise.resolve({
      run: (units) => fold(units, () => 1),
      verify: (units) => fold(units, rowChecksum),
      close: () => runtime.dispose()
    })
  }

const account = param("id", Schema.Number)
const balance = Query.one(Schema.BigIntFromSelf)`SELECT balance FROM bench_account WHERE id = ${account}`
const deposit = Query.command`UPDATE bench_account SET balance = balance + 1 WHERE id = ${account}`

/** Read, write, read again; each caller has accounts of its own, so that nobody waits for a lock. */
const transfer = (index: number) => {
  const id = index % 1000
  return Transaction.run(
    Effect.gen(function* () {
      const before = yield* balance({ id })
      yield* deposit({ id })
      const after = yield* balance({ id })
      return Number(after - before)
    })
  )
}

const tracing = Tracing.layer({})

const connects = (server: Server): Promise<Work> => {
  const settings = settingsOf(server, { host: "localhost", sslmode: "verify-full", sslrootcert: server.ca })
  const layer = Postgres.layerConnection.pipe(
    Layer.provide(Connection.layer(settings)),
    Layer.provide([NodeTransport.layer, NodeFileSystem.layer])
  )
  return Promise.resolve({
    run: (units) => Effect.runPromise(fibers(1, units, (index) => Effect.provide(job(index), layer))),
    close: () => Promise.resolve()
  })
}

// ---- cost as work grows

const pick = Query.one(Schema.Number)`SELECT ${param("n", Schema.Number)}::int4`

const growingFibers = (server: Server, point: Readonly<Record<string, number>>): Promise<Work> =>
  callers(single, point["fibers"] ?? 1)(server)

const growingPool = (server: Server, point: Readonly<Record<string, number>>): Promise<Work> =>
  callers((where) => pool(where, point["connections"] ?? 1), 100)(server)

const wide = (columns: number) =>
  Query.all(Row, {
    prepare: true
  })`SELECT ${Sql.unsafe(Array.from({ length: columns }, (_, i) => `i + ${i} AS c${i}`).join(", "), [])} FROM generate_series(1, ${param("rows", Schema.Number)}::int4) AS i`

/** Columns of all rows together are the unit: 32,000 values of a row of one column and of 1,600 should cost the same. */
const growingColumns = (server: Server, point: Readonly<Record<string, number>>): Promise<Work> => {
  const columns = point["columns"] ?? 1
  const query = wide(columns)
  const runtime = single(server)
  return Promise.resolve({
    run: (units) =>
      runtime.runPromise(Effect.map(query({ rows: Math.ceil(units / columns) }), (all) => all.length * columns)),
    close: () => runtime.dispose()
  })
}

const growingStatements = (server: Server, point: Readonly<Record<string, number>>): Promise<Work> => {
  const distinct = Array.from(
    { length: point["statements"] ?? 1 },
    (_, i) => Query.one(Schema.Number)`SELECT ${param("n", Schema.Number)}::int4 + ${Sql.unsafe(String(i), [])}`
  )
  const runtime = single(server)
  return Promise.resolve({
    run: (units) =>
      runtime.runPromise(fibers(1, units, (index) => (distinct[index % distinct.length] ?? pick)({ n: index % 1000 }))),
    close: () => runtime.dispose()
  })
}

const contestants: Contestants = {
  sequential: callers(single, 1),
  concurrent: callers(single, 100),
  pool: callers((server) => pool(server, 10), 100),
  "pool traced": callers((server) => pool(server, 10, tracing, memoryTracer), 100),
  "pool measured": callers((server) => pool(server, 10, tracing), 100),
  rows: rows(untypedRows),
  "rows Struct": rows(structRows),
  "rows Class": rows(classRows),
  "rows streamed": streamed(rowStream),
  "insert one by one": inserts((units) => fibers(100, units, (index) => Effect.as(insertOne(eventOf(index)), 1))),
  "insert unnest": insertMany,
  "insert copy": insertCopy,
  "insert all": insertAll,
  "copy out": copyOut,
  "copy in": copyIn,
  "gigabyte out": gigabyteOut,
  "gigabyte in": gigabyteIn,
  transaction: callers((server) => pool(server, 10), 50, transfer),
  connect: connects,
  "grow fibers": growingFibers,
  "grow rows": rows(structRows),
  "grow rows streamed": streamed(generatedStream),
  "grow columns": growingColumns,
  "grow statements": growingStatements,
  "grow connections": growingPool
}

await serve(contestants)
