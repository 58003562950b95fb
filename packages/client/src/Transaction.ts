// All or nothing: BEGIN, the body, COMMIT; anything but success rolls back. Inside another transaction of the same database it is
// a savepoint. Statements find their transaction in the fiber's context, so concurrent ones are pipelined on its connection.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { notedTransaction } from "./internal/attempt.ts"
import { CurrentHolder, type Database, type Holder, holderOf, isOpen, makeHolder } from "./internal/database.ts"
import { commit, commitRolledBack, releaseSavepoint, rollBackAfter, undoSavepoint } from "./internal/endTransaction.ts"
import { Group, type GroupAnswer } from "./internal/exchange/Group.ts"
import { ownStatement, type Part } from "./internal/exchange/parts.ts"
import { SingleExchange } from "./internal/exchange/Run.ts"
import { leaseWithin } from "./internal/exclusiveLease.ts"
import { runHeld } from "./internal/HeldRequest.ts"
import { ensureBegun, finished, refuse } from "./internal/runRequest.ts"
import { quoteIdentifier } from "./internal/sql/template.ts"
import { spanned } from "./internal/tracing/spanned.ts"
import type { Restore } from "./internal/untilAnswered.ts"
import { withDatabase } from "./internal/withDatabase.ts"
import type { Postgres } from "./Postgres.ts"
import { Permanent, type PostgresError } from "./PostgresError.ts"

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

/** BEGIN and the settings of the transaction, in the group of its first statement; values travel as parameters. */
const beginParts = (options: TransactionOptions): ReadonlyArray<Part> => [
  ...ownStatement(beginText(options)),
  ...Object.entries(options.settings ?? {}).flatMap((setting) =>
    ownStatement("SELECT pg_catalog.set_config($1, $2, true)", setting)
  )
]

/** The body in its scope; whoever outlives the body finds the scope closed. */
const runBody = <A, E, R>(
  holder: Holder,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Transaction>> => {
  // one change of the context for both services: each costs 3 µs
  const run = Effect.provide(self, Context.add(Context.make(CurrentHolder, holder), Transaction, holder))
  // nobody outside of the library can ask for CurrentHolder
  return run as Effect.Effect<A, E, Exclude<R, Transaction>>
}

/** Runs the body and ends the scope; uninterruptible but for the body. */
const bodyThen = <A, B, E, E2, R>(
  holder: Holder,
  restore: Restore,
  self: Effect.Effect<A, E, R>,
  then: (body: Exit.Exit<A, E>) => Effect.Effect<B, E2>
) =>
  Effect.matchCauseEffect(restore(runBody(holder, self)), {
    onFailure: (cause) => {
      holder.open = false
      return then(Exit.failCause(cause))
    },
    onSuccess: (value) => {
      holder.open = false
      return then(Exit.succeed(value))
    }
  })

const outermost = <A, E, R>(
  database: Database,
  outer: Holder | undefined,
  pin: Holder | undefined,
  begin: ReadonlyArray<Part>,
  ending: Ending,
  self: Effect.Effect<A, E, R>
) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(leaseWithin(database, pin, restore), (lease) => {
      if (pin?.busy !== undefined) {
        lease.end()
        return refuse({}, pin.busy)
      }
      const holder = makeHolder(database, lease.dispatcher, outer, 1, begin)
      const ended = bodyThen(holder, restore, self, (body): Effect.Effect<A, E | PostgresError> => {
        if (Exit.isFailure(body) || ending === "rollback") {
          return rollBackAfter(Exit.mapError(body, rolledBack), holder, "ROLLBACK")
        }
        if (holder.doomed) return rollBackAfter(Exit.fail(commitRolledBack(holder)), holder, "ROLLBACK")
        return Effect.map(commit(holder), () => {
          for (const done of holder.atCommit) done()
          return body.value
        })
      })
      return Effect.matchCauseEffect(ended, {
        onFailure: (cause) => {
          lease.end()
          return Effect.failCause(cause)
        },
        onSuccess: (value) => {
          lease.end()
          return Effect.succeed(value)
        }
      })
    })
  )

/** `Pending` was true inside; now the transaction is gone, and what was applied with it. */
const rolledBack = <E>(error: E): E =>
  // Still an error of the same type: only the outcome differs.
  error instanceof Permanent ? (error.afterRollback() as E & Permanent) : error

const nested = <A, E, R>(parent: Holder, ending: Ending, self: Effect.Effect<A, E, R>) => {
  const name = quoteIdentifier(`pgfx_${parent.depth}`)
  const undo = undoSavepoint(name)
  return Effect.uninterruptibleMask((restore) =>
    Effect.acquireUseRelease(
      parent.gate.passAlone(restore),
      () =>
        Effect.gen(function* () {
          if (!isOpen(parent)) return yield* finished({})
          // SAVEPOINT travels in front of its first statement, behind BEGIN if nothing has run yet.
          const { database, depth, dispatcher } = parent
          const outer = yield* Effect.serviceOption(CurrentHolder)
          const holder = makeHolder(
            database,
            dispatcher,
            outer._tag === "Some" && outer.value !== undefined ? outer.value : parent,
            depth + 1,
            ownStatement(`SAVEPOINT ${name}`)
          )
          parent.inner = { holder, undo }
          const body = yield* bodyThen(holder, restore, self, Effect.succeed)
          const exit = Exit.mapError(body, rolledBack)
          if (holder.begin.length > 0) return yield* exit
          if (!isOpen(parent)) return yield* finished({})
          parent.inner = undefined
          if (Exit.isFailure(exit) || ending === "rollback") return yield* rollBackAfter(exit, holder, undo)
          // An error that the body swallowed has failed the savepoint all the same.
          if (holder.doomed || dispatcher.status === "E")
            return yield* rollBackAfter(Exit.fail(commitRolledBack(holder)), holder, undo)
          yield* releaseSavepoint(holder, name)
          parent.atCommit.push(...holder.atCommit)
          return exit.value
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
    withDatabase((database, context) => {
      const current = holderOf(context, database)
      if (current !== undefined && !isOpen(current)) return Effect.fail(finished({}))
      if (current?.busy !== undefined) return refuse({}, current.busy)
      if (current === undefined || current.depth === 0) {
        const outer = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
        const run = outermost(database, outer, current, beginParts(options), ending, self)
        return spanned(database, "transaction", notedTransaction(context, run))
      }
      if (Object.values(options).some((option) => option !== undefined)) return Effect.fail(refusedOptions())
      return nested(current, ending, self)
    })

/** The transaction that the Tag stands for. */
const holderOfTransaction: Effect.Effect<Holder, never, Transaction> = Effect.suspend(() =>
  Effect.zipRight(Transaction, Effect.serviceOption(CurrentHolder))
).pipe(
  Effect.flatMap((holder) =>
    holder._tag === "Some" && holder.value !== undefined
      ? Effect.succeed(holder.value)
      : Effect.dieMessage("bug in pgfx: a Transaction without its connection")
  )
)

const lockText = "SELECT pg_catalog.pg_advisory_xact_lock($1::int8)"

const advisoryLock = (key: bigint): Effect.Effect<void, PostgresError, Transaction> =>
  Effect.flatMap(holderOfTransaction, (holder) => {
    const context = { statement: { name: undefined, sql: lockText, definedAt: "pgfx" } }
    const lock = runHeld<GroupAnswer>(
      holder,
      context,
      (settle) => new SingleExchange(new Group("transaction", ownStatement(lockText, [String(key)]), settle))
    )
    return Effect.zipRight(ensureBegun(holder), Effect.asVoid(lock))
  })

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
        holder.busy !== undefined
          ? refuse({}, holder.busy)
          : Effect.provideService(nested(holder, "commit", self), Transaction, transaction)
      )
    )
  /** waits for the lock `key`, which is released with the transaction */
  static readonly advisoryLock: (key: bigint) => Effect.Effect<void, PostgresError, Transaction> = advisoryLock
}
