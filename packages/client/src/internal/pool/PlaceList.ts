// Places in a row: who waits for a connection, who shares one. A doubly linked list: whoever leaves does so from the middle in constant time,
// however many there are, and nothing is left that points at those behind him. A Set would do that: its old tables point at the newer ones,
// and one that the collector has taken for old keeps all that come after it, with every request that was in them ⚡.
import type { Line } from "../lease.ts"
import type { Place } from "./Place.ts"

export class PlaceList<L extends Line> {
  head: Place<L> | undefined = undefined
  size = 0
  private last: Place<L> | undefined = undefined

  append(place: Place<L>): void {
    this.putBehind(this.last, place)
  }

  /** Puts it behind everyone who came before it; usually that is everyone. */
  insert(place: Place<L>): void {
    let before = this.last
    while (before !== undefined && before.order > place.order) before = before.previous
    this.putBehind(before, place)
  }

  private putBehind(before: Place<L> | undefined, place: Place<L>): void {
    const after = before === undefined ? this.head : before.next
    place.previous = before
    place.next = after
    if (before === undefined) this.head = place
    else before.next = place
    if (after === undefined) this.last = place
    else after.previous = place
    place.list = this
    this.size++
  }

  remove(place: Place<L>): void {
    const { next, previous } = place
    if (previous === undefined) this.head = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    place.previous = undefined
    place.next = undefined
    place.list = undefined
    this.size--
  }
}
