// Who owns the connections of a database. For now there is one, opened with the Layer; the service and its Layers have their final
// shape, so programs need not change when it becomes many.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connectDatabase, type ConnectedDatabase } from "./internal/connectDatabase.ts"
import type { PostgresError } from "./PostgresError.ts"
import type { Retry } from "./Retry.ts"
import type { Settings } from "./Settings.ts"
import type { Transport } from "./Transport.ts"

export interface PoolStats {
  readonly idle: number
  readonly busy: number
  readonly waiting: number
  readonly max: number
}

const connections = new WeakMap<object, ConnectedDatabase>()

/** @internal */
export const connectionsOf = (pool: Context.Tag.Service<typeof Pool>): ConnectedDatabase => {
  const connected = connections.get(pool)
  if (connected === undefined) throw new TypeError("not a Pool made by a layer of pgfx")
  return connected
}

/**
 * The connections of one database.
 *
 * @since 0.1.0
 * @category services
 */
export class Pool extends Context.Tag("pgfx/Pool")<Pool, { readonly stats: Effect.Effect<PoolStats> }>() {
  static readonly layer = (settings: Settings): Layer.Layer<Pool, PostgresError, Transport | Retry> =>
    Layer.scoped(
      Pool,
      Effect.map(connectDatabase(settings), (connected) => {
        const pool = { stats: connected.stats }
        connections.set(pool, connected)
        return pool
      })
    )
}
