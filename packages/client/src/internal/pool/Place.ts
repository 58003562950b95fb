// One request for a connection, from the queue to the end of its lease. Owned by the pool; the caller sees a Claim.
import type { Claim, Line, Waiter } from "../lease.ts"
import type { Member } from "./Member.ts"
import type { PlaceList } from "./PlaceList.ts"
import type { Proof } from "./StatementProofs.ts"

/** What becomes of a place that its owner is done with. */
export interface PlaceKeeper<L extends Line> {
  left(place: Place<L>, sweep: boolean): void
}

export type PlaceFacts<L extends Line> = Pick<Place<L>, "order" | "since" | "waiter" | "proof">

export class Place<L extends Line> implements Claim {
  /** number in the order of arrival */
  readonly order: number
  /** milliseconds, by the clock of the pool; set when it has to wait, infinity until then */
  since: number
  previous: Place<L> | undefined = undefined
  next: Place<L> | undefined = undefined
  /** those it waits with, or shares its connection with */
  list: PlaceList<L> | undefined = undefined
  /** the connection it has */
  member: Member<L> | undefined = undefined
  /** it was seen at the head of a connection for a whole beat */
  wasSlow = false

  readonly waiter: Waiter<L>
  /** of a shared place: what is known about its statement */
  readonly proof: Proof | undefined
  private readonly keeper: PlaceKeeper<L>
  constructor(keeper: PlaceKeeper<L>, { order, proof, since, waiter }: PlaceFacts<L>) {
    this.keeper = keeper
    this.order = order
    this.since = since
    this.waiter = waiter
    this.proof = proof
  }

  /** It has no connection, and is in a queue for one. */
  get isWaiting(): boolean {
    return this.member === undefined && this.list !== undefined
  }

  end(sweep = false): void {
    this.keeper.left(this, sweep)
  }
}
