// What a COPY says of itself: where its data goes, of which columns, in which format. Read from the text that the server gets, so that both
// mean the same. Judges nothing that the server judges; what cannot be made out is told as an issue. Syntax: the manual's page on COPY, and
// gram.y for the older forms that are still taken.
import { quoteIdentifier } from "../sql/template.ts"
import { type Token, tokensOf } from "./tokens.ts"

export type CopyFormat = "text" | "csv" | "binary"

/** What decides how data reads; what is left out is the server's default. */
export interface CopyDialect {
  readonly format: CopyFormat
  readonly delimiter: string
  readonly null: string
  /** lines in front of the data */
  readonly headerLines: number
  readonly quote: string
  readonly escape: string
  /** what stands for the column's default; COPY FROM only */
  readonly default: string | undefined
  readonly encoding: string | undefined
  /** NULL is not told by quotes: FORCE_NULL, FORCE_NOT_NULL */
  readonly forcesNull: boolean
}

export interface CopyStatement {
  readonly direction: "in" | "out"
  /** a table with the columns that are listed; or a query, with its offset in the text */
  readonly source:
    /** `name`: quoted, whatever it was written like */
    | { readonly _tag: "Table"; readonly name: string; readonly columns: ReadonlyArray<string> | undefined }
    | { readonly _tag: "Query"; readonly sql: string; readonly offset: number }
  readonly dialect: CopyDialect
}

/** Thrown inside this file only. */
class Unreadable extends Error {}

class Cursor {
  private at = 0
  private readonly tokens: ReadonlyArray<Token>
  constructor(tokens: ReadonlyArray<Token>) {
    this.tokens = tokens
  }
  get next(): Token | undefined {
    return this.tokens[this.at]
  }
  take(): Token {
    const token = this.tokens[this.at++]
    if (token === undefined) throw new Unreadable("it ends too early")
    return token
  }
  /** one of these words, if it is next */
  word(...words: ReadonlyArray<string>): string | undefined {
    const { next } = this
    const word = next?.kind === "word" ? next.value.toUpperCase() : undefined
    if (word === undefined || !words.includes(word)) return undefined
    this.at++
    return word
  }
  symbol(symbol: string): boolean {
    const found = this.next?.kind === "symbol" && this.next.value === symbol
    if (found) this.at++
    return found
  }
  /** what is between these parentheses, the first of which has been taken; answers the last one */
  close(): Token {
    for (let depth = 1; ;) {
      const token = this.take()
      if (token.kind !== "symbol") continue
      if (token.value === "(") depth++
      if (token.value === ")" && --depth === 0) return token
    }
  }
}

/** Names without quotes are folded, as the server does: letters of ASCII only (downcase_identifier, in a database of several-byte characters). */
const nameOf = ({ kind, value }: Token): string => {
  if (kind === "name") return value
  if (kind !== "word") throw new Unreadable(`a name was expected instead of ${JSON.stringify(value)}`)
  return value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

const columnList = (cursor: Cursor): ReadonlyArray<string> => {
  const columns: Array<string> = []
  do columns.push(nameOf(cursor.take()))
  while (cursor.symbol(","))
  if (!cursor.symbol(")")) throw new Unreadable("the list of columns does not end")
  return columns
}

const sourceOf = (sql: string, cursor: Cursor): CopyStatement["source"] => {
  const first = cursor.take()
  if (first.kind === "symbol" && first.value === "(") {
    const last = cursor.close()
    return { _tag: "Query", sql: sql.slice(first.end, last.start), offset: first.end }
  }
  const path = [nameOf(first)]
  while (cursor.symbol(".")) path.push(nameOf(cursor.take()))
  const name = path.map(quoteIdentifier).join(".")
  return { _tag: "Table", name, columns: cursor.symbol("(") ? columnList(cursor) : undefined }
}

type Options = Map<string, string>

/** `(FORMAT csv, HEADER, …)` */
const listedOptions = (cursor: Cursor, options: Options): void => {
  do {
    const name = nameOf(cursor.take())
    let value = "true"
    const { next } = cursor
    if (next !== undefined && next.kind !== "symbol") value = cursor.take().value
    else if (cursor.symbol("(")) cursor.close()
    else cursor.symbol("*")
    options.set(name, value)
  } while (cursor.symbol(","))
  if (!cursor.symbol(")")) throw new Unreadable("the list of options does not end")
}

/** `CSV HEADER DELIMITER ';'`, the syntax before 9.0. */
const bareOptions = (cursor: Cursor, options: Options): void => {
  for (;;) {
    const word = cursor.word(
      "BINARY",
      "CSV",
      "FREEZE",
      "HEADER",
      "DELIMITER",
      "DELIMITERS",
      "NULL",
      "QUOTE",
      "ESCAPE",
      "ENCODING",
      "FORCE"
    )
    switch (word) {
      case undefined:
        return
      case "BINARY":
      case "CSV":
        options.set("format", word.toLowerCase())
        break
      case "FREEZE":
      case "HEADER":
        options.set(word.toLowerCase(), "true")
        break
      case "FORCE": {
        const name = cursor.word("NOT", "NULL", "QUOTE") === "QUOTE" ? "force_quote" : "force_null"
        cursor.word("NULL")
        options.set(name, "true")
        if (!cursor.symbol("*"))
          do nameOf(cursor.take())
          while (cursor.symbol(","))
        break
      }
      default:
        cursor.word("AS")
        options.set(word === "DELIMITERS" ? "delimiter" : word.toLowerCase(), cursor.take().value)
    }
  }
}

const headerLinesOf = (value: string | undefined): number => {
  if (value === undefined || /^(?:false|off|0)$/i.test(value)) return 0
  return /^\d+$/.test(value) ? Number(value) : 1
}

const formatOf = (value: string): CopyFormat => {
  const format = value.toLowerCase()
  if (format === "text" || format === "csv" || format === "binary") return format
  throw new Unreadable(`format ${JSON.stringify(value)} is not known here (text, csv and binary are)`)
}

const dialectOf = (options: Options): CopyDialect => {
  const format = formatOf(options.get("format") ?? "text")
  const quote = options.get("quote") ?? '"'
  return {
    format,
    delimiter: options.get("delimiter") ?? (format === "csv" ? "," : "\t"),
    null: options.get("null") ?? (format === "csv" ? "" : "\\N"),
    headerLines: headerLinesOf(options.get("header")),
    quote,
    escape: options.get("escape") ?? quote,
    default: options.get("default"),
    encoding: options.get("encoding"),
    forcesNull: options.has("force_null") || options.has("force_not_null")
  }
}

const read = (sql: string): CopyStatement => {
  const cursor = new Cursor(tokensOf(sql))
  if (cursor.word("COPY") === undefined) throw new Unreadable("it does not begin with COPY")
  const options: Options = new Map()
  if (cursor.word("BINARY") !== undefined) options.set("format", "binary")
  const source = sourceOf(sql, cursor)
  const direction = cursor.word("FROM", "TO")
  if (direction === undefined) throw new Unreadable("neither FROM nor TO was found")
  // the server takes either word for either direction
  if (cursor.word("STDIN", "STDOUT") === undefined)
    throw new Unreadable("its data does not come through the connection")
  cursor.word("USING")
  bareOptions(cursor, options)
  cursor.word("WITH")
  if (cursor.symbol("(")) listedOptions(cursor, options)
  else bareOptions(cursor, options)
  return { direction: direction === "FROM" ? "in" : "out", source, dialect: dialectOf(options) }
}

/** The statement, or why it cannot be made out. */
export const readCopyStatement = (sql: string): CopyStatement | { readonly issue: string } => {
  try {
    return read(sql)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return { issue: error.message }
  }
}
