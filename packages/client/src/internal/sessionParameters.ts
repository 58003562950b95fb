// Run-time parameters that the program has set for its session, and how: recorded when the server has them for good, set again on a
// session that comes in place of the first, or that was reset. Never written into SQL text, and never logged.
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { Permanent, type PostgresError, type StatementInfo } from "../PostgresError.ts"
import { type Database, holderOf } from "./database.ts"
import type { Dispatcher } from "./exchange/Dispatcher.ts"
import { Group, type GroupAnswer, type Settle } from "./exchange/Group.ts"
import { ownStatement, type Part } from "./exchange/parts.ts"
import { type Run, SingleExchange } from "./exchange/Run.ts"
import { type RequestContext, runOn } from "./runOn.ts"
import { runRequest } from "./runRequest.ts"
import { quoteIdentifier } from "./sql/template.ts"
import { unreadable } from "./startup/settings/startupParameters.ts"

/** A parameter with its value, or without one: back to what the session began with. */
interface Change {
  readonly name: string
  readonly value: string | undefined
}

const setText = "SELECT pg_catalog.set_config($1, $2, false)"

const textOf = ({ name, value }: Change): string => (value === undefined ? `RESET ${quoteIdentifier(name)}` : setText)

const partsOf = (change: Change): ReadonlyArray<Part> => {
  const { name, value } = change
  return ownStatement(textOf(change), value === undefined ? [] : [name, value])
}

const statementOf = (sql: string): StatementInfo => ({ name: undefined, sql, definedAt: "pgfx" })

export class SessionParameters {
  /** by name in lower case, as the server compares them, in the order in which they were last set */
  private readonly changes = new Map<string, Change>()

  /** The server has it, and no transaction can take it back. */
  record(change: Change): void {
    const key = change.name.toLowerCase()
    this.changes.delete(key)
    this.changes.set(key, change)
  }

  /**
   * Sets them all, in order, in one group: all of them or none. `starting`: nobody has had the session yet, so a refusal is one of the
   * connection.
   */
  restore(dispatcher: Dispatcher, options: { readonly starting: boolean }): Effect.Effect<void, PostgresError> {
    return Effect.suspend(() => {
      const parts = [...this.changes.values()].flatMap(partsOf)
      if (parts.length === 0) return Effect.void
      const restored = runOn<GroupAnswer>(
        dispatcher,
        { statement: statementOf(setText), inTransaction: false, starting: options.starting },
        (settle) => new SingleExchange(new Group("the parameters of the session", parts, settle))
      )
      return Effect.map(restored, () => dispatcher.session.begin(dispatcher.parameters))
    })
  }
}

const refused = (name: string, issue: string): Effect.Effect<never, PostgresError> =>
  Effect.fail(new Permanent({ reason: { _tag: "InvalidParameter", parameter: name, issue }, outcome: "NotSent" }))

/** `answered` is called in the moment of the answer: whatever becomes of the fiber, what the server has is known. */
const request =
  (change: Change, answered: (record: () => void) => void, parameters: SessionParameters) =>
  (settle: Settle<GroupAnswer>, before: ReadonlyArray<Part> = []): Run => {
    let record = (): void => undefined
    const run = new SingleExchange(
      new Group("a parameter of the session", [...before, ...partsOf(change)], (answer, failure) => {
        if (answer !== undefined) answered(record)
        settle(answer, failure)
      })
    )
    return {
      start: (dispatcher) => {
        const { session } = dispatcher
        const unchanged = session.evidence === undefined
        record = () => {
          parameters.record(change)
          // What is recorded can be rebuilt, so it is no change to be afraid of.
          if (unchanged) session.begin(dispatcher.parameters)
        }
        run.start(dispatcher)
      },
      abandon: () => run.abandon(),
      get isSent() {
        return run.isSent
      }
    }
  }

/**
 * Sets or resets a parameter of the session of a database that has one connection. In a transaction it is the session's once that
 * commits; a pin is the session itself.
 */
export const changeParameter = (
  database: Database,
  parameters: SessionParameters,
  change: Change
): Effect.Effect<void, PostgresError> =>
  Effect.withFiberRuntime((fiber) => {
    const { name, value } = change
    const issue = value === undefined ? undefined : unreadable(name, value)
    if (issue !== undefined) return refused(name, issue)
    const holder = holderOf(fiber.getFiberRef(FiberRef.currentContext), database)
    const answered = (record: () => void): void => {
      if (holder === undefined || holder.depth === 0) record()
      else holder.atCommit.push(record)
    }
    const context: RequestContext = { statement: statementOf(textOf(change)) }
    const words = { first: "SELECT", kind: "plain", mayCommit: false } as const
    return Effect.asVoid(runRequest<GroupAnswer>(database, context, { words }, request(change, answered, parameters)))
  })
