// Who owns the connections of a database: how many there are, who gets one, who waits. A service and its Layer; the decisions are in
// internal/pool/PoolLessor.ts, and queries reach them through `Postgres`, not through here.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ConnectedPool, connectPool } from "./internal/pool/connectPool.ts"
import type { PostgresError } from "./PostgresError.ts"
import type { Retry } from "./Retry.ts"
import type { Settings } from "./Settings.ts"
import type { Transport } from "./Transport.ts"

/** Connections and requests at one moment. Connections that are being opened, or said goodbye to, are in neither count. */
export interface PoolStats {
  /** open, and free at once */
  readonly idle: number
  /** leased, shared, or being checked, reset or recovered */
  readonly busy: number
  /** requests in the queue */
  readonly waiting: number
  /** connections at most, as the settings say or the transport can do */
  readonly max: number
}

const connected = new WeakMap<object, ConnectedPool>()

/** @internal */
export const connectionsOf = (pool: Context.Tag.Service<typeof Pool>): ConnectedPool => {
  const found = connected.get(pool)
  if (found === undefined) throw new TypeError("not a Pool made by a layer of pgfx")
  return found
}

/**
 * The connections of one database. Queries find it through `Postgres`; this service is for health checks and for changes of the world
 * that the pool cannot see.
 *
 * A connection comes to its next borrower as to its first one: what a pin, a script, or a statement that changes its session left behind
 * is reset, initial statements included; a transaction left open is rolled back. Log lines tell of what nobody waits for:
 * `SessionChanged` (a statement on a shared connection changed the session), `TransactionLeftOpen`, and a lease that nobody has used
 * for a minute while others wait.
 *
 * @example
 * import * as Effect from "effect/Effect"
 * import { Pool } from "pgfx"
 *
 * // an answer for an orchestrator's probe: requests queue up, and no connection is free
 * const isSaturated = Effect.gen(function* () {
 *   const { busy, idle, max, waiting } = yield* Effect.flatMap(Pool, (pool) => pool.stats)
 *   return waiting > 0 && idle === 0 && busy === max
 * })
 *
 * @since 0.1.0
 * @category services
 */
export class Pool extends Context.Tag("pgfx/Pool")<
  Pool,
  {
    /** Of this moment; costs nothing but a look at each connection. `idle + busy ≤ max`, always. */
    readonly stats: Effect.Effect<PoolStats>
    /**
     * Replaces every connection that is open now: idle ones at once, the others when they are next free. For changed certificates, roles,
     * or addresses behind a name. Completes at once.
     */
    readonly refresh: Effect.Effect<void>
  }
>() {
  /**
   * Opens connections as they are needed. Fails at start only if `pool.min` is above 0 and no connection can be had within the Retry
   * policy. When its Scope closes, waiting requests fail `PoolClosed` and running ones get `closeTimeout`.
   */
  static readonly layer = (settings: Settings): Layer.Layer<Pool, PostgresError, Transport | Retry> =>
    Layer.scoped(
      Pool,
      Effect.map(connectPool(settings), (pool) => {
        const service = { stats: pool.stats, refresh: pool.refresh }
        connected.set(service, pool)
        return service
      })
    )
}
