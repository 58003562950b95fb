// A connection to oneself, as an Effect: for transactions, pins, streams and COPY. Who gets which is the Lessor's affair.
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Database, Holder } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { ExchangeFailure } from "./exchange/Exchange.ts"
import { errorOfFailure } from "./failure.ts"
import type { Claim, Waiter } from "./lease.ts"
import type { RequestContext } from "./runOn.ts"
import { answeredWithin, type Restore, type Resume } from "./untilAnswered.ts"

export interface Lease {
  readonly dispatcher: Dispatcher
  /** Ends the claim to it. `sweep`: the session is reset before anybody else gets it; that is not waited for. */
  end(sweep?: boolean): void
}

class ExclusiveLease implements Lease, Waiter {
  private claim: Claim | undefined = undefined
  private line: Dispatcher | undefined = undefined

  readonly fiber: object
  readonly site: string | undefined
  private readonly context: RequestContext
  private readonly resume: Resume<Lease, PostgresError>
  constructor(fiber: object, site: string | undefined, context: RequestContext, resume: Resume<Lease, PostgresError>) {
    this.fiber = fiber
    this.site = site
    this.context = context
    this.resume = resume
  }

  ask({ lessor }: Database): void {
    this.claim = lessor.exclusive(this)
  }
  granted(dispatcher: Dispatcher): void {
    // what was run before is not this holder's
    dispatcher.latest = undefined
    this.line = dispatcher
    this.resume(Effect.succeed(this))
  }
  refused(failure: ExchangeFailure): void {
    this.resume(Effect.fail(errorOfFailure(failure, { ...this.context, inTransaction: false })))
  }

  get dispatcher(): Dispatcher {
    if (this.line === undefined) throw new TypeError("bug in pgfx: a lease that was not granted")
    return this.line
  }
  end(sweep = false): void {
    this.claim?.end(sweep)
  }
}

/**
 * An exclusive lease: FIFO behind everything that was asked for before. Whoever gets it ends it. To be run in an uninterruptible region, so that
 * none is lost; `restore` is for the wait.
 */
export const leaseExclusively = (
  database: Database,
  restore: Restore,
  context: RequestContext = {}
): Effect.Effect<Lease, PostgresError> =>
  Effect.withFiberRuntime((fiber) =>
    answeredWithin<Lease, PostgresError>(restore, (resume) => {
      const { currentSpan } = fiber
      const site = currentSpan?._tag === "Span" ? currentSpan.name : undefined
      const lease = new ExclusiveLease(fiber.id(), site, context, resume)
      lease.ask(database)
      // Interruption may come after the grant and before the fiber has seen it: then the lease is given back here.
      return () => Effect.sync(() => lease.end())
    })
  )

/**
 * The same for a transaction. Inside a pin it uses the pin's connection; asking for another would wait for itself. Until it ends it has the
 * connection to itself: what the pin's other fibers do must not be undone with it.
 */
export const leaseWithin = (
  database: Database,
  pin: Holder | undefined,
  restore: Restore
): Effect.Effect<Lease, PostgresError> =>
  pin === undefined
    ? leaseExclusively(database, restore)
    : Effect.map(pin.gate.passAlone(restore), () => ({ dispatcher: pin.dispatcher, end: () => pin.gate.open() }))
