// SQLSTATE codes by name: PostgreSQL's own table ("PostgreSQL Error Codes", appendix A of the manual), asked in both directions.
// It does not judge codes: what is transient, what may be retried is the client's table (internal/classify).
import { classNames, conditionNames } from "./SqlState.generated.ts"

/** A code of PostgreSQL 14 to 18, `"23505"`. */
export type KnownSqlState = keyof typeof conditionNames

/** A condition name, `"unique_violation"`: what PL/pgSQL takes in `EXCEPTION WHEN`. */
export type ConditionName = (typeof conditionNames)[KnownSqlState]

/** The first two characters of a code, and the class's name if PostgreSQL has one for it. */
export interface SqlStateClass {
  readonly code: string
  readonly name: string | undefined
}

const isKnown = (code: string): code is KnownSqlState => Object.hasOwn(conditionNames, code)

const isKnownClass = (code: string): code is keyof typeof classNames => Object.hasOwn(classNames, code)

/** Five characters, digits and capital letters (SQL:2016 §24.1), known or not. Case counts. */
export const isSqlState = (text: string): boolean => /^[0-9A-Z]{5}$/.test(text)

/**
 * The condition name of a code. `undefined` for codes that PostgreSQL does not define: those raised by user code with
 * `RAISE … USING ERRCODE`, by extensions, by poolers, or by a newer server.
 */
export const conditionName = (code: string): ConditionName | undefined =>
  isKnown(code) ? conditionNames[code] : undefined

/**
 * All codes of a condition name, in ascending order. Five names have two: four stand both in class 2F or 22 and in 38 or 39, and
 * `string_data_right_truncation` is the warning 01004 and the error 22001. Empty for a name that does not exist.
 */
export const sqlStatesOf = (name: string): ReadonlyArray<KnownSqlState> =>
  Object.keys(conditionNames)
    .filter(isKnown)
    .filter((code) => conditionNames[code] === name)
    .sort()

/**
 * The code of a condition name; of two, the first that is an error. `undefined` for a name that does not exist.
 *
 * Where either code of an ambiguous name matters, compare with {@link sqlStatesOf}.
 */
export const sqlStateOf = (name: string): KnownSqlState | undefined => {
  const codes = sqlStatesOf(name)
  return codes.find((code) => code >= "03") ?? codes[0]
}

/**
 * The class a code belongs to: the standard's rule is that its first two characters say so, for codes nobody has heard of as well.
 * `undefined` if the text is no SQLSTATE at all.
 */
export const classOf = (code: string): SqlStateClass | undefined => {
  if (!isSqlState(code)) return undefined
  const of = code.slice(0, 2)
  return { code: of, name: isKnownClass(of) ? classNames[of] : undefined }
}
