// UTF-8 in both directions ⚡, over the TextDecoder and TextEncoder that every runtime has. The protocol's
// `client_encoding` is always UTF8 here, so nothing else is known. Says only whether text is well formed: which
// message it stood in is the reader's and the writer's business.

// ignoreBOM keeps U+FEFF at the start of a value: it is data, and dropping it would be silent
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Below this length characters by hand cost least: 6 ns for 1, 21 for 6, 16 for 8 against 50 of utf8Slice and 90 of TextDecoder (Node 20).
 * From 13 on V8 notes a sum of strings down and adds it up later, which is dearer: 56 for 14, 83 for 29.
 */
const handMade = 13

/** Where only TextDecoder is left, by hand pays up to here. */
const handMadeAtMost = 32

/** A method of Node's Buffer that takes any Uint8Array, and that Bun and Deno have too; undefined in browsers. */
type Slice = (this: Uint8Array, start: number, end: number) => string

interface MaybeBuffer {
  readonly Buffer?: { readonly prototype?: { readonly utf8Slice?: Slice; readonly latin1Slice?: Slice } }
}

// not an import of node:buffer: this package runs everywhere
const buffer = (globalThis as MaybeBuffer).Buffer?.prototype
const utf8Slice = buffer?.utf8Slice
const latin1Slice = buffer?.latin1Slice

/**
 * `bytes[start, end)` with each byte as the character of its number, in one native call; `undefined` where the platform has none. What is
 * ASCII in there is as it would be in UTF-8: pieces of it cost 8 ns where text of its own costs 50 (Node 20).
 */
export const latin1Text: ((bytes: Uint8Array, start: number, end: number) => string) | undefined =
  latin1Slice === undefined ? undefined : (bytes, start, end) => latin1Slice.call(bytes, start, end)

/** No byte of `bytes[start, end)` is above 0x7f. 0.4 ns a byte. */
export const isAscii = (bytes: Uint8Array, start: number, end: number): boolean => {
  let seen = 0
  let i = start
  for (; i + 8 <= end; i += 8) {
    seen |=
      bytes[i]! |
      bytes[i + 1]! |
      bytes[i + 2]! |
      bytes[i + 3]! |
      bytes[i + 4]! |
      bytes[i + 5]! |
      bytes[i + 6]! |
      bytes[i + 7]!
  }
  for (; i < end; i++) seen |= bytes[i]!
  return seen <= 0x7f
}

const ascii = String.fromCharCode

/** ASCII by hand, eight, four and up to three characters at a time; `undefined` if it holds anything else. */
const asciiByHand = (b: Uint8Array, start: number, end: number): string | undefined => {
  let text = ""
  let seen = 0
  let i = start
  for (; i + 8 <= end; i += 8) {
    const c = b[i]!
    const d = b[i + 1]!
    const e = b[i + 2]!
    const f = b[i + 3]!
    const g = b[i + 4]!
    const h = b[i + 5]!
    const j = b[i + 6]!
    const k = b[i + 7]!
    seen |= c | d | e | f | g | h | j | k
    text += ascii(c, d, e, f, g, h, j, k)
  }
  if (i + 4 <= end) {
    const c = b[i]!
    const d = b[i + 1]!
    const e = b[i + 2]!
    const f = b[i + 3]!
    seen |= c | d | e | f
    text += ascii(c, d, e, f)
    i += 4
  }
  const rest = end - i
  if (rest === 1) {
    const c = b[i]!
    seen |= c
    text += ascii(c)
  } else if (rest === 2) {
    const c = b[i]!
    const d = b[i + 1]!
    seen |= c | d
    text += ascii(c, d)
  } else if (rest === 3) {
    const c = b[i]!
    const d = b[i + 1]!
    const e = b[i + 2]!
    seen |= c | d | e
    text += ascii(c, d, e)
  }
  return seen > 0x7f ? undefined : text
}

/**
 * `bytes[start, end)` as text, or `undefined` if it is not well-formed UTF-8 (overlong forms, surrogates and truncated sequences
 * included). A byte order mark is kept. 0 ≤ start ≤ end ≤ the length: nothing else is checked.
 */
export const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const length = end - start
  if (length < handMade || (utf8Slice === undefined && length <= handMadeAtMost)) {
    const text = asciiByHand(bytes, start, end)
    if (text !== undefined) return text
  }
  try {
    if (utf8Slice !== undefined) {
      const text = utf8Slice.call(bytes, start, end)
      // what is not UTF-8 was replaced; a U+FFFD may also have been sent, and then the strict decoder finds it again
      if (!text.includes("\ufffd")) return text
    }
    return strict.decode(bytes.subarray(start, end))
  } catch {
    return undefined
  }
}

/** `bytes[start, end)` as text for people: what is not UTF-8 becomes U+FFFD. Never for values. */
export const decodeUtf8Lenient = (bytes: Uint8Array, start: number, end: number): string =>
  decodeUtf8(bytes, start, end) ?? lenient.decode(bytes.subarray(start, end))

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
