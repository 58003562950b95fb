// The parameters of a statement and the types that the server inferred for them: what does not fit is found here, once; what a call brings is
// checked and written by `bind`. Knows nothing of how values were encoded.
import {
  type Codec,
  type Form,
  makeParameterEncoder,
  type ParameterEncoder,
  type TypeRegistry,
  ValueError
} from "@pgfx/codecs"
import type { ByteWriter, FormatCode } from "@pgfx/protocol"
import * as Either from "effect/Either"
import type { Finding, Permanent, PermanentReason } from "../../PostgresError.ts"
import { type Convert, fit, type Fit, misfit, type Misfit } from "../rows/forms/Fit.ts"
import { fitOf } from "../rows/forms/fitOf.ts"
import { writeAnything } from "../rows/forms/scalar.ts"
import type { Slot } from "./placeholders.ts"

/** The values of one Bind message. */
export class BoundParameters {
  private readonly encoder: ParameterEncoder
  private readonly values: ReadonlyArray<unknown>
  /** one per parameter */
  readonly formats: ReadonlyArray<FormatCode>
  constructor(encoder: ParameterEncoder, values: ReadonlyArray<unknown>) {
    this.encoder = encoder
    this.values = values
    this.formats = encoder.formats(values)
  }
  /** Appends the format codes and the values. Throws EncodeError only for what no writer can hold (a message above its limit). */
  write(out: ByteWriter): void {
    this.encoder.write(this.values, this.formats, out)
  }
}

export type Mismatch = Extract<PermanentReason, { readonly _tag: "StatementMismatch" }>

/** How refusals become errors: only the plan knows the statement. */
export interface Refusals {
  readonly refused: (index: number, issue: string) => Permanent
  readonly mismatched: (reason: Mismatch) => Permanent
}

export const explained = (error: ValueError): string =>
  error.remedy === undefined ? error.issue : `${error.issue} (${error.remedy})`

/** A value without a Schema, or a parameter that only `Sql.unsafe` knows of, is written as whatever it is. */
const slotFit = (slot: Slot | undefined, codec: Codec): Fit | Misfit => {
  if (slot !== undefined && slot.asts.length > 0) return fitOf("write", slot.asts, codec)
  return codec.writer() === undefined
    ? misfit(`the server expects ${codec.name}, which nothing is written as`)
    : fit(undefined, writeAnything)
}

interface Written {
  readonly codec: Codec
  readonly form: Form | undefined
  readonly convert: Convert | undefined
}

export class PreparedParameters {
  readonly oids: ReadonlyArray<number>
  /** errors and warnings, all of them */
  readonly findings: ReadonlyArray<Finding>
  /** why nothing can be bound, if the findings hold errors */
  readonly mismatch: Mismatch | undefined
  private readonly refusals: Refusals
  private readonly written: ReadonlyArray<Written>
  private encoder: ParameterEncoder | undefined

  constructor(refusals: Refusals, slots: ReadonlyArray<Slot>, oids: ReadonlyArray<number>, registry: TypeRegistry) {
    this.refusals = refusals
    this.oids = oids
    const findings: Array<Finding> = []
    this.written = oids.map((oid, i) => {
      const codec = registry.codecOf(oid)
      const fits = slotFit(slots[i], codec)
      const at = { parameter: slots[i]?.name ?? `$${i + 1}` }
      if (fits._tag === "Misfit") {
        findings.push({ severity: "error", at, message: fits.message })
        return { codec, form: undefined, convert: undefined }
      }
      for (const message of fits.warnings) findings.push({ severity: "warning", at, message })
      return { codec, form: fits.form, convert: fits.convert }
    })
    const errors = findings.filter((finding) => finding.severity === "error")
    this.findings = findings
    this.mismatch = errors.length === 0 ? undefined : { _tag: "StatementMismatch", findings: errors }
  }

  /** The values of one call, checked; nothing is written yet. */
  bind(values: ReadonlyArray<unknown>): Either.Either<BoundParameters, Permanent> {
    if (this.mismatch !== undefined) return Either.left(this.refusals.mismatched(this.mismatch))
    const { written } = this
    const encoder = (this.encoder ??= makeParameterEncoder(written))
    const neutral = Array.of<unknown>()
    try {
      for (let i = 0; i < values.length; i++) {
        const value = values[i]
        const convert = written[i]?.convert
        neutral.push(value === null || convert === undefined ? value : convert(value))
      }
      return Either.right(new BoundParameters(encoder, neutral))
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      // a conversion that refused is the one after those that are done
      const index = error.parameter === undefined ? neutral.length : error.parameter - 1
      return Either.left(this.refusals.refused(index, explained(error)))
    }
  }
}
