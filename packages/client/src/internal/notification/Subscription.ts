// What one subscriber has not taken yet: messages in the order they came, and marks where LISTEN came into effect. Bounded: one that
// must not miss anything fails when it is full, one that heals drops its oldest and has a gap marked in their place. Effect-free; knows
// nothing of connections.
import type { NotificationResponse } from "@pgfx/protocol"
import type { StatementInfo } from "../../PostgresError.ts"
import type { ExchangeFailure } from "../exchange/Exchange.ts"

/** `gap`: something before this may have been missed. */
export interface ListeningMark {
  readonly _tag: "Listening"
  readonly gap: boolean
}
export type SubscriptionItem = ListeningMark | NotificationResponse

/** Why a subscription has ended. */
export type SubscriptionFailure = ExchangeFailure | { readonly _tag: "Behind"; readonly undelivered: number }

export interface SubscriptionOptions {
  readonly channel: string
  /** goes on after a loss, with a mark; otherwise it fails */
  readonly heals: boolean
  /** messages that are kept for it */
  readonly capacity: number
  /** for errors */
  readonly statement: StatementInfo
}

export class Subscription {
  readonly channel: string
  readonly heals: boolean
  readonly statement: StatementInfo
  private readonly capacity: number

  /** in effect, not yet taken; what is before `head` has been */
  private items: Array<SubscriptionItem> = []
  private head = 0
  /** came behind a LISTEN that is not yet confirmed: shown behind its mark */
  private early: Array<NotificationResponse> = []
  private messages = 0
  private listening = false
  /** something was missed since the last mark */
  private gap = false
  private failure: SubscriptionFailure | undefined = undefined
  private waiting: (() => void) | undefined = undefined

  constructor({ capacity, channel, heals, statement }: SubscriptionOptions) {
    this.channel = channel
    this.heals = heals
    // a NaN would be no limit
    this.capacity = capacity >= 1 ? capacity : 1
    this.statement = statement
  }

  /** It will take nothing more in. */
  get hasFailed(): boolean {
    return this.failure !== undefined
  }

  /** Why it ended, once everything that came before has been taken. */
  get ended(): SubscriptionFailure | undefined {
    return this.head === this.items.length ? this.failure : undefined
  }

  /** LISTEN is in effect: whatever is committed from now on comes. */
  confirmed(): void {
    if (this.failure !== undefined) return
    this.listening = true
    this.mark(this.gap)
    for (const notification of this.early) this.items.push(notification)
    this.early = []
    this.gap = false
    this.wake()
  }

  receive(notification: NotificationResponse): void {
    if (this.failure !== undefined) return
    if (this.messages >= this.capacity && !this.makeRoom()) return
    this.messages++
    if (this.listening) this.items.push(notification)
    else this.early.push(notification)
    this.wake()
  }

  /** The session is gone, and what is committed until the next one listens is missed. */
  lost(failure: ExchangeFailure): void {
    if (!this.heals) return this.fail(failure)
    this.gap ||= this.listening || this.early.length > 0
    this.listening = false
    // what is missing behind these comes before them: the mark stands for them too
    this.messages -= this.early.length
    this.early = []
  }

  fail(failure: SubscriptionFailure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.early = []
    this.wake()
  }

  /** All there is. */
  take(): ReadonlyArray<SubscriptionItem> {
    if (this.head === this.items.length) return []
    const taken = this.head === 0 ? this.items : this.items.slice(this.head)
    this.items = []
    this.head = 0
    this.messages = this.early.length
    return taken
  }

  /** Calls back once when there is something to take or it has ended: at once if there is. Answers what takes the callback back. */
  onChange(callback: () => void): () => void {
    this.waiting = callback
    if (this.head < this.items.length || this.failure !== undefined) this.wake()
    return () => {
      if (this.waiting === callback) this.waiting = undefined
    }
  }

  private wake(): void {
    const { waiting } = this
    if (waiting === undefined) return
    this.waiting = undefined
    waiting()
  }

  /** False: there is none, and the subscription has ended. */
  private makeRoom(): boolean {
    if (!this.heals) {
      this.fail({ _tag: "Behind", undelivered: this.messages })
      return false
    }
    this.messages--
    let at = this.head
    while (this.items[at]?._tag === "Listening") at++
    if (at < this.items.length) this.dropAt(at)
    else {
      // only early ones: the mark that is to come stands for what is dropped
      this.early.shift()
      this.gap = true
    }
    return true
  }

  /** The message and the marks around it become one mark. */
  private dropAt(at: number): void {
    this.head = this.items[at + 1]?._tag === "Listening" ? at + 1 : at
    this.items[this.head] = { _tag: "Listening", gap: true }
    if (this.head < this.capacity) return
    // the places of what was dropped are given back now and then
    this.items = this.items.slice(this.head)
    this.head = 0
  }

  /** Two in a row say no more than one. */
  private mark(gap: boolean): void {
    const last = this.head < this.items.length ? this.items.at(-1) : undefined
    if (last?._tag === "Listening") this.items[this.items.length - 1] = { _tag: "Listening", gap: gap || last.gap }
    else this.items.push({ _tag: "Listening", gap })
  }
}
