// Foreign text made fit for a terminal, a log line and a span: nothing in it can move a cursor, hide or reorder what stands beside it,
// or be as long as its sender likes. Deliberately no escaping for HTML or JSON: that belongs to whoever writes those.
// Why: CVE-2024-10977 (a server's text shown before it proved who it is), "Trojan Source" (CVE-2021-42574: bidirectional controls).

/** Most characters of one foreign text that a rendering shows. */
export const textLimit = 2_000

// Control characters, bidirectional controls, line and paragraph separators; zero width space and the invisible operators, byte order
// mark, annotation anchors, the invisible "tag" letters, halves of surrogate pairs. Joiners (U+200C, U+200D) stay: scripts and emoji
// need them.
const unsafe =
  /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Surrogate}\u200b\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

const escape = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`
}

/** The first `limit` characters (code points); what is left out is counted. */
export const bounded = (text: string, limit: number = textLimit): string => {
  if (text.length <= limit) return text
  // One character has at most two units: no more than twice the limit need be looked at.
  const kept = Array.from(text.slice(0, limit * 2))
    .slice(0, limit)
    .join("")
  return kept.length === text.length ? text : `${kept}… (${text.length - kept.length} more)`
}

/** One line: breaks and tabs become a space, other control characters visible escapes. */
export const oneLine = (text: string, limit: number = textLimit): string =>
  bounded(text, limit)
    .replace(/[\r\n\t\v\f\u0085\u2028\u2029]+ */g, " ")
    .replace(unsafe, escape)
    .trim()

/** The same line for line; every kind of line break counts as one. */
export const lines = (text: string, limit: number = textLimit): ReadonlyArray<string> =>
  bounded(text, limit)
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(/\t/g, "    ").replace(unsafe, escape))

/** Control characters made visible, length untouched by any limit: for a line whose width was already cut. */
export const visible = (text: string): string => text.replace(unsafe, escape)
