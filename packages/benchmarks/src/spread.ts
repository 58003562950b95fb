// Minimum, median and maximum of what was measured in rounds: absolute numbers on a shared machine mean nothing, so ratios are made round by round.

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { min: sorted[0]!, median, max: sorted.at(-1)! }
}

/** `values` ÷ `ours`, each by what was measured in the same round. */
export const ratioOf = (values: ReadonlyArray<number>, ours: ReadonlyArray<number>): Spread =>
  spread(values.map((value, round) => value / ours[round]!))

/** `median (min to max)` */
export const showSpread = ({ max, median, min }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`

/** Columns of text under a head, as wide as what is in them. */
export const showTable = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>): string =>
    `  ${row.map((text, column) => text.padEnd(widths[column]!)).join("  ")}`.trimEnd()
  return [head, ...rows].map(line).join("\n")
}
