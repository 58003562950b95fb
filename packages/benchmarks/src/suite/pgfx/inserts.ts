// pgfx as a contestant: rows into a table, by statements and by COPY.
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, param, type Postgres, Query, Sql } from "pgfx"
import { BytesChecksum, copyPieces, copySql, verifiedMegabytes } from "../copying.ts"
import { eventOf } from "../rows.ts"
import type { Server, Work } from "../serve.ts"
import { single } from "./open.ts"

const Event = Schema.Struct({ id: Schema.Number, kind: Schema.String, amount: Schema.Number })
const eventsOf = (units: number): ReadonlyArray<typeof Event.Type> =>
  Array.from({ length: units }, (_, index) => eventOf(index))

export const insertOne = Query.command`INSERT INTO bench_event (id, kind, amount) VALUES (${param("id", Schema.Number)}, ${param("kind", Schema.String)}, ${param("amount", Schema.Number)})`
const insertRows = Query.command`
  INSERT INTO bench_event SELECT id, kind, amount FROM ${Sql.rows("events", Event, { id: "int4", kind: "text", amount: "float8" })}`
const copyRows = Copy.in(Event)`COPY bench_event (id, kind, amount) FROM STDIN (FORMAT binary)`
const insertAllRows = Copy.insertAll(Event, { table: "bench_event" })

const emptyEvents = Query.command`TRUNCATE bench_event`
const countEvents = Query.one(Schema.Number)`SELECT (count(*) + sum(id) + sum(length(kind)))::float8 FROM bench_event`

export const inserts =
  (write: (units: number) => Effect.Effect<unknown, unknown, Postgres>) =>
  (server: Server): Promise<Work> => {
    const runtime = single(server)
    return Promise.resolve({
      prepare: () => runtime.runPromise(Effect.asVoid(emptyEvents())),
      run: (units) => runtime.runPromise(Effect.as(write(units), units)),
      verify: (units) => runtime.runPromise(Effect.zipRight(write(units), countEvents())),
      close: () => runtime.dispose()
    })
  }

export const insertMany = inserts((units) => insertRows({ events: eventsOf(units) }))
export const insertCopy = inserts((units) =>
  Stream.run(Stream.fromChunk(Chunk.unsafeFromArray(eventsOf(units))), copyRows)
)
export const insertAll = inserts((units) => insertAllRows(eventsOf(units)))

// ---- bytes

const raw = (sql: string) => Sql.unsafe(sql, [])

const copyingOut =
  (most: number) =>
  (server: Server): Promise<Work> => {
    const runtime = single(server)
    const fold = (megabytes: number, add: (sum: number, piece: Uint8Array) => number) =>
      runtime.runPromise(Stream.runFold(Copy.outBytes`${raw(copySql.out(megabytes))}`, 0, add))
    return Promise.resolve({
      run: (units) => fold(units, (sum, piece) => sum + piece.length),
      verify: (units) => {
        const checksum = new BytesChecksum()
        return fold(Math.min(units, most), (_sum, piece) => {
          checksum.add(piece)
          return checksum.value
        })
      },
      close: () => runtime.dispose()
    })
  }

const copyLines = Copy.inBytes`${raw(copySql.in())}`
const dropLines = Copy.inBytes`${raw(copySql.inDropped())}`
const emptyLines = Query.command`${raw(copySql.truncate)}`
const storedLines = Query.one(Schema.Number)`${raw(copySql.stored)}`

const copyingIn =
  (into: typeof copyLines, most: number) =>
  (server: Server): Promise<Work> => {
    const runtime = single(server)
    const load = (megabytes: number, sink: typeof copyLines) =>
      Stream.run(Stream.fromIterable(copyPieces(megabytes)), sink)
    return Promise.resolve({
      prepare: () => runtime.runPromise(Effect.asVoid(emptyLines())),
      run: (units) => runtime.runPromise(Effect.as(load(units, into), units)),
      verify: (units) => runtime.runPromise(Effect.zipRight(load(Math.min(units, most), copyLines), storedLines())),
      close: () => runtime.dispose()
    })
  }

export const copyOut = copyingOut(Infinity)
export const gigabyteOut = copyingOut(verifiedMegabytes)
export const copyIn = copyingIn(copyLines, Infinity)
export const gigabyteIn = copyingIn(dropLines, verifiedMegabytes)
