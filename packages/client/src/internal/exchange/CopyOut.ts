// COPY TO STDOUT: one group whose Execute is answered by data. What arrives is kept for a consumer who takes it at his own pace; above the
// window nothing more is read from the connection, which is his alone. Runs point into the chunks they came in; whoever takes them owns them.
import { type BackendMessage, type ByteWriter, type CopyData, type CopyResponse, writeExecute } from "@pgfx/protocol"
import type { Dispatcher } from "./Dispatcher.ts"
import type { ExchangeFailure } from "./Exchange.ts"
import { Group, type GroupAnswer } from "./Group.ts"
import { bindText, ParseStatement, type Part, type Step } from "./parts.ts"
import type { Run } from "./Run.ts"

/** Undelivered bytes above which reading stops (engine design §14). */
const windowBytes = 256 * 1024

interface CopyOutTarget {
  begin(response: CopyResponse): void
  data(run: CopyData): void
  completed(tag: string): void
}

class ExecuteCopyOut implements Part {
  /** none but the one it takes */
  readonly mayAnswerCopy = false
  readonly takesCopyOut = true
  private expected: "CopyOutResponse" | "CopyData or CopyDone" | "CommandComplete" = "CopyOutResponse"

  private readonly target: CopyOutTarget
  constructor(target: CopyOutTarget) {
    this.target = target
  }
  encode(writer: ByteWriter): void {
    writeExecute(writer, "", 0)
  }
  receive(message: BackendMessage): Step {
    const { expected } = this
    if (message._tag === "CopyOutResponse" && expected === "CopyOutResponse") {
      this.expected = "CopyData or CopyDone"
      this.target.begin(message)
      return "more"
    }
    if (message._tag === "CopyData" && expected === "CopyData or CopyDone") {
      this.target.data(message)
      return "more"
    }
    if (message._tag === "CopyDone" && expected === "CopyData or CopyDone") {
      this.expected = "CommandComplete"
      return "more"
    }
    if (message._tag !== "CommandComplete" || expected !== "CommandComplete") return { expected }
    this.target.completed(message.tag)
    return "done"
  }
  skipped(): void {}
}

export class CopyOut implements Run, CopyOutTarget {
  /** how the server announced the data */
  response: CopyResponse | undefined = undefined
  /** how it ended; exactly one of the two is there */
  end: { readonly answer: GroupAnswer | undefined; readonly failure: ExchangeFailure | undefined } | undefined
  /** of the command, once it is complete */
  tag = ""
  private runs: Array<CopyData> = []
  private bytes = 0
  private wake: (() => void) | undefined = undefined
  private dispatcher: Dispatcher | undefined = undefined
  private unwanted = false
  private readonly group: Group

  /** `before`: what has to go in front of it in its group. */
  constructor(sql: string, before: ReadonlyArray<Part>) {
    const parts = [...before, new ParseStatement("", sql, []), bindText("", "", []), new ExecuteCopyOut(this)]
    this.group = new Group("COPY TO STDOUT", parts, (answer, failure) => {
      this.end = { answer, failure }
      this.notify()
    })
  }

  // ---- as a Run

  start(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    dispatcher.submit(this.group)
  }

  /** What still comes is thrown away. */
  discard(): void {
    this.unwanted = true
    this.take()
  }

  abandon(): void {
    this.discard()
    this.dispatcher?.abandon(this.group)
  }

  get isSent(): boolean {
    return this.group.sent
  }

  // ---- for the consumer

  /** What has come since the last time. */
  take(): ReadonlyArray<CopyData> {
    const { runs } = this
    this.runs = []
    this.bytes = 0
    this.dispatcher?.reading.resume()
    return runs
  }

  get isEmpty(): boolean {
    return this.runs.length === 0
  }

  /** Calls back once there is something to take, or the end. One waits at a time. Answers a function that takes the callback back. */
  onMore(callback: () => void): () => void {
    if (!this.isEmpty || this.end !== undefined) callback()
    else this.wake = callback
    return () => {
      if (this.wake === callback) this.wake = undefined
    }
  }

  // ---- for the exchange

  begin(response: CopyResponse): void {
    this.response = response
  }

  completed(tag: string): void {
    this.tag = tag
  }
  data(run: CopyData): void {
    if (this.unwanted) return
    this.runs.push(run)
    this.bytes += run.end - run.offset
    if (this.bytes >= windowBytes) this.dispatcher?.pauseReading()
    this.notify()
  }

  private notify(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
