// `host=localhost port=5432 password='it''s …'`: the other form of a connection string, split and unquoted as libpq does
// it. No value is judged and no default filled in here. Source: `conninfo_parse` in fe-connect.c of PostgreSQL 18; manual,
// "Keyword/Value Connection Strings".
import * as Either from "effect/Either"
import type { KeywordValues } from "./connectionUri.ts"
import { canonicalPair } from "./keywords.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { unknownKeyword } from "./unknownKeyword.ts"

// `isspace` of the C locale
const blanks = " \t\n\v\f\r"
const isBlank = (character: string): boolean => character !== "" && blanks.includes(character)

const skipBlanks = (text: string, from: number): number => {
  let at = from
  while (isBlank(text.charAt(at))) at++
  return at
}

const wrong = (at: number, issue: string): Either.Either<never, SettingsIssue> =>
  Either.left(settingsIssue("url", `in the connection string, the keyword at character ${at + 1} ${issue}`))

interface Value {
  readonly text: string
  /** index of the character behind it */
  readonly end: number
}

/** Reads until a blank, or, quoted, until the closing quote. A backslash takes the next character as it is. */
const readValue = (text: string, from: number): Value | undefined => {
  const quoted = text.charAt(from) === "'"
  let value = ""
  let at = quoted ? from + 1 : from
  for (;;) {
    const character = text.charAt(at)
    if (character === "") return quoted ? undefined : { text: value, end: at }
    if (quoted ? character === "'" : isBlank(character)) return { text: value, end: at + 1 }
    if (character === "\\") {
      value += text.charAt(at + 1)
      at += 2
    } else {
      value += character
      at++
    }
  }
}

/** A keyword given twice: the last one counts. Never throws. */
export const parseKeyValue = (text: string): Either.Either<KeywordValues, SettingsIssue> => {
  const values = new Map<string, string>()
  let at = skipBlanks(text, 0)
  while (at < text.length) {
    const start = at
    while (at < text.length && text.charAt(at) !== "=" && !isBlank(text.charAt(at))) at++
    const name = text.slice(start, at)
    at = skipBlanks(text, at)
    if (text.charAt(at) !== "=") return wrong(start, "has no \"=\" behind it; a value with blanks is quoted: '…'")
    const value = readValue(text, skipBlanks(text, at + 1))
    if (value === undefined) return wrong(start, "has a quoted value without a closing quote")
    const pair = canonicalPair(name, value.text)
    if (pair === undefined) return wrong(start, unknownKeyword(name))
    values.set(pair[0], pair[1])
    at = skipBlanks(text, value.end)
  }
  return Either.right(values)
}
