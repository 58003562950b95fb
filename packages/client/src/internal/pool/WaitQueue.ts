// Who waits for a connection, first come first. A doubly linked list: whoever gives up leaves from the middle in constant time, however
// many wait. Places are numbered as they come, so that two queues can tell which head came first.
import type { Place } from "./Place.ts"
import type { Line } from "../lease.ts"

export class WaitQueue<L extends Line> {
  head: Place<L> | undefined = undefined
  size = 0
  private last: Place<L> | undefined = undefined

  /** Puts it behind everyone who came before it; usually that is everyone. */
  insert(place: Place<L>): void {
    let before = this.last
    while (before !== undefined && before.order > place.order) before = before.previous
    const after = before === undefined ? this.head : before.next
    place.previous = before
    place.next = after
    if (before === undefined) this.head = place
    else before.next = place
    if (after === undefined) this.last = place
    else after.previous = place
    place.queue = this
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
    place.queue = undefined
    this.size--
  }
}
