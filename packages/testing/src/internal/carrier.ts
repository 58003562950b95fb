// How a statement that the script answers has come, and the answer in that shape: what the simple protocol says in one row of messages,
// the extended one spreads over the answers to Parse, Describe, Bind and Execute, in formats that the client has asked for.
import {
  type BackendMessage,
  type ColumnDescription,
  encodeRows,
  type FormatCode,
  type FrontendMessage,
  type Rows
} from "@pgfx/protocol"
import { binaryOf } from "./binary.ts"
import { valuesOf } from "./rowValues.ts"

/** The messages that come in front of an Execute, or ask about a statement before there is one. */
export type Preliminary = Extract<FrontendMessage, { readonly _tag: "Parse" | "Bind" | "Describe" | "Close" }>

/** Where the answer to a statement goes, and how far it is. */
export interface Carrier {
  readonly sql: string
  /** in front of the Execute, not answered yet; `undefined` once it is */
  readonly owed: ReadonlyArray<Preliminary> | undefined
  /** the client has asked what the statement is, in a group of its own, and runs it when it knows */
  readonly isDescribedFirst: boolean
  /** what Bind asks of the rows: none is text, one is for all, else one per column */
  readonly formats: ReadonlyArray<FormatCode>
}

const formatOf = (formats: ReadonlyArray<FormatCode>, column: number): FormatCode =>
  formats.length === 1 ? (formats[0] ?? 0) : (formats[column] ?? 0)

/** The row as the client has asked for it. Bytes and NULL are as the script gave them. */
export const inFormats = (
  rows: Rows,
  formats: ReadonlyArray<FormatCode>,
  columns: ReadonlyArray<ColumnDescription> | undefined
): Rows => {
  const values = valuesOf(rows)
  if (values === undefined || !formats.includes(1)) return rows
  return encodeRows([
    values.map((value, i) => {
      if (typeof value !== "string" || formatOf(formats, i) === 0) return value
      const typeOid = columns?.[i]?.typeOid ?? 0
      const bytes = binaryOf(typeOid, value)
      if (bytes !== undefined) return bytes
      throw new TypeError(
        `ScriptedBackend: the client asks for column ${i + 1}, of the type with OID ${typeOid}, in binary; give dataRow its bytes`
      )
    })
  ])
}

/** OIDs of pg_type.dat */
const oids: Readonly<Record<string, number>> = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802
}

const guess = (value: Uint8Array | null | undefined): number => {
  const text = value === null || value === undefined ? "" : new TextDecoder().decode(value)
  if (/^-?\d{1,9}$/.test(text)) return 23
  if (/^-?\d+$/.test(text)) return 20
  if (/^-?[\d.]+(e[+-]?\d+)?$/.test(text)) return 701
  if (/^(true|false)$/.test(text)) return 16
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) ? 1184 : 25
}

/**
 * What a server might infer of the parameters: what the client declares, else a cast in the text (`$1::int4`), else what the values
 * look like, else text. A script that knows better says ParameterDescription.
 */
export const inferParameters = (sql: string, owed: ReadonlyArray<Preliminary>): ReadonlyArray<number> => {
  const declared = owed.flatMap((message) => (message._tag === "Parse" ? message.parameterTypes : []))
  const bound = owed.find((message) => message._tag === "Bind")?.parameters ?? []
  const types: Array<number> = []
  for (const [, number] of sql.matchAll(/\$(\d+)/g)) {
    const index = Number(number) - 1
    const cast = new RegExp(`\\$${number}::(\\w+)(?!\\w*\\[)`).exec(sql)?.[1] ?? ""
    types[index] = declared[index] || (oids[cast] ?? guess(bound[index]))
  }
  return Array.from(types, (type) => type ?? 25)
}

/** The answers to `owed`; a description takes its places, NoData stands there without one. */
export const preliminaries = (
  owed: ReadonlyArray<Preliminary>,
  parameterTypes: ReadonlyArray<number>,
  columns: ReadonlyArray<ColumnDescription> | undefined
): ReadonlyArray<BackendMessage> => {
  const described = (formats: ReadonlyArray<FormatCode>): BackendMessage =>
    columns === undefined
      ? { _tag: "NoData" }
      : { _tag: "RowDescription", columns: columns.map((column, i) => ({ ...column, format: formatOf(formats, i) })) }
  return owed.flatMap((message): ReadonlyArray<BackendMessage> => {
    switch (message._tag) {
      case "Parse":
        return [{ _tag: "ParseComplete" }]
      case "Bind":
        return [{ _tag: "BindComplete" }]
      case "Close":
        return [{ _tag: "CloseComplete" }]
      case "Describe":
        // A statement is described before anybody has asked for formats ("Message Formats", RowDescription).
        return message.target === "portal"
          ? [described(formatsOf(owed))]
          : [{ _tag: "ParameterDescription", typeOids: parameterTypes }, described([])]
    }
  })
}

/** The formats that a Bind among these asks for. */
export const formatsOf = (owed: ReadonlyArray<Preliminary>): ReadonlyArray<FormatCode> =>
  owed.find((message) => message._tag === "Bind")?.resultFormats ?? []
