// ⚡ A row in each of COPY's formats. Binary: "Binary Format", the values as in Bind. Text: "Text Format", where a backslash escapes. CSV: "CSV
// Format", where quotes do, and only what is not quoted can be NULL. What a format cannot say is refused, never changed.
import type { ByteWriter } from "@pgfx/protocol"
import { invalidValue, refusalOf, valueFor, type WrittenColumn } from "./rowEncoder.ts"
import { type RowLayout, RowRefused } from "./rowPacker.ts"
import type { CopyDialect } from "./statement.ts"

/** "PGCOPY\n\377\r\n\0", no flags, no extension */
export const binaryHeader = new Uint8Array([
  0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0
])

const refuseValue = (column: WrittenColumn, row: number, issue: string): never => {
  throw new RowRefused(invalidValue(column, row, issue))
}

const binaryLayout = (columns: ReadonlyArray<WrittenColumn>): RowLayout => ({
  columns: columns.length,
  header: (writer) => writer.bytes(binaryHeader),
  row: (encoded, row, writer) => {
    writer.int16(columns.length)
    for (let i = 0; i < columns.length; i++) writeBinary(columns[i]!, encoded, row, writer)
  },
  trailer: (writer) => writer.int16(-1)
})

const writeBinary = (column: WrittenColumn, encoded: unknown, row: number, writer: ByteWriter): void => {
  let value: unknown
  let format: number
  try {
    value = valueFor(column, encoded)
    format = value === null ? 1 : column.writer.format(value)
  } catch (error) {
    return refuseValue(column, row, refusalOf(error))
  }
  if (value === null) return writer.nullValue()
  if (format !== 1) {
    const issue = `this value of type ${column.codec.name} is one that the server has to parse (use FORMAT text or csv)`
    return refuseValue(column, row, issue)
  }
  writer.beginValue()
  column.writer.binary(value, writer)
  writer.endValue()
}

/** The value as the server's input function reads it; `null`: NULL. */
const textFor = (column: WrittenColumn, encoded: unknown, row: number): string | null => {
  let text: string
  try {
    const value = valueFor(column, encoded)
    if (value === null) return null
    column.writer.format(value)
    text = column.writer.text(value)
  } catch (error) {
    return refuseValue(column, row, refusalOf(error))
  }
  if (text.includes("\0")) refuseValue(column, row, "holds a NUL character, which PostgreSQL's text cannot")
  return text
}

/** Field by field, with what is between them. */
const lineLayout = (
  columns: ReadonlyArray<WrittenColumn>,
  dialect: CopyDialect,
  field: (text: string | null, column: WrittenColumn, row: number) => string
): RowLayout => ({
  columns: columns.length,
  header: (writer) => {
    for (let line = 0; line < dialect.headerLines; line++) {
      const names = columns.map((column) => field(column.name, column, 0))
      writer.utf8(`${names.join(dialect.delimiter)}\n`)
    }
  },
  row: (encoded, row, writer) => {
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      if (i > 0) writer.utf8(dialect.delimiter)
      writer.utf8(field(textFor(column, encoded, row), column, row))
    }
    writer.utf8("\n")
  },
  trailer: () => undefined
})

const letters: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v"
}

/** Three octal digits mean one byte whatever the byte is; a backslash in front of a letter may mean something else. */
const octal = (character: string): string => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`

const inClass = (character: string): string => character.replace(/[\\\]^-]/, "\\$&")

const textLayout = (columns: ReadonlyArray<WrittenColumn>, dialect: CopyDialect): RowLayout => {
  const { default: fallback, delimiter } = dialect
  const special = new RegExp(`[\\\\\\b\\f\\n\\r\\t\\v${inClass(delimiter)}]`, "g")
  const escape = (character: string): string => letters[character] ?? octal(character)
  return lineLayout(columns, dialect, (text, column, row) => {
    if (text === null) return dialect.null
    const escaped = special.test(text) ? text.replace(special, escape) : text
    special.lastIndex = 0
    if (escaped !== dialect.null && escaped !== fallback) return escaped
    // NULL and DEFAULT are looked for before escapes are read: one more escape makes it a value
    if (escaped === "") return refuseValue(column, row, "the empty string, which NULL '' makes NULL in this COPY")
    const [first = ""] = escaped
    if (first === "\\" || first > "\u007f") {
      return refuseValue(column, row, "what stands for NULL or DEFAULT in this COPY, and cannot be told from it")
    }
    return octal(first) + escaped.slice(1)
  })
}

const csvLayout = (columns: ReadonlyArray<WrittenColumn>, dialect: CopyDialect): RowLayout => {
  const { default: fallback, delimiter, escape, quote } = dialect
  const special = new RegExp(`[\\r\\n${[delimiter, quote, escape].map(inClass).join("")}]`)
  const escaped = new RegExp(`[${[quote, escape].map(inClass).join("")}]`, "g")
  return lineLayout(columns, dialect, (text) => {
    if (text === null) return dialect.null
    // \. alone on a line ends the data before PostgreSQL 18, unless it is quoted
    if (text !== dialect.null && text !== fallback && text !== "" && !text.startsWith("\\.") && !special.test(text))
      return text
    return quote + text.replace(escaped, (character) => escape + character) + quote
  })
}

export const layoutOf = (columns: ReadonlyArray<WrittenColumn>, dialect: CopyDialect): RowLayout => {
  switch (dialect.format) {
    case "binary":
      return binaryLayout(columns)
    case "text":
      return textLayout(columns, dialect)
    case "csv":
      return csvLayout(columns, dialect)
  }
}
