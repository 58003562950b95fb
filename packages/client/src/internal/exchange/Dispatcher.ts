// Whose answer is it? Requests go out in order and in one write per microtask; messages come in and belong to the oldest
// unanswered request, except those that PostgreSQL sends on its own account. Knows neither sockets nor Effect.
import {
  type BackendMessage,
  ByteWriter,
  type NotificationResponse,
  ProtocolViolation,
  type ReportFields,
  type TransactionStatus
} from "@pgfx/protocol"
import type { CloseReason, Exchange } from "./Exchange.ts"
import { RequestQueue } from "./RequestQueue.ts"

/** 64 KiB is one system call on loopback; above it waiting for the microtask only adds memory. */
const flushAtBytes = 64 * 1024

/** A server may announce any number of settings; a hostile one is kept from filling the memory (case F-20). */
const maxParameters = 256

/** messages that the report of a violation shows */
const historyLength = 20

export interface DispatcherOutlets {
  /** hands bytes to the transport, in order */
  readonly write: (bytes: Uint8Array) => void
  readonly notice: (fields: ReportFields) => void
  readonly notification: (notification: NotificationResponse) => void
  /** the queue has become empty: nothing is in flight */
  readonly idle: () => void
}

export class Dispatcher {
  /** as told by the last ReadyForQuery */
  status: TransactionStatus = "I"
  /** as told by ParameterStatus */
  readonly parameters = new Map<string, string>()
  closed: CloseReason | undefined = undefined
  /** what the server said last without being asked, usually why it is about to close */
  lastReport: ReportFields | undefined = undefined

  /** the last messages of both sides by name, for the report of a violation */
  private readonly history: Array<string> = []
  private readonly answers = new RequestQueue()
  private readonly unsent = new RequestQueue()
  private readonly writer = new ByteWriter()
  private flushScheduled = false

  private readonly outlets: DispatcherOutlets
  constructor(outlets: DispatcherOutlets) {
    this.outlets = outlets
  }

  /** What was said last, oldest first: `F` from us, `B` from the server. */
  get recent(): ReadonlyArray<string> {
    return this.history.slice(-historyLength)
  }

  /** Requests whose answer is not complete, those not yet written included. */
  get inFlight(): number {
    return this.answers.size + this.unsent.size
  }

  submit(exchange: Exchange): void {
    if (this.closed !== undefined) {
      exchange.fail({ _tag: "ConnectionClosed", reason: this.closed, sent: false })
      return
    }
    exchange.reply = this.writeNow
    this.unsent.push(exchange)
    if (!this.flushScheduled) {
      this.flushScheduled = true
      queueMicrotask(this.flush)
    }
  }

  /** Encodes and writes what was submitted. Called by itself; callers that cannot wait a microtask may call it. */
  readonly flush = (): void => {
    this.flushScheduled = false
    if (this.closed !== undefined) return
    let exchange = this.unsent.shift()
    while (exchange !== undefined) {
      const mark = this.writer.mark()
      try {
        exchange.encode(this.writer)
      } catch (error) {
        this.writer.rewind(mark)
        exchange.fail({ _tag: "NotEncoded", error })
        exchange = this.unsent.shift()
        continue
      }
      exchange.sent = true
      this.remember("F", exchange.name)
      this.answers.push(exchange)
      if (this.writer.size >= flushAtBytes) this.writeOut()
      exchange = this.unsent.shift()
    }
    this.writeOut()
    if (this.answers.size === 0) this.outlets.idle()
  }

  /** Bytes of an exchange that is already at the head: authentication, COPY data. */
  readonly writeNow = (encode: (writer: ByteWriter) => void): void => {
    if (this.closed !== undefined) return
    encode(this.writer)
    this.writeOut()
  }

  /** Throws `ProtocolViolation`; the caller then closes the connection with it. */
  dispatch(messages: ReadonlyArray<BackendMessage>): void {
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!
      this.remember("B", message._tag)
      switch (message._tag) {
        case "NoticeResponse":
          this.outlets.notice(message.fields)
          break
        case "NotificationResponse":
          this.outlets.notification(message)
          break
        case "ParameterStatus":
          if (this.parameters.size < maxParameters || this.parameters.has(message.name)) {
            this.parameters.set(message.name, message.value)
          }
          break
        default:
          this.answer(message)
      }
    }
  }

  /** Ends the conversation: everything in flight settles now. Later calls change nothing. */
  close(reason: CloseReason): void {
    if (this.closed !== undefined) return
    this.closed = reason
    for (const queue of [this.answers, this.unsent]) {
      let exchange = queue.shift()
      while (exchange !== undefined) {
        exchange.fail({ _tag: "ConnectionClosed", reason, sent: exchange.sent })
        exchange = queue.shift()
      }
    }
  }

  private answer(message: BackendMessage): void {
    const head = this.answers.head
    if (head === undefined) {
      // A FATAL report may come at any time (57P01, 57P05, 25P03); the close of the socket follows it.
      if (message._tag !== "ErrorResponse") {
        throw new ProtocolViolation({ during: "idle", offset: -1, expected: "nothing", received: message._tag })
      }
      this.lastReport = message.fields
      return
    }
    if (message._tag === "ErrorResponse" && message.fields.severityNonLocalized !== "ERROR")
      this.lastReport = message.fields
    if (message._tag === "ReadyForQuery") this.status = message.status
    if (head.receive(message)) {
      this.answers.shift()
      if (this.answers.size === 0 && this.unsent.size === 0) this.outlets.idle()
    }
  }

  /** Trimmed now and then rather than shifted each time: this runs per message. */
  private remember(side: "F" | "B", what: string): void {
    if (this.history.push(`${side} ${what}`) > historyLength * 8) this.history.splice(0, historyLength * 7)
  }

  private writeOut(): void {
    if (this.writer.size === 0) return
    for (const chunk of this.writer.take()) this.outlets.write(chunk)
  }
}
