// A connection as the pool sees it: checked, reset, ended. Carries out; decides nothing.
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Duplex, Transport } from "../../Transport.ts"
import type { Database } from "../database.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import { Group } from "../exchange/Group.ts"
import { resetSession } from "../resetSession.ts"
import type { PooledConnection } from "./Member.ts"

export interface PooledConnectionParts {
  readonly dispatcher: Dispatcher
  readonly duplex: Duplex
  /** everything of this connection; closing it says goodbye */
  readonly scope: Scope.CloseableScope
  readonly fork: <A, E>(effect: Effect.Effect<A, E, Transport>) => unknown
  readonly schedule: (after: Duration.DurationInput, callback: () => void) => () => void
  readonly database: Database
  readonly initialStatements: ReadonlyArray<string>
  readonly cancel: Effect.Effect<void, never, Transport>
  readonly checkTimeout: Duration.Duration
}

export const pooledConnection = (parts: PooledConnectionParts): PooledConnection<Dispatcher> => {
  const { cancel, checkTimeout, database, dispatcher, duplex, fork, initialStatements, schedule, scope } = parts
  const closeScope = Effect.uninterruptible(Scope.close(scope, Exit.void))
  return {
    line: dispatcher,
    check: (done) => {
      const stop = schedule(checkTimeout, () =>
        database.destroy(dispatcher, { _tag: "Unresponsive", during: "the check of an idle connection" })
      )
      // Nothing but Sync: five bytes, and the session answers whether it is still there.
      const sync = new Group("check", [], (answer) => {
        stop()
        done(answer !== undefined)
      })
      dispatcher.submit(sync)
    },
    reset: (done) =>
      void fork(
        Effect.zipRight(
          resetSession(database, dispatcher, initialStatements),
          Effect.sync(() => done(dispatcher.closed === undefined))
        )
      ),
    close: (done) => void fork(Effect.ensuring(closeScope, Effect.sync(done))),
    destroy: (reason) => {
      dispatcher.close(reason)
      duplex.destroy()
      fork(closeScope)
    },
    cancel: (done) => void fork(Effect.ensuring(cancel, Effect.sync(done)))
  }
}
