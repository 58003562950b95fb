// Everybody who waits for a connection: those who need one alone, and those who may share. Two queues and one order of arrival, so that a
// free connection goes to whoever came first, and a shareable one to the first who can use it.
import type { Line } from "../lease.ts"
import type { Place } from "./Place.ts"
import { PlaceList } from "./PlaceList.ts"
import { type Proof, wasQuick, wasSlow } from "./StatementProofs.ts"

export class Waiting<L extends Line> {
  /** exclusive, or not proven to be quick */
  readonly alone = new PlaceList<L>()
  readonly sharing = new PlaceList<L>()
  /** how many places each fiber has here; weak, because the old tables of a Map keep what was in them (PlaceList.ts) */
  private readonly fibers = new WeakMap<object, number>()

  /** order of the last who came */
  private newest = 0

  private readonly allMayShare: boolean
  /** `allMayShare`: with one connection there is nothing to prove, whoever waits, waits for the same. */
  constructor(allMayShare: boolean) {
    this.allMayShare = allMayShare
  }

  get size(): number {
    return this.alone.size + this.sharing.size
  }

  get first(): Place<L> | undefined {
    const one = this.alone.head
    const other = this.sharing.head
    return one === undefined || (other !== undefined && other.order < one.order) ? other : one
  }

  mayShare({ proof }: Place<L>): boolean {
    return proof !== undefined && (proof.quickRunsNeeded === 0 || this.allMayShare)
  }

  readonly includes = (fiber: object): boolean => this.fibers.has(fiber)

  add(place: Place<L>, now: number): void {
    place.since = Math.min(now, place.since, this.sinceBehind(place))
    this.newest = Math.max(this.newest, place.order)
    if (place.proof !== undefined) place.proof.waiting++
    const { fiber } = place.waiter
    if (fiber !== undefined) this.fibers.set(fiber, (this.fibers.get(fiber) ?? 0) + 1)
    const queue = this.mayShare(place) ? this.sharing : this.alone
    queue.insert(place)
  }

  /**
   * Since when somebody behind it has waited. One who lost his connection comes back to his old place, and no clock was read when he came
   * first: it was before them.
   */
  private sinceBehind({ order }: Place<L>): number {
    let since = Number.POSITIVE_INFINITY
    if (order > this.newest) return since
    for (const { head } of [this.alone, this.sharing]) {
      let behind = head
      while (behind !== undefined && behind.order < order) behind = behind.next
      if (behind !== undefined) since = Math.min(since, behind.since)
    }
    return since
  }

  remove(place: Place<L>): void {
    place.list?.remove(place)
    if (place.proof !== undefined) place.proof.waiting--
    const { fiber } = place.waiter
    if (fiber === undefined) return
    const others = (this.fibers.get(fiber) ?? 1) - 1
    if (others === 0) this.fibers.delete(fiber)
    else this.fibers.set(fiber, others)
  }

  /** A statement has run within a beat. True: somebody who waits for the same one may share from now on. */
  wasQuick(proof: Proof): boolean {
    if (!wasQuick(proof) || proof.waiting === 0) return false
    this.move(this.alone, this.sharing, proof)
    return true
  }

  /** A statement has kept a connection for a whole beat. */
  wasSlow(proof: Proof): void {
    if (wasSlow(proof) && proof.waiting > 0 && !this.allMayShare) this.move(this.sharing, this.alone, proof)
  }

  private move(from: PlaceList<L>, to: PlaceList<L>, proof: Proof): void {
    for (let place = from.head; place !== undefined;) {
      const { next } = place
      if (place.proof === proof) {
        from.remove(place)
        to.insert(place)
      }
      place = next
    }
  }
}
