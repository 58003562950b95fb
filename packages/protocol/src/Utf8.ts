// UTF-8 in both directions ⚡, over the TextDecoder and TextEncoder that every runtime has. The protocol's
// `client_encoding` is always UTF8 here, so nothing else is known. Says only whether text is well formed: which
// message it stood in is the reader's and the writer's business.

// ignoreBOM keeps U+FEFF at the start of a value: it is data, and dropping it would be silent
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Up to here characters by hand cost less than a call into TextDecoder, eight at a time: 23 ns for 8 bytes, 58 for
 * 16, 72 for 24 against 90 to 100 (Node 20; one at a time: 46, 117, 170). They cross at 32.
 */
const shortText = 24

const ascii = String.fromCharCode

/** ASCII of at most 24 bytes by hand; `undefined` if it is longer or holds anything else. */
const shortAscii = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  if (end - start > shortText) return undefined
  let text = ""
  let i = start
  for (; i + 8 <= end; i += 8) {
    const a = bytes[i]!
    const b = bytes[i + 1]!
    const c = bytes[i + 2]!
    const d = bytes[i + 3]!
    const e = bytes[i + 4]!
    const f = bytes[i + 5]!
    const g = bytes[i + 6]!
    const h = bytes[i + 7]!
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined
    text += ascii(a, b, c, d, e, f, g, h)
  }
  for (; i < end; i++) {
    const byte = bytes[i]!
    if (byte > 0x7f) return undefined
    text += ascii(byte)
  }
  return text
}

/**
 * `bytes[start, end)` as text, or `undefined` if it is not well-formed UTF-8 (overlong forms, surrogates and
 * truncated sequences included). A byte order mark is kept.
 */
export const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const short = shortAscii(bytes, start, end)
  if (short !== undefined) return short
  try {
    return strict.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** `bytes[start, end)` as text for people: what is not UTF-8 becomes U+FFFD. Never for values. */
export const decodeUtf8Lenient = (bytes: Uint8Array, start: number, end: number): string =>
  shortAscii(bytes, start, end) ?? lenient.decode(bytes.subarray(start, end))

/**
 * Writes as much of `text` as fits into `into`, whole characters only. `read` is in UTF-16 units, `written` in bytes.
 * The text must be well formed: see `isWellFormed`.
 */
export const encodeUtf8Into = (text: string, into: Uint8Array): { readonly read: number; readonly written: number } =>
  encoder.encodeInto(text, into)

interface MaybeWellFormed {
  readonly isWellFormed?: () => boolean
}

// String.prototype.isWellFormed is ES2024: on Node 20, Bun, Deno and browsers of 2023, but not in `lib` ES2022
const native = (String.prototype as MaybeWellFormed).isWellFormed

/**
 * No surrogate of `text` stands alone. A lone one has no UTF-8 form; encoders replace it silently, which loses data.
 */
export const isWellFormed: (text: string) => boolean =
  native === undefined ? (text) => !/\p{Surrogate}/u.test(text) : (text) => native.call(text)
