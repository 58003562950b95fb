// A CSV file into a table and back, with a bar that says how far it is. The file is read and written in pieces: its size does not matter.
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, Query } from "pgfx"

const csv = Copy.options({ format: "csv", header: true })

export const createTable = Query.command`CREATE TABLE reading (sensor text, at timestamptz, celsius numeric(5, 2))`()

const fileIntoTable = Copy.inBytes`COPY reading FROM STDIN ${csv}`
const tableIntoFile = Copy.outBytes`COPY (SELECT * FROM reading ORDER BY at, sensor) TO STDOUT ${csv}`

/** `████████            40 %` */
export const bar = (done: number, all: number, width = 20): string => {
  const share = all === 0 ? 1 : Math.min(1, done / all)
  return `${"█".repeat(Math.round(share * width)).padEnd(width)} ${Math.round(share * 100)} %`
}

export type Progress = (done: number, all: number) => Effect.Effect<void>

/** Tells of every piece that has gone by. */
const told =
  (all: number, progress: Progress) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>) =>
    bytes.pipe(
      Stream.mapAccum(0, (done, piece): readonly [number, readonly [Uint8Array, number]] => [
        done + piece.length,
        [piece, done + piece.length]
      ]),
      Stream.mapEffect(([piece, done]) => Effect.as(progress(done, all), piece))
    )

/** Answers the number of rows. If anything fails, the table is as it was. */
export const load = (path: string, progress: Progress) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { size } = yield* fs.stat(path)
    return yield* fs.stream(path).pipe(told(Number(size), progress), Stream.run(fileIntoTable))
  })

const sizeOfTable = Query.one(Schema.Number)`SELECT pg_table_size('reading')::int4`

/** How much it will be is not known before: the bar goes by the table's size on disk, which is more. */
export const dump = (path: string, progress: Progress) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const guess = yield* sizeOfTable()
    yield* tableIntoFile.pipe(told(guess, progress), Stream.run(fs.sink(path)))
  })
