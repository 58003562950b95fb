// Who listens to what, over one session that all share: the first subscriber has it opened, the last one closed. LISTEN is written when
// a channel gets its first subscriber, UNLISTEN when it loses its last. Effect-free; how a session is come by is its port's affair.
import type { NotificationResponse } from "@pgfx/protocol"
import type { ExchangeFailure } from "../exchange/Exchange.ts"
import { listenText, unlistenText } from "./limits.ts"
import type { Subscription } from "./Subscription.ts"

/** Runs a statement on the session; tells how it went, unless the session goes first. */
export type RunOnSession = (sql: string, settled: (failure: ExchangeFailure | undefined) => void) => void

/** What becomes of a session, told by whoever keeps it. */
export interface SessionEvents {
  /** there is one, and it hears nothing yet */
  readonly opened: (run: RunOnSession) => void
  readonly received: (notification: NotificationResponse) => void
  /** It is gone, or did not come about. True: somebody waits for another one. */
  readonly lost: (failure: ExchangeFailure) => boolean
  /** there will be no other */
  readonly failed: (failure: ExchangeFailure) => void
}

/** Keeps a session until it is stopped. Tells nothing before it returns. */
export type KeepSession = (events: SessionEvents) => { readonly stop: () => void }

interface Channel {
  readonly subscribers: Set<Subscription>
  listening: boolean
}

interface Session {
  readonly stop: () => void
  /** absent while there is none */
  run: RunOnSession | undefined
}

const ignored = (): void => undefined

export class Listener {
  private readonly channels = new Map<string, Channel>()
  private session: Session | undefined = undefined
  private closed: ExchangeFailure | undefined = undefined

  private readonly keep: KeepSession
  /** statements run on the same session: its reset must leave LISTEN alone */
  readonly sharesSession: boolean
  constructor(keep: KeepSession, sharesSession = false) {
    this.keep = keep
    this.sharesSession = sharesSession
  }

  /** Registers before anything is written, so that nothing falls between. Answers what ends the subscription. */
  subscribe(subscription: Subscription): () => void {
    if (this.closed !== undefined) {
      subscription.fail(this.closed)
      return ignored
    }
    const known = this.channels.get(subscription.channel)
    const channel = known ?? { subscribers: new Set(), listening: false }
    channel.subscribers.add(subscription)
    if (known === undefined) {
      this.channels.set(subscription.channel, channel)
      this.listen(subscription.channel, channel)
    } else if (channel.listening) subscription.confirmed()
    this.session ??= this.open()
    return () => this.leave(subscription, channel)
  }

  /** Nobody hears anything any more. */
  close(failure: ExchangeFailure): void {
    this.closed = failure
    for (const { subscribers } of this.channels.values()) for (const each of subscribers) each.fail(failure)
    this.end()
  }

  private open(): Session {
    const current = (): boolean => this.session === session
    const { stop } = this.keep({
      opened: (run) => {
        if (!current()) return
        session.run = run
        for (const [name, channel] of this.channels) this.listen(name, channel)
      },
      received: (notification) => {
        const channel = current() ? this.channels.get(notification.channel) : undefined
        if (channel !== undefined) for (const each of channel.subscribers) each.receive(notification)
      },
      lost: (failure) => current() && this.lost(session, failure),
      failed: (failure) => {
        if (!current()) return
        for (const { subscribers } of this.channels.values()) for (const each of subscribers) each.fail(failure)
        this.channels.clear()
        this.session = undefined
      }
    })
    const session: Session = { stop, run: undefined }
    return session
  }

  /** Those that do not heal have failed; they are nobody's subscribers any more. */
  private lost(session: Session, failure: ExchangeFailure): boolean {
    session.run = undefined
    for (const [name, channel] of this.channels) {
      channel.listening = false
      for (const each of channel.subscribers) {
        each.lost(failure)
        if (each.hasFailed) channel.subscribers.delete(each)
      }
      if (channel.subscribers.size === 0) this.channels.delete(name)
    }
    if (this.channels.size > 0) return true
    this.session = undefined
    return false
  }

  private listen(name: string, channel: Channel): void {
    const { session } = this
    session?.run?.(listenText(name), (failure) => {
      if (this.session !== session || this.channels.get(name) !== channel) return
      // told to all by `lost`
      if (failure?._tag === "ConnectionClosed") return
      if (failure === undefined) channel.listening = true
      else this.channels.delete(name)
      for (const each of channel.subscribers) {
        if (failure === undefined) each.confirmed()
        else each.fail(failure)
      }
      if (this.channels.size === 0) this.end()
    })
  }

  private leave(subscription: Subscription, channel: Channel): void {
    const { channel: name } = subscription
    channel.subscribers.delete(subscription)
    if (channel.subscribers.size > 0 || this.channels.get(name) !== channel) return
    this.channels.delete(name)
    if (this.channels.size === 0) this.end()
    else this.session?.run?.(unlistenText(name), ignored)
  }

  private end(): void {
    this.channels.clear()
    this.session?.stop()
    this.session = undefined
  }
}
