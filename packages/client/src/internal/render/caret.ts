// A place in SQL text as a picture: the line, the lines around it, a caret below and a word why. The text is shown as it was sent, line
// numbers from 1; only common indentation, tabs and control characters are changed, and long lines are cut around the caret.
import { cellsOf } from "./columns.ts"
import { visible } from "./plainText.ts"

export interface Excerpt {
  readonly sql: string
  /**
   * Counted in characters (code points, not UTF-16 units) from 1, as the server counts (field `P`, "Error and Notice Message Fields").
   * Beyond the text it means its end ("syntax error at end of input"). `undefined`, or below 1: no caret, the first lines only.
   */
  readonly position?: number | undefined
  /** what the caret says */
  readonly label: string
}

const linesAround = 1
const linesWithoutCaret = 6
const maxWidth = 100
/** Columns kept in front of the caret of a line that is cut. */
const widthBefore = 60
const tabStop = 4

interface Line {
  readonly number: number
  /** UTF-16 offset of its first unit */
  readonly start: number
  readonly text: string
}

/** psql's three kinds of line break. */
const linesOf = (sql: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  let start = 0
  for (const found of sql.matchAll(/\r\n|\n|\r/g)) {
    lines.push({ number: lines.length + 1, start, text: sql.slice(start, found.index) })
    start = found.index + found[0].length
  }
  lines.push({ number: lines.length + 1, start, text: sql.slice(start) })
  return lines
}

/** UTF-16 offset of a position; in front of trailing white space, because that is where something was missing. */
const offsetOf = (sql: string, position: number): number => {
  let offset = 0
  for (let left = position - 1; left > 0 && offset < sql.length; left--) {
    offset += (sql.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1
  }
  const end = sql.trimEnd().length
  return Math.min(offset, end)
}

interface DisplayCell {
  readonly text: string
  readonly column: number
  readonly width: number
  /** UTF-16 offset of the cell in its line, and of what follows it */
  readonly offset: number
  readonly end: number
}

const display = (text: string): ReadonlyArray<DisplayCell> => {
  const cells: Array<DisplayCell> = []
  let column = 0
  let offset = 0
  for (const cell of cellsOf(text)) {
    const escaped = visible(cell.text)
    const shown =
      cell.text === "\t"
        ? { text: " ".repeat(tabStop - (column % tabStop)), width: tabStop - (column % tabStop) }
        : escaped === cell.text
          ? cell
          : { text: escaped, width: escaped.length }
    const end = offset + cell.text.length
    cells.push({ text: shown.text, width: shown.width, column, offset, end })
    column += shown.width
    offset = end
  }
  return cells
}

const widthOf = (cells: ReadonlyArray<DisplayCell>): number => {
  const last = cells.at(-1)
  return last === undefined ? 0 : last.column + last.width
}

/** Columns `from` to `to` of a line; what is cut off leaves an ellipsis, and a wide character on the edge leaves a space. */
const cut = (cells: ReadonlyArray<DisplayCell>, from: number, to: number): string => {
  const cutBefore = from > 0 && cells.some((cell) => cell.column < from && cell.text.trim() !== "")
  const start = cutBefore ? from + 1 : from
  const cutAfter = widthOf(cells) > to
  const kept = cells.filter((cell) => cell.column >= start && cell.column + cell.width <= (cutAfter ? to - 1 : to))
  const gap = " ".repeat(Math.max(0, (kept[0]?.column ?? start) - start))
  return `${cutBefore ? "…" : ""}${gap}${kept.map((cell) => cell.text).join("")}${cutAfter ? "…" : ""}`.trimEnd()
}

const indentOf = (cells: ReadonlyArray<DisplayCell>): number =>
  cells.find((cell) => cell.text.trim() !== "")?.column ?? Number.POSITIVE_INFINITY

/** Only what can be seen is measured: a line of a generated statement may be megabytes long. */
const near = (text: string, offset: number): { readonly text: string; readonly skipped: number } => {
  const reach = maxWidth * 8
  const skipped = offset <= reach ? 0 : offset - reach
  // not in the middle of a surrogate pair
  const start = skipped > 0 && /^[\udc00-\udfff]/.test(text.charAt(skipped)) ? skipped + 1 : skipped
  return { text: text.slice(start, offset + reach), skipped: start }
}

const withoutCaret = (lines: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const first = lines.findIndex((line) => line.text.trim() !== "")
  const end = lines.reduce((before, line) => (line.text.trim() === "" ? before : line.number), 0)
  const shown = lines.slice(first, Math.min(end, first + linesWithoutCaret))
  const hidden = end - first - shown.length
  const parts = shown.map((line) => ({ number: line.number, cells: display(near(line.text, 0).text) }))
  const indent = Math.min(...parts.map((part) => indentOf(part.cells)))
  const gutter = String(Math.max(...parts.map((part) => part.number))).length
  return [
    ...parts.map(({ cells, number }) =>
      `${String(number).padStart(gutter)} │ ${cut(cells, indent, indent + maxWidth)}`.trimEnd()
    ),
    ...(hidden === 0 ? [] : [`${" ".repeat(gutter)} │ … (${hidden} more ${hidden === 1 ? "line" : "lines"})`])
  ]
}

/** Columns in front of the caret: those of the cell it points into, or of the whole line if it points behind it. */
const columnOf = (cells: ReadonlyArray<DisplayCell>, offset: number): number =>
  cells.find((cell) => offset < cell.end)?.column ?? widthOf(cells)

/** The lines of the picture, without indentation of its own and without line breaks. Empty for a text without a word. */
export const renderCaret = ({ label, position, sql }: Excerpt): ReadonlyArray<string> => {
  if (sql.trim() === "") return []
  const lines = linesOf(sql)
  if (position === undefined || !(position >= 1)) return withoutCaret(lines)

  const offset = offsetOf(sql, position)
  const next = lines.findIndex((line) => line.start > offset)
  const marked = lines.at(next < 0 ? -1 : next - 1) ?? { number: 1, start: 0, text: sql }
  const shown = lines
    .slice(Math.max(0, marked.number - 1 - linesAround), marked.number + linesAround)
    .filter((line) => line === marked || line.text.trim() !== "")
    .map((line) => ({ line, ...near(line.text, offset - marked.start) }))
    .map(({ line, skipped, text }) => ({ line, skipped, cells: display(text) }))
  const own = shown.find(({ line }) => line === marked)
  const caret = own === undefined ? 0 : columnOf(own.cells, offset - marked.start - own.skipped)
  const width = own === undefined ? 0 : widthOf(own.cells)

  const indent = Math.min(caret, ...shown.map(({ cells }) => indentOf(cells)))
  const from = width - indent > maxWidth && caret - indent > widthBefore ? caret - widthBefore : indent
  const gutter = String(Math.max(...shown.map(({ line }) => line.number))).length
  return shown.flatMap(({ cells, line }) => {
    const text = `${String(line.number).padStart(gutter)} │ ${cut(cells, from, from + maxWidth)}`.trimEnd()
    return line === marked ? [text, `${" ".repeat(gutter)} │ ${" ".repeat(caret - from)}╰── ${label}`] : [text]
  })
}
