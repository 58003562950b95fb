// A request of the caller's, which may take more than one exchange: describe first, or prepare again what the server has lost. Settles
// once, through its own callback.
import type { Dispatcher } from "./Dispatcher.ts"
import type { Exchange } from "./Exchange.ts"

export interface Run {
  /** called once, when a connection was granted */
  start(dispatcher: Dispatcher): void
  /** nobody wants the answer any more: what is unsent is not sent, what was sent is cancelled when that hits nobody else */
  abandon(): void
  /** the server has something of it to answer */
  readonly isSent: boolean
}

/** A request that is one exchange. */
export class SingleExchange implements Run {
  private dispatcher: Dispatcher | undefined = undefined
  private readonly exchange: Exchange
  constructor(exchange: Exchange) {
    this.exchange = exchange
  }
  start(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    dispatcher.submit(this.exchange)
  }
  abandon(): void {
    this.dispatcher?.abandon(this.exchange)
  }
  get isSent(): boolean {
    return this.exchange.sent
  }
}
