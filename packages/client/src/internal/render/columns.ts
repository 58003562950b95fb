// How many columns a text takes in a terminal or an editor with a fixed-width font: what a caret below it has to skip.
// An approximation of Unicode's East Asian Width (UAX #11) by blocks; wrong by a column for a few rare letters, never by many.

// Wide and fullwidth blocks: Hangul Jamo, CJK radicals to Yi, Hangul syllables, compatibility forms, fullwidth forms, supplementary ideographs.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const withoutWidth = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** What a reader sees as one character, with its width and how many code points it is made of. */
export interface Cell {
  readonly text: string
  readonly codePoints: number
  /** 0, 1 or 2 columns */
  readonly width: number
}

/** A line as cells. `é` written with two code points, a flag and a family of emoji are one cell each. */
export const cellsOf = (line: string): ReadonlyArray<Cell> =>
  Array.from(graphemes.segment(line), ({ segment }) => ({
    text: segment,
    codePoints: Array.from(segment).length,
    width: wide.test(segment) ? 2 : withoutWidth.test(segment) ? 0 : 1
  }))
