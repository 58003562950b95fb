// Rows of a stream between the socket and the consumer. They are decoded as they come; when more wait than the window holds, the consumer is
// told and the connection stops reading, so that the server waits: memory is bounded in bytes, however wide a row is.
import type { ColumnDescription, Rows } from "@pgfx/protocol"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import type { RowSink } from "./exchange/parts.ts"
import type { RowSource, StatementCall } from "./exchange/StatementRun.ts"
import type { RowReader } from "./rows/RowReader.ts"

/** Bytes of rows that may wait for the consumer, and that a batch is to fill. The row that exceeds it passes. */
export const windowBytes = 256 * 1024

export class StreamWindow<A, R> {
  /** where rows go, also those of a batch that fails in the middle: one per attempt */
  reader: RowReader<A, R> | undefined = undefined
  private waiting = 0
  private unbounded: boolean
  private wake: (() => void) | undefined = undefined
  private readonly dispatcher: Dispatcher

  /** `unbounded`: reading never stops within a batch. */
  constructor(dispatcher: Dispatcher, unbounded: boolean) {
    this.dispatcher = dispatcher
    this.unbounded = unbounded
  }

  get isFull(): boolean {
    return this.waiting > windowBytes && !this.unbounded
  }

  arrived(bytes: number): void {
    this.waiting += bytes
    if (!this.isFull) return
    this.dispatcher.pauseReading()
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  /** Calls back once it is full. Answers a function that takes the callback back. */
  onFull(callback: () => void): () => void {
    if (this.isFull) callback()
    else this.wake = callback
    return () => {
      this.wake = undefined
    }
  }

  /** The consumer has taken what there was. */
  emptied(): void {
    this.waiting = 0
    this.dispatcher.reading.resume()
  }

  /** Nobody wants what is still to come; it is read to its end all the same. */
  discard(): void {
    this.unbounded = true
    this.reader = undefined
    this.emptied()
  }

  /** The same statement, its rows counted on their way. */
  over(call: StatementCall<RowReader<A, R>>): StatementCall<WindowedRows<A, R>> {
    const { before, declared, describeFirst, identity, maxRows, named, parameters, portal, rows, sql } = call
    const counted = rows === undefined ? undefined : this.sourceOver(rows)
    return { before, declared, describeFirst, identity, maxRows, named, parameters, portal, rows: counted, sql }
  }

  private sourceOver(rows: RowSource<RowReader<A, R>>): RowSource<WindowedRows<A, R>> {
    return {
      prepare: (columns) => {
        const prepared = rows.prepare(columns)
        return { formats: prepared.formats, mismatch: prepared.mismatch, open: () => this.sinkOf(prepared.open()) }
      },
      open: () => this.sinkOf(rows.open())
    }
  }

  private sinkOf(reader: RowReader<A, R>): WindowedRows<A, R> {
    this.reader = reader
    return new WindowedRows(this, reader)
  }
}

export class WindowedRows<A, R> implements RowSink {
  readonly reader: RowReader<A, R>
  private readonly window: StreamWindow<A, R>
  constructor(window: StreamWindow<A, R>, reader: RowReader<A, R>) {
    this.window = window
    this.reader = reader
  }
  describe(columns: ReadonlyArray<ColumnDescription>): void {
    this.reader.describe(columns)
  }
  rows(run: Rows): void {
    if (this.window.reader !== this.reader) return
    this.reader.rows(run)
    this.window.arrived(run.end - run.offset)
  }
}
