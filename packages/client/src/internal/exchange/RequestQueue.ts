// FIFO of the exchanges of one connection, oldest unanswered first. A linked list: push and shift are O(1) and allocate nothing.
import type { Exchange } from "./Exchange.ts"

export class RequestQueue {
  head: Exchange | undefined = undefined
  last: Exchange | undefined = undefined
  size = 0

  push(exchange: Exchange): void {
    if (this.last === undefined) this.head = exchange
    else this.last.next = exchange
    this.last = exchange
    this.size++
  }

  shift(): Exchange | undefined {
    const exchange = this.head
    if (exchange === undefined) return undefined
    this.head = exchange.next
    if (this.head === undefined) this.last = undefined
    exchange.next = undefined
    this.size--
    return exchange
  }
}
