// What stands behind a `Postgres` service: whose connections, and who holds one of them at the moment. The map keeps it off the
// public type, so that nobody is tempted to build on it.
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PermanentReason, PostgresError } from "../PostgresError.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason } from "./exchange/Exchange.ts"
import type { Part } from "./exchange/parts.ts"
import { errorOfFailure, type FailureContext } from "./failure.ts"
import { Gate } from "./Gate.ts"
import type { Observer } from "./tracing/Observer.ts"
import type { Listener } from "./notification/Listener.ts"
import type { Descriptions } from "./StatementCache.ts"
import type { TypeStore } from "./TypeStore.ts"
import type { Lessor } from "./lease.ts"

/** Two services are the same database if this is the same object: a transaction belongs to its pool, not to a tag. */
export interface Database {
  readonly lessor: Lessor
  /** what is known of statements, for all connections */
  readonly descriptions: Descriptions
  readonly types: TypeStore
  /** absent: nobody observes */
  readonly observer?: Observer
  /** drops a connection that cannot be brought back to a known state; everything on it settles */
  readonly destroy: (dispatcher: Dispatcher, reason: CloseReason) => void
  /** calls back after that time, by the clock of the Layer; the function it answers takes the call back */
  readonly schedule: (after: Duration.Duration, callback: () => void) => () => void
  readonly commitTimeout: Duration.Duration
  /** another connection is asked what became of a COMMIT without an answer */
  readonly commitProbe: boolean
  /** how long an interrupted fiber waits for the recovery of its connection */
  readonly interruptGrace: Duration.Duration
  readonly fetchSize: number
  /** the transport takes COPY FROM STDIN only with all its data */
  readonly copyInWhole?: boolean
  /** who hears of notifications */
  readonly listener: Listener
}

const databases = new WeakMap<object, Database>()

export const registerDatabase = (service: object, database: Database): void => {
  databases.set(service, database)
}

export const databaseOf = (service: object): Database => {
  const database = databases.get(service)
  if (database === undefined) throw new TypeError("not a Postgres service made by a layer of pgfx")
  return database
}

/** An exclusive lease in use: by a transaction, a stream or a pin. Statements of its fibers go to its connection. */
export interface Holder {
  readonly database: Database
  readonly dispatcher: Dispatcher
  /** of another database, when scopes of two databases are nested */
  readonly outer: Holder | undefined
  /** transactions and savepoints that are open, 0 for a pin */
  readonly depth: number
  /** only the innermost scope writes: a sibling's work must not be undone with somebody else's savepoint */
  readonly gate: Gate
  /** BEGIN or SAVEPOINT, to travel in front of the first statement, behind that of the scope around it; empty once it was sent */
  begin: ReadonlyArray<Part>
  /** the savepoint that is open in it: what outlives the scope must not be committed with it */
  inner: { readonly holder: Holder; readonly undo: string } | undefined
  /** the first failure of a statement in it: what follows fails 25P02 and inherits the reason */
  failedBy: PostgresError | undefined
  /** a statement was interrupted after it was sent: what was promised not to happen must not be committed */
  doomed: boolean
  /**
   * Why what else is asked of the connection is refused: a COPY, or a stream's transaction in a pin, has it to itself, and waiting could be
   * for oneself.
   */
  busy: PermanentReason | undefined
  /** what becomes true of the session when the scope's work is committed */
  readonly atCommit: Array<() => void>
  /** false once the scope has ended: a fiber that outlived it finds out */
  open: boolean
}

/** `undefined`: none, in spite of the scope around it; a service cannot be taken out of a context. */
export class CurrentHolder extends Context.Tag("pgfx/internal/CurrentHolder")<CurrentHolder, Holder | undefined>() {}

/** The innermost scope of this database that the context is in. */
export const holderOf = (context: Context.Context<never>, database: Database): Holder | undefined => {
  let holder = Context.getOrElse(context, CurrentHolder, (): Holder | undefined => undefined)
  while (holder !== undefined && holder.database !== database) holder = holder.outer
  return holder
}

/** A connection for one scope, and what ends the claim to it. */
export interface Lease {
  readonly dispatcher: Dispatcher
  readonly release: Effect.Effect<void>
  /** the same, and the session is reset before anybody else gets it; that is not waited for */
  readonly sweep: Effect.Effect<void>
}

/**
 * A transaction inside a pin uses the pin's connection; asking for another would wait for itself. Until it ends it has the connection to
 * itself: what the pin's other fibers do must not be undone with it.
 */
export const leaseWithin = (database: Database, pin: Holder | undefined): Effect.Effect<Lease, PostgresError> =>
  pin === undefined
    ? leaseExclusively(database)
    : Effect.map(pin.gate.pass(true), () => {
        const release = Effect.sync(() => pin.gate.open())
        return { dispatcher: pin.dispatcher, release, sweep: release }
      })

/** Neither the scope has ended nor one of this database around it. */
export const isOpen = (holder: Holder): boolean => {
  let at: Holder | undefined = holder
  while (at !== undefined && (at.open || at.database !== holder.database)) at = at.outer
  return at === undefined
}

class Scope implements Holder {
  readonly database: Database
  readonly dispatcher: Dispatcher
  readonly outer: Holder | undefined
  readonly depth: number
  readonly gate = new Gate()
  begin: ReadonlyArray<Part>
  inner: Holder["inner"] = undefined
  failedBy: PostgresError | undefined = undefined
  doomed = false
  readonly atCommit: Array<() => void> = []
  busy: PermanentReason | undefined = undefined
  open = true
  constructor(
    database: Database,
    dispatcher: Dispatcher,
    outer: Holder | undefined,
    depth: number,
    begin: ReadonlyArray<Part>
  ) {
    this.database = database
    this.dispatcher = dispatcher
    this.outer = outer
    this.depth = depth
    this.begin = begin
  }
}

export const makeHolder = (
  database: Database,
  dispatcher: Dispatcher,
  outer: Holder | undefined,
  depth: number,
  begin: ReadonlyArray<Part>
): Holder => new Scope(database, dispatcher, outer, depth, begin)

export interface Beginning {
  readonly parts: ReadonlyArray<Part>
  /** it was handed to the transport */
  readonly isWritten: () => boolean
  readonly giveBack: () => void
}

/** What has to be sent before a statement of this scope: BEGIN and the SAVEPOINTs inside it, outermost first. */
export const takeBegin = (holder: Holder): Beginning => {
  const taken: Array<{ readonly of: Holder; readonly parts: ReadonlyArray<Part> }> = []
  for (let of: Holder | undefined = holder; of !== undefined; of = of.outer) {
    if (of.database !== holder.database) continue
    if (of.begin.length === 0) break
    taken.unshift({ of, parts: of.begin })
    of.begin = []
  }
  return {
    parts: taken.flatMap(({ parts }) => parts),
    isWritten: () => taken[0]?.parts[0]?.written === true,
    giveBack: () => {
      for (const { of, parts } of taken) of.begin = parts
    }
  }
}

/** Runs a scope's body in it; whoever outlives the body finds the scope closed. */
export const runInHolder = <A, E, R>(
  holder: Holder,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, CurrentHolder>> =>
  self.pipe(
    Effect.provideService(CurrentHolder, holder),
    Effect.ensuring(
      Effect.sync(() => {
        holder.open = false
      })
    )
  )

/** An exclusive lease: FIFO behind everything that was asked for before. Whoever gets it releases it. */
export const leaseExclusively = (
  database: Database,
  context: Omit<FailureContext, "inTransaction"> = {}
): Effect.Effect<Lease, PostgresError> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.async((resume) => {
      const claim = database.lessor.exclusive({
        fiber: fiber.id(),
        site: fiber.currentSpan?._tag === "Span" ? fiber.currentSpan.name : undefined,
        granted: (dispatcher) => {
          // what was run before is not this holder's
          dispatcher.latest = undefined
          resume(
            Effect.succeed({
              dispatcher,
              release: Effect.sync(() => claim.end()),
              sweep: Effect.sync(() => claim.end(true))
            })
          )
        },
        refused: (failure) => resume(Effect.fail(errorOfFailure(failure, { ...context, inTransaction: false })))
      })
      // Interruption may come after the grant and before the fiber has seen it: then the lease is given back here.
      return Effect.sync(() => claim.end())
    })
  )
