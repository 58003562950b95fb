// The batches after the first of an open portal, and its end. Each batch is a group of its own, inside a transaction that
// keeps the portal open: so `statement_timeout` counts the server's work and not the consumer's pauses (measured).
import { type BackendMessage, type ByteWriter, writeClose, writeExecute, writeSync } from "@pgfx/protocol"
import { Exchange, type ExchangeFailure } from "./Exchange.ts"
import type { ExtendedAnswer, RowSink, Settle } from "./extendedQuery.ts"

export class FetchPortal extends Exchange {
  readonly name = "portal fetch"
  private complete = false
  /** absent while the portal is suspended */
  private tag: string | undefined = undefined

  private readonly portal: string
  private readonly maxRows: number
  private readonly sink: RowSink
  private readonly settle: Settle<ExtendedAnswer>
  constructor(portal: string, maxRows: number, sink: RowSink, settle: Settle<ExtendedAnswer>) {
    super()
    this.portal = portal
    this.maxRows = maxRows
    this.sink = sink
    this.settle = settle
  }

  encode(writer: ByteWriter): void {
    writeExecute(writer, this.portal, this.maxRows)
    writeSync(writer)
  }

  receive(message: BackendMessage): boolean {
    if (message._tag === "ReadyForQuery" && (this.complete || this.failure !== undefined)) {
      if (this.failure !== undefined) this.settle(undefined, this.failure)
      else this.settle({ tag: this.tag ?? "", status: message.status, suspended: this.tag === undefined }, undefined)
      return true
    }
    if (this.failure !== undefined) return this.unexpected(message, "ReadyForQuery")
    if (message._tag === "ErrorResponse") {
      this.failure = { _tag: "Reported", fields: message.fields }
      return false
    }
    if (this.complete) return this.unexpected(message, "ReadyForQuery")
    switch (message._tag) {
      case "Rows":
        this.sink.rows(message)
        return false
      case "CommandComplete":
        this.tag = message.tag
        this.complete = true
        return false
      case "PortalSuspended":
        this.complete = true
        return false
      default:
        return this.unexpected(message, "DataRow, CommandComplete or PortalSuspended")
    }
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.settle(undefined, failure)
  }
}

export class ClosePortal extends Exchange {
  readonly name = "portal close"
  private closed = false

  private readonly portal: string
  private readonly settle: Settle<true>
  constructor(portal: string, settle: Settle<true>) {
    super()
    this.portal = portal
    this.settle = settle
  }

  encode(writer: ByteWriter): void {
    writeClose(writer, "portal", this.portal)
    writeSync(writer)
  }

  receive(message: BackendMessage): boolean {
    if (message._tag === "ErrorResponse" && this.failure === undefined) {
      this.failure = { _tag: "Reported", fields: message.fields }
      return false
    }
    if (message._tag === "ReadyForQuery" && (this.closed || this.failure !== undefined)) {
      if (this.failure === undefined) this.settle(true, undefined)
      else this.settle(undefined, this.failure)
      return true
    }
    if (message._tag !== "CloseComplete" || this.closed) return this.unexpected(message, "CloseComplete")
    this.closed = true
    return false
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.settle(undefined, failure)
  }
}
