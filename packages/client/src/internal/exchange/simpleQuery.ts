// A script by the simple protocol: any number of statements, each with its own answer, one ReadyForQuery at the end.
import { type BackendMessage, type ByteWriter, type ReportFields, writeQuery } from "@pgfx/protocol"
import { Exchange, type ExchangeFailure } from "./Exchange.ts"
import type { Settle } from "./Group.ts"
import type { RowSink } from "./parts.ts"

/** What became of each statement of the script, in order, up to the one that failed. */
export interface ScriptAnswer {
  readonly tags: ReadonlyArray<string>
}

export interface ScriptRequest {
  readonly sql: string
  /** a fresh sink for each statement that returns rows, by index of the statement */
  readonly sink: (statement: number) => RowSink
}

/** What the statements before it did is there to stay. */
const endsForGood = (tag: string): boolean => tag === "COMMIT" || tag === "PREPARE TRANSACTION"

type Phase = "between" | "rows" | "copy" | "failed"

export class SimpleQuery extends Exchange {
  readonly name = "simple query"
  private phase: Phase = "between"
  private readonly tags: Array<string> = []
  private sink: RowSink | undefined = undefined

  private readonly request: ScriptRequest
  private readonly settle: Settle<ScriptAnswer>
  constructor(request: ScriptRequest, settle: Settle<ScriptAnswer>) {
    super()
    this.request = request
    this.settle = settle
  }

  encode(writer: ByteWriter): void {
    writeQuery(writer, this.request.sql)
  }

  receive(message: BackendMessage): boolean {
    if (message._tag === "ErrorResponse") return this.report(message.fields)
    switch (this.phase) {
      case "between":
        return this.receiveBetween(message)
      case "rows":
        if (message._tag === "Rows") {
          this.sink?.rows(message)
          return false
        }
        if (message._tag !== "CommandComplete") return this.unexpected(message, "DataRow or CommandComplete")
        return this.endStatement(message.tag)
      case "copy":
        if (message._tag === "CopyData" || message._tag === "CopyDone") return false
        if (message._tag !== "CommandComplete") return this.unexpected(message, "CopyData, CopyDone or CommandComplete")
        return this.endStatement(message.tag)
      case "failed":
        return this.receiveReady(message)
    }
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.settle(undefined, failure)
  }

  private receiveBetween(message: BackendMessage): boolean {
    switch (message._tag) {
      case "RowDescription":
        this.sink = this.request.sink(this.tags.length)
        this.sink.describe(message.columns)
        this.phase = "rows"
        return false
      case "CommandComplete":
        return this.endStatement(message.tag)
      case "EmptyQueryResponse":
        return this.endStatement("")
      case "CopyInResponse":
        this.failure = { _tag: "UnexpectedCopy" }
        this.phase = "failed"
        this.refuseCopy("simple")
        return false
      case "CopyOutResponse":
        this.failure = { _tag: "UnexpectedCopy" }
        this.phase = "copy"
        return false
      default:
        return this.receiveReady(message)
    }
  }

  private endStatement(tag: string): boolean {
    this.tags.push(tag)
    this.sink = undefined
    this.phase = "between"
    return false
  }

  /** The simple protocol stops at the first error; the one that answers our CopyFail is ours and says nothing new. */
  private report(fields: ReportFields): boolean {
    this.failure ??= { _tag: "Reported", fields, ...(this.tags.some(endsForGood) ? { ran: "part" } : {}) }
    this.phase = "failed"
    return false
  }

  private receiveReady(message: BackendMessage): boolean {
    if (message._tag !== "ReadyForQuery") return this.unexpected(message, "the answer to a statement, or ReadyForQuery")
    // Even an empty text is answered with EmptyQueryResponse: this one is not the answer to ours (case Q-3).
    if (this.failure === undefined && this.tags.length === 0)
      return this.unexpected(message, "the answer to a statement")
    if (this.failure === undefined) this.settle({ tags: this.tags }, undefined)
    else this.settle(undefined, this.failure)
    return true
  }
}
