// "Error and Notice Message Fields": ErrorResponse and NoticeResponse, one table for both directions. Every field may
// be missing, unknown ones are kept, and no content makes a report unreadable: an error that cannot be shown would
// hide the one before it. Text is for people: bytes that are not UTF-8 become U+FFFD (until start-up ends the server
// writes in its own encoding).
import type { ErrorResponse, NoticeResponse, ReportFields } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType } from "../Frame.ts"

type TextField = Exclude<keyof ReportFields, "position" | "internalPosition" | "line" | "unknown">
type NumberField = "position" | "internalPosition" | "line"

/** Letter of each textual field. Source: "Error and Notice Message Fields". */
export const reportTextFields: Readonly<Record<TextField, string>> = {
  severity: "S",
  severityNonLocalized: "V",
  code: "C",
  message: "M",
  detail: "D",
  hint: "H",
  internalQuery: "q",
  where: "W",
  schema: "s",
  table: "t",
  column: "c",
  dataType: "d",
  constraint: "n",
  file: "F",
  routine: "R"
}

/** Letter of each field that holds a decimal number. */
export const reportNumberFields: Readonly<Record<NumberField, string>> = {
  position: "P",
  internalPosition: "p",
  line: "L"
}

const textName = new Map<string, TextField>()
for (const [name, letter] of Object.entries(reportTextFields)) textName.set(letter, name as TextField) // keys of the table above
const numberName = new Map<string, NumberField>()
for (const [name, letter] of Object.entries(reportNumberFields)) numberName.set(letter, name as NumberField) // keys of the table above

/**
 * Canonical decimals that a number holds exactly: anything else is kept as text, so that nothing the server said is
 * lost.
 */
const decimal = /^(0|[1-9][0-9]{0,14})$/

const readFields = (r: ByteReader): ReportFields => {
  const fields: { -readonly [K in keyof ReportFields]: ReportFields[K] } = {}
  const unknown: Record<string, string> = {}
  let hasUnknown = false
  for (;;) {
    const code = r.uint8("field type, or 0 at the end")
    if (code === 0) break
    const letter = String.fromCharCode(code)
    const value = r.lenientCString(`field ${letter}`)
    // of a field that comes twice the last counts, as in libpq (pqSaveMessageField puts it first in the list it
    // searches)
    const text = textName.get(letter)
    const number = numberName.get(letter)
    if (text !== undefined) fields[text] = value
    else if (number !== undefined && decimal.test(value)) fields[number] = Number(value)
    else {
      unknown[letter] = value
      hasUnknown = true
    }
  }
  r.finish()
  if (hasUnknown) fields.unknown = unknown
  return fields
}

const writeField = (w: ByteWriter, letter: string, value: string): void => {
  const code = letter.charCodeAt(0)
  if (letter.length !== 1 || code === 0 || code > 0xff)
    w.fail("field type", `${JSON.stringify(letter)} is not one byte`)
  w.uint8(code)
  w.cString(value, `field ${letter}`)
}

/** The order in which PostgreSQL sends them. Source: `utils/error/elog.c` send_message_to_frontend. */
const order = "SVCMDHWstcdnPpqFLR"

/**
 * The fields that are there, by letter, in the order in which PostgreSQL sends them (so that a report read and written again is the same
 * bytes), unknown ones behind them.
 */
export const reportEntries = (fields: ReportFields): ReadonlyArray<readonly [letter: string, value: string]> => {
  const entries: Array<readonly [string, string]> = []
  for (const letter of order) {
    const name = textName.get(letter) ?? numberName.get(letter)
    const value = name === undefined ? undefined : fields[name]
    if (value !== undefined) entries.push([letter, String(value)])
  }
  entries.push(...Object.entries(fields.unknown ?? {}))
  return entries
}

const writeFields = (w: ByteWriter, fields: ReportFields): void => {
  for (const name of numberName.values()) {
    const value = fields[name]
    if (value !== undefined && !decimal.test(String(value))) w.fail(name, `${value} is not a count`)
  }
  for (const [letter, value] of reportEntries(fields)) writeField(w, letter, value)
  w.uint8(0)
}

/** Writes `ErrorResponse`. */
export const writeErrorResponse = (w: ByteWriter, fields: ReportFields): void => {
  w.beginMessage(backendType.ErrorResponse, "ErrorResponse")
  writeFields(w, fields)
  w.endMessage()
}

/** Reads the body of `ErrorResponse`. */
export const readErrorResponse = (r: ByteReader): ErrorResponse => ({ _tag: "ErrorResponse", fields: readFields(r) })

/** Writes `NoticeResponse`. */
export const writeNoticeResponse = (w: ByteWriter, fields: ReportFields): void => {
  w.beginMessage(backendType.NoticeResponse, "NoticeResponse")
  writeFields(w, fields)
  w.endMessage()
}

/** Reads the body of `NoticeResponse`. */
export const readNoticeResponse = (r: ByteReader): NoticeResponse => ({ _tag: "NoticeResponse", fields: readFields(r) })
