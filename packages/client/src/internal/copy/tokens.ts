// The words of one SQL statement, as far as COPY needs them: names, strings, symbols, and where each stands. Not a parser of SQL: a character
// that means nothing here is a symbol. Rules: "Lexical Structure".

export interface Token {
  readonly kind: "word" | "name" | "string" | "symbol"
  /** a word as it is written, a quoted name without its quotes, a string without its escapes, or the symbol */
  readonly value: string
  /** UTF-16 offsets in the text */
  readonly start: number
  readonly end: number
}

/** Blank space and comments; block comments nest. */
const skipBlank = (sql: string, from: number): number => {
  let at = from
  for (;;) {
    if (/\s/.test(sql.charAt(at))) at++
    else if (sql.startsWith("--", at)) {
      const end = sql.indexOf("\n", at)
      at = end < 0 ? sql.length : end + 1
    } else if (sql.startsWith("/*", at)) at = skipComment(sql, at)
    else return at
  }
}

const skipComment = (sql: string, from: number): number => {
  let depth = 0
  let at = from
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      depth++
      at += 2
    } else if (sql.startsWith("*/", at)) {
      depth--
      at += 2
      if (depth === 0) return at
    } else at++
  }
  return at
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

/** E'…': "String Constants with C-Style Escapes" */
const unescaped = (body: string): string =>
  body.replace(/\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|([\s\S]))/g, (_all, ...parts) => {
    const [octal, hex, unicode, other] = parts.map((part: unknown) => (typeof part === "string" ? part : undefined))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    if (hex !== undefined || unicode !== undefined)
      return String.fromCharCode(Number.parseInt(hex ?? unicode ?? "", 16))
    return escapes[other ?? ""] ?? other ?? ""
  })

/** U&'…' and U&"…" with the escape that they have by default; an UESCAPE behind them is a word that nobody expects */
const unicode = (body: string): string =>
  body.replace(/\\(?:([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|(\\))/g, (_all, ...parts) => {
    const [four, six] = parts.map((part: unknown) => (typeof part === "string" ? part : undefined))
    const code = Number.parseInt(four ?? six ?? "5c", 16)
    return code > 0x10ffff ? "" : String.fromCodePoint(code)
  })

type Match = readonly [kind: Token["kind"], pattern: RegExp, value: (match: RegExpExecArray) => string]

const whole = (match: RegExpExecArray): string => match[0]
const matchers: ReadonlyArray<Match> = [
  ["string", /[eE]'((?:[^'\\]|''|\\[\s\S])*)'/y, (match) => unescaped((match[1] ?? "").replaceAll("''", "'"))],
  ["string", /[uU]&'((?:[^']|'')*)'/y, (match) => unicode((match[1] ?? "").replaceAll("''", "'"))],
  ["string", /[bBxXnN]?'((?:[^']|'')*)'/y, (match) => (match[1] ?? "").replaceAll("''", "'")],
  ["string", /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$([\s\S]*?)\$\1\$/y, (match) => match[2] ?? ""],
  ["name", /[uU]&"((?:[^"]|"")*)"/y, (match) => unicode((match[1] ?? "").replaceAll('""', '"'))],
  ["name", /"((?:[^"]|"")*)"/y, (match) => (match[1] ?? "").replaceAll('""', '"')],
  ["word", /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*/y, whole],
  ["symbol", /[\s\S]/y, whole]
]

/** All of them; total, whatever the text. */
export const tokensOf = (sql: string): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  for (let at = skipBlank(sql, 0); at < sql.length; at = skipBlank(sql, at)) {
    for (const [kind, pattern, value] of matchers) {
      pattern.lastIndex = at
      const match = pattern.exec(sql)
      if (match === null) continue
      tokens.push({ kind, value: value(match), start: at, end: pattern.lastIndex })
      at = pattern.lastIndex
      break
    }
  }
  return tokens
}
