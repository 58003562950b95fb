// What a script gave to `Message.dataRow`, kept beside the bytes it became: text can be sent in another format, bytes cannot.
import type { Rows, RowValues } from "@pgfx/protocol"

const values = new WeakMap<Rows, RowValues>()

export const rememberValues = (rows: Rows, row: RowValues): Rows => {
  values.set(rows, row)
  return rows
}

/** The values of a message made by `dataRow`; `undefined` for rows from elsewhere. */
export const valuesOf = (rows: Rows): RowValues | undefined => values.get(rows)
