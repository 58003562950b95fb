// Whose answer is it? Messages belong to the oldest unanswered request, except those that PostgreSQL sends on its own account. When nobody
// wants what was sent any more, it holds the rest back until that is over. How requests become bytes is the affair of Outgoing. Knows neither
// sockets nor Effect.
import {
  type BackendMessage,
  type ByteWriter,
  type NotificationResponse,
  ProtocolViolation,
  type ReportFields,
  Transcript,
  type TransactionStatus
} from "@pgfx/protocol"
import type { StatementInfo } from "../../PostgresError.ts"
import { Callbacks } from "./Callbacks.ts"
import { type CloseReason, type Exchange, isFatal, isLastWarning } from "./Exchange.ts"
import { PreparedStatements } from "../StatementCache.ts"
import { type ByteOutlets, Outgoing } from "./Outgoing.ts"
import { Reading } from "./Reading.ts"
import { ReportedSettings } from "./ReportedSettings.ts"
import { RequestQueue } from "./RequestQueue.ts"
import { SessionWatch } from "./SessionWatch.ts"

/** statements kept under a name per connection (engine design §5) */
const defaultPreparedLimit = 256

/** read_only_sql_transaction */
const readOnlyTransaction = "25006"

export interface DispatcherOutlets extends ByteOutlets {
  readonly notice: (fields: ReportFields) => void
  readonly notification: (notification: NotificationResponse) => void
  /** the queue has become empty: nothing is in flight */
  readonly idle: () => void
  /**
   * Everything that was sent is abandoned, and the answers are not complete: the moment at which a CancelRequest can hit nobody
   * innocent. Nothing more is written until `release`.
   */
  readonly allAbandoned: () => void
  /** A statement was refused because it writes (25006). Told once its answer is complete, when `parameters` say whose doing that is. */
  readonly writeRefused?: () => void
}

/** The server has said its last word, which is in `lastReport`. */
export class SessionEnded extends Error {
  override readonly name = "SessionEnded"
  constructor() {
    super("the server ended the session")
  }
}

export class Dispatcher {
  /** as told by the last ReadyForQuery */
  status: TransactionStatus = "I"
  closed: CloseReason | undefined = undefined
  /** the statements that this connection's server holds under a name */
  readonly prepared: PreparedStatements
  /** what the server said last without being asked, usually why it is about to close */
  lastReport: ReportFields | undefined = undefined
  /** what tells that the session is not what it was */
  readonly session = new SessionWatch()
  /** what its holder started last: for those who want to know what they wait for */
  latest: StatementInfo | undefined = undefined
  /** may be resumed by whoever takes what has come; only `pauseReading` stops it */
  readonly reading = new Reading()
  /** bytes that have come, counted by the reader: whether they still do tells a slow answer from none */
  bytesRead = 0

  /** the last messages of both sides, for the report of a violation */
  private readonly transcript = new Transcript()
  private readonly answers = new RequestQueue()
  private readonly outgoing: Outgoing
  /** sent, unanswered and wanted by somebody */
  private live = 0
  private held = false
  /** 25006 came, and the ReadyForQuery behind it has not yet */
  private refusedWrite = false
  /** of the requests whose answer is not complete */
  private bytesInFlight = 0
  private readonly reported = new ReportedSettings()
  private readonly whenReleased = new Callbacks()
  private readonly whenProgressed = new Callbacks()

  private readonly outlets: DispatcherOutlets
  constructor(outlets: DispatcherOutlets, preparedLimit = defaultPreparedLimit) {
    this.outlets = outlets
    this.prepared = new PreparedStatements(preparedLimit)
    this.outgoing = new Outgoing(outlets, this.flush)
  }

  /**
   * The last messages, oldest first, a line each in the form of libpq's `PQtrace`, without values and secrets. Of ours only what they were
   * for: they are written without ever being objects.
   */
  get recent(): ReadonlyArray<string> {
    return this.transcript.lines()
  }

  /** as told by ParameterStatus */
  get parameters(): ReadonlyMap<string, string> {
    return this.reported.values
  }

  /** Requests whose answer is not complete, those not yet written included. */
  get inFlight(): number {
    return this.answers.size + this.outgoing.size
  }

  /** Nothing is written: what was abandoned is being cancelled or drained. */
  get isHeld(): boolean {
    return this.held
  }

  /** Sent requests whose answer is not complete. */
  get unanswered(): number {
    return this.answers.size
  }

  /** Bytes of the sent requests whose answer is not complete. */
  get unansweredBytes(): number {
    return this.bytesInFlight
  }

  /** What tells that a statement has changed the session; `undefined`: nothing does. */
  get changedBy(): string | undefined {
    return this.session.evidence
  }

  /** Sent requests whose answers somebody waits for. */
  get wanted(): number {
    return this.live
  }

  /** Nobody wants the answer. What was not sent is not sent; what was sent is read to its end. */
  abandon(exchange: Exchange): void {
    if (exchange.abandoned) return
    exchange.abandoned = true
    if (!exchange.sent || exchange.complete) return
    this.live--
    this.reading.resume()
    this.holdIfAbandoned()
  }

  /**
   * Cancels what runs, though its answer is wanted: the deadline of a statement that is alone on the connection. Nothing more is written
   * until `release`.
   */
  cancelRunning(): void {
    if (this.answers.size === 0 || this.held || this.closed !== undefined) return
    this.held = true
    this.reading.resume()
    this.outlets.allAbandoned()
  }

  /**
   * What was submitted and not sent fails as on a connection that has ended: its owners find another one. Only where requests of several
   * owners meet; nothing was sent, so nobody hears of it.
   */
  giveBackUnsent(): void {
    for (let exchange = this.outgoing.shift(); exchange !== undefined; exchange = this.outgoing.shift()) {
      exchange.fail({ _tag: "ConnectionClosed", reason: { _tag: "Closed" }, sent: false })
    }
  }

  /** Ends the hold: recovery has seen every answer, and no cancel is on its way any more. */
  release(): void {
    if (!this.held) return
    this.held = false
    this.whenReleased.call()
    if (this.outgoing.size > 0) this.outgoing.schedule()
    else if (this.answers.size === 0) this.outlets.idle()
  }

  /**
   * Stops reading, if nobody but the head's consumer waits for anything: an answer behind it would not be read either, and both sides could
   * block; and what is cancelled or abandoned is to end soon. Whatever changes that resumes.
   */
  pauseReading(): void {
    if (this.closed !== undefined || this.held || this.inFlight !== 1 || this.answers.head?.abandoned === true) return
    this.reading.pause()
  }

  /** Bytes that were written and that the transport has not passed on yet. */
  get backlog(): number {
    return this.outlets.backlog()
  }

  /** Calls back when the transport can take more, or is gone. Answers a function that takes the callback back. */
  onDrained(callback: () => void): () => void {
    return this.outlets.onDrained(callback)
  }

  /** Calls back once no hold is in force, also when the connection ends. Answers a function that takes the callback back. */
  onReleased(callback: () => void): () => void {
    return this.whenReleased.add(callback, !this.held || this.closed !== undefined)
  }

  /** Calls back once one more sent request is answered, or there is none. Answers a function that takes the callback back. */
  onProgress(callback: () => void): () => void {
    return this.whenProgressed.add(callback, this.answers.size === 0)
  }

  submit(exchange: Exchange): void {
    if (this.closed !== undefined) {
      exchange.fail({ _tag: "ConnectionClosed", reason: this.closed, sent: false })
      return
    }
    exchange.reply = this.writeNow
    exchange.hasFollowers = this.hasFollowers
    this.outgoing.push(exchange)
    this.reading.resume()
    this.outgoing.schedule()
  }

  /** Encodes and writes what was submitted. Called by itself; callers that cannot wait a microtask may call it. */
  readonly flush = (): void => {
    if (!this.outgoing.beginFlush() || this.closed !== undefined || this.held) return
    while (this.outgoing.size > 0 && this.answers.last?.holdsLine !== true && !this.outgoing.isFull()) {
      const exchange = this.outgoing.shift()
      if (exchange !== undefined) this.send(exchange)
    }
    this.outgoing.write()
    if (this.inFlight === 0) this.outlets.idle()
  }

  private send(exchange: Exchange): void {
    if (!this.outgoing.encode(exchange)) return
    this.bytesInFlight += exchange.bytes
    this.live++
    this.transcript.note("F", exchange.name)
    this.answers.push(exchange)
    this.outgoing.writeIfLarge()
  }

  private readonly hasFollowers = (): boolean => this.answers.size > 1

  /** Bytes of an exchange that is already at the head: authentication, COPY data. */
  readonly writeNow = (encode: (writer: ByteWriter) => void): void => {
    if (this.closed !== undefined) return
    this.outgoing.writeNow(encode)
    // it may have ended what kept the others from being written
    if (this.outgoing.size > 0) this.outgoing.schedule()
  }

  /** Throws `ProtocolViolation` or `SessionEnded`; the caller then closes the connection with it. */
  dispatch(messages: ReadonlyArray<BackendMessage>): void {
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!
      this.transcript.add("B", message)
      switch (message._tag) {
        case "NoticeResponse":
          if (isLastWarning(message.fields)) this.lastReport = message.fields
          this.outlets.notice(message.fields)
          break
        case "NotificationResponse":
          this.outlets.notification(message)
          break
        case "ParameterStatus":
          this.reported.report(message.name, message.value, this.answers.head?.name ?? "idle")
          this.session.parameter(message.name, message.value)
          break
        case "CommandComplete":
          if (message.tag === "DISCARD ALL" || message.tag === "DEALLOCATE ALL") this.prepared.clear()
          this.session.completed(message.tag)
          this.answer(message)
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
    for (const queue of [this.answers, this.outgoing]) {
      let exchange = queue.shift()
      while (exchange !== undefined) {
        exchange.fail({ _tag: "ConnectionClosed", reason, sent: exchange.sent })
        exchange = queue.shift()
      }
    }
    this.reading.resume()
    this.whenProgressed.call()
    this.whenReleased.call()
  }

  private answer(message: BackendMessage): void {
    const head = this.answers.head
    // A report may come while nothing is asked: 57P01, 57P05, 25P03.
    if (message._tag === "ErrorResponse" && (head === undefined || isFatal(message.fields))) {
      this.lastReport = message.fields
    }
    if (message._tag === "ErrorResponse" && message.fields.code === readOnlyTransaction) this.refusedWrite = true
    if (message._tag === "ReadyForQuery") {
      this.status = message.status
      if (message.status === "I") this.session.atRest()
    }
    if (head !== undefined) {
      if (head.receive(message)) this.answered(head)
    } else if (message._tag !== "ErrorResponse") {
      throw new ProtocolViolation({ during: "idle", offset: -1, expected: "nothing", received: message._tag })
    }
    if (this.refusedWrite && message._tag === "ReadyForQuery") {
      this.refusedWrite = false
      this.outlets.writeRefused?.()
    }
    // FATAL ends the session, and the server closes the socket: nothing is sent there any more, and nothing that follows is believed.
    if (message._tag === "ErrorResponse" && isFatal(message.fields)) throw new SessionEnded()
  }

  private answered(head: Exchange): void {
    this.answers.shift()
    head.complete = true
    this.bytesInFlight -= head.bytes
    if (!head.abandoned) this.live--
    this.reading.resume()
    this.whenProgressed.call()
    if (this.answers.size > 0) return this.holdIfAbandoned()
    if (this.outgoing.size === 0 && !this.held) this.outlets.idle()
  }

  private holdIfAbandoned(): void {
    if (this.live > 0 || this.answers.size === 0 || this.held) return
    this.held = true
    this.outlets.allAbandoned()
  }
}
