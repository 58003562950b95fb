// From the arguments of a call to the middle of a Bind message, in three steps: Schemas encode (once per call, no types needed), then either
// text that means the same for every type (first use in one flight), or the bytes of the types that the server inferred. Refuses before a
// byte is written; never says what a value was.
//
//   const plan = new ParameterPlan(statement)          once per template
//   plan.declared(registry)                            OIDs for Parse: 0 unless a PgSchema annotation declares one
//   const values = yield* plan.encode(args)            picked encoded values of $1 …; Permanent InvalidParameter, NotSent
//   plan.texts(values)                                 Either: text values for a Bind without types; `undefined`: describe first
//   const parameters = plan.prepare(oids, registry)    once per description (ParameterDescription); remembered per registry
//   parameters.findings, parameters.mismatch           Schemas against types; `mismatch` is a reason, as for rows
//   parameters.bind(values)                            Either: { formats, write(out) }; write puts format codes and values, that is the
//                                                      part of Bind between the statement's name and the result formats
import { makeParameterEncoder, type ParameterEncoder, textOf, type TypeRegistry, ValueError } from "@pgfx/codecs"
import type { ByteWriter, FormatCode } from "@pgfx/protocol"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Finding, Permanent } from "../../PostgresError.ts"
import type { Statement } from "../Statement.ts"
import type { RowProblem } from "../rows/RowProblem.ts"
import { type Arguments, type EncodeSource, encodeValues, invalidParameter, makeEncodeSource } from "./encodeValues.ts"

/** The values of one Bind message. */
export interface BoundParameters {
  /** one per parameter */
  readonly formats: ReadonlyArray<FormatCode>
  /** Appends the format codes and the values. Throws EncodeError only for what no writer can hold (a message above its limit). */
  readonly write: (out: ByteWriter) => void
}

const sameOids = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a === b || (a.length === b.length && a.every((oid, i) => oid === b[i]))

const explained = (error: ValueError): string =>
  error.remedy === undefined ? error.issue : `${error.issue} (${error.remedy})`

export class ParameterPlan {
  private readonly statement: Statement
  private readonly encoders: ReadonlyArray<EncodeSource>
  private readonly known = new WeakMap<TypeRegistry, PreparedParameters>()

  constructor(statement: Statement) {
    this.statement = statement
    this.encoders = statement.sources.map((source) => makeEncodeSource(statement.info, source))
  }

  /** Type OIDs to declare in Parse, one per parameter; 0: the server infers. */
  declared(_registry: TypeRegistry): ReadonlyArray<number> {
    return this.statement.placeholders.map(() => 0)
  }

  /** The encoded values of a call, in the order of `$1 …`. An `Either` if every Schema encodes synchronously. */
  encode(args: Arguments): Effect.Effect<ReadonlyArray<unknown>, Permanent, unknown> {
    return encodeValues(this.statement, this.encoders, args)
  }

  /** The values as text that needs no type, if all of them have one; otherwise the statement has to be described first. */
  texts(values: ReadonlyArray<unknown>): Either.Either<ReadonlyArray<string | null> | undefined, Permanent> {
    const texts: Array<string | null> = []
    let all = true
    for (const [i, value] of values.entries()) {
      try {
        const text = textOf(value)
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
    const prepared = new PreparedParameters(this, oids, registry)
    this.known.set(registry, prepared)
    return prepared
  }

  /** @internal */
  refused(index: number, issue: string): Permanent {
    return invalidParameter(this.statement.info, this.statement.placeholders[index]?.name ?? "", issue)
  }
}

/** The parameters of a statement and the types that the server inferred for them. */
export class PreparedParameters {
  readonly oids: ReadonlyArray<number>
  readonly findings: ReadonlyArray<Finding> = []
  /** why nothing can be bound, if the findings hold errors */
  readonly mismatch: RowProblem | undefined = undefined
  private readonly plan: ParameterPlan
  private readonly encoder: ParameterEncoder

  constructor(plan: ParameterPlan, oids: ReadonlyArray<number>, registry: TypeRegistry) {
    this.plan = plan
    this.oids = oids
    this.encoder = makeParameterEncoder(oids.map((oid) => ({ codec: registry.codecOf(oid) })))
  }

  /** The values of one call, checked; nothing is written yet. */
  bind(values: ReadonlyArray<unknown>): Either.Either<BoundParameters, Permanent> {
    const { encoder } = this
    try {
      const formats = encoder.formats(values)
      return Either.right({ formats, write: (out) => encoder.write(values, formats, out) })
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      return Either.left(this.plan.refused((error.parameter ?? 0) - 1, explained(error)))
    }
  }
}
