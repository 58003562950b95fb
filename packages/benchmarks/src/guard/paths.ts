// The hot paths that the guard watches, each as the same work twice: pgfx's, and the reference's. Both answer a checksum, and have to agree.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { Connection, param, Postgres, Query, Retry, Row } from "pgfx"
import { fibers } from "../suite/pgfx/fibers.ts"
import type { Result, Value } from "./Answers.ts"
import { memoryTransport } from "./memoryTransport.ts"
import { Reference } from "./reference.ts"

export interface Path {
  readonly name: string
  /** what is counted */
  readonly unit: string
  readonly units: number
  readonly ours: () => Promise<number>
  readonly reference: () => Promise<number>
}

export interface Paths {
  readonly paths: ReadonlyArray<Path>
  readonly close: () => Promise<void>
}

const queries = 2_000
const rows = 10_000

// ---- what the server answers

const text = (value: string): Value => ({ text: value, binary: Buffer.from(value) })
const binary = (size: number, write: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(size)
  write(bytes)
  return bytes
}
const int4 = (value: number): Value => ({
  text: String(value),
  binary: binary(4, (bytes) => bytes.writeInt32BE(value))
})
const int8 = (value: bigint): Value => ({
  text: String(value),
  binary: binary(8, (bytes) => bytes.writeBigInt64BE(value))
})
const float8 = (value: number): Value => ({
  text: String(value),
  binary: binary(8, (bytes) => bytes.writeDoubleBE(value))
})
const bool = (value: boolean): Value => ({ text: value ? "t" : "f", binary: Buffer.of(value ? 1 : 0) })

const column = { id: 23, name: 25, value: 701, ratio: 701, flag: 16, big: 20 }
const columns = (...names: ReadonlyArray<keyof typeof column>) => names.map((name) => ({ name, typeOid: column[name] }))
const range = Array.from({ length: rows }, (_, i) => i + 1)

const byIdSql = "SELECT id, name, value FROM bench_item WHERE id = $1"
const rowsSql = "SELECT id, name, ratio, flag, big FROM bench_row WHERE id <= $1"
const structsSql = "SELECT id, name, ratio, flag FROM bench_row WHERE id <= $1"

const prepare = (sql: string): Result => {
  switch (sql.trim()) {
    case byIdSql:
      return { columns: columns("id", "name", "value"), rows: [[int4(4711), text("item 4711"), float8(2355.5)]] }
    case rowsSql:
      return {
        columns: columns("id", "name", "ratio", "flag", "big"),
        rows: range.map((i) => [
          int4(i),
          text(`name of row ${i}`),
          float8(i * 1.25),
          bool(i % 3 === 0),
          int8(BigInt(i) * 1_000_000_007n)
        ])
      }
    case structsSql:
      return {
        columns: columns("id", "name", "ratio", "flag"),
        rows: range.map((i) => [int4(i), text(`name of row ${i}`), float8(i * 1.25), bool(i % 3 === 0)])
      }
    default:
      throw new Error(`the guard's server knows nothing of ${sql}`)
  }
}

// ---- what is asked

const byId = Query.one(
  Schema.Struct({ id: Schema.Number, name: Schema.String, value: Schema.Number })
)`SELECT id, name, value FROM bench_item WHERE id = ${param("id", Schema.Number)}`
const decodeItem = Schema.decodeUnknownSync(
  Schema.Struct({ id: Schema.NumberFromString, name: Schema.String, value: Schema.NumberFromString })
)
const last = param("last", Schema.Number)
const untyped = Query.all(Row)`SELECT id, name, ratio, flag, big FROM bench_row WHERE id <= ${last}`
const structs = Query.all(
  Schema.Struct({ id: Schema.Number, name: Schema.String, ratio: Schema.Number, flag: Schema.Boolean })
)`SELECT id, name, ratio, flag FROM bench_row WHERE id <= ${last}`

export const openPaths = async (): Promise<Paths> => {
  const settings = { host: "127.0.0.1", user: "guard", database: "guard", sslmode: "disable" } as const
  const runtime = ManagedRuntime.make(
    Postgres.layerConnection.pipe(Layer.provide(Connection.layer(settings)), Layer.provide(memoryTransport(prepare)))
  )
  const pooled = ManagedRuntime.make(
    Postgres.layer({ ...settings, pool: { min: 10, max: 10 } }).pipe(
      Layer.provide([memoryTransport(prepare), Retry.layerDefault])
    )
  )
  const reference = await Reference.open(prepare)
  const one = (index: number) => Effect.map(byId({ id: index }), (row) => row.id + row.name.length)
  // fibers and a Schema here, too: what contends for a busy machine's caches should be of the same kind on both sides
  const otherOne = (index: number) =>
    Effect.map(
      Effect.promise(() => reference.query(byIdSql, [String(index)])),
      ([row]) => {
        const { id, name } = decodeItem({ id: row?.[0], name: row?.[1], value: row?.[2] })
        return id + name.length
      }
    )
  /** Objects of strings, but for the first column. */
  const read = async (sql: string): Promise<number> => {
    const found = await reference.query(sql, [String(rows)])
    const all = found.map(([id = "", name, ratio, flag]) => ({ id: Number(id), name, ratio, flag }))
    return all.length + (all.at(-1)?.id ?? 0)
  }
  const queried = (on: typeof runtime | typeof pooled): Omit<Path, "name"> => ({
    unit: "query",
    units: queries,
    ours: () => on.runPromise(fibers(100, queries, one)),
    reference: () => on.runPromise(fibers(100, queries, otherOne))
  })
  return {
    paths: [
      { name: "100 fibers on one connection", ...queried(runtime) },
      { name: "100 fibers on a pool of 10", ...queried(pooled) },
      {
        name: "untyped rows of 5 columns",
        unit: "row",
        units: rows,
        // of an untyped row the names are known, the types are not
        ours: () =>
          runtime.runPromise(Effect.map(untyped({ last: rows }), (all) => all.length + Number(all.at(-1)?.["id"]))),
        reference: () => read(rowsSql)
      },
      {
        name: "rows of a Schema, 4 columns",
        unit: "row",
        units: rows,
        ours: () =>
          runtime.runPromise(Effect.map(structs({ last: rows }), (all) => all.length + (all.at(-1)?.id ?? 0))),
        reference: () => read(structsSql)
      }
    ],
    close: async () => {
      await runtime.dispose()
      await pooled.dispose()
    }
  }
}
