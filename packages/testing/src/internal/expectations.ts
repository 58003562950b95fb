// The rule of `Backend.expect`: a step names a message, or it is the beginning of a statement, whichever messages carry that. What
// the script leaves to the backend is answered as by a server that does as it is told.
import { type BackendMessage, type ColumnDescription, frontendNames, type FrontendMessage } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { FrontendMessageOf } from "../Backend.ts"
import { inferParameters, preliminaries, type Preliminary } from "./carrier.ts"
import { type Heard, ready, type ScriptedConnection } from "./ScriptedConnection.ts"
import { oneLine, showFrontend } from "./show.ts"
import { isSessionReset, isStatement, splitStatements, statusAfter, success } from "./statements.ts"

/** Names of messages, those of the start-up included: they have no type byte. */
const messageNames = new Set<string | undefined>([
  ...frontendNames,
  "SSLRequest",
  "GSSENCRequest",
  "CancelRequest",
  "StartupMessage",
  "PasswordMessage",
  "SASLInitialResponse",
  "SASLResponse"
])

const quote = (text: string): string => JSON.stringify(oneLine(text))

/** One step, and where in the list it stands. */
interface Step {
  readonly text: string
  readonly where: string
  readonly isLast: boolean
}

export const expectSteps = (
  connection: ScriptedConnection,
  steps: ReadonlyArray<string>
): Heard<ReadonlyArray<FrontendMessage>> =>
  Effect.suspend(() => {
    const { unanswered } = connection
    if (unanswered !== undefined && !messageNames.has(steps[0])) return Effect.die(forgotten(unanswered))
    connection.carrier = undefined
    const heard: Array<FrontendMessage> = []
    const expectOne = (text: string, index: number): Heard<void> => {
      const where = steps.length === 1 ? "" : ` (step ${index + 1} of ${steps.map(quote).join(", ")})`
      const step = { text, where, isLast: index === steps.length - 1 }
      return messageNames.has(text) ? expectMessage(connection, step, heard) : expectStatement(connection, step, heard)
    }
    return Effect.as(Effect.forEach(steps, expectOne, { discard: true }), heard)
  })

/** Both would wait for the other one. */
const forgotten = (sql: string): Error =>
  new Error(
    `expect: ${quote(sql)} has not been answered up to ReadyForQuery; send that first, or expect messages by name`
  )

const expectMessage = (
  connection: ScriptedConnection,
  { text, where }: Step,
  heard: Array<FrontendMessage>
): Heard<void> => {
  const expected = `${text}${where}`
  return Effect.flatMap(connection.next(expected), (message) => {
    heard.push(message)
    return message._tag === text ? Effect.void : Effect.fail(connection.mismatch(expected, showFrontend(message)))
  })
}

const expectStatement = (
  connection: ScriptedConnection,
  { isLast, text, where }: Step,
  heard: Array<FrontendMessage>
): Heard<void> => {
  const { conversation } = connection
  const expected = `a statement that begins with ${quote(text)}${where}`
  let owed: ReadonlyArray<Preliminary> = []
  const mismatch = (received: string) => Effect.fail(connection.mismatch(expected, received))
  const go: Heard<void> = Effect.flatMap(connection.next(expected), (message) => {
    heard.push(message)
    switch (message._tag) {
      case "Parse":
      case "Bind":
      case "Describe":
      case "Close":
        owed = [...owed, message]
        return go
      case "Query":
        if (!isStatement(message.sql, text)) {
          return sweepUp(connection, message) ? go : mismatch(showFrontend(message))
        }
        return Effect.sync(() => {
          if (isLast) connection.unanswered = message.sql
          else succeed(connection, undefined, splitStatements(message.sql))
        })
      case "Execute": {
        const { formats, sql } = conversation.portal(message.portal)
        if (!isStatement(sql, text)) return mismatch(`Execute of ${quote(sql)}`)
        return Effect.sync(() => {
          connection.groupIsOpen = true
          if (!isLast) return succeed(connection, owed, [sql])
          connection.unanswered = sql
          connection.carrier = { sql, owed, isDescribedFirst: false, formats }
        })
      }
      case "Sync":
      case "Flush": {
        const asked = owed.find((one) => one._tag === "Describe")
        const before = owed
        owed = []
        if (asked === undefined) return Effect.zipRight(housekeeping(connection, message, before), go)
        const sql = conversation.sqlOfStatement(asked.name)
        if (message._tag === "Flush" || asked.target === "portal" || !isStatement(sql, text)) {
          return mismatch(`Describe of ${quote(sql)}, in a group without Execute`)
        }
        if (!isLast) return Effect.zipRight(describe(connection, before, sql), go)
        return Effect.sync(() => {
          connection.unanswered = sql
          connection.carrier = { sql, owed: before, isDescribedFirst: true, formats: [] }
        })
      }
      default:
        return mismatch(showFrontend(message))
    }
  })
  return go
}

/** The end of a statement's group, or a group that asks nothing: prepared ahead, closed, checked. */
const housekeeping = (
  connection: ScriptedConnection,
  message: FrontendMessageOf<"Sync" | "Flush">,
  owed: ReadonlyArray<Preliminary>
): Heard<void> =>
  Effect.sync(() => {
    const answers = preliminaries(owed, [], undefined)
    connection.say(message._tag === "Sync" ? [...answers, ready(connection.conversation.status)] : answers)
  })

/** Tells a client that asks first what the backend is going to answer. */
const describe = (connection: ScriptedConnection, owed: ReadonlyArray<Preliminary>, sql: string): Heard<void> =>
  Effect.sync(() => {
    const { status } = connection.conversation
    const answers = preliminaries(owed, inferParameters(sql, owed), columnsIn(success(sql, status)))
    connection.say([...answers, ready(status)])
  })

/**
 * Answers what the client says on its own account between two users of a connection: the reset of the session, a check whether it
 * lives. False for anything else.
 */
export const sweepUp = (connection: ScriptedConnection, message: FrontendMessage): boolean => {
  if (message._tag === "Query" && isSessionReset(message.sql)) {
    succeed(connection, undefined, splitStatements(message.sql))
    return true
  }
  if (message._tag !== "Sync" || !connection.conversation.syncWasBare) return false
  connection.say([ready(connection.conversation.status)])
  return true
}

/** Answers a Query, or (where messages are `owed` an answer) an Execute, whose Sync is answered when it is read. */
const succeed = (
  connection: ScriptedConnection,
  owed: ReadonlyArray<Preliminary> | undefined,
  statements: ReadonlyArray<string>
): void => {
  const { conversation } = connection
  const answers: Array<BackendMessage> = []
  for (const sql of statements.length === 0 ? [""] : statements) {
    const messages = success(sql, conversation.status)
    if (owed === undefined) answers.push(...messages)
    else {
      answers.push(...preliminaries(owed, inferParameters(sql, owed), columnsIn(messages)))
      answers.push(...messages.filter(({ _tag }) => _tag !== "RowDescription"))
    }
    if (messages.some(({ _tag }) => _tag === "ErrorResponse")) break
    conversation.status = statusAfter(sql, conversation.status)
  }
  if (owed === undefined) answers.push(ready(conversation.status))
  connection.say(answers)
}

const columnsIn = (messages: ReadonlyArray<BackendMessage>): ReadonlyArray<ColumnDescription> | undefined =>
  messages.find((message) => message._tag === "RowDescription")?.columns
