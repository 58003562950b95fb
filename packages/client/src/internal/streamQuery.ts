// A statement whose rows come in batches: a portal inside a read-only transaction of its own, or inside the caller's. The next
// batch is asked for when the consumer asks, so memory holds one batch whatever the size of the result.
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PostgresError } from "../PostgresError.ts"
import { command } from "./command.ts"
import { type Database, type Holder, holderOf, leaseWithin } from "./database.ts"
import { encodeArguments } from "./encodeArguments.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { Group, type GroupAnswer } from "./exchange/Group.ts"
import { bindText, CloseTarget, DescribeStatement, ExecutePortal, ParseStatement, type Part } from "./exchange/parts.ts"
import { exchangeOn } from "./exchangeEffect.ts"
import { underDeadline } from "./deadline.ts"
import type { FailureContext } from "./failure.ts"
import type { RowPlan, RowReader } from "./rows/RowReader.ts"
import { unusable } from "./runQuery.ts"
import type { Statement } from "./Statement.ts"

/** Where the portal lives: the caller's transaction, or one that is opened for it. */
interface Place {
  readonly dispatcher: Dispatcher
  /** of the caller */
  readonly inTransaction: boolean
}

let portals = 0

/**
 * Read-only, because an early end cannot report a failing COMMIT. A statement that writes is answered with 25006.
 */
const ownTransaction = (
  database: Database,
  pin: Holder | undefined
): Effect.Effect<Place, PostgresError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(leaseWithin(database, pin)), (lease) =>
          command(lease.dispatcher, "BEGIN READ ONLY", { inTransaction: false }).pipe(
            Effect.as(lease),
            Effect.onError(() => lease.release)
          )
        )
      ),
      ({ dispatcher, release }) =>
        underDeadline(
          database,
          dispatcher,
          "the end of a stream",
          command(dispatcher, "COMMIT", { inTransaction: true })
        ).pipe(
          Effect.catchAll(() => Effect.sync(() => database.destroy(dispatcher, { _tag: "Closed" }))),
          Effect.zipRight(release)
        )
    ),
    ({ dispatcher }) => ({ dispatcher, inTransaction: false })
  )

const place = (database: Database): Effect.Effect<Place, PostgresError, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => {
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    return holder === undefined || holder.depth === 0
      ? ownTransaction(database, holder)
      : Effect.succeed({ dispatcher: holder.dispatcher, inTransaction: true })
  })

const rowsOf = <A, R>(
  reader: RowReader<A, R>,
  statement: Statement,
  inTransaction: boolean
): Effect.Effect<ReadonlyArray<A>, PostgresError, R> =>
  Effect.mapError(reader.take(), (problem) => unusable(problem, statement, inTransaction ? "Pending" : "Committed"))

export const streamQuery = <A, R>(
  database: Database,
  statement: Statement,
  plan: RowPlan<A, R>,
  args: Readonly<Record<string, unknown>>,
  fetchSize: number
): Stream.Stream<A, PostgresError, unknown> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const parameters = yield* encodeArguments(statement, args)
      const { dispatcher, inTransaction } = yield* place(database)
      const reader = plan.open()
      const portal = `pgfx_p${++portals}`
      const context: FailureContext = {
        inTransaction: true,
        statement: statement.info,
        parameters: statement.placeholders.map(({ name }) => ({ name }))
      }
      /** One batch: what comes before Execute opens the portal, or nothing does. */
      const fetch = (before: ReadonlyArray<Part>) =>
        Effect.suspend(() => {
          const run = new ExecutePortal(portal, fetchSize, reader)
          const group = exchangeOn<GroupAnswer>(
            dispatcher,
            context,
            (settle) => new Group("stream", [...before, run], settle)
          )
          return Effect.as(group, run)
        })
      const first = Effect.suspend(() =>
        fetch([
          new ParseStatement("", statement.info.sql, []),
          new DescribeStatement("", reader),
          bindText(portal, "", parameters)
        ])
      )
      const next = fetch([])
      let open = false
      yield* Effect.addFinalizer(() =>
        open && dispatcher.closed === undefined && dispatcher.status === "T"
          ? Effect.ignore(
              exchangeOn<GroupAnswer>(
                dispatcher,
                context,
                (settle) => new Group("stream", [new CloseTarget("portal", portal)], settle)
              )
            )
          : Effect.void
      )
      /** Rows before an error are emitted, then the error. */
      const batch = (fetch: Effect.Effect<ExecutePortal, PostgresError>) =>
        Effect.gen(function* () {
          open = true
          const { suspended } = yield* fetch
          open = suspended
          const rows = yield* rowsOf(reader, statement, inTransaction)
          const more = suspended || reader.problem !== undefined
          return [Chunk.unsafeFromArray(rows), more ? Option.some(next) : Option.none()] as const
        })
      const following = (fetch: Effect.Effect<ExecutePortal, PostgresError>) =>
        reader.problem === undefined
          ? batch(fetch)
          : Effect.map(
              rowsOf(reader, statement, inTransaction),
              (rows) => [Chunk.unsafeFromArray(rows), Option.none<typeof next>()] as const
            )
      return Stream.paginateChunkEffect(first, following)
    })
  )
