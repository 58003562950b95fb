// All or nothing: BEGIN, the body, COMMIT; anything but success rolls back. Inside another transaction of the same database it is
// a savepoint. Statements find their transaction in the fiber's context, so concurrent ones are pipelined on its connection.
import { ProtocolViolation } from "@pgfx/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { command } from "./internal/command.ts"
import {
  CurrentHolder,
  type Database,
  databaseOf,
  type Holder,
  holderOf,
  isOpen,
  leaseWithin,
  makeHolder,
  runInHolder
} from "./internal/database.ts"
import { underDeadline } from "./internal/deadline.ts"
import type { Dispatcher } from "./internal/exchange/Dispatcher.ts"
import { Group, type GroupAnswer } from "./internal/exchange/Group.ts"
import { ownStatement, type Part } from "./internal/exchange/parts.ts"
import { exchangeOn } from "./internal/runOn.ts"
import { copyInProgress, ensureBegun, finished, refuse } from "./internal/runRequest.ts"
import { quoteIdentifier } from "./internal/sql/template.ts"
import { Postgres } from "./Postgres.ts"
import { Broken, Permanent, type PostgresError } from "./PostgresError.ts"

export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable"
  readonly access?: "read write" | "read only"
  readonly deferrable?: boolean
  /** `SET LOCAL`, sent along with BEGIN: role, search_path, row-security tenants */
  readonly settings?: Readonly<Record<string, string>>
}

type RunTransaction = <A, E, R>(
  self: Effect.Effect<A, E, R>
) => Effect.Effect<A, E | PostgresError, Exclude<R, Transaction> | Postgres>

type Ending = "commit" | "rollback"

const beginText = (options: TransactionOptions): string => {
  const modes = [
    options.isolation === undefined ? undefined : `ISOLATION LEVEL ${options.isolation.toUpperCase()}`,
    options.access?.toUpperCase(),
    options.deferrable === undefined ? undefined : options.deferrable ? "DEFERRABLE" : "NOT DEFERRABLE"
  ].filter((mode) => mode !== undefined)
  return `BEGIN${modes.length === 0 ? "" : ` ${modes.join(", ")}`}`
}

/** Statements of ours in one group, their values as parameters. */
const runOwn = (
  dispatcher: Dispatcher,
  sql: string,
  sets: ReadonlyArray<ReadonlyArray<string>>
): Effect.Effect<GroupAnswer, PostgresError> =>
  exchangeOn<GroupAnswer>(
    dispatcher,
    { inTransaction: true, statement: { name: undefined, sql, definedAt: "pgfx" } },
    (settle) =>
      new Group(
        "transaction",
        sets.flatMap((parameters) => ownStatement(sql, parameters)),
        settle
      )
  )

/** BEGIN and the settings of the transaction, in the group of its first statement; values travel as parameters. */
const beginParts = (options: TransactionOptions): ReadonlyArray<Part> => [
  ...ownStatement(beginText(options)),
  ...Object.entries(options.settings ?? {}).flatMap((setting) =>
    ownStatement("SELECT pg_catalog.set_config($1, $2, true)", setting)
  )
]

/** The first error of the transaction says why, if there was one. */
const commitRolledBack = ({ failedBy }: Holder): Permanent =>
  new Permanent({
    reason: { _tag: "CommitRolledBack" },
    outcome: "RolledBack",
    state: "the connection is healthy",
    cause: failedBy
  })

const atEnd = <A>(
  holder: Holder,
  during: string,
  self: Effect.Effect<A, PostgresError>
): Effect.Effect<A, PostgresError> => underDeadline(holder.database, holder.dispatcher, during, self)

/** The transaction ended behind our back: by a procedure, or by a COMMIT inside a script. What is in it now is anybody's guess. */
const endedInside = (holder: Holder): Broken => {
  const { database, dispatcher } = holder
  const violation = new ProtocolViolation({
    during: "a transaction",
    offset: -1,
    expected: "ReadyForQuery with status T or E",
    received: "status I: a statement ended the transaction"
  })
  database.destroy(dispatcher, { _tag: "Violation", violation, transcript: dispatcher.recent })
  const { during, expected, received } = violation
  return new Broken({
    reason: { _tag: "ProtocolViolation", during, expected, received, transcript: dispatcher.recent },
    outcome: "Unknown",
    state: "the connection is closed"
  })
}

const commit = (holder: Holder): Effect.Effect<void, PostgresError> =>
  Effect.suspend(() => {
    const { dispatcher } = holder
    // A body that ran no statement sent nothing.
    if (holder.begin.length > 0) return Effect.void
    if (dispatcher.closed === undefined && dispatcher.status === "I") return Effect.fail(endedInside(holder))
    const sent = command(dispatcher, "COMMIT", { inTransaction: true, commit: true })
    return Effect.flatMap(atEnd(holder, "the answer to COMMIT", sent), ({ tags }) =>
      tags[0] === "COMMIT" ? Effect.void : Effect.fail(commitRolledBack(holder))
    )
  })

/** A ROLLBACK that fails closes the connection, which rolls back; the failure of the body is the one that is told. */
const rollback = (holder: Holder, sql: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { database, dispatcher } = holder
    if (holder.begin.length > 0) return Effect.void
    const sent = command(dispatcher, sql, { inTransaction: true })
    return Effect.catchAll(atEnd(holder, `the answer to ${sql}`, sent), () =>
      Effect.sync(() => database.destroy(dispatcher, { _tag: "Unresponsive", during: sql }))
    )
  })

const runBody = <A, E, R>(
  holder: Holder,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<Exclude<R, Transaction>, CurrentHolder>> =>
  runInHolder(holder, Effect.provideService(self, Transaction, { depth: holder.depth }))

const outermost = <A, E, R>(
  database: Database,
  outer: Holder | undefined,
  pin: Holder | undefined,
  options: TransactionOptions,
  ending: Ending,
  self: Effect.Effect<A, E, R>
) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.acquireUseRelease(
      restore(leaseWithin(database, pin)),
      ({ dispatcher }) =>
        Effect.gen(function* () {
          const holder = makeHolder(database, dispatcher, outer, 1, beginParts(options))
          const exit = yield* Effect.exit(restore(runBody(holder, self)))
          if (Exit.isFailure(exit) || holder.doomed || ending === "rollback") yield* rollback(holder, "ROLLBACK")
          else yield* commit(holder)
          if (Exit.isSuccess(exit) && holder.doomed && ending === "commit") return yield* commitRolledBack(holder)
          return yield* Exit.mapError(exit, rolledBack)
        }),
      ({ release }) => release
    )
  )

/** `Pending` was true inside; now the transaction is gone, and what was applied with it. */
const rolledBack = <E>(error: E): E =>
  // Still an error of the same type: only the outcome differs.
  error instanceof Permanent ? (error.afterRollback() as E & Permanent) : error

/** What cannot be released is undone: the transaction around it goes on. */
const releaseSavepoint = (holder: Holder, name: string, undo: string): Effect.Effect<void, PostgresError> => {
  const release = command(holder.dispatcher, `RELEASE SAVEPOINT ${name}`, { inTransaction: true })
  return atEnd(holder, "the answer to RELEASE SAVEPOINT", release).pipe(
    Effect.catchAll((error) => Effect.zipRight(rollback(holder, undo), Effect.fail(error))),
    Effect.asVoid
  )
}

const nested = <A, E, R>(parent: Holder, ending: Ending, self: Effect.Effect<A, E, R>) => {
  const name = quoteIdentifier(`pgfx_${parent.depth}`)
  const undo = `ROLLBACK TO SAVEPOINT ${name}; RELEASE SAVEPOINT ${name}`
  return Effect.uninterruptibleMask((restore) =>
    Effect.acquireUseRelease(
      restore(parent.gate.pass(true)),
      () =>
        Effect.gen(function* () {
          if (!isOpen(parent)) return yield* finished({})
          // SAVEPOINT travels in front of its first statement, behind BEGIN if nothing has run yet.
          const { begin, database, depth, dispatcher } = parent
          const holder = makeHolder(database, dispatcher, parent, depth + 1, [
            ...begin,
            ...ownStatement(`SAVEPOINT ${name}`)
          ])
          parent.begin = []
          const exit = yield* Effect.exit(restore(runBody(holder, self)))
          if (holder.begin.length > 0) {
            parent.begin = begin
            return yield* exit
          }
          if (!isOpen(parent)) return yield* finished({})
          // An error that the body swallowed has failed the savepoint all the same.
          const lost = holder.doomed || dispatcher.status === "E"
          if (Exit.isFailure(exit) || lost || ending === "rollback") yield* rollback(holder, undo)
          else yield* releaseSavepoint(holder, name, undo)
          if (Exit.isSuccess(exit) && lost && ending === "commit") return yield* commitRolledBack(holder)
          return yield* Exit.mapError(exit, rolledBack)
        }),
      () => Effect.sync(() => parent.gate.open())
    )
  )
}

const refusedOptions = (): Permanent =>
  new Permanent({
    reason: {
      _tag: "InvalidParameter",
      parameter: "options",
      issue: "a nested transaction is a savepoint: isolation, access and deferrable belong to the outermost one"
    },
    outcome: "NotSent"
  })

const runWith =
  (options: TransactionOptions, ending: Ending): RunTransaction =>
  (self) =>
    Effect.flatMap(Postgres, (postgres) =>
      Effect.flatMap(Effect.context<never>(), (context) => {
        const database = databaseOf(postgres)
        const current = holderOf(context, database)
        if (current !== undefined && !isOpen(current)) return Effect.fail(finished({}))
        if (current?.copying === true) return refuse({}, copyInProgress)
        if (current === undefined || current.depth === 0) {
          const outer = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
          return outermost(database, outer, current, options, ending, self)
        }
        if (Object.values(options).some((option) => option !== undefined)) return Effect.fail(refusedOptions())
        return nested(current, ending, self)
      })
    )

/** The transaction that the Tag stands for. */
const holderOfTransaction: Effect.Effect<Holder, never, Transaction> = Effect.suspend(() =>
  Effect.zipRight(Transaction, Effect.serviceOption(CurrentHolder))
).pipe(
  Effect.flatMap((holder) =>
    holder._tag === "Some"
      ? Effect.succeed(holder.value)
      : Effect.dieMessage("bug in pgfx: a Transaction without its connection")
  )
)

const lockText = "SELECT pg_catalog.pg_advisory_xact_lock($1::int8)"

const advisoryLock = (key: bigint): Effect.Effect<void, PostgresError, Transaction> =>
  Effect.flatMap(holderOfTransaction, (holder) =>
    Effect.zipRight(ensureBegun(holder), Effect.asVoid(runOwn(holder.dispatcher, lockText, [[String(key)]])))
  )

/**
 * The transaction that a fiber is in; only inside `Transaction.run`.
 *
 * @since 0.1.0
 * @category services
 */
export class Transaction extends Context.Tag("pgfx/Transaction")<Transaction, { readonly depth: number }>() {
  /** BEGIN, run, COMMIT; any failure, defect or interruption rolls back. Inside another transaction of this database: a savepoint. */
  static readonly run: RunTransaction = runWith({}, "commit")
  static readonly runWith = (options: TransactionOptions): RunTransaction => runWith(options, "commit")
  /** run, then ROLLBACK whatever the result */
  static readonly dryRun: RunTransaction = runWith({}, "rollback")
  /** a savepoint, and a compile error where there is no transaction */
  static readonly savepoint = <A, E, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | PostgresError, R | Transaction> =>
    Effect.flatMap(Transaction, (transaction) =>
      Effect.flatMap(holderOfTransaction, (holder) =>
        holder.copying
          ? refuse({}, copyInProgress)
          : Effect.provideService(nested(holder, "commit", self), Transaction, transaction)
      )
    )
  /** waits for the lock `key`, which is released with the transaction */
  static readonly advisoryLock: (key: bigint) => Effect.Effect<void, PostgresError, Transaction> = advisoryLock
}
