// COPY FROM STDIN for a transport that takes it only whole (PGlite: data in a call of its own ends the program): what the source gives is kept
// until it has ended, and then sent with the statement. So memory is what is copied, and has a limit.
import { ByteWriter } from "@pgfx/protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { Permanent, type PostgresError } from "../../PostgresError.ts"
import type { Database } from "../database.ts"
import { CopyIn, type CopyInAnswer } from "../exchange/CopyIn.ts"
import { type RequestContext, runOn } from "../runOn.ts"
import type { CopyInProgress } from "./copyIn.ts"
import { contextOn, type CopyLine, failedOn, storedRows } from "./line.ts"

/** As much as one message may be by default (engine design §14, §15). */
const mostBytes = 64 * 1024 * 1024

export class CopyInWhole implements CopyInProgress {
  private readonly refused: Deferred.Deferred<never, PostgresError> = Deferred.unsafeMake(FiberId.none)
  private readonly writer = new ByteWriter()
  private tooMuch = false

  private readonly database: Database
  private readonly line: CopyLine
  private readonly context: RequestContext
  constructor(database: Database, line: CopyLine, context: RequestContext) {
    this.database = database
    this.line = line
    this.context = context
  }

  readonly open: Effect.Effect<undefined> = Effect.succeed(undefined)
  readonly isFull = false
  readonly drained: Effect.Effect<void> = Effect.void
  /** Nothing was sent before the end, and the end is waited for. */
  readonly close: Effect.Effect<void> = Effect.void

  get failed(): Effect.Effect<never, PostgresError> {
    return Deferred.await(this.refused)
  }

  get takesData(): boolean {
    return !this.tooMuch
  }

  readonly write = (encode: (writer: ByteWriter) => void): void => {
    encode(this.writer)
    if (this.writer.size <= mostBytes || this.tooMuch) return
    this.tooMuch = true
    const issue = `this transport takes it as a whole, up to ${mostBytes} bytes`
    const reason = { _tag: "InvalidCopy", expected: "data of a limited size", issue } as const
    const { statement } = this.context
    Deferred.unsafeDone(
      this.refused,
      Effect.fail(new Permanent({ reason, outcome: "NotSent", statement, state: "the connection is healthy" }))
    )
  }

  readonly finish = (last: (writer: ByteWriter) => void): Effect.Effect<number, PostgresError> => {
    this.write(last)
    if (this.tooMuch) return this.failed
    const { context, database, line } = this
    const data = this.writer.take()
    const run = runOn<CopyInAnswer>(
      line.dispatcher,
      contextOn(line, context),
      (settle) => new CopyIn(context.statement?.sql ?? "", { ready: () => undefined, settle }, data),
      database.interruptGrace
    )
    const answer = run.pipe(
      Effect.tapError((error) => Effect.sync(() => failedOn(line, error))),
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          if (line.holder !== undefined && line.holder.depth > 0) line.holder.doomed = true
        })
      )
    )
    return storedRows(answer, line, context.statement)
  }
}
