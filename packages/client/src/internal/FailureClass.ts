// What the three classes of failure have in common: what they were made of is kept where no printer looks, and shown only by the
// renderings. Which reasons and outcomes go with which class is told in PostgresError.ts.
import * as Cause from "effect/Cause"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { NodeInspectSymbol } from "effect/Inspectable"
import { hasProperty } from "effect/Predicate"
import type { FailureOptions, Outcome, PostgresError, StatementInfo } from "../PostgresError.ts"
import type { Reason } from "../Reason.ts"
import { renderDetails } from "./render/details.ts"
import { renderErrorText } from "./render/errorText.ts"
import { renderMessage } from "./render/message.ts"

const TypeId: unique symbol = Symbol.for("pgfx/PostgresError")

/**
 * Gives what an error was made of. A function, so that no printer looks into it; not a private field, because Effect hands the failures
 * of a traced program around behind a Proxy, through which those cannot be read (`capture` in its core.ts).
 */
const optionsKey: unique symbol = Symbol.for("pgfx/PostgresError/options")

/** Common to the three classes; everything a rendering needs stays behind one hidden property, so that no printer finds it by accident. */
export abstract class Failure<Tag extends string, R extends Reason, O extends Outcome> extends Cause.YieldableError {
  abstract readonly _tag: Tag
  declare private readonly [optionsKey]: () => FailureOptions<R, O>
  constructor(options: FailureOptions<R, O>) {
    super(renderMessage(options))
    Object.defineProperty(this, optionsKey, { value: () => options })
    // Schema's ParseError prints the value it refused ("Expected number, actual …"), so it is no cause of ours.
    if (options.cause !== undefined && !(hasProperty(options.cause, "_tag") && options.cause._tag === "ParseError")) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true })
    }
  }
  /** what it was made of; a method, so that no printer comes across it */
  protected options(): FailureOptions<R, O> {
    return this[optionsKey]()
  }
  get [TypeId](): true {
    return true
  }
  /** what happened */
  get reason(): R {
    return this[optionsKey]().reason
  }
  /** what is true now */
  get outcome(): O {
    return this[optionsKey]().outcome
  }
  get statement(): StatementInfo | undefined {
    return this[optionsKey]().statement
  }
  /** what is true of the connection, as a sentence */
  get state(): string | undefined {
    return this[optionsKey]().state
  }
  /** key/value form for logs and spans; never holds parameter or row values unless the settings allow it */
  get details(): Readonly<Record<string, string | number | boolean>> {
    return renderDetails(this._tag, this[optionsKey]())
  }
  /** The full picture: what happened, where, with what, what now. Plain text, several lines. */
  override toString(): string {
    return renderErrorText(this._tag, this[optionsKey]())
  }
  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, outcome: this.outcome, details: this.details }
  }
  override [NodeInspectSymbol](): string {
    return this.toString()
  }
  // An error is an event: two with the same texts are still two. (The inherited comparison goes by enumerable keys: none here.)
  [Equal.symbol](that: unknown): boolean {
    return this === that
  }
  [Hash.symbol](): number {
    return Hash.random(this)
  }
}

/** By a mark of its own: two copies of the library in one program know each other's failures. */
export const isPostgresError = (u: unknown): u is PostgresError => hasProperty(u, TypeId)
