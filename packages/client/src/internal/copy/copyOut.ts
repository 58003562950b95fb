// A Stream over COPY TO STDOUT. Who stops early has the server cancelled, and gets the connection back healthy; inside a transaction a
// savepoint keeps that from failing it. What the data is made of is the reader's affair.
import { type CopyData, type CopyResponse, ProtocolViolation } from "@pgfx/protocol"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Permanent, type PostgresError, type StatementInfo } from "../../PostgresError.ts"
import { command } from "../command.ts"
import { readCommandTag } from "../commandTag.ts"
import type { Database } from "../database.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import { CopyOut } from "../exchange/CopyOut.ts"
import { noRows, ownStatement } from "../exchange/parts.ts"
import { SimpleQuery } from "../exchange/simpleQuery.ts"
import { errorOfFailure } from "../failure.ts"
import { abandon, type RequestContext } from "../runOn.ts"
import type { RowProblem } from "../rows/RowReader.ts"
import { contextOn, copyLine, type CopyLine, failedOn } from "./line.ts"

/** Makes values of what COPY sends. One per COPY. */
export interface CopyReader<A> {
  /** why nothing of it can be read */
  readonly begin: (response: CopyResponse) => RowProblem | undefined
  /** Data, whose bytes are the reader's from here on. */
  readonly data: (run: CopyData) => void
  /** there is no more data */
  readonly end: () => void
  /** What has become of it, in order; the problem when nothing good is left before it. */
  readonly take: () => Effect.Effect<ReadonlyArray<A>, RowProblem, unknown>
}

const savepoint = "pgfx_copy"

class CopyOutSession<A> {
  private readonly flow: CopyOut
  private begun = false
  private complete = false
  private finished = false
  private cancelled = false

  private readonly database: Database
  private readonly line: CopyLine
  private readonly info: StatementInfo
  private readonly context: RequestContext
  private readonly reader: CopyReader<A>
  constructor(database: Database, line: CopyLine, info: StatementInfo, reader: CopyReader<A>) {
    this.database = database
    this.line = line
    this.info = info
    this.context = { statement: info }
    this.reader = reader
    this.flow = new CopyOut(info.sql, line.inTransaction ? ownStatement(`SAVEPOINT ${savepoint}`) : [])
  }

  /** that the server has sent, once it has sent all */
  get rows(): number {
    return readCommandTag(this.flow.tag).rows
  }

  start(): void {
    this.flow.start(this.line.dispatcher)
  }

  /** The next values, as many as there are; none: the end. */
  readonly pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<PostgresError>, unknown> = Effect.suspend(() => {
    const { flow, reader } = this
    if (this.finished) return Effect.fail(Option.none())
    const { response } = flow
    if (!this.begun && response !== undefined) {
      this.begun = true
      const problem = reader.begin(response)
      if (problem !== undefined) return Effect.mapError(this.refuse(problem), Option.some)
    }
    const ended = flow.end !== undefined
    try {
      for (const run of flow.take()) reader.data(run)
      if (ended && !this.complete && flow.end?.answer !== undefined) {
        this.complete = true
        reader.end()
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      return Effect.mapError(this.lose(error), Option.some)
    }
    return Effect.matchEffect(reader.take(), {
      onFailure: (problem) => Effect.mapError(this.refuse(problem), Option.some),
      onSuccess: (values) => {
        if (values.length > 0) return Effect.succeed(Chunk.unsafeFromArray(values))
        if (ended) return this.finish
        return Effect.zipRight(this.more, this.pull)
      }
    })
  })

  private readonly more: Effect.Effect<void> = Effect.async((resume) => {
    const takeBack = this.flow.onMore(() => resume(Effect.void))
    return Effect.sync(takeBack)
  })

  private readonly finish: Effect.Effect<never, Option.Option<PostgresError>> = Effect.suspend(() => {
    const { dispatcher, inTransaction } = this.line
    const failure = this.flow.end?.failure
    if (failure !== undefined) {
      const error = errorOfFailure(failure, contextOn(this.line, this.context))
      failedOn(this.line, error)
      return Effect.fail(Option.some(error))
    }
    this.finished = true
    if (!inTransaction) return Effect.fail(Option.none())
    const release = command(dispatcher, `RELEASE SAVEPOINT ${savepoint}`, { inTransaction })
    return Effect.zipRight(Effect.mapError(release, Option.some), Effect.fail(Option.none()))
  })

  /** Data that no server sends: nothing on this connection is believed any more. */
  private lose(violation: ProtocolViolation): Effect.Effect<never, PostgresError> {
    const { dispatcher } = this.line
    const reason: CloseReason = { _tag: "Violation", violation, transcript: dispatcher.recent }
    this.database.destroy(dispatcher, reason)
    const lost: ExchangeFailure = { _tag: "ConnectionClosed", reason, sent: true }
    return Effect.fail(errorOfFailure(lost, contextOn(this.line, this.context)))
  }

  /** Data that cannot be used. What the server makes of the cancel tells what became of the statement. */
  private refuse(problem: RowProblem): Effect.Effect<never, PostgresError> {
    return Effect.suspend(() => {
      const { flow, line } = this
      this.cancelled = true
      flow.discard()
      if (flow.end === undefined) line.dispatcher.cancelRunning()
      const ended = Effect.suspend(() => (flow.end === undefined ? this.more : Effect.void))
      return Effect.zipRight(
        ended,
        Effect.suspend(() => {
          const failure = flow.end?.failure
          if (failure !== undefined && failure._tag !== "Reported") {
            return Effect.fail(errorOfFailure(failure, contextOn(line, this.context)))
          }
          const isUndone = failure !== undefined || line.inTransaction
          return Effect.fail(
            new Permanent({
              reason: problem,
              outcome: isUndone ? "RolledBack" : "Committed",
              statement: this.info,
              state: "the connection is healthy"
            })
          )
        })
      )
    })
  }

  /** Cancels what still runs. In a transaction everything since the savepoint is undone, and the transaction goes on. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { flow } = this
    const { dispatcher, inTransaction } = this.line
    if (this.finished || !flow.isSent || dispatcher.closed !== undefined) {
      if (flow.end === undefined) flow.abandon()
      return Effect.void
    }
    const stoppedEarly = flow.end === undefined
    // An error of the server's own has failed the transaction, as that of any statement does.
    if (!stoppedEarly && !this.cancelled && flow.end?.failure !== undefined) return Effect.void
    const undone = inTransaction && dispatcher.status !== "I"
    if (undone && !stoppedEarly) return this.undo()
    if (!stoppedEarly) return Effect.void
    flow.abandon()
    const undoing = undone ? this.undo() : Effect.void
    return Effect.zipRight(abandon(dispatcher, flow, this.database.interruptGrace), undoing)
  })

  /** Not waited for: it is written before anything else of the transaction is. */
  private undo(): Effect.Effect<void> {
    return Effect.sync(() => {
      const { dispatcher } = this.line
      const sql = `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`
      dispatcher.submit(
        new SimpleQuery({ sql, sink: () => noRows }, (_, failure) => {
          if (failure !== undefined && dispatcher.closed === undefined)
            this.database.destroy(dispatcher, { _tag: "Unresponsive", during: sql })
        })
      )
    })
  }
}

export const copyOutStream = <A>(
  database: Database,
  info: StatementInfo,
  makeReader: (line: CopyLine) => Effect.Effect<CopyReader<A>, PostgresError>
): Stream.Stream<A, PostgresError, unknown> => {
  const open: Effect.Effect<CopyOutSession<A>, PostgresError, Scope.Scope> = Effect.gen(function* () {
    let session: CopyOutSession<A> | undefined
    const line = yield* copyLine(database, { statement: info }, () => session?.rows ?? 0)
    const reader = yield* makeReader(line)
    return yield* Effect.acquireRelease(
      Effect.sync(() => {
        const opened = new CopyOutSession(database, line, info, reader)
        session = opened
        opened.start()
        return opened
      }),
      (session) => session.close
    )
  })
  return Stream.unwrapScoped(Effect.map(open, ({ pull }) => Stream.repeatEffectChunkOption(pull)))
}
