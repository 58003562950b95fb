// Several attempts, one error. Each attempt keeps its own error; together they are the cause of what the caller sees, which names every
// place and how far it got. Nothing is decided here but words and which class speaks for all.
import { Broken, Permanent, type PostgresError, Transient } from "../../PostgresError.ts"
import { causeSentence, sentence } from "../render/sentence.ts"
import type { Stage } from "./progress.ts"

const because = ({ reason }: PostgresError): string =>
  (reason._tag === "ConnectFailed" ? causeSentence(reason.cause) : undefined) ?? sentence(reason, false)

export interface Where {
  readonly host: string
  readonly place: string
  readonly stage: Stage
}

/** An attempt at one address. `cause` is its error. */
export class AttemptFailed extends Error {
  override readonly name = "AttemptFailed"
  /** the host as it was meant */
  readonly host: string
  /** the host and the address that was dialled */
  readonly place: string
  readonly stage: Stage
  readonly error: PostgresError
  constructor({ host, place, stage }: Where, error: PostgresError) {
    super(`${place}, ${stage}: ${because(error)}`, { cause: error })
    this.host = host
    this.place = place
    this.stage = stage
    this.error = error
    // a stack says nothing about the network
    this.stack = `${this.name}: ${this.message}`
  }
}

/** How far an attempt got; the furthest says most about what is wrong. */
const order: ReadonlyArray<Stage> = [
  "the look-up of the name",
  "the network connection",
  "the answer to SSLRequest",
  "the TLS handshake",
  "the reading of the password",
  "authentication",
  "the start of the session",
  "the check of targetSessionAttrs",
  "the initial statements"
]

const furthest = (failures: ReadonlyArray<AttemptFailed>): AttemptFailed | undefined => {
  let found: AttemptFailed | undefined
  for (const failure of failures) {
    if (found === undefined || order.indexOf(failure.stage) > order.indexOf(found.stage)) found = failure
  }
  return found
}

const closed = "no connection was opened"

const withCause = (error: PostgresError, cause: AggregateError, state = closed): PostgresError => {
  const { statement } = error
  switch (error._tag) {
    case "Broken":
      return new Broken({ reason: error.reason, outcome: "NotSent", statement, state, cause })
    case "Transient":
      return new Transient({ reason: error.reason, outcome: "NotSent", statement, state, cause })
    case "Permanent":
      return new Permanent({ reason: error.reason, outcome: "NotSent", statement, state, cause })
  }
}

/** The error of the last way to one address that was tried; the ways before it are named, too. At least two. */
export const afterOtherWays = (ways: ReadonlyArray<AttemptFailed>): PostgresError => {
  const last = ways[ways.length - 1]
  if (last === undefined) throw new Error("bug in pgfx: no way was tried, and none succeeded")
  const before = ways.slice(0, -1).map(({ error, stage }) => `${stage}, ${because(error)}`)
  const cause = new AggregateError(ways, `${ways.length} ways to connect failed`)
  return withCause(last.error, cause, `${closed}; another way had failed before: ${before.join("; ")}`)
}

/**
 * The error of all attempts, in the order they were made; at least one.
 *
 * One attempt: its own error. The last one Permanent: that error, since it ended the search. All at one host (a server often listens at
 * one of two addresses of `localhost`), or all for the same reason: the error of the one that got furthest. Otherwise `ConnectFailed`.
 * The cause holds all of them.
 */
export const connectFailure = (failures: ReadonlyArray<AttemptFailed>): PostgresError => {
  const last = failures[failures.length - 1]
  if (last === undefined) throw new Error("bug in pgfx: no attempt was made, and none succeeded")
  if (failures.length === 1) return last.error
  const cause = new AggregateError(failures, `${failures.length} attempts to connect failed`)
  if (last.error._tag === "Permanent") return withCause(last.error, cause)
  const leading = furthest(failures) ?? last
  const alike = failures.every(({ error }) => error.reason._tag === leading.error.reason._tag)
  const oneHost = failures.every(({ host }) => host === leading.host)
  // ConnectFailed is made anew in any case: its own sentence would name one address of many.
  if ((alike || oneHost) && leading.error.reason._tag !== "ConnectFailed") return withCause(leading.error, cause)
  const places = [...new Set(failures.map(({ place }) => place))].join(", ")
  return new Broken({
    reason: { _tag: "ConnectFailed", address: places, cause },
    outcome: "NotSent",
    state: closed,
    cause
  })
}
