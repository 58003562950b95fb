// From the arguments of a call to the middle of a Bind message, in three steps: Schemas encode (once per call, no types needed), then either
// text that means the same for every type (first use in one flight), or the bytes of the types that the server inferred. Refuses before a
// byte is written; never says what a value was.
//
//   const plan = new ParameterPlan(statement)          once per template
//   plan.declared, plan.identity                       OIDs for Parse where PgSchema declares types, and what the statement is known by
//   const values = yield* plan.encode(args)            picked encoded values of $1 …; Permanent InvalidParameter, NotSent
//   plan.texts(values)                                 Either: text values for a Bind without types; `undefined`: describe first
//   const parameters = plan.prepare(oids, registry)    once per description (ParameterDescription); remembered per registry
//   parameters.findings, parameters.mismatch           Schemas against types; `mismatch` is a reason, as for rows
//   parameters.bind(values)                            Either: { formats, write(out) }; write puts format codes and values, that is the
//                                                      part of Bind between the statement's name and the result formats
import { decimalText, isDecimal, textOf, type TypeRegistry, ValueError } from "@pgfx/codecs"
import { maxCount } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Permanent } from "../../PostgresError.ts"
import { writeAnything } from "../rows/forms/scalar.ts"
import type { Statement } from "../Statement.ts"
import { builtinOid, declaredType } from "./declaredType.ts"
import { type Arguments, type Encoders, encodeValues, invalidParameter, makeEncoders } from "./encodeValues.ts"
import { type Ambiguous, ambiguityOf, astsOf, type Slot } from "./placeholders.ts"
import { explained, type Mismatch, PreparedParameters } from "./PreparedParameters.ts"

const sameOids = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a === b || (a.length === b.length && a.every((oid, i) => oid === b[i]))

/** Scales that are written out: numeric's own limit. Others have a text that not every type reads alike. */
const maxScale = 16_383

/** As `textOf`, for values of `effect` too. Bytes are `\\x…` for one type and 16 bytes of a uuid for another: they need theirs. */
const textWithoutType = (input: unknown, ambiguous: Ambiguous): string | null | undefined => {
  if ((typeof input === "string" && ambiguous.strings) || (typeof input === "number" && ambiguous.numbers))
    return undefined
  const value = writeAnything(input)
  if (value instanceof Uint8Array) return undefined
  if (isDecimal(value)) return value.scale >= 0 && value.scale <= maxScale ? decimalText(value) : undefined
  return textOf(value)
}

export class ParameterPlan {
  private readonly statement: Statement
  private readonly encoders: Encoders
  private readonly slots: ReadonlyArray<Slot>
  private readonly known = new WeakMap<TypeRegistry, PreparedParameters>()
  /** type OIDs to declare in Parse, one per parameter, 0 where the server is to infer; empty if none is declared */
  readonly declared: ReadonlyArray<number>
  /** what the statement is known by: two with the same text that declare other types are two */
  readonly identity: string
  /** the first declaration that nobody understands */
  private readonly misdeclared: Permanent | undefined

  constructor(statement: Statement) {
    this.statement = statement
    this.encoders = makeEncoders(statement)
    this.slots = statement.placeholders.map((placeholder) => {
      const asts = astsOf(placeholder)
      return { name: placeholder.name, asts, ambiguous: ambiguityOf(asts) }
    })
    const { info } = statement
    const names = this.slots.map(({ asts: [ast] }) => (ast === undefined ? undefined : declaredType(ast)))
    const oids = names.map((name) => (name === undefined ? 0 : builtinOid(name)))
    const unknown = oids.indexOf(undefined)
    this.misdeclared =
      unknown < 0
        ? undefined
        : invalidParameter(
            info,
            this.slots[unknown]?.name ?? "",
            `PgSchema.type: PostgreSQL has no built-in type ${JSON.stringify(names[unknown])}; for a type of your own write a cast`
          )
    this.declared = oids.every((oid) => oid === 0) ? [] : oids.map((oid) => oid ?? 0)
    this.identity = this.declared.length === 0 ? info.sql : `${this.declared.join(",")}\u0000${info.sql}`
  }

  /** The encoded values of a call, in the order of `$1 …`. An `Either` if every Schema encodes synchronously. */
  encode(args: Arguments): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> {
    if (this.misdeclared !== undefined) return Either.left(this.misdeclared)
    if (this.slots.length <= maxCount) return encodeValues(this.encoders, args)
    const issue = `${this.slots.length} parameters, Bind counts up to ${maxCount} (Sql.rows, = ANY, or COPY)`
    return Effect.fail(invalidParameter(this.statement.info, "", issue))
  }

  /** The values as text that needs no type, if all of them have one; otherwise the statement has to be described first. */
  texts(values: ReadonlyArray<unknown>): Either.Either<ReadonlyArray<string | null> | undefined, Permanent> {
    const texts: Array<string | null> = []
    let all = true
    for (let i = 0; i < values.length; i++) {
      try {
        const text = textWithoutType(values[i], this.slots[i]!.ambiguous)
        if (text === undefined) all = false
        else texts.push(text)
      } catch (error) {
        if (!(error instanceof ValueError)) throw error
        return Either.left(this.refused(i, explained(error)))
      }
    }
    return Either.right(all ? texts : undefined)
  }

  /** What the Schemas make of the types that the server inferred. */
  prepare(oids: ReadonlyArray<number>, registry: TypeRegistry): PreparedParameters {
    const known = this.known.get(registry)
    if (known !== undefined && sameOids(known.oids, oids)) return known
    const prepared = new PreparedParameters(this, this.slots, oids, registry)
    this.known.set(registry, prepared)
    return prepared
  }

  /** @internal */
  refused(index: number, issue: string): Permanent {
    return invalidParameter(this.statement.info, this.slots[index]?.name ?? "", issue)
  }

  /** @internal */
  mismatched(reason: Mismatch): Permanent {
    return new Permanent({ reason, outcome: "NotSent", statement: this.statement.info })
  }
}
