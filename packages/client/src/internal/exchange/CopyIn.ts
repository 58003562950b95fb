// COPY FROM STDIN by the extended protocol: the statement and Flush, then data, then CopyDone and Sync. Sync does not go earlier: inside
// COPY the server swallows it, and a second one is needed (measured). Until Sync is written nobody else's bytes may follow. Knows nothing of
// what the data is.
import {
  type BackendMessage,
  type ByteWriter,
  type CopyResponse,
  type TransactionStatus,
  writeBind,
  writeCopyDone,
  writeCopyFail,
  writeExecute,
  writeFlush,
  writeParse,
  writeSync
} from "@pgfx/protocol"
import type { Dispatcher } from "./Dispatcher.ts"
import { Exchange, type ExchangeFailure, isFatal } from "./Exchange.ts"
import type { Settle } from "./Group.ts"
import type { Run } from "./Run.ts"

export interface CopyInAnswer {
  readonly tag: string
  readonly status: TransactionStatus
}

export interface CopyInEvents {
  /** the server waits for data */
  readonly ready: (response: CopyResponse) => void
  readonly settle: Settle<CopyInAnswer>
}

/** what comes next from the server */
type Phase = "ParseComplete" | "BindComplete" | "CopyInResponse" | "nothing" | "CommandComplete" | "ReadyForQuery"

/** Never the failure itself: it may hold values, and the server writes this to its log. */
const whyFailed = "pgfx: the source of the data failed or was interrupted"

export class CopyIn extends Exchange implements Run {
  readonly name = "COPY FROM STDIN"
  private phase: Phase = "ParseComplete"
  private dispatcher: Dispatcher | undefined = undefined
  private tag = ""

  private readonly sql: string
  private readonly events: CopyInEvents
  /** its messages, if all data is there already: then they travel with the statement */
  private readonly data: ReadonlyArray<Uint8Array> | undefined
  constructor(sql: string, events: CopyInEvents, data?: ReadonlyArray<Uint8Array>) {
    super()
    this.data = data
    this.sql = sql
    this.events = events
  }

  // ---- as a Run

  start(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    dispatcher.submit(this)
  }

  /** Tells the server that there will be no more, and that what came is not to be stored. */
  abandon(): void {
    if (this.takesData) this.refuseRest()
    this.dispatcher?.abandon(this)
  }

  get isSent(): boolean {
    return this.sent
  }

  // ---- data

  /** Whole CopyData messages. Nothing is written once the server has said that it takes no more. */
  write(encode: (writer: ByteWriter) => void): void {
    if (this.takesData) this.reply(encode)
  }

  get takesData(): boolean {
    return this.phase === "nothing"
  }

  /** Everything was sent: whatever happens now, it may be stored. */
  get isFinishing(): boolean {
    return this.phase === "CommandComplete"
  }

  /** The data is complete with what `last` writes; all of it goes in one write. */
  finish(last: (writer: ByteWriter) => void): void {
    if (!this.takesData) return
    this.phase = "CommandComplete"
    this.endWriting((writer) => {
      last(writer)
      writeCopyDone(writer)
    })
  }

  private refuseRest(): void {
    this.failure ??= { _tag: "Abandoned" }
    this.endWriting((writer) => writeCopyFail(writer, whyFailed))
    this.phase = "ReadyForQuery"
  }

  private endWriting(encode?: (writer: ByteWriter) => void): void {
    if (!this.holdsLine) return
    this.holdsLine = false
    this.reply((writer) => {
      encode?.(writer)
      writeSync(writer)
    })
  }

  // ---- as an Exchange

  encode(writer: ByteWriter): void {
    writeParse(writer, "", this.sql, [])
    writeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] })
    writeExecute(writer, "", 0)
    if (this.data === undefined) {
      writeFlush(writer)
      this.holdsLine = true
      return
    }
    for (const bytes of this.data) writer.bytes(bytes)
    writeCopyDone(writer)
    writeSync(writer)
  }

  receive(message: BackendMessage): boolean {
    if (message._tag === "ErrorResponse") {
      // One report ends a COPY, that of a deferred constraint even behind CommandComplete; the one that answers our CopyFail says nothing new.
      if (this.failure?._tag === "Reported") return this.wrong(message)
      this.failure ??= { _tag: "Reported", fields: message.fields }
      this.phase = "ReadyForQuery"
      if (!isFatal(message.fields)) this.endWriting()
      return false
    }
    if (message._tag !== this.phase) return this.wrong(message)
    switch (message._tag) {
      case "ParseComplete":
        this.phase = "BindComplete"
        return false
      case "BindComplete":
        this.phase = "CopyInResponse"
        return false
      case "CopyInResponse":
        if (this.data !== undefined) {
          this.phase = "CommandComplete"
          return false
        }
        this.phase = "nothing"
        if (this.abandoned) this.refuseRest()
        else this.events.ready(message)
        return false
      case "CommandComplete":
        this.tag = message.tag
        this.phase = "ReadyForQuery"
        return false
      case "ReadyForQuery":
        if (this.failure === undefined) this.events.settle({ tag: this.tag, status: message.status }, undefined)
        else this.events.settle(undefined, this.failure)
        return true
      default:
        return this.wrong(message)
    }
  }

  private wrong(message: BackendMessage): never {
    return this.unexpected(message, this.phase === "nothing" ? "nothing, or an error" : this.phase)
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.holdsLine = false
    this.phase = "ReadyForQuery"
    this.events.settle(undefined, failure)
  }
}
