// Options of COPY as SQL, quoted. What PostgreSQL would refuse for its shape alone is refused here, when the program starts: a character that
// is none, text that holds NUL. Which options a version knows, and which go together, is the server's to say.
import { quoteIdentifier } from "../sql/template.ts"

export interface CopyTextOptions {
  readonly format?: "text"
  /** one character of one byte; default: a tab */
  readonly delimiter?: string
  /** what stands for NULL; default `\N` */
  readonly null?: string
  /** a line of names in front; `"match"`: that has to be the names of the columns (FROM only) */
  readonly header?: boolean | "match"
}

export interface CopyCsvOptions {
  readonly format: "csv"
  /** default: a comma */
  readonly delimiter?: string
  /** what stands for NULL when it is not quoted; default: nothing. The empty string is `""`. */
  readonly null?: string
  readonly header?: boolean | "match"
  /** default `"` */
  readonly quote?: string
  /** what goes in front of a quote inside quotes; default: the quote */
  readonly escape?: string
  /** columns that are quoted whatever they hold (TO only); `"*"`: all */
  readonly forceQuote?: "*" | ReadonlyArray<string>
  /** columns in which what stands for NULL is text (FROM only) */
  readonly forceNotNull?: "*" | ReadonlyArray<string>
  /** columns in which what stands for NULL is NULL although it is quoted (FROM only) */
  readonly forceNull?: "*" | ReadonlyArray<string>
}

export interface CopyBinaryOptions {
  readonly format: "binary"
}

export interface CopySharedOptions {
  /** of the data, by PostgreSQL's name; default: the client's, which is UTF8 */
  readonly encoding?: string
  /** rows are visible to everybody before the transaction ends; only into a table that the transaction has made (FROM only) */
  readonly freeze?: boolean
  /** what stands for the default of a column (FROM only; PostgreSQL 16) */
  readonly default?: string
  /** rows with a value that its type does not take are left out instead of ending the COPY (FROM only; PostgreSQL 17) */
  readonly onError?: "stop" | "ignore"
  /** rows left out before it ends all the same (FROM only; PostgreSQL 18) */
  readonly rejectLimit?: number
  readonly logVerbosity?: "default" | "verbose" | "silent"
}

export type CopyOptions = CopySharedOptions & (CopyTextOptions | CopyCsvOptions | CopyBinaryOptions)

const refuse = (option: string, issue: string): never => {
  throw new TypeError(`Copy.options: ${option} ${issue}`)
}

/** As quote_literal does it: right under either setting of standard_conforming_strings. */
export const quoteLiteral = (text: string): string => {
  const quoted = text.replaceAll("'", "''")
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`
}

const literal = (option: string, text: string): string =>
  text.includes("\0") ? refuse(option, "holds a NUL character") : quoteLiteral(text)

const character = (option: string, text: string): string => {
  if (text.length !== 1 || text > "\u007f") refuse(option, "is one character of one byte")
  if (text === "\n" || text === "\r") refuse(option, "is no line break")
  return literal(option, text)
}

const line = (option: string, text: string): string => {
  if (/[\r\n]/.test(text)) refuse(option, "holds no line break")
  return literal(option, text)
}

const columns = (option: string, names: "*" | ReadonlyArray<string>): string => {
  if (names === "*") return "*"
  if (names.length === 0) refuse(option, "names at least one column")
  if (names.some((name) => name === "" || name.includes("\0"))) refuse(option, "holds an empty name, or NUL")
  return `(${names.map(quoteIdentifier).join(", ")})`
}

type Columns = "*" | ReadonlyArray<string> | undefined
type AllOptions = CopySharedOptions & {
  readonly [K in keyof CopyCsvOptions as Exclude<K, "format">]?: CopyCsvOptions[K] | undefined
} & { readonly format?: "text" | "csv" | "binary" }

const word = (option: string, value: string, allowed: ReadonlyArray<string>): string =>
  allowed.includes(value) ? value : refuse(option, `is one of ${allowed.join(", ")}`)

/** `(FORMAT csv, HEADER true)`; throws TypeError for what no server takes. */
export const copyOptionsSql = (options: CopyOptions): string => {
  const all: AllOptions = options
  const parts: Array<string> = []
  const add = (sql: string, value: string | undefined): void => {
    if (value !== undefined) parts.push(`${sql} ${value}`)
  }
  const map = <A>(value: A | undefined, f: (value: A) => string): string | undefined =>
    value === undefined ? undefined : f(value)
  const list = (option: string, value: Columns): string | undefined => map(value, (names) => columns(option, names))
  add(
    "FORMAT",
    map(all.format, (value) => word("format", value, ["text", "csv", "binary"]))
  )
  add(
    "DELIMITER",
    map(all.delimiter, (value) => character("delimiter", value))
  )
  add(
    "NULL",
    map(all.null, (value) => line("null", value))
  )
  add(
    "DEFAULT",
    map(all.default, (value) => line("default", value))
  )
  add(
    "HEADER",
    map(all.header, (value) => word("header", String(value), ["true", "false", "match"]))
  )
  add(
    "QUOTE",
    map(all.quote, (value) => character("quote", value))
  )
  add(
    "ESCAPE",
    map(all.escape, (value) => character("escape", value))
  )
  add("FORCE_QUOTE", list("forceQuote", all.forceQuote))
  add("FORCE_NOT_NULL", list("forceNotNull", all.forceNotNull))
  add("FORCE_NULL", list("forceNull", all.forceNull))
  add(
    "ENCODING",
    map(all.encoding, (value) => literal("encoding", value))
  )
  add(
    "FREEZE",
    map(all.freeze, (value) => word("freeze", String(value), ["true", "false"]))
  )
  add(
    "ON_ERROR",
    map(all.onError, (value) => word("onError", value, ["stop", "ignore"]))
  )
  add("REJECT_LIMIT", map(all.rejectLimit, rejectLimit))
  add(
    "LOG_VERBOSITY",
    map(all.logVerbosity, (value) => word("logVerbosity", value, ["default", "verbose", "silent"]))
  )
  return parts.length === 0 ? "" : `(${parts.join(", ")})`
}

const rejectLimit = (value: number): string =>
  Number.isSafeInteger(value) && value > 0 ? String(value) : refuse("rejectLimit", "is a whole number above 0")
