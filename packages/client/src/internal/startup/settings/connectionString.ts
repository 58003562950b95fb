// Which of the two syntaxes a connection string is in, decided once by how it begins. A malformed URI is an error of the URI:
// it is never tried as key/value text, where it could name another host (and put the password into an error).
import * as Either from "effect/Either"
import { isConnectionUri, type KeywordValues, parseConnectionUri } from "./connectionUri.ts"
import { parseKeyValue } from "./keyValue.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

const wrong = (issue: string): Either.Either<never, SettingsIssue> =>
  Either.left(settingsIssue("url", `the connection string ${issue}`))

/** Never throws. Empty text is a string that says nothing, as in libpq. */
export const parseConnectionString = (text: string): Either.Either<KeywordValues, SettingsIssue> => {
  const nul = text.indexOf("\0")
  if (nul >= 0) return wrong(`has a NUL at character ${nul + 1}`)
  // A lone surrogate has no UTF-8 form: encoded, it would become another password.
  const lone = text.search(/\p{Surrogate}/u)
  if (lone >= 0) return wrong(`is not Unicode: half a surrogate pair at character ${lone + 1}`)
  if (isConnectionUri(text)) return parseConnectionUri(text)
  const scheme = /^\s*[A-Za-z][A-Za-z0-9+.-]*:/.exec(text)
  if (scheme === null) return parseKeyValue(text)
  return isConnectionUri(text.trimStart())
    ? wrong("has blanks before its scheme")
    : wrong("begins with another scheme than postgresql:// or postgres:// (lower case)")
}
