// The messages a group is made of, each with its own answer. A part is used once; what it learned stays on it.
import {
  type BackendMessage,
  type ByteWriter,
  type ColumnDescription,
  type FormatCode,
  frontendType,
  type Rows,
  writeBind,
  writeClose,
  writeDescribe,
  writeExecute,
  writeFormats,
  writeParse
} from "@pgfx/protocol"

/** `more`: the message was this part's, and others follow. An object: the message was not this part's. */
export type Step = "more" | "done" | { readonly expected: string }

export interface Part {
  encode(writer: ByteWriter): void
  receive(message: BackendMessage): Step
  /** an error came before this part was done: it has not run, or not to its end */
  skipped(): void
  readonly mayAnswerCopy: boolean
  /** the data of a COPY TO STDOUT is what it waits for */
  readonly takesCopyOut?: boolean
  /** of Parse: it was put into bytes */
  readonly written?: boolean
}

/** Where rows go. Its methods run on the reader's fiber, in order; they may throw `ProtocolViolation` and nothing else. */
export interface RowSink {
  /** once, before any row, unless the columns were known beforehand */
  describe(columns: ReadonlyArray<ColumnDescription>): void
  /** a run of frames; the bytes may be kept only as long as their chunk may be kept */
  rows(run: Rows): void
}

abstract class SimplePart implements Part {
  readonly mayAnswerCopy: boolean = false
  abstract encode(writer: ByteWriter): void
  abstract receive(message: BackendMessage): Step
  skipped(): void {}
}

export class ParseStatement extends SimplePart {
  written = false
  readonly statement: string
  private readonly sql: string
  private readonly types: ReadonlyArray<number>
  private readonly onEnd: ((parsed: boolean) => void) | undefined
  /** `onEnd` is told once whether the server has the statement now. */
  constructor(statement: string, sql: string, types: ReadonlyArray<number>, onEnd?: (parsed: boolean) => void) {
    super()
    this.statement = statement
    this.sql = sql
    this.types = types
    this.onEnd = onEnd
  }
  encode(writer: ByteWriter): void {
    writeParse(writer, this.statement, this.sql, this.types)
    this.written = true
  }
  receive(message: BackendMessage): Step {
    if (message._tag !== "ParseComplete") return { expected: "ParseComplete" }
    this.onEnd?.(true)
    return "done"
  }
  override skipped(): void {
    this.onEnd?.(false)
  }
}

/** What the server says about a statement. */
export class DescribeStatement extends SimplePart {
  parameterTypes: ReadonlyArray<number> | undefined = undefined
  /** absent: returns no rows */
  columns: ReadonlyArray<ColumnDescription> | undefined = undefined
  /** the whole description is there */
  done = false
  private readonly statement: string
  private readonly sink: RowSink | undefined
  constructor(statement: string, sink?: RowSink) {
    super()
    this.statement = statement
    this.sink = sink
  }
  encode(writer: ByteWriter): void {
    writeDescribe(writer, "statement", this.statement)
  }
  receive(message: BackendMessage): Step {
    if (this.parameterTypes === undefined) {
      if (message._tag !== "ParameterDescription") return { expected: "ParameterDescription" }
      this.parameterTypes = message.typeOids
      return "more"
    }
    if (message._tag !== "NoData" && message._tag !== "RowDescription") return { expected: "RowDescription or NoData" }
    this.done = true
    if (message._tag === "NoData") return "done"
    this.columns = message.columns
    this.sink?.describe(message.columns)
    return "done"
  }
}

export class DescribePortal extends SimplePart {
  columns: ReadonlyArray<ColumnDescription> | undefined = undefined
  private readonly portal: string
  private readonly sink: RowSink
  constructor(portal: string, sink: RowSink) {
    super()
    this.portal = portal
    this.sink = sink
  }
  encode(writer: ByteWriter): void {
    writeDescribe(writer, "portal", this.portal)
  }
  receive(message: BackendMessage): Step {
    if (message._tag === "NoData") return "done"
    if (message._tag !== "RowDescription") return { expected: "RowDescription or NoData" }
    this.columns = message.columns
    this.sink.describe(message.columns)
    return "done"
  }
}

/** none: all text */
export const allText: ReadonlyArray<FormatCode> = []

export abstract class BindPortal extends SimplePart {
  /** the server has begun with this request: from here on it is never repeated by the library */
  bound = false
  receive(message: BackendMessage): Step {
    if (message._tag !== "BindComplete") return { expected: "BindComplete" }
    this.bound = true
    return "done"
  }
}

/** The values of a Bind, in the types that the server inferred: `write` puts format codes and values, and may throw before it has begun. */
export interface BoundValues {
  readonly write: (out: ByteWriter) => void
}

export class BindValues extends BindPortal {
  private readonly portal: string
  private readonly statement: string
  private readonly values: BoundValues
  private readonly results: ReadonlyArray<FormatCode>
  constructor(portal: string, statement: string, values: BoundValues, results: ReadonlyArray<FormatCode>) {
    super()
    this.portal = portal
    this.statement = statement
    this.values = values
    this.results = results
  }
  encode(writer: ByteWriter): void {
    writer.beginMessage(frontendType.Bind, "Bind")
    writer.cString(this.portal, "portal")
    writer.cString(this.statement, "statement")
    this.values.write(writer)
    writeFormats(writer, this.results, "resultFormats")
    writer.endMessage()
  }
}

class BindText extends BindPortal {
  private readonly portal: string
  private readonly statement: string
  private readonly parameters: ReadonlyArray<Uint8Array | string | null>
  constructor(portal: string, statement: string, parameters: ReadonlyArray<Uint8Array | string | null>) {
    super()
    this.portal = portal
    this.statement = statement
    this.parameters = parameters
  }
  encode(writer: ByteWriter): void {
    const { parameters, portal, statement } = this
    writeBind(writer, { portal, statement, parameterFormats: allText, parameters, resultFormats: allText })
  }
}

/** A Bind whose parameters go as text and whose rows come as text: needs no knowledge of types. */
export const bindText = (
  portal: string,
  statement: string,
  parameters: ReadonlyArray<Uint8Array | string | null>
): BindPortal => new BindText(portal, statement, parameters)

export const always = (): boolean => true
export const never = (): boolean => false

export class ExecutePortal extends SimplePart {
  override readonly mayAnswerCopy = true
  /** as the server wrote it; `""` for an empty statement, and while the portal is suspended */
  tag = ""
  /** the portal has more rows */
  suspended = false
  /** rows received, and the bytes they came in */
  rows = 0
  bytes = 0
  private readonly portal: string
  private readonly maxRows: number
  private readonly sink: RowSink
  private readonly mayReturnRows: () => boolean
  /** `maxRows` 0: all. `mayReturnRows` is asked when a row comes: one that was described as NoData returns none. */
  constructor(portal: string, maxRows: number, sink: RowSink, mayReturnRows: () => boolean = always) {
    super()
    this.portal = portal
    this.maxRows = maxRows
    this.sink = sink
    this.mayReturnRows = mayReturnRows
  }
  encode(writer: ByteWriter): void {
    writeExecute(writer, this.portal, this.maxRows)
  }
  receive(message: BackendMessage): Step {
    switch (message._tag) {
      case "Rows":
        if (!this.mayReturnRows()) return { expected: "no row, as described" }
        this.rows += message.count
        this.bytes += message.end - message.offset
        this.sink.rows(message)
        return "more"
      case "CommandComplete":
        this.tag = message.tag
        return "done"
      case "EmptyQueryResponse":
        return "done"
      case "PortalSuspended":
        this.suspended = true
        return "done"
      default:
        return { expected: "DataRow, CommandComplete, EmptyQueryResponse or PortalSuspended" }
    }
  }
}

export class CloseTarget extends SimplePart {
  private readonly target: "statement" | "portal"
  private readonly targetName: string
  constructor(target: "statement" | "portal", targetName: string) {
    super()
    this.target = target
    this.targetName = targetName
  }
  encode(writer: ByteWriter): void {
    writeClose(writer, this.target, this.targetName)
  }
  receive(message: BackendMessage): Step {
    return message._tag === "CloseComplete" ? "done" : { expected: "CloseComplete" }
  }
}

/** Rows that nobody asked for. */
export const noRows: RowSink = { describe: () => undefined, rows: () => undefined }

/** One statement of the library itself inside a group: unnamed, its values as parameters, its rows thrown away. */
export const ownStatement = (sql: string, parameters: ReadonlyArray<string> = []): ReadonlyArray<Part> => [
  new ParseStatement("", sql, []),
  bindText("", "", parameters),
  new ExecutePortal("", 0, noRows)
]
