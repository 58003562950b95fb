// One statement by the extended protocol, in one group: Parse Describe Bind Execute Sync, answered by one ReadyForQuery.
// The statement is unnamed and its parameters travel as text, so that a statement nobody has seen before costs one flight.
import {
  type BackendMessage,
  type ByteWriter,
  type ColumnDescription,
  type FormatCode,
  type Rows,
  type TransactionStatus,
  writeBind,
  writeCopyFail,
  writeDescribe,
  writeExecute,
  writeParse,
  writeSync
} from "@pgfx/protocol"
import { Exchange, type ExchangeFailure } from "./Exchange.ts"

/** Where rows go. Its methods run on the reader's fiber, in order; what they throw is theirs and must not reach the engine. */
export interface RowSink {
  /** once, before any row; absent columns mean a statement that returns none */
  describe(columns: ReadonlyArray<ColumnDescription>): void
  /** a run of frames; the bytes may be kept only as long as their chunk may be kept */
  rows(run: Rows): void
}

export interface ExtendedRequest {
  readonly sql: string
  /** declared parameter types, 0 where the server is to infer */
  readonly parameterTypes: ReadonlyArray<number>
  /** text format */
  readonly parameters: ReadonlyArray<Uint8Array | string | null>
  readonly sink: RowSink
  /** portal name, `""` unless more rows will be fetched later */
  readonly portal: string
  /** 0: all */
  readonly maxRows: number
}

export interface ExtendedAnswer {
  /** as the server wrote it; `""` for an empty statement, and while the portal is suspended */
  readonly tag: string
  /** of the ReadyForQuery that settled it */
  readonly status: TransactionStatus
  /** the portal has more rows */
  readonly suspended: boolean
}

/** an absent list means text for every value */
const allText: ReadonlyArray<FormatCode> = []

export type Settle<A> = (answer: A | undefined, failure: ExchangeFailure | undefined) => void

type Phase = "parse" | "parameters" | "columns" | "bind" | "rows" | "copy" | "ready" | "failed"

export class ExtendedQuery extends Exchange {
  readonly name = "extended query"
  private phase: Phase = "parse"
  private tag = ""
  private suspended = false

  private readonly request: ExtendedRequest
  private readonly settle: Settle<ExtendedAnswer>
  constructor(request: ExtendedRequest, settle: Settle<ExtendedAnswer>) {
    super()
    this.request = request
    this.settle = settle
  }

  encode(writer: ByteWriter): void {
    const { maxRows, parameterTypes, parameters, portal, sql } = this.request
    writeParse(writer, "", sql, parameterTypes)
    writeDescribe(writer, "statement", "")
    writeBind(writer, {
      portal,
      statement: "",
      parameterFormats: allText,
      parameters,
      resultFormats: allText
    })
    writeExecute(writer, portal, maxRows)
    writeSync(writer)
  }

  receive(message: BackendMessage): boolean {
    if (message._tag === "ErrorResponse" && this.phase !== "failed" && this.phase !== "ready") {
      this.failure ??= { _tag: "Reported", fields: message.fields }
      this.phase = "failed"
      return false
    }
    switch (this.phase) {
      case "parse":
        if (message._tag !== "ParseComplete") return this.unexpected(message, "ParseComplete")
        this.phase = "parameters"
        return false
      case "parameters":
        if (message._tag !== "ParameterDescription") return this.unexpected(message, "ParameterDescription")
        this.phase = "columns"
        return false
      case "columns":
        if (message._tag === "RowDescription") this.request.sink.describe(message.columns)
        else if (message._tag !== "NoData") return this.unexpected(message, "RowDescription or NoData")
        this.phase = "bind"
        return false
      case "bind":
        if (message._tag !== "BindComplete") return this.unexpected(message, "BindComplete")
        this.phase = "rows"
        return false
      case "rows":
        return this.receiveRows(message)
      case "copy":
        if (message._tag === "CopyData") return false
        if (message._tag !== "CopyDone") return this.unexpected(message, "CopyData or CopyDone")
        this.phase = "rows"
        return false
      case "ready":
        // A deferred constraint fails after CommandComplete: the statement commits at Sync.
        if (message._tag === "ErrorResponse") {
          this.failure = { _tag: "Reported", fields: message.fields }
          this.phase = "failed"
          return false
        }
        return this.receiveReady(message)
      case "failed":
        // The server's answer to our CopyFail, and nothing else, comes as a second report.
        if (message._tag === "ErrorResponse" && this.failure?._tag === "UnexpectedCopy") return false
        return this.receiveReady(message)
    }
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.settle(undefined, failure)
  }

  private receiveReady(message: BackendMessage): boolean {
    if (message._tag !== "ReadyForQuery") return this.unexpected(message, "ReadyForQuery")
    if (this.failure === undefined)
      this.settle({ tag: this.tag, status: message.status, suspended: this.suspended }, undefined)
    else this.settle(undefined, this.failure)
    return true
  }

  private receiveRows(message: BackendMessage): boolean {
    switch (message._tag) {
      case "Rows":
        this.request.sink.rows(message)
        return false
      case "CommandComplete":
        this.tag = message.tag
        this.phase = "ready"
        return false
      case "EmptyQueryResponse":
        this.phase = "ready"
        return false
      case "PortalSuspended":
        this.suspended = true
        this.phase = "ready"
        return false
      case "CopyInResponse":
        // The Sync behind Execute was swallowed by COPY; a second one is needed (engine design, §10).
        this.failure = { _tag: "UnexpectedCopy" }
        this.phase = "failed"
        this.reply((writer) => {
          writeCopyFail(writer, "pgfx: COPY FROM STDIN belongs in Copy.in")
          writeSync(writer)
        })
        return false
      case "CopyOutResponse":
        this.failure = { _tag: "UnexpectedCopy" }
        this.phase = "copy"
        return false
      default:
        return this.unexpected(message, "DataRow, CommandComplete, EmptyQueryResponse or PortalSuspended")
    }
  }
}
