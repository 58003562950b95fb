// A statement whose rows come in batches: a portal inside a read-only transaction of its own, or inside the caller's. The next
// batch is asked for when the consumer asks, so memory holds one batch whatever the size of the result.
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError } from "../PostgresError.ts"
import { command } from "./command.ts"
import { type Database, type Holder, holderOf, isOpen, type Lease, leaseExclusively } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { CloseTarget, ExecutePortal, ownStatement } from "./exchange/parts.ts"
import { type StatementAnswer, type StatementCall, StatementRun } from "./exchange/StatementRun.ts"
import { exchangeOn, type MakeRun, runOn } from "./runOn.ts"
import { alone, withDeadline } from "./statementDeadline.ts"
import type { CancelFacts } from "./errorFromReport.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { ensureBegun, finished, refuse, runInTransaction, streamInProgress } from "./runRequest.ts"
import { underDeadline } from "./deadline.ts"
import type { FailureContext } from "./failure.ts"
import type { RowReader } from "./rows/RowReader.ts"
import { makeCall, type PreparedStatement, requestContext, unusable } from "./runQuery.ts"
import type { Statement } from "./Statement.ts"

/** Where the portal lives: the caller's transaction, or one that is opened for it. */
interface Place {
  readonly dispatcher: Dispatcher
  /** of the caller */
  readonly inTransaction: boolean
  /** whose connection it is; `undefined`: the stream's alone */
  readonly holder: Holder | undefined
}

let portals = 0

/** Read-only, because an early end cannot report a failing COMMIT. A statement that writes is answered with 25006. */
const beginReadOnly = ownStatement("BEGIN READ ONLY")

const ownTransaction = (
  database: Database,
  lease: Effect.Effect<Lease, PostgresError>,
  pin?: Holder
): Effect.Effect<Place, PostgresError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.interruptible(lease), ({ dispatcher, release }) =>
      // A pin that has ended has swept this up, and somebody else may have the connection.
      Effect.zipRight(
        Effect.suspend(() => (pin === undefined || isOpen(pin) ? endTransaction(database, dispatcher) : Effect.void)),
        release
      )
    ),
    ({ dispatcher }) => ({ dispatcher, inTransaction: false, holder: pin })
  )

/** The connection of a pin, for a transaction that its other statements must not get into: they would end with it. */
const leaseOfPin = (pin: Holder): Effect.Effect<Lease> =>
  Effect.sync(() => {
    pin.busy = streamInProgress
    const release = Effect.sync(() => {
      pin.busy = undefined
    })
    return { dispatcher: pin.dispatcher, release, sweep: release }
  })

/** Nothing is sent if nothing was begun, or if BEGIN has not been answered because the connection is gone. */
const endTransaction = (database: Database, dispatcher: Dispatcher): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.closed !== undefined || (dispatcher.status === "I" && dispatcher.inFlight === 0)) return Effect.void
    const commit = command(dispatcher, "COMMIT", { inTransaction: true })
    return underDeadline(database, dispatcher, "the end of a stream", commit).pipe(
      Effect.catchAll(() => Effect.sync(() => database.destroy(dispatcher, { _tag: "Closed" }))),
      Effect.asVoid
    )
  })

const place = (database: Database): Effect.Effect<Place, PostgresError, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    if (holder === undefined) return ownTransaction(database, leaseExclusively(database))
    const { depth, dispatcher } = holder
    return Effect.flatMap(ensureBegun(holder), () =>
      // In a pin somebody may have said BEGIN by hand: a COMMIT of ours would end that.
      depth === 0 && dispatcher.status === "I"
        ? ownTransaction(database, leaseOfPin(holder), holder)
        : Effect.succeed({ dispatcher, inTransaction: true, holder })
    )
  })

const rowsOf = <A, R>(
  reader: RowReader<A, R>,
  statement: Statement,
  inTransaction: boolean
): Effect.Effect<ReadonlyArray<A>, PostgresError, R> =>
  Effect.mapError(reader.take(), (problem) => unusable(problem, statement, inTransaction ? "Pending" : "Committed"))

interface Batch<A, R> {
  readonly suspended: boolean
  readonly rows: RowReader<A, R> | undefined
  readonly received: { readonly rows: number; readonly bytes: number }
}

type Step<A, R> = Effect.Effect<Batch<A, R>, PostgresError>

/** Rows to emit, and how to come by more. */
type Page<A, R> = readonly [Chunk.Chunk<A>, Option.Option<Step<A, R>>]

/** Tells of each reader that rows may go to, one per attempt. */
const watching = <A, R>(
  call: StatementCall<RowReader<A, R>>,
  tell: (reader: RowReader<A, R>) => void
): StatementCall<RowReader<A, R>> => {
  const { rows } = call
  if (rows === undefined) return call
  const told = (reader: RowReader<A, R>): RowReader<A, R> => {
    tell(reader)
    return reader
  }
  const { before, describeFirst, maxRows, named, parameters, portal, sql } = call
  return {
    before,
    describeFirst,
    maxRows,
    named,
    parameters,
    portal,
    sql,
    rows: {
      prepare: (columns) => {
        const prepared = rows.prepare(columns)
        return { formats: prepared.formats, mismatch: prepared.mismatch, open: () => told(prepared.open()) }
      },
      open: () => told(rows.open())
    }
  }
}

/** Bytes of rows that a batch is to fill, whatever the size of a row. */
const window = 256 * 1024

/** Rows of the first batch: nothing is known of their size yet, and many a stream stops early. */
const firstBatch = 128

/** As many rows as fill the window by the mean size of those seen. */
const batchSize = (fetchSize: number, { bytes, rows }: Batch<never, never>["received"]): number =>
  rows === 0 ? Math.min(fetchSize, firstBatch) : Math.max(1, Math.min(fetchSize, Math.floor((window * rows) / bytes)))

/**
 * One batch is fetched ahead while the consumer works on the last one; inside a caller's transaction none is, so that the connection is
 * free for other statements between batches.
 */
export const streamQuery = <A, R>(
  database: Database,
  prepared: PreparedStatement<A, R>,
  args: Readonly<Record<string, unknown>>,
  fetchSize: number
): Stream.Stream<A, PostgresError, unknown> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const { statement } = prepared
      const values = yield* prepared.parameters.encode(args)
      const { dispatcher, holder, inTransaction } = yield* place(database)
      const { words } = prepared.placement
      if (words.kind === "sessional") dispatcher.session.expect(words.first)
      const scope = yield* Effect.scope
      const portal = `pgfx_p${++portals}`
      const context: FailureContext = { inTransaction: true, ...requestContext(statement) }
      const { timeout } = prepared.placement
      /** The deadline is that of a batch: while the consumer works, the server does not. */
      const run = <B>(make: MakeRun<B>): Effect.Effect<B, PostgresError> => {
        if (holder !== undefined && !isOpen(holder)) return Effect.fail(finished(context))
        if (inTransaction && holder?.busy !== undefined) return refuse(context, holder.busy)
        const cancel: CancelFacts = {}
        const bounded = timeout === undefined ? make : withDeadline(database, timeout, cancel, make)
        const request = { ...context, cancel }
        if (holder === undefined) return runOn(dispatcher, request, bounded)
        const one =
          holder.depth === 0 ? runOn(dispatcher, request, bounded) : runInTransaction(holder, request, bounded)([])
        return timeout === undefined ? one : alone(holder, one)
      }
      const seen = { rows: 0, bytes: 0 }
      let open = false
      /** where rows go, also those of a batch that fails in the middle */
      let target: RowReader<A, R> | undefined
      const close = new CloseTarget("portal", portal)
      yield* Effect.addFinalizer(() =>
        open && dispatcher.closed === undefined && dispatcher.status === "T" && (holder === undefined || isOpen(holder))
          ? Effect.ignore(exchangeOn(dispatcher, context, (settle) => new Group("stream", [close], settle)))
          : Effect.void
      )
      const opened: Step<A, R> = Effect.suspend(() => {
        open = true
        const options = { portal, maxRows: batchSize(fetchSize, seen), before: inTransaction ? [] : beginReadOnly }
        const call = makeCall(database, { ...prepared, describeFirst: true }, values, options)
        const watched = watching(call, (reader) => {
          target = reader
        })
        return run<StatementAnswer<RowReader<A, R>>>((settle) => new StatementRun(watched, database, settle))
      })
      const fetched = (reader: RowReader<A, R>): Step<A, R> =>
        Effect.suspend(() => {
          const part = new ExecutePortal(portal, batchSize(fetchSize, seen), reader)
          return Effect.map(
            run<GroupAnswer>((settle) => new SingleExchange(new Group("stream", [part], settle))),
            () => ({ suspended: part.suspended, rows: reader, received: part })
          )
        })
      /** What follows is asked for now, or when it is wanted. */
      const following = (reader: RowReader<A, R>) =>
        inTransaction
          ? Effect.succeed(fetched(reader))
          : Effect.map(Effect.forkIn(fetched(reader), scope), (fiber) => Fiber.join(fiber))
      const emit = (answer: Batch<A, R>): Effect.Effect<Page<A, R>, PostgresError, R> =>
        Effect.gen(function* () {
          const { received, rows: reader, suspended } = answer
          open = suspended
          seen.rows += received.rows
          seen.bytes += received.bytes
          if (reader === undefined) return [Chunk.empty(), Option.none()]
          const emitted = Chunk.unsafeFromArray(yield* rowsOf(reader, statement, inTransaction))
          if (reader.problem !== undefined) return [emitted, Option.some(Effect.succeed(answer))]
          return [emitted, suspended ? Option.some(yield* following(reader)) : Option.none()]
        })
      /** Rows before an error are emitted, then the error. */
      const emitBefore = (error: PostgresError): Effect.Effect<Page<A, R>, PostgresError, R> =>
        Effect.gen(function* () {
          const rows = target === undefined ? [] : yield* rowsOf(target, statement, inTransaction)
          if (rows.length === 0) return yield* Effect.fail(error)
          return [Chunk.unsafeFromArray(rows), Option.some(Effect.fail(error))]
        })
      const batch = (step: Step<A, R>) => Effect.matchEffect(step, { onSuccess: emit, onFailure: emitBefore })
      return Stream.paginateChunkEffect(opened, batch)
    })
  )
