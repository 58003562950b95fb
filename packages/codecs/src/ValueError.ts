// The one error of this package: a value that its type cannot give or cannot take. A plain class, so that programs without Effect can use it.
// It never carries the value: a parameter may be a password, a column may be somebody's salary.

/** What is known about a value that could not be read or written. */
export interface ValueIssue {
  /** PostgreSQL's name of the type, `"int8"` */
  readonly type: string
  /** the JavaScript form asked for or given: `"number"`, `"Date"`, `"array"` */
  readonly form?: string | undefined
  /** the rule that was broken, `"a fraction"`, `"out of range"`; never the value */
  readonly issue: string
  /** what the reader of the message can do, if there is anything */
  readonly remedy?: string | undefined
  /** the column's name, once it is known */
  readonly column?: string | undefined
  /** the row of the result, from 1, once it is known */
  readonly row?: number | undefined
  /** the parameter, from 1, once it is known */
  readonly parameter?: number | undefined
}

const place = (issue: ValueIssue): string => {
  if (issue.column !== undefined) {
    return `column ${JSON.stringify(issue.column)}${issue.row === undefined ? "" : ` of row ${issue.row}`}: `
  }
  return issue.parameter === undefined ? "" : `parameter $${issue.parameter}: `
}

/**
 * A value that could not be read from its bytes or written into them.
 *
 * *Where from:* readers throw it for bytes that are not a value of the type and for values that the chosen form cannot hold; writers
 * throw it for JavaScript values that the type does not take. Writers throw before anything is sent, so the connection is as it was.
 */
export class ValueError extends Error implements ValueIssue {
  readonly _tag = "ValueError"
  override readonly name = "ValueError"
  readonly type: string
  readonly form: string | undefined
  readonly issue: string
  readonly remedy: string | undefined
  readonly column: string | undefined
  readonly row: number | undefined
  readonly parameter: number | undefined

  constructor(issue: ValueIssue) {
    const form = issue.form === undefined ? "" : ` as ${issue.form}`
    const remedy = issue.remedy === undefined ? "" : ` (${issue.remedy})`
    super(`${place(issue)}${issue.type}${form}: ${issue.issue}${remedy}`)
    this.type = issue.type
    this.form = issue.form
    this.issue = issue.issue
    this.remedy = issue.remedy
    this.column = issue.column
    this.row = issue.row
    this.parameter = issue.parameter
  }

  /** The same error with its place filled in. */
  at(place: Pick<ValueIssue, "column" | "row" | "parameter">): ValueError {
    return new ValueError({
      type: this.type,
      form: this.form,
      issue: this.issue,
      remedy: this.remedy,
      column: place.column ?? this.column,
      row: place.row ?? this.row,
      parameter: place.parameter ?? this.parameter
    })
  }
}

/** The bytes are not a value of the type: `expected` says what they should have been. */
export const malformed = (type: string, expected: string): ValueError =>
  new ValueError({ type, issue: `not a value of this type: expected ${expected}` })

/** The bytes of a fixed-width type have the wrong number. */
export const wrongLength = (type: string, expected: number, received: number): ValueError =>
  malformed(type, `${expected} bytes, received ${received}`)

/** The value exists, but the chosen form cannot hold it. */
export const unrepresentable = (type: string, form: string, issue: string, remedy?: string): ValueError =>
  new ValueError({ type, form, issue, remedy })

/** What kind of thing a JavaScript value is, for messages. Never the value itself. */
export const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (typeof value !== "object") return typeof value
  if (Array.isArray(value)) return "array"
  if (value instanceof Date) return "Date"
  if (value instanceof Uint8Array) return "Uint8Array"
  return "object"
}

/** The type does not take a JavaScript value of this kind. */
export const notTaken = (type: string, value: unknown, remedy?: string): ValueError =>
  value === undefined
    ? new ValueError({
        type,
        form: "undefined",
        issue: "undefined is not a value",
        remedy: "use null for NULL (NullOr)"
      })
    : new ValueError({ type, form: kindOf(value), issue: `the type takes no ${kindOf(value)}`, remedy })

/** A JavaScript value of the right kind that breaks a rule of the type. */
export const refused = (type: string, value: unknown, issue: string, remedy?: string): ValueError =>
  new ValueError({ type, form: kindOf(value), issue, remedy })
