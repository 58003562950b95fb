// One connection of a pool and what the pool knows about it. Data; the transitions are those of Members.
import type { CloseReason } from "../exchange/Exchange.ts"
import type { Line } from "../lease.ts"
import type { Place } from "./Place.ts"
import { PlaceList } from "./PlaceList.ts"

/** What the pool can do with a connection. Each `done` is called once, now or later. */
export interface PooledConnection<L extends Line> {
  readonly line: L
  /** a bare Sync; false: it did not answer, and is destroyed */
  check(done: (healthy: boolean) => void): void
  /** brings the session back to its first state; false: it could not, and is destroyed */
  reset(done: (clean: boolean) => void): void
  /** Terminate, FIN; `done` when the socket is gone */
  close(done: () => void): void
  /** the socket is dropped now, and everything on it settles */
  destroy(reason: CloseReason): void
  /** what runs is cancelled on the server; `done` when it has been asked to */
  cancel(done: () => void): void
}

/** Design of the engine, §2; `reserved` is a mark on `serving`, `opening` has no member yet. */
export type Phase = "idle" | "serving" | "leased" | "checking" | "recovering" | "resetting" | "closing" | "gone"

/** Requests of more than this are not put one behind the other: the answers of the first may not be read before the last is written. */
const unansweredBytes = 256 * 1024

export class Member<L extends Line> {
  phase: Phase = "serving"
  /** of an exclusive lease */
  holder: Place<L> | undefined = undefined
  /** shared leases, oldest first */
  readonly shares = new PlaceList<L>()
  /** something that is not known to be quick runs on it: nothing is put behind that */
  unproven = false
  /** promised to somebody who needs it alone: nothing more is put on it */
  reserved = false
  /** the oldest request was the oldest at the beat before, too */
  stalled = false
  headAtBeat: Place<L> | undefined = undefined
  /** too old, or of an older generation: ends when it is idle */
  retired = false
  /** the session is to be reset before anybody gets it */
  sweepPending = false
  /** a check has just gone well */
  checked = false
  /** milliseconds; `undefined`: it has become idle since the last sweep */
  idleSince: number | undefined = undefined
  /** milliseconds; since when it has been busy, as far as was noticed: no shared request reads a clock */
  busySince: number | undefined = undefined
  /** sweeps in a row at which it was leased and had nothing to do */
  unusedSweeps = 0

  readonly connection: PooledConnection<L>
  readonly line: L
  /** somebody has had it */
  used = false
  /** milliseconds */
  readonly openedAt: number
  /** milliseconds */
  readonly endsAt: number
  constructor(connection: PooledConnection<L>, openedAt: number, endsAt: number) {
    this.openedAt = openedAt
    this.connection = connection
    this.line = connection.line
    this.endsAt = endsAt
  }

  /** The server or the network has ended it, or is about to. */
  get isDead(): boolean {
    return this.line.closed !== undefined || this.line.lastReport !== undefined
  }

  takesShared(depth: number): boolean {
    return (
      this.phase === "serving" &&
      !this.reserved &&
      !this.stalled &&
      !this.unproven &&
      !this.sweepPending &&
      !this.retired &&
      this.shares.size < depth &&
      (this.line.unansweredBytes ?? 0) < unansweredBytes &&
      !this.line.isHeld &&
      this.line.status === "I" &&
      !this.isDead
    )
  }
}
