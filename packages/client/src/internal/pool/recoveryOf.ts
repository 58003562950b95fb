// What ends an interrupted statement on one connection, before and after that connection is known. Shared by all members of a pool.
import * as Effect from "effect/Effect"
import type { Transport, TransportAbilities } from "../../Transport.ts"
import { sendCancelRequest } from "../cancelRequest.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import type { CloseReason } from "../exchange/Exchange.ts"
import { recover } from "../recover.ts"
import type { OpenConnection } from "../startup/openConnection.ts"
import type { ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"

export interface ConnectionRecovery {
  /** sends a CancelRequest, and says nothing if it cannot: the answers are awaited then, up to the deadline */
  readonly cancel: Effect.Effect<void, never, Transport>
  /** brings a connection whose requests are all abandoned back to idle, or destroys it */
  readonly run: Effect.Effect<void, never, Transport>
  readonly of: (connection: OpenConnection) => void
}

export const recoveryOf = (options: {
  readonly resolved: ResolvedSettings
  readonly abilities: TransportAbilities
  readonly destroy: (dispatcher: Dispatcher, reason: CloseReason) => void
}): ConnectionRecovery => {
  const { abilities, destroy, resolved } = options
  let open: OpenConnection | undefined
  const cancel = Effect.suspend(() => {
    if (open?.key === undefined || !abilities.cancel) return Effect.void
    return Effect.ignore(sendCancelRequest(resolved, { destination: open.destination, key: open.key }))
  })
  return {
    cancel,
    run: Effect.suspend(() => {
      if (open === undefined) return Effect.void
      const { dispatcher } = open
      const { cancelTimeout } = resolved
      return recover({ dispatcher, cancel, cancelTimeout, destroy: (reason) => destroy(dispatcher, reason) })
    }),
    of: (connection) => {
      open = connection
    }
  }
}
