// What stands behind a `Postgres` service: whose connections, and who holds one of them at the moment. The map keeps it off the
// public type, so that nobody is tempted to build on it.
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PermanentReason, PostgresError } from "../PostgresError.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { CloseReason } from "./exchange/Exchange.ts"
import type { Part } from "./exchange/parts.ts"
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
  /** of that length */
  readonly commitDeadlines: Deadlines
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

/** What has to be sent before a statement of a scope: BEGIN and the SAVEPOINTs inside it, outermost first. */
export class Beginning {
  /** what became of it is known */
  isOver = false
  private readonly holders: ReadonlyArray<Holder>
  private readonly taken: ReadonlyArray<ReadonlyArray<Part>>
  constructor(holders: ReadonlyArray<Holder>) {
    this.holders = holders
    this.taken = holders.map(({ begin }) => begin)
    for (const holder of holders) holder.begin = nothing
  }
  get parts(): ReadonlyArray<Part> {
    return this.taken.length === 1 ? (this.taken[0] ?? nothing) : this.taken.flat()
  }
  /** it was handed to the transport */
  get isWritten(): boolean {
    return this.taken[0]?.[0]?.written === true
  }
  giveBack(): void {
    for (const [i, holder] of this.holders.entries()) holder.begin = this.taken[i] ?? nothing
  }
}

const nothing: ReadonlyArray<Part> = []

export const takeBegin = (holder: Holder): Beginning => {
  const holders: Array<Holder> = []
  for (let of: Holder | undefined = holder; of !== undefined; of = of.outer) {
    if (of.database !== holder.database) continue
    if (of.begin.length === 0) break
    holders.unshift(of)
  }
  return new Beginning(holders)
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
