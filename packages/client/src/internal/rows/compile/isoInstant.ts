// ⚡ The instant of an ISO text in the two shapes that are common here: ours with six digits, JavaScript's with three. 0.05 µs where `Date.parse`
// takes 0.35 (Node 20). Everything else, rare dates included, is left to `Date.parse`, whose opinion counts.

const digitsAt = (text: string, at: number, count: number): number => {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return NaN
    value = value * 10 + digit
  }
  return value
}

const isAt = (text: string, at: number, unit: number): boolean => text.charCodeAt(at) === unit

/** Milliseconds since 1970-01-01 UTC, NaN if the text is in neither shape or its date takes thought. */
const plainInstant = (text: string): number => {
  const { length } = text
  const isShaped =
    (length === 27 || length === 24) &&
    isAt(text, 4, 0x2d) &&
    isAt(text, 7, 0x2d) &&
    isAt(text, 10, 0x54) &&
    isAt(text, 13, 0x3a) &&
    isAt(text, 16, 0x3a) &&
    isAt(text, 19, 0x2e) &&
    isAt(text, length - 1, 0x5a)
  if (!isShaped) return NaN
  const year = digitsAt(text, 0, 4)
  const month = digitsAt(text, 5, 2)
  const day = digitsAt(text, 8, 2)
  const hour = digitsAt(text, 11, 2)
  const minute = digitsAt(text, 14, 2)
  const second = digitsAt(text, 17, 2)
  const millisecond = digitsAt(text, 20, 3)
  // Date.UTC takes years below 100 for 19xx, and carries over what is too much; the last days of months are left to those who know them
  const isPlain =
    year >= 100 && month >= 1 && month <= 12 && day >= 1 && day <= 28 && hour < 24 && minute < 60 && second < 60
  if (!isPlain || (length === 27 && Number.isNaN(digitsAt(text, 23, 3)))) return NaN
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond)
}

/** As `new Date(text).getTime()`. */
export const instantOf = (text: string): number => {
  const plain = plainInstant(text)
  return Number.isNaN(plain) ? new Date(text).getTime() : plain
}
