import { FileSystem } from "@effect/platform"
import { Effect, Schema, Stream } from "effect"
import { Copy } from "pgfx"

class Reading extends Schema.Class<Reading>("Reading")({
  sensor: Schema.Number,
  at: Schema.DateFromSelf,
  celsius: Schema.Number
}) {}

const loadReadings = Copy.in(Reading)`COPY readings (sensor, at, celsius) FROM STDIN (FORMAT binary)`
const dumpReadings = Copy.outBytes`COPY readings TO STDOUT (FORMAT csv, HEADER)`

export const load = <E, R>(readings: Stream.Stream<Reading, E, R>) => Stream.run(readings, loadReadings) // Effect<number of rows, E | PostgresError, R | Postgres>

export const dump = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* Stream.run(dumpReadings, fs.sink(path))
  })
