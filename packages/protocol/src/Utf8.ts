// UTF-8 in both directions ⚡, over the TextDecoder and TextEncoder that every runtime has. The protocol's
// `client_encoding` is always UTF8 here, so nothing else is known. Says only whether text is well formed: which
// message it stood in is the reader's and the writer's business.
import { longestShort, shortAscii } from "./shortAscii.ts"

// ignoreBOM keeps U+FEFF at the start of a value: it is data, and dropping it would be silent
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Where only TextDecoder is left (90 ns, Node 20), text is made by hand up to this length: 83 ns for 29, adding up included. Where there is
 * utf8Slice (50 ns) by hand does not pay beyond the short.
 */
const handMade = 32

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

/** No byte of `bytes[start, end)` is above 0x7f. 0.3 to 0.5 ns a byte. */
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

/** ASCII of more than a few bytes by hand; `undefined` if it holds anything else. */
const longerAscii = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  let text = ""
  for (let i = start; i < end; i += longestShort) {
    const piece = shortAscii(bytes, i, Math.min(end, i + longestShort))
    if (piece === undefined) return undefined
    text += piece
  }
  return text
}

/**
 * `bytes[start, end)` as text, or `undefined` if it is not well-formed UTF-8 (overlong forms, surrogates and truncated sequences
 * included). A byte order mark is kept. 0 ≤ start ≤ end ≤ the length: nothing else is checked.
 */
export const decodeUtf8 = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const length = end - start
  if (length <= longestShort) {
    const text = shortAscii(bytes, start, end)
    if (text !== undefined) return text
  } else if (utf8Slice === undefined && length <= handMade) {
    const text = longerAscii(bytes, start, end)
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
