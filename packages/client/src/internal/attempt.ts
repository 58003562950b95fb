// What one attempt of `Retry.transient` has left behind for good: a statement that committed by itself, a transaction, or something of which
// nobody knows. Such an attempt is not followed by another: that would do the work twice. Statements of a transaction count with its COMMIT.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { PostgresError, type StatementInfo } from "../PostgresError.ts"
import type { Holder } from "./database.ts"

export interface Attempt {
  /** what has taken effect first, or may have */
  lasting: string | undefined
  /** the attempt around this one: it would repeat the same work */
  readonly outer: Attempt | undefined
}

export class CurrentAttempt extends Context.Tag("pgfx/internal/CurrentAttempt")<CurrentAttempt, Attempt>() {}

export const attemptOf = (context: Context.Context<never>): Attempt | undefined =>
  Context.getOrElse(context, CurrentAttempt, (): Attempt | undefined => undefined)

/** Tags of statements that leave nothing behind when they succeed. */
const readingTags = new Set(["", "SELECT", "SHOW", "FETCH", "EXPLAIN"])

const readingWords = /^[\s(]*(?:select|values|table|show|fetch|explain)\b/i
const modifyingWith = /^\s*with\b[^]*\b(?:insert|update|delete|merge)\b/i

const tagsOf = (answer: object): ReadonlyArray<unknown> => {
  if ("tags" in answer && Array.isArray(answer.tags)) return answer.tags
  return "tag" in answer ? [answer.tag] : []
}

const leavesSomething = (answer: object, sql: string): boolean =>
  tagsOf(answer).some((tag) => typeof tag === "string" && !readingTags.has(tag.split(" ", 1)[0] ?? "")) ||
  modifyingWith.test(sql)

const mark = (attempt: Attempt, what: string): void => {
  for (let at: Attempt | undefined = attempt; at !== undefined; at = at.outer) at.lasting ??= what
}

const shown = (statement: StatementInfo | undefined): string => statement?.name ?? statement?.sql ?? "a statement"

/** A failure that does not say that all is as it was. */
const mayHaveLasted = ({ outcome }: PostgresError): boolean => outcome === "Unknown" || outcome === "Committed"

/** The effect itself, and the attempt hears what became of it. */
export const noted = <A extends object>(
  self: Effect.Effect<A, PostgresError>,
  {
    attempt,
    holder,
    statement
  }: {
    readonly attempt: Attempt
    readonly holder: Holder | undefined
    readonly statement: StatementInfo | undefined
  }
): Effect.Effect<A, PostgresError> => {
  const lasts = (): void => mark(attempt, shown(statement))
  const inTransaction = holder !== undefined && holder.depth > 0
  const succeeded = (answer: A): void => {
    if (!leavesSomething(answer, statement?.sql ?? "")) return
    if (inTransaction) holder.atCommit.push(lasts)
    else lasts()
  }
  const noticed = Effect.tapBoth(self, {
    onSuccess: (answer) => Effect.sync(() => succeeded(answer)),
    onFailure: (error) => Effect.sync(() => (mayHaveLasted(error) ? lasts() : undefined))
  })
  // In a transaction it is undone with it. Elsewhere nobody knows.
  const isHarmless = inTransaction || readingWords.test(statement?.sql ?? "")
  return isHarmless ? noticed : Effect.onInterrupt(noticed, () => Effect.sync(lasts))
}

/** A transaction whose COMMIT was not answered. */
export const notedTransaction = <A, E, R>(
  context: Context.Context<never>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const attempt = attemptOf(context)
  if (attempt === undefined) return self
  return Effect.tapError(self, (error) =>
    Effect.sync(() => {
      if (PostgresError.is(error) && mayHaveLasted(error)) mark(attempt, "a transaction")
    })
  )
}
