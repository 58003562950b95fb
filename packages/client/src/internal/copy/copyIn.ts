// A Sink over COPY FROM STDIN: pieces of the source become CopyData, the end CopyDone. Whatever else ends the source ends the COPY with
// CopyFail, and nothing is stored; what the server refuses ends the source. What the data looks like is the packer's affair.
import type { ByteWriter, CopyResponse } from "@pgfx/protocol"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Sink from "effect/Sink"
import type { PostgresError, StatementInfo } from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import { CopyIn, type CopyInAnswer } from "../exchange/CopyIn.ts"
import { errorOfFailure } from "../failure.ts"
import { abandon, type RequestContext } from "../runOn.ts"
import { CopyInWhole } from "./copyInWhole.ts"
import { contextOn, copyLine, type CopyLine, failedOn, storedRows } from "./line.ts"

/** What a packer and the sink need of a COPY that runs. */
export interface CopyInProgress {
  /** Until data may be written; what the server said of its side, if it was asked by then. */
  readonly open: Effect.Effect<CopyResponse | undefined, PostgresError>
  /** Never succeeds. */
  readonly failed: Effect.Effect<never, PostgresError>
  readonly write: (encode: (writer: ByteWriter) => void) => void
  readonly takesData: boolean
  readonly isFull: boolean
  /** Until the transport has passed on enough of what it was given. */
  readonly drained: Effect.Effect<void>
  /** The number of rows that the server has stored, once `last` has written what stands behind the data. */
  readonly finish: (last: (writer: ByteWriter) => void) => Effect.Effect<number, PostgresError>
  /** What ends before its end is not stored. */
  readonly close: Effect.Effect<void>
}

/** Makes CopyData messages of what the source gives. One per COPY. */
export interface CopyPacker<A> {
  /** once, with what the server said of its side */
  readonly begin: (response: CopyResponse) => Effect.Effect<void, PostgresError>
  /**
   * Writes whole messages for as many of the chunk's elements, from the given index on, as make up a write, and answers the index it came
   * to. An Effect only where a Schema needs one.
   */
  readonly pack: (
    chunk: ReadonlyArray<A>,
    from: number,
    write: (encode: (writer: ByteWriter) => void) => void
  ) => number | Effect.Effect<number, PostgresError, unknown>
  /** what follows the last element */
  readonly end: (writer: ByteWriter) => void
}

/** Above this many bytes handed over and not passed on, the source waits (engine design §14). */
const highWaterBytes = 1024 * 1024

class CopyInSession implements CopyInProgress {
  private readonly ended: Deferred.Deferred<CopyInAnswer, PostgresError> = Deferred.unsafeMake(FiberId.none)
  private readonly ready: Deferred.Deferred<CopyResponse> = Deferred.unsafeMake(FiberId.none)
  private isOver = false
  private readonly exchange: CopyIn

  private readonly database: Database
  private readonly line: CopyLine
  private readonly info: StatementInfo
  constructor(database: Database, line: CopyLine, info: StatementInfo, context: RequestContext) {
    this.info = info
    this.database = database
    this.line = line
    this.exchange = new CopyIn(info.sql, {
      ready: (response) => Deferred.unsafeDone(this.ready, Effect.succeed(response)),
      settle: (answer, failure) => {
        this.isOver = true
        if (answer !== undefined) return Deferred.unsafeDone(this.ended, Effect.succeed(answer))
        const told = failure ?? { _tag: "Abandoned" as const }
        const error = errorOfFailure(told, contextOn(line, context))
        failedOn(line, error)
        Deferred.unsafeDone(this.ended, Effect.fail(error))
      }
    })
  }

  /** Until the server waits for data. */
  readonly open: Effect.Effect<CopyResponse, PostgresError> = Effect.suspend(() => {
    this.exchange.start(this.line.dispatcher)
    return Effect.raceFirst(Deferred.await(this.ready), this.failed)
  })

  /** Never succeeds. */
  get failed(): Effect.Effect<never, PostgresError> {
    return Effect.zipRight(Deferred.await(this.ended), Effect.never)
  }

  readonly write = (encode: (writer: ByteWriter) => void): void => this.exchange.write(encode)

  get takesData(): boolean {
    return this.exchange.takesData
  }

  get isFull(): boolean {
    return this.line.dispatcher.backlog > highWaterBytes
  }

  /** Until the transport has passed on enough of what it was given. */
  readonly drained: Effect.Effect<void> = Effect.async((resume) => {
    const takeBack = this.line.dispatcher.onDrained(() => resume(Effect.void))
    return Effect.sync(takeBack)
  })

  readonly finish = (last: (writer: ByteWriter) => void): Effect.Effect<number, PostgresError> => {
    this.exchange.finish(last)
    return storedRows(Deferred.await(this.ended), this.line, this.info)
  }

  /** What ends before its end is not stored. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.isOver) return Effect.void
    const { dispatcher, holder } = this.line
    // what was promised not to happen must not be committed; before that the server itself has failed the transaction
    if (this.exchange.isFinishing && holder !== undefined && holder.depth > 0) holder.doomed = true
    return abandon(dispatcher, this.exchange, this.database.interruptGrace)
  })
}

/** Writes a chunk, piece by piece, as fast as the transport takes it. */
const send = <A>(
  session: CopyInProgress,
  packer: CopyPacker<A>,
  chunk: ReadonlyArray<A>,
  from: number
): Effect.Effect<void, PostgresError, unknown> => {
  const go = (at: number): Effect.Effect<void, PostgresError, unknown> => {
    const next = at < chunk.length ? send(session, packer, chunk, at) : Effect.void
    return session.isFull ? Effect.zipRight(session.drained, next) : next
  }
  if (!session.takesData) return session.failed
  const packed = packer.pack(chunk, from, session.write)
  return typeof packed === "number" ? go(packed) : Effect.flatMap(packed, go)
}

export const copyInSink = <A>(
  database: Database,
  info: StatementInfo,
  makePacker: (line: CopyLine) => Effect.Effect<CopyPacker<A>, PostgresError>
): Sink.Sink<number, A, never, PostgresError, unknown> => {
  type Writing = Channel.Channel<never, Chunk.Chunk<A>, PostgresError, never, void, unknown, unknown>
  type Waiting = Channel.Channel<never, never, PostgresError, PostgresError, number, unknown, unknown>
  return Sink.fromChannel(
    Channel.unwrapScoped(
      Effect.gen(function* () {
        const context: RequestContext = { statement: info }
        let stored = 0
        const line = yield* copyLine(database, context, () => stored)
        const packer = yield* makePacker(line)
        const session = yield* Effect.acquireRelease(
          Effect.sync((): CopyInProgress =>
            database.copyInWhole === true
              ? new CopyInWhole(database, line, context)
              : new CopyInSession(database, line, info, context)
          ),
          (session) => session.close
        )
        const response = yield* session.open
        if (response !== undefined) yield* packer.begin(response)
        const writing: Writing = Channel.readWithCause({
          onInput: (chunk: Chunk.Chunk<A>): Writing =>
            Channel.flatMap(
              Channel.fromEffect(Effect.suspend(() => send(session, packer, Chunk.toReadonlyArray(chunk), 0))),
              () => writing
            ),
          onFailure: (cause) => Channel.failCause(cause),
          onDone: () => Channel.void
        })
        const waiting: Waiting = Channel.readWithCause({
          onInput: () => waiting,
          onFailure: (cause) => Channel.failCause(cause),
          onDone: (): Waiting => Channel.fromEffect(Effect.suspend(() => session.finish(packer.end)))
        })
        // A server that refuses the data ends a source from which nothing comes, too. What is interrupted then runs in a fiber of its own, and
        // whatever it hands over costs 65 µs: so it does the writing, and hands over nothing but its end.
        return Channel.pipeTo(writing, Channel.interruptWhen(waiting, session.failed))
      })
    )
  )
}
