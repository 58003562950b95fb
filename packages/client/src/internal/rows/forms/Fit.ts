// How the values of a server type are one side of a Schema: in which form the codec reads or writes them, and what is still to be done to
// them. Either there is a fit, or a sentence that says why there is none.
import type { Form } from "@pgfx/codecs"

/** `read`: a column becomes the encoded side of a Schema. `write`: the encoded side becomes a parameter. */
export type Direction = "read" | "write"

/** A value as the codec has it to a value of the encoded side, or back. Never sees NULL; throws ValueError for what the other cannot hold. */
export type Convert = (value: unknown) => unknown

export interface Fit {
  readonly _tag: "Fit"
  /** `undefined`: the codec's default; for writing: whatever the value is */
  readonly form: Form | undefined
  /** absent: nothing is to be done */
  readonly convert: Convert | undefined
  /** for reading: values that `convert` changes are ones that the Schema refuses as they are, so it may be asked first */
  readonly convertLate: boolean
  /** what may surprise: `Query.check` shows them as warnings */
  readonly warnings: ReadonlyArray<string>
}

export interface Misfit {
  readonly _tag: "Misfit"
  /** completes `column "a": …`, hint included */
  readonly message: string
}

export const fit = (form: Form | undefined, convert?: Convert, warnings: ReadonlyArray<string> = []): Fit => ({
  _tag: "Fit",
  form,
  convert,
  convertLate: false,
  warnings
})

export const misfit = (message: string, hint?: string): Misfit => ({
  _tag: "Misfit",
  message: hint === undefined ? message : `${message} (hint: ${hint})`
})

/** `second` after `first`; absent if both are. */
export const andThen = (first: Convert | undefined, second: Convert | undefined): Convert | undefined =>
  first === undefined ? second : second === undefined ? first : (value) => second(first(value))
