// ⚡ Rows of one description in one combination of formats. `compiled` makes values directly, and throws for whatever is not certainly right;
// `encoded` makes the same row in the forms that the Schema's encoded side takes. Both are made when they are first needed.
import { makeRowDecoder, type RowDecoder } from "@pgfx/codecs"
import type { FormatCode, Rows } from "@pgfx/protocol"
import type { CompiledRow } from "./compile/row.ts"

const decoderOf = ({ columns, shape }: CompiledRow, formats: ReadonlyArray<FormatCode>): RowDecoder =>
  makeRowDecoder({ shape, columns: columns.map((column, i) => ({ ...column, format: formats[i] ?? 0 })) })

export class RowDecoding {
  readonly compiled: RowDecoder
  /** what is left to be done to each of `compiled`'s rows */
  readonly step: CompiledRow["step"]
  private readonly plan: CompiledRow
  private readonly formats: ReadonlyArray<FormatCode>
  private encodedDecoder: RowDecoder | undefined = undefined

  /** Throws ValueError if a column cannot be read in its format. */
  constructor(compiled: CompiledRow, encoded: CompiledRow, formats: ReadonlyArray<FormatCode>) {
    this.compiled = decoderOf(compiled, formats)
    this.step = compiled.step
    this.plan = encoded
    this.formats = formats
  }

  get encoded(): RowDecoder {
    return (this.encodedDecoder ??= decoderOf(this.plan, this.formats))
  }
}

/** The run from its n-th row on. The frames before it have been walked, so their lengths are good. */
export const dropRows = (run: Rows, n: number): Rows => {
  const { bytes } = run
  let offset = run.offset
  for (let i = 0; i < n; i++) {
    const length =
      (bytes[offset + 1]! << 24) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!
    offset += 1 + length
  }
  return { ...run, offset, count: run.count - n }
}
