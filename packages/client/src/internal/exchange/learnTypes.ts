// Asks the catalogue what unknown types are, on the connection that has met them. An answer that does not come is no failure of the
// statement that needed it: its values are text then.
import { describeTypes, oidList } from "@pgfx/codecs"
import { decodeUtf8Lenient, RowCursor, type Rows } from "@pgfx/protocol"
import type { TypeStore } from "../TypeStore.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import type { Exchange } from "./Exchange.ts"
import { Group } from "./Group.ts"
import { bindText, DescribeStatement, ExecutePortal, ParseStatement, type RowSink } from "./parts.ts"

/** Rows of text, whatever their number of columns. */
export class TextRows implements RowSink {
  readonly found: Array<ReadonlyArray<string | null>> = []
  private cursor: RowCursor | undefined = undefined

  describe(columns: ReadonlyArray<unknown>): void {
    this.cursor = new RowCursor(columns.length)
  }

  rows(run: Rows): void {
    const { cursor } = this
    if (cursor === undefined) return
    cursor.open(run)
    while (cursor.next()) {
      const { bytes, positions } = cursor
      const row: Array<string | null> = []
      for (let i = 0; i < positions.length; i += 2) {
        const offset = positions[i]!
        const length = positions[i + 1]!
        row.push(length < 0 ? null : decodeUtf8Lenient(bytes, offset, offset + length))
      }
      this.found.push(row)
    }
  }
}

/** Submits the question; `then` is called when the store knows what there is to know, or when the connection is gone. */
export const learnTypes = (
  dispatcher: Dispatcher,
  types: TypeStore,
  oids: ReadonlyArray<number>,
  then: () => void
): Exchange => {
  const rows = new TextRows()
  const question = new Group(
    "catalogue",
    [
      new ParseStatement("", describeTypes, []),
      new DescribeStatement("", rows),
      bindText("", "", [oidList(oids)]),
      new ExecutePortal("", 0, rows)
    ],
    (answer) => {
      // Unanswered, in a failed transaction for instance, it is asked again by the next statement.
      if (answer !== undefined) types.learn(rows.found, oids)
      then()
    }
  )
  dispatcher.submit(question)
  return question
}
