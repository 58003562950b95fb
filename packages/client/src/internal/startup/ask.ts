// Statements that start-up itself runs, before anybody has the connection: by the simple protocol, one after the other. What a result
// says is read only where start-up needs it: the first column of the first row, as text.
import type { Rows } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { PostgresError, StatementInfo } from "../../PostgresError.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import type { RowSink } from "../exchange/parts.ts"
import { SimpleQuery } from "../exchange/simpleQuery.ts"
import { errorFromReport } from "../errorFromReport.ts"
import type { ExchangeFailure } from "../exchange/Exchange.ts"
import { errorOfFailure } from "../failure.ts"

/** Keeps one value. A frame is a type byte, its length, the number of columns, then each column's length and bytes; −1 is NULL. */
class FirstText implements RowSink {
  text: string | undefined = undefined
  private seen = false
  describe(): void {}
  rows({ bytes, offset }: Rows): void {
    if (this.seen) return
    this.seen = true
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset)
    if (view.getInt16(5) < 1) return
    const length = view.getInt32(7)
    if (length >= 0) this.text = new TextDecoder().decode(bytes.subarray(offset + 11, offset + 11 + length))
  }
}

/** What these statements were meant to prepare is not there: whoever waits for the connection sent nothing. */
const errorOf = (failure: ExchangeFailure, statement: StatementInfo): PostgresError =>
  failure._tag === "Reported"
    ? errorFromReport(failure.fields, {
        phase: "session",
        outcome: "NotSent",
        statement,
        state: "the connection is closed: it is not used before its initial statements have succeeded"
      })
    : errorOfFailure(failure, { starting: true, inTransaction: false, statement })

/** Runs a text of statements. Class and reason of a failure are those of the SQLSTATE, its outcome is `NotSent`. */
export const ask = (
  dispatcher: Dispatcher,
  statement: StatementInfo
): Effect.Effect<string | undefined, PostgresError> =>
  Effect.async((resume) => {
    const sink = new FirstText()
    dispatcher.submit(
      new SimpleQuery({ sql: statement.sql, sink: () => sink }, (_, failure) => {
        resume(failure === undefined ? Effect.succeed(sink.text) : Effect.fail(errorOf(failure, statement)))
      })
    )
  })
