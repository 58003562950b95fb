// "Simple Query": one text of one or more statements, and the answers every kind of query ends with. Rows and their
// description: Rows.ts.
import type { CommandComplete, EmptyQueryResponse, ReadyForQuery, TransactionStatus } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, frontendType, lengthLimit, showByte } from "../Frame.ts"
import type { Query } from "../FrontendMessage.ts"

/** Writes `Query`. */
export const writeQuery = (w: ByteWriter, sql: string): void => {
  w.beginMessage(frontendType.Query, "Query")
  w.cString(sql, "sql")
  w.endMessage()
}

/** Reads the body of `Query`. */
export const readQuery = (r: ByteReader): Query => {
  const sql = r.cString("sql")
  r.finish()
  return { _tag: "Query", sql }
}

/** Writes `CommandComplete` with a tag such as `INSERT 0 1`. */
export const writeCommandComplete = (w: ByteWriter, tag: string): void => {
  w.beginMessage(backendType.CommandComplete, "CommandComplete", lengthLimit.shortBackend)
  w.cString(tag, "tag")
  w.endMessage()
}

/** Reads the body of `CommandComplete`. */
export const readCommandComplete = (r: ByteReader): CommandComplete => {
  const tag = r.cString("tag")
  r.finish()
  return { _tag: "CommandComplete", tag }
}

/** Writes `EmptyQueryResponse`. */
export const writeEmptyQueryResponse = (w: ByteWriter): void => {
  w.beginMessage(backendType.EmptyQueryResponse, "EmptyQueryResponse")
  w.endMessage()
}

const emptyQueryResponse: EmptyQueryResponse = { _tag: "EmptyQueryResponse" }

/** Reads the body of `EmptyQueryResponse`. */
export const readEmptyQueryResponse = (r: ByteReader): EmptyQueryResponse => {
  r.finish()
  return emptyQueryResponse
}

/** Writes `ReadyForQuery`. */
export const writeReadyForQuery = (w: ByteWriter, status: TransactionStatus): void => {
  w.beginMessage(backendType.ReadyForQuery, "ReadyForQuery")
  w.uint8(status.charCodeAt(0))
  w.endMessage()
}

// one object per status: a message per query costs nothing
const idle: ReadyForQuery = { _tag: "ReadyForQuery", status: "I" }
const inTransaction: ReadyForQuery = { _tag: "ReadyForQuery", status: "T" }
const inFailedTransaction: ReadyForQuery = { _tag: "ReadyForQuery", status: "E" }

/** Reads the body of `ReadyForQuery`. */
export const readReadyForQuery = (r: ByteReader): ReadyForQuery => {
  const status = r.uint8("transaction status")
  r.finish()
  switch (status) {
    case 0x49: // I
      return idle
    case 0x54: // T
      return inTransaction
    case 0x45: // E
      return inFailedTransaction
    default:
      return r.fail("transaction status I, T or E", showByte(status), 1)
  }
}
