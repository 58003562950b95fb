// Rows of a statement that nobody has seen before: their types may be unknown until the catalogue was asked, which cannot happen before
// the group has ended. Until then the runs are kept as they came.
import type { ColumnDescription, Rows } from "@pgfx/protocol"
import type { TypeStore } from "../TypeStore.ts"
import type { RowSink } from "./parts.ts"

export class LateRows<Sink extends RowSink> implements RowSink {
  sink: Sink | undefined = undefined
  /** to be asked for before `replay` */
  missing: ReadonlyArray<number> = []
  private columns: ReadonlyArray<ColumnDescription> = []
  private readonly runs: Array<Rows> = []

  private readonly open: () => Sink
  private readonly types: TypeStore
  constructor(open: () => Sink, types: TypeStore) {
    this.open = open
    this.types = types
  }

  describe(columns: ReadonlyArray<ColumnDescription>): void {
    this.columns = columns
    this.missing = this.types.missing(columns.map((column) => column.typeOid))
    if (this.missing.length === 0) this.begin()
  }

  rows(run: Rows): void {
    if (this.sink === undefined) this.runs.push(run)
    else this.sink.rows(run)
  }

  /** Hands over what was kept; the types are as known as they will be. */
  replay(): void {
    if (this.sink !== undefined) return
    const sink = this.begin()
    for (const run of this.runs.splice(0)) sink.rows(run)
  }

  private begin(): Sink {
    const sink = this.open()
    this.sink = sink
    sink.describe(this.columns)
    return sink
  }
}
