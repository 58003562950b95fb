// Readers of many small answers: an object per message, and the text that is in it.
import { makeBackendDecoder, RowCursor } from "@pgfx/protocol"
import { Parser } from "pg-protocol/dist/parser.js"
import type { Contestant } from "../compare.ts"
import type { SqlPg4 } from "../peersEffect4.ts"
import { type Chunks, messageContestant, ready, text } from "./contestants.ts"

interface PgMessage {
  readonly name: string
  readonly fields?: ReadonlyArray<string>
  readonly text?: string
  readonly message?: string
  readonly status?: string
}

export const pgSmall = (source: Chunks): Contestant =>
  messageContestant(
    "pg-protocol 1.16",
    "parser, an object per message, rows as strings",
    source,
    (chunks, onMessage) => {
      const parser = new Parser()
      for (const chunk of chunks) {
        parser.parse(chunk, (parsed) => {
          const message = parsed as unknown as PgMessage // the union of its message classes is not exported
          switch (message.name) {
            case "dataRow":
              return onMessage(message.fields![1]!)
            case "commandComplete":
              return onMessage(message.text!)
            case "notice":
              return onMessage(message.message!)
            case "readyForQuery":
              return onMessage(message.status!)
            default:
              return onMessage("")
          }
        })
      }
    }
  )

interface SqlPg4Small {
  readonly _tag: string
  readonly values: ReadonlyArray<string>
  readonly commandTag: string
  readonly status: string
  readonly fields: { readonly message: string }
}

export const sqlPg4Small = (sqlPg4: SqlPg4, source: Chunks): Contestant => {
  const readField = sqlPg4.fieldReader([
    { dataTypeOid: text, format: 1 },
    { dataTypeOid: text, format: 1 }
  ])
  return messageContestant(
    "@effect/sql-pg 4.0.5",
    "parser with its text reader, an object per message, rows as strings",
    source,
    (chunks, onMessage) => {
      const parser = sqlPg4.makeParser({ readField })
      for (const chunk of chunks) {
        parser.pushEach(chunk, (parsed) => {
          const message = parsed as unknown as SqlPg4Small // fields by tag; `verify` compares them
          switch (message._tag) {
            case "DataRow":
              return onMessage(message.values[1]!)
            case "CommandComplete":
              return onMessage(message.commandTag)
            case "NoticeResponse":
              return onMessage(message.fields.message)
            case "ReadyForQuery":
              return onMessage(message.status)
            default:
              return onMessage("")
          }
        })
      }
    }
  )
}

export const ourSmall = (source: Chunks): Contestant =>
  messageContestant(
    "pgfx",
    "MessageDecoder, an object per message; each row walked and both columns decoded",
    source,
    (chunks, onMessage) => {
      const decoder = makeBackendDecoder()
      const cursor = new RowCursor(2)
      decoder.push(ready)
      for (const chunk of chunks) {
        for (const message of decoder.push(chunk)) {
          switch (message._tag) {
            case "Rows":
              cursor.open(message)
              while (cursor.next()) {
                cursor.text(0)
                onMessage(cursor.text(1) ?? "")
              }
              break
            case "CommandComplete":
              onMessage(message.tag)
              break
            case "NoticeResponse":
              onMessage(message.fields.message ?? "")
              break
            case "ReadyForQuery":
              onMessage(message.status)
              break
            default:
              onMessage("")
          }
        }
      }
    }
  )
