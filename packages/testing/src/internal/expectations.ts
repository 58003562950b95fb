// The rule of `Backend.expect`: a step names a message, or it is the beginning of a statement, whichever messages carry that. What
// the script leaves to the backend is answered as by a server that does as it is told.
import { type BackendMessage, frontendNames, type FrontendMessage } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { FrontendMessageOf } from "../Backend.ts"
import type { Heard, ScriptedConnection } from "./ScriptedConnection.ts"
import { oneLine, showFrontend } from "./show.ts"
import {
  isStatement,
  type Preliminary,
  splitStatements,
  statusAfter,
  success,
  withPreliminaries
} from "./statements.ts"

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

const ready = (status: "I" | "T" | "E"): BackendMessage => ({ _tag: "ReadyForQuery", status })

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
    connection.owed = undefined
    const heard: Array<FrontendMessage> = []
    const expectOne = (text: string, index: number): Heard<void> => {
      const where = steps.length === 1 ? "" : ` (step ${index + 1} of ${steps.map(quote).join(", ")})`
      const step = { text, where, isLast: index === steps.length - 1 }
      return messageNames.has(text) ? expectMessage(connection, step, heard) : expectStatement(connection, step, heard)
    }
    return Effect.as(Effect.forEach(steps, expectOne, { discard: true }), heard)
  })

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
  const expected = `a statement that begins with ${quote(text)}${where}`
  const owed: Array<Preliminary> = []
  const judge = (received: string, sql: string, matched: () => void): Heard<void> =>
    isStatement(sql, text) ? Effect.sync(matched) : Effect.fail(connection.mismatch(expected, received))
  const go: Heard<void> = Effect.flatMap(connection.next(expected), (message) => {
    heard.push(message)
    switch (message._tag) {
      case "Parse":
      case "Bind":
      case "Describe":
      case "Close":
        owed.push(message)
        return go
      case "Query":
        return judge(showFrontend(message), message.sql, () => {
          if (!isLast) succeed(connection, undefined, splitStatements(message.sql))
        })
      case "Execute": {
        const sql = connection.conversation.sqlOfPortal(message.portal) ?? ""
        return judge(`Execute of ${quote(sql)}`, sql, () => {
          connection.groupIsOpen = true
          if (isLast) connection.owed = owed
          else succeed(connection, owed, [sql])
        })
      }
      case "Sync":
      case "Flush":
        return Effect.zipRight(housekeeping(connection, message, owed, expected), go)
      default:
        return Effect.fail(connection.mismatch(expected, showFrontend(message)))
    }
  })
  return go
}

/** The end of a statement's group, or a group without a statement: prepared ahead, closed, checked. */
const housekeeping = (
  connection: ScriptedConnection,
  message: FrontendMessageOf<"Sync" | "Flush">,
  owed: Array<Preliminary>,
  expected: string
): Heard<void> =>
  Effect.suspend(() => {
    if (owed.some(({ _tag }) => _tag === "Describe")) {
      const received = "Describe in a group without Execute: what it is told is the script's to say, message by message"
      return Effect.fail(connection.mismatch(expected, received))
    }
    const answers = withPreliminaries(owed, ready(connection.conversation.status))
    owed.length = 0
    connection.say(message._tag === "Sync" ? answers : answers.slice(0, -1))
    return Effect.void
  })

/** Answers a Query, or (where messages are `owed` an answer) an Execute, whose Sync is answered when it is read. */
const succeed = (
  connection: ScriptedConnection,
  owed: ReadonlyArray<Preliminary> | undefined,
  statements: ReadonlyArray<string>
): void => {
  const { conversation } = connection
  const answers: Array<BackendMessage> = []
  for (const sql of statements.length === 0 ? [""] : statements) {
    const [first, ...rest] = success(sql, conversation.status)
    if (first === undefined) continue
    answers.push(...(owed === undefined ? [first] : withPreliminaries(owed, first)), ...rest)
    if (first._tag === "ErrorResponse") break
    conversation.status = statusAfter(sql, conversation.status)
  }
  if (owed === undefined) answers.push(ready(conversation.status))
  connection.say(answers)
}
