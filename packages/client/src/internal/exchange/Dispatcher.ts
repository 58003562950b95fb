// Whose answer is it? Requests go out in order and in one write per microtask; messages come in and belong to the oldest
// unanswered request, except those that PostgreSQL sends on its own account. Knows neither sockets nor Effect.
import {
  type BackendMessage,
  ByteWriter,
  type NotificationResponse,
  ProtocolViolation,
  type ReportFields,
  Transcript,
  type TransactionStatus
} from "@pgfx/protocol"
import type { StatementInfo } from "../../PostgresError.ts"
import { type CloseReason, type Exchange, isFatal, isLastWarning } from "./Exchange.ts"
import { PreparedStatements } from "../StatementCache.ts"
import { RequestQueue } from "./RequestQueue.ts"
import { SessionWatch } from "./SessionWatch.ts"

/** 64 KiB is one system call on loopback; above it waiting for the microtask only adds memory. */
const flushAtBytes = 64 * 1024

/** Handed over and not accepted by the transport: above it requests stay unsent, so they can still be given up (engine design §4). */
const highWaterBytes = 1024 * 1024

/** A server may announce any number of settings; a hostile one is kept from filling the memory (case F-20). */
const maxParameters = 256

/** statements kept under a name per connection (engine design §5) */
const defaultPreparedLimit = 256

/** read_only_sql_transaction */
const readOnlyTransaction = "25006"

export interface DispatcherOutlets {
  /** hands bytes to the transport, in order */
  readonly write: (bytes: Uint8Array) => void
  readonly notice: (fields: ReportFields) => void
  readonly notification: (notification: NotificationResponse) => void
  /** the queue has become empty: nothing is in flight */
  readonly idle: () => void
  /** bytes handed over that the transport has not passed on yet */
  readonly backlog: () => number
  /** calls back when it has passed on enough of them, or is gone; the function it answers takes the call back */
  readonly onDrained: (callback: () => void) => () => void
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
  /** as told by ParameterStatus */
  readonly parameters = new Map<string, string>()
  closed: CloseReason | undefined = undefined
  /** the statements that this connection's server holds under a name */
  readonly prepared: PreparedStatements
  /** what the server said last without being asked, usually why it is about to close */
  lastReport: ReportFields | undefined = undefined
  /** what tells that the session is not what it was */
  readonly session = new SessionWatch()
  /** what its holder started last: for those who want to know what they wait for */
  latest: StatementInfo | undefined = undefined
  /** bytes that have come, counted by the reader: whether they still do tells a slow answer from none */
  bytesRead = 0

  /** the last messages of both sides, for the report of a violation */
  private readonly transcript = new Transcript()
  private readonly answers = new RequestQueue()
  private readonly unsent = new RequestQueue()
  private readonly writer = new ByteWriter()
  private flushScheduled = false
  /** sent, unanswered and wanted by somebody */
  private live = 0
  private held = false
  private paused = false
  private whenReading: Array<() => void> = []
  /** 25006 came, and the ReadyForQuery behind it has not yet */
  private refusedWrite = false
  /** the transport has enough to do */
  private full = false
  /** of the requests whose answer is not complete */
  private bytesInFlight = 0
  private whenReleased: Array<() => void> = []
  private whenProgressed: Array<() => void> = []

  private readonly outlets: DispatcherOutlets
  constructor(outlets: DispatcherOutlets, preparedLimit = defaultPreparedLimit) {
    this.outlets = outlets
    this.prepared = new PreparedStatements(preparedLimit)
  }

  /**
   * The last messages, oldest first, a line each in the form of libpq's `PQtrace`, without values and secrets. Of ours only what they were
   * for: they are written without ever being objects.
   */
  get recent(): ReadonlyArray<string> {
    return this.transcript.lines()
  }

  /** Requests whose answer is not complete, those not yet written included. */
  get inFlight(): number {
    return this.answers.size + this.unsent.size
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
    if (this.paused) this.resumeReading()
    this.holdIfAbandoned()
  }

  /**
   * Cancels what runs, though its answer is wanted: the deadline of a statement that is alone on the connection. Nothing more is written
   * until `release`.
   */
  cancelRunning(): void {
    if (this.answers.size === 0 || this.held || this.closed !== undefined) return
    this.held = true
    if (this.paused) this.resumeReading()
    this.outlets.allAbandoned()
  }

  /**
   * What was submitted and not sent fails as on a connection that has ended: its owners find another one. Only where requests of several
   * owners meet; nothing was sent, so nobody hears of it.
   */
  giveBackUnsent(): void {
    for (let exchange = this.unsent.shift(); exchange !== undefined; exchange = this.unsent.shift()) {
      exchange.fail({ _tag: "ConnectionClosed", reason: { _tag: "Closed" }, sent: false })
    }
  }

  /** Ends the hold: recovery has seen every answer, and no cancel is on its way any more. */
  release(): void {
    if (!this.held) return
    this.held = false
    for (const callback of this.whenReleased.splice(0)) callback()
    if (this.unsent.size > 0) this.scheduleFlush()
    else if (this.answers.size === 0) this.outlets.idle()
  }

  /** Nothing more is to be read for now: the head's consumer has as much as it can hold. */
  get isPaused(): boolean {
    return this.paused
  }

  /**
   * Stops reading, if nobody but the head's consumer waits for anything: an answer behind it would not be read either, and both sides could
   * block; and what is cancelled or abandoned is to end soon. Whatever changes that resumes.
   */
  pauseReading(): void {
    if (this.closed !== undefined || this.held || this.inFlight !== 1 || this.answers.head?.abandoned === true) return
    this.paused = true
  }

  resumeReading(): void {
    this.paused = false
    for (const callback of this.whenReading.splice(0)) callback()
  }

  /** Calls back once reading may go on. Answers a function that takes the callback back. */
  onReading(callback: () => void): () => void {
    return this.once(this.whenReading, !this.paused, callback)
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
    return this.once(this.whenReleased, !this.held || this.closed !== undefined, callback)
  }

  /** Calls back once one more sent request is answered, or there is none. Answers a function that takes the callback back. */
  onProgress(callback: () => void): () => void {
    return this.once(this.whenProgressed, this.answers.size === 0, callback)
  }

  submit(exchange: Exchange): void {
    if (this.closed !== undefined) {
      exchange.fail({ _tag: "ConnectionClosed", reason: this.closed, sent: false })
      return
    }
    exchange.reply = this.writeNow
    exchange.hasFollowers = this.hasFollowers
    this.unsent.push(exchange)
    if (this.paused) this.resumeReading()
    this.scheduleFlush()
  }

  /** Encodes and writes what was submitted. Called by itself; callers that cannot wait a microtask may call it. */
  readonly flush = (): void => {
    this.flushScheduled = false
    if (this.closed !== undefined || this.held || this.full) return
    while (this.unsent.size > 0 && this.answers.last?.holdsLine !== true && !this.isFull()) {
      const exchange = this.unsent.shift()
      if (exchange !== undefined) this.send(exchange)
    }
    this.writeOut()
    if (this.inFlight === 0) this.outlets.idle()
  }

  private send(exchange: Exchange): void {
    const mark = this.writer.mark()
    const before = this.writer.size
    try {
      if (exchange.abandoned) return exchange.fail({ _tag: "Abandoned" })
      exchange.encode(this.writer)
    } catch (error) {
      this.writer.rewind(mark)
      return exchange.fail({ _tag: "NotEncoded", error })
    }
    exchange.sent = true
    exchange.bytes = this.writer.size - before
    this.bytesInFlight += exchange.bytes
    this.live++
    this.transcript.note("F", exchange.name)
    this.answers.push(exchange)
    if (this.writer.size >= flushAtBytes) this.writeOut()
  }

  private readonly hasFollowers = (): boolean => this.answers.size > 1

  /** Bytes of an exchange that is already at the head: authentication, COPY data. */
  readonly writeNow = (encode: (writer: ByteWriter) => void): void => {
    if (this.closed !== undefined) return
    encode(this.writer)
    this.writeOut()
    // it may have ended what kept the others from being written
    if (this.unsent.size > 0) this.scheduleFlush()
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
          if (message.name === "client_encoding") this.judgeEncoding(message.value)
          if (this.parameters.size < maxParameters || this.parameters.has(message.name)) {
            this.parameters.set(message.name, message.value)
          }
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
    for (const queue of [this.answers, this.unsent]) {
      let exchange = queue.shift()
      while (exchange !== undefined) {
        exchange.fail({ _tag: "ConnectionClosed", reason, sent: exchange.sent })
        exchange = queue.shift()
      }
    }
    this.resumeReading()
    for (const callback of [...this.whenProgressed.splice(0), ...this.whenReleased.splice(0)]) callback()
  }

  /** Our decoders read UTF-8 and nothing else: a text in another encoding would be another text, and nobody would notice. */
  private judgeEncoding(encoding: string): void {
    // what a session begins with is the start-up's affair
    if (encoding === "UTF8" || this.parameters.get("client_encoding") !== "UTF8") return
    const during = this.answers.head?.name ?? "idle"
    const received = `client_encoding ${encoding}`
    throw new ProtocolViolation({ during, offset: -1, expected: "client_encoding UTF8", received })
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
    if (this.paused) this.resumeReading()
    for (const callback of this.whenProgressed.splice(0)) callback()
    if (this.answers.size > 0) return this.holdIfAbandoned()
    if (this.unsent.size === 0 && !this.held) this.outlets.idle()
  }

  private holdIfAbandoned(): void {
    if (this.live > 0 || this.answers.size === 0 || this.held) return
    this.held = true
    this.outlets.allAbandoned()
  }

  private once(callbacks: Array<() => void>, already: boolean, callback: () => void): () => void {
    if (already) {
      callback()
      return () => undefined
    }
    callbacks.push(callback)
    return () => {
      const index = callbacks.indexOf(callback)
      if (index >= 0) callbacks.splice(index, 1)
    }
  }

  /** True: writing goes on by itself when the transport has passed on enough. */
  private isFull(): boolean {
    if (this.outlets.backlog() <= highWaterBytes) return false
    this.full = true
    this.outlets.onDrained(() => {
      this.full = false
      this.flush()
    })
    return true
  }

  private scheduleFlush(): void {
    if (this.flushScheduled || this.full) return
    this.flushScheduled = true
    queueMicrotask(this.flush)
  }

  private writeOut(): void {
    if (this.writer.size === 0) return
    for (const chunk of this.writer.take()) this.outlets.write(chunk)
  }
}
