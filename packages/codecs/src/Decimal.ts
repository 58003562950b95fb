// Exact decimal numbers as data: what numeric holds beside NaN and the infinities, and what other types take if it is whole.
// Deliberately no arithmetic.

/** `unscaled × 10^−scale`. `scale` may be negative. The shape of Effect's BigDecimal, without its class. */
export interface Decimal {
  readonly unscaled: bigint
  readonly scale: number
}

export const isDecimal = (value: unknown): value is Decimal =>
  typeof value === "object" &&
  value !== null &&
  "unscaled" in value &&
  typeof value.unscaled === "bigint" &&
  "scale" in value &&
  typeof value.scale === "number"

const syntax = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/

/** numeric's limits: digits before and after the point. Source: manual, "Arbitrary Precision Numbers". */
export const maxIntegerDigits = 131_072
export const maxScale = 16_383

/** The decimal a text writes down, `undefined` if it is not plain decimal notation (with or without exponent). */
export const decimalOf = (text: string): Decimal | undefined => {
  const match = syntax.exec(text)
  if (match === null) return undefined
  const whole = match[2] ?? ""
  const fraction = match[3] ?? ""
  if (whole === "" && fraction === "") return undefined
  const exponent = match[4] === undefined ? 0 : Number(match[4])
  const unscaled = BigInt(whole + fraction)
  return { unscaled: match[1] === "-" ? -unscaled : unscaled, scale: fraction.length - exponent }
}

/** Plain notation, the scale kept: `1.50`, `1000` for `{ unscaled: 1n, scale: -3 }`. */
export const decimalText = ({ unscaled, scale }: Decimal): string => {
  const sign = unscaled < 0n ? "-" : ""
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString()
  if (scale <= 0) return sign + (digits === "0" ? "0" : digits + "0".repeat(-scale))
  const padded = digits.padStart(scale + 1, "0")
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
}

/** The whole number a decimal is, `undefined` if it has a fraction, or digits beyond numeric's. */
export const wholeOf = ({ unscaled, scale }: Decimal): bigint | undefined => {
  if (scale === 0 || unscaled === 0n) return unscaled
  if (scale < 0) return scale < -maxIntegerDigits ? undefined : unscaled * 10n ** BigInt(-scale)
  const digits = unscaled.toString()
  const cut = digits.length - scale
  if (cut <= (unscaled < 0n ? 1 : 0)) return undefined
  return /^0+$/.test(digits.slice(cut)) ? BigInt(digits.slice(0, cut)) : undefined
}
