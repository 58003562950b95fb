// A statement whose rows come in batches: a portal inside a read-only transaction of its own, or inside the caller's. The next
// batch is asked for when the consumer asks, so memory holds one batch whatever the size of the result.
import type * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError } from "../PostgresError.ts"
import { command } from "./command.ts"
import { type Database, type Holder, holderOf, isOpen } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { CloseTarget, ExecutePortal, noRows, ownStatement, type Part, type RowSink } from "./exchange/parts.ts"
import { type StatementAnswer, StatementRun } from "./exchange/StatementRun.ts"
import { type Lease, leaseExclusively } from "./exclusiveLease.ts"
import { runHeld } from "./HeldRequest.ts"
import { exchangeOn, type MakeRun, runOn } from "./runOn.ts"
import { alone, withDeadline } from "./statementDeadline.ts"
import type { CancelFacts } from "./errorFromReport.ts"
import { SingleExchange } from "./exchange/Run.ts"
import { ensureBegun, finished, refuse, streamInProgress } from "./runRequest.ts"
import { underDeadline } from "./deadline.ts"
import type { FailureContext } from "./failure.ts"
import type { RowReader } from "./rows/RowReader.ts"
import { makeCall, type PreparedStatement, requestContext, unusable } from "./runQuery.ts"
import type { Statement } from "./Statement.ts"
import { observedInScope } from "./tracing/traceStatements.ts"
import { StreamWindow, type WindowedRows, windowBytes } from "./streamWindow.ts"

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
const beginReadOnly = (): ReadonlyArray<Part> => ownStatement("BEGIN READ ONLY")

const ownTransaction = (
  database: Database,
  lease: Effect.Effect<Lease, PostgresError>,
  pin?: Holder
): Effect.Effect<Place, PostgresError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(lease, (lease) =>
      // A pin that has ended has swept this up, and somebody else may have the connection.
      Effect.zipRight(
        Effect.suspend(() =>
          pin === undefined || isOpen(pin) ? endTransaction(database, lease.dispatcher) : Effect.void
        ),
        Effect.sync(() => lease.end())
      )
    ),
    ({ dispatcher }) => ({ dispatcher, inTransaction: false, holder: pin })
  )

/** The connection of a pin, for a transaction that its other statements must not get into: they would end with it. */
const leaseOfPin = (pin: Holder): Effect.Effect<Lease> =>
  Effect.sync(() => {
    pin.busy = streamInProgress
    const end = (): void => {
      pin.busy = undefined
    }
    return { dispatcher: pin.dispatcher, end }
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
    if (holder === undefined) return ownTransaction(database, leaseExclusively(database, Effect.interruptible))
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

/** What became of one Execute. */
interface Batch {
  /** the portal has more rows */
  readonly suspended: boolean
  readonly received: { readonly rows: number; readonly bytes: number }
}

type UnderWay = Fiber.RuntimeFiber<Batch, PostgresError>

/** Rows to emit, and how to come by more. */
type Page<A, R> = readonly [Chunk.Chunk<A>, Option.Option<Step<A, R>>]
type Step<A, R> = Effect.Effect<Page<A, R>, PostgresError, R>

/** Rows of the first batch: nothing is known of their size yet, and many a stream stops early. */
const firstBatch = 128

/** As many rows as fill the window by the mean size of those seen. */
const batchSize = (fetchSize: number, { bytes, rows }: Batch["received"]): number =>
  rows === 0
    ? Math.min(fetchSize, firstBatch)
    : Math.max(1, Math.min(fetchSize, Math.floor((windowBytes * rows) / bytes)))

/** How the batch ended; `undefined`: it has not, and the window is full. */
const eventOf = <A, R>(
  batch: UnderWay,
  window: StreamWindow<A, R>
): Effect.Effect<Exit.Exit<Batch, PostgresError> | undefined> =>
  Effect.async((resume) => {
    const ended = batch.unsafePoll()
    if (ended !== null) return resume(Effect.succeed(ended))
    const end = (exit: Exit.Exit<Batch, PostgresError>): void => resume(Effect.succeed(exit))
    batch.addObserver(end)
    const takeBack = window.onFull(() => resume(Effect.succeed(undefined)))
    return Effect.sync(() => {
      takeBack()
      batch.removeObserver(end)
    })
  })

/**
 * One batch is fetched ahead while the consumer works on the last one; inside a caller's transaction none is, so that the connection is
 * free for other statements between batches. Rows are handed on at the end of their batch, or when the window is full.
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
      const seen = { rows: 0, bytes: 0 }
      const { observer } = database
      const lease = place(database)
      const known = database.descriptions.has(prepared.parameters.identity)
      const { dispatcher, holder, inTransaction } =
        observer === undefined
          ? yield* lease
          : yield* observedInScope(
              observer.statements.trace({ statement, values, known }, () => seen.rows),
              lease
            )
      const { words } = prepared.placement
      if (words.kind === "sessional") dispatcher.session.expect(words.first)
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
        const one = runHeld(holder, request, bounded)
        return timeout === undefined ? one : alone(holder, one)
      }
      // A deadline is that of a whole batch: it must not pass because the consumer is slow in the middle of one.
      const window = new StreamWindow<A, R>(dispatcher, timeout !== undefined)
      let sink: RowSink = noRows
      let open = false
      let underWay: UnderWay | undefined
      const close = new CloseTarget("portal", portal)
      yield* Effect.addFinalizer(() =>
        open && dispatcher.closed === undefined && dispatcher.status === "T" && (holder === undefined || isOpen(holder))
          ? Effect.ignore(exchangeOn(dispatcher, context, (settle) => new Group("stream", [close], settle)))
          : Effect.void
      )
      // Whoever stops early has not been interrupted: cancelling would fail the caller's transaction, so what was asked for is read to its end.
      yield* Effect.addFinalizer((exit) => {
        if (underWay === undefined) return Effect.void
        window.discard()
        return !inTransaction || Exit.isInterrupted(exit) ? Fiber.interrupt(underWay) : Fiber.await(underWay)
      })
      /** Asked for now; its failure is told to whoever waits for it. */
      const start = (batch: Effect.Effect<Batch, PostgresError>): Effect.Effect<UnderWay> =>
        Effect.uninterruptible(
          Effect.map(Effect.forkDaemon(Effect.interruptible(batch)), (fiber) => (underWay = fiber))
        )
      const opened = Effect.suspend(() => {
        open = true
        const options = { portal, maxRows: batchSize(fetchSize, seen), before: inTransaction ? [] : beginReadOnly() }
        const call = window.over(makeCall(database, { ...prepared, describeFirst: true }, values, options))
        return Effect.tap(
          run<StatementAnswer<WindowedRows<A, R>>>((settle) => new StatementRun(call, database, settle)),
          ({ rows }) => {
            sink = rows ?? noRows
          }
        )
      })
      const fetched = Effect.suspend(() => {
        const part = new ExecutePortal(portal, batchSize(fetchSize, seen), sink)
        return Effect.map(
          run<GroupAnswer>((settle) => new SingleExchange(new Group("stream", [part], settle))),
          (): Batch => ({ suspended: part.suspended, received: part })
        )
      })
      const taken: Effect.Effect<Chunk.Chunk<A>, PostgresError, R> = Effect.suspend(() => {
        if (window.reader === undefined) return Effect.succeed(Chunk.empty<A>())
        const rows = rowsOf(window.reader, statement, inTransaction)
        window.emptied()
        return Effect.map(rows, Chunk.unsafeFromArray)
      })
      const last: Step<A, R> = Effect.map(taken, (rows) => [rows, Option.none()])
      /** What follows is asked for now, or when it is wanted. */
      const following = inTransaction
        ? Effect.succeed(Effect.flatMap(start(fetched), (batch) => next(batch)))
        : Effect.map(start(fetched), (batch) => next(batch))
      const emit = ({ received, suspended }: Batch): Step<A, R> => {
        open = suspended
        seen.rows += received.rows
        seen.bytes += received.bytes
        return Effect.flatMap(taken, (rows): Step<A, R> => {
          // the rows before one that does not decode, then why
          if (window.reader?.problem !== undefined) return Effect.succeed([rows, Option.some(last)])
          if (!suspended) return Effect.succeed([rows, Option.none()])
          return Effect.map(following, (step) => [rows, Option.some(step)])
        })
      }
      /** Rows before an error are emitted, then the error. */
      const emitBefore = (cause: Cause.Cause<PostgresError>): Step<A, R> =>
        Effect.flatMap(taken, (rows): Step<A, R> =>
          Chunk.isEmpty(rows) ? Effect.failCause(cause) : Effect.succeed([rows, Option.some(Effect.failCause(cause))])
        )
      const next = (batch: UnderWay): Step<A, R> =>
        Effect.flatMap(eventOf(batch, window), (exit): Step<A, R> => {
          if (exit === undefined) return Effect.map(taken, (rows) => [rows, Option.some(next(batch))])
          return Exit.isSuccess(exit) ? emit(exit.value) : emitBefore(exit.cause)
        })
      return Stream.paginateChunkEffect(Effect.flatMap(start(opened), next), (step) => step)
    })
  )
