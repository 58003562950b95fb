// What ends with one Sync and is answered by one ReadyForQuery: a list of parts, each a message or two with its answer. The server
// runs a group to its end or to the first error, and skips the rest; so does this exchange.
import { type BackendMessage, type ByteWriter, type TransactionStatus, writeSync } from "@pgfx/protocol"
import { Exchange, type ExchangeFailure } from "./Exchange.ts"
import type { Part } from "./parts.ts"

/** Exactly one of the two is there. */
export type Settle<A> = (answer: A | undefined, failure: ExchangeFailure | undefined) => void

export interface GroupAnswer {
  /** of the ReadyForQuery */
  readonly status: TransactionStatus
}

/** One of each is enough. */
const answers: Readonly<Record<TransactionStatus, GroupAnswer>> = {
  I: { status: "I" },
  T: { status: "T" },
  E: { status: "E" }
}

export class Group extends Exchange {
  readonly name: string
  private readonly parts: ReadonlyArray<Part>
  private readonly settle: Settle<GroupAnswer>
  private at = 0

  /** `name`: what a violation is reported as having happened during. */
  constructor(name: string, parts: ReadonlyArray<Part>, settle: Settle<GroupAnswer>) {
    super()
    this.name = name
    this.parts = parts
    this.settle = settle
  }

  encode(writer: ByteWriter): void {
    for (let i = 0; i < this.parts.length; i++) this.parts[i]!.encode(writer)
    writeSync(writer)
  }

  receive(message: BackendMessage): boolean {
    switch (message._tag) {
      case "ReadyForQuery":
        return this.receiveReady(message.status)
      case "ErrorResponse":
        // The answer to our CopyFail says nothing new. Any other second report is one too many.
        if (this.failure !== undefined && this.failure._tag !== "UnexpectedCopy")
          return this.unexpected(message, "ReadyForQuery")
        this.failure ??= { _tag: "Reported", fields: message.fields }
        this.skipRest()
        return false
      case "CopyOutResponse":
        if (this.failure === undefined && this.parts[this.at]?.takesCopyOut === true) return this.receivePart(message)
        return this.receiveCopy(message)
      case "CopyInResponse":
      case "CopyBothResponse":
        return this.receiveCopy(message)
      default:
        return this.receivePart(message)
    }
  }

  protected settleFailure(failure: ExchangeFailure): void {
    this.skipRest()
    this.settle(undefined, failure)
  }

  private receivePart(message: BackendMessage): boolean {
    const part = this.parts[this.at]
    if (this.failure !== undefined) {
      if (this.failure._tag === "UnexpectedCopy" && isCopyOut(message)) return false
      return this.unexpected(message, "ReadyForQuery")
    }
    if (part === undefined) return this.unexpected(message, "ReadyForQuery")
    const step = part.receive(message)
    if (step === "done") this.at++
    else if (step !== "more") return this.unexpected(message, step.expected)
    return false
  }

  /** COPY in answer to an ordinary request: the caller is told to use `Copy`, and the server is talked out of it. */
  private receiveCopy(message: BackendMessage): boolean {
    const part = this.parts[this.at]
    if (this.failure !== undefined || part === undefined || !part.mayAnswerCopy)
      return this.unexpected(message, "no COPY")
    this.failure = { _tag: "UnexpectedCopy" }
    this.skipRest()
    if (message._tag !== "CopyOutResponse") this.refuseCopy("extended")
    return false
  }

  private receiveReady(status: TransactionStatus): boolean {
    if (this.failure !== undefined) {
      this.settle(undefined, this.failure)
      return true
    }
    if (this.at < this.parts.length) {
      this.unexpected({ _tag: "ReadyForQuery", status }, "the answers to the whole group")
    }
    this.settle(answers[status], undefined)
    return true
  }

  /** Parts that will not run any more may have to give something back. */
  private skipRest(): void {
    for (; this.at < this.parts.length; this.at++) this.parts[this.at]!.skipped()
  }
}

/** What a COPY OUT sends after its response, read and thrown away. */
const isCopyOut = (message: BackendMessage): boolean =>
  message._tag === "CopyData" || message._tag === "CopyDone" || message._tag === "CommandComplete"
