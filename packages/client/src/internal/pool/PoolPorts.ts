// What a pool is told, and what it needs from the world. Types only: the state machine knows neither Effect nor sockets, so tests run it
// on a clock, randomness and connections of their own.
import type { PostgresError } from "../../PostgresError.ts"
import type { Line } from "../lease.ts"
import type { PooledConnection } from "./Member.ts"

/** Milliseconds; infinity: never. */
export interface PoolLimits {
  readonly min: number
  readonly max: number
  readonly acquireTimeout: number
  readonly idleTimeout: number
  readonly maxLifetime: number
  readonly maxWaiting: number
  readonly queueTarget: number | undefined
  readonly pipelineDepth: number
  readonly checkAfter: number
}

/** What the pool is told about a connection that it has. */
export interface MemberEvents {
  /** nothing is in flight any more */
  idle(): void
  /** it ended, and not because the pool wanted it */
  lost(): void
}

export interface Opening<L extends Line> {
  readonly opened: (connection: PooledConnection<L>) => MemberEvents
  readonly failed: (error: PostgresError) => void
}

export interface PoolPorts<L extends Line> {
  /** milliseconds, monotonic */
  now(): number
  /** The function it answers takes the call back. */
  schedule(millis: number, callback: () => void): () => void
  /** from 0 to below 1 */
  random(): number
  /** Begins to open a connection. The function it answers gives that up; neither callback is called then. */
  open(opening: Opening<L>): () => void
  readonly nameOf: (fiber: object) => string
  warn(message: string): void
}
