// COPY as Sinks and Streams: the one place where PostgreSQL itself streams. The SQL is the user's; what the bytes mean is read from it. How a
// COPY runs on a connection is `internal/copy/copyIn` and `copyOut`, its messages `internal/exchange`.
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { bytesPacker, bytesReader } from "./internal/copy/bytes.ts"
import { copyInSink } from "./internal/copy/copyIn.ts"
import { copyOutStream } from "./internal/copy/copyOut.ts"
import { databaseOf } from "./internal/database.ts"
import { definedAt } from "./internal/origin.ts"
import { compileTemplate } from "./internal/sql/template.ts"
import { Postgres } from "./Postgres.ts"
import type { PostgresError, StatementInfo } from "./PostgresError.ts"
import { type Fragment, piecesOfTemplate } from "./Sql.ts"

export type CopyInTemplate<A, R> = (
  strings: TemplateStringsArray,
  ...slots: ReadonlyArray<Fragment>
) => Sink.Sink<number, A, never, PostgresError, Postgres | R>
export type CopyOutTemplate<A, R> = (
  strings: TemplateStringsArray,
  ...slots: ReadonlyArray<Fragment>
) => Stream.Stream<A, PostgresError, Postgres | R>

const statementOf = (strings: TemplateStringsArray, slots: ReadonlyArray<Fragment>): StatementInfo => {
  const { text } = compileTemplate(piecesOfTemplate(strings, slots))
  return { name: undefined, sql: text, definedAt: definedAt(strings) }
}

const inBytes: CopyInTemplate<Uint8Array, never> = (strings, ...slots) => {
  const info = statementOf(strings, slots)
  return Sink.unwrap(
    Effect.map(Postgres, (postgres) => copyInSink(databaseOf(postgres), info, () => Effect.succeed(bytesPacker())))
  ) as Sink.Sink<number, Uint8Array, never, PostgresError, Postgres>
}

const outBytes: CopyOutTemplate<Uint8Array, never> = (strings, ...slots) => {
  const info = statementOf(strings, slots)
  return Stream.unwrap(
    Effect.map(Postgres, (postgres) => copyOutStream(databaseOf(postgres), info, () => Effect.succeed(bytesReader())))
  ) as Stream.Stream<Uint8Array, PostgresError, Postgres>
}

export const Copy: {
  readonly inBytes: CopyInTemplate<Uint8Array, never>
  readonly outBytes: CopyOutTemplate<Uint8Array, never>
} = { inBytes, outBytes }
