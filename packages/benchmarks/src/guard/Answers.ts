// A server in memory, as far as the guard's statements go: each message of the client's is answered at once, in the formats it asks for. It has one
// answer per statement, whatever the parameters: what is measured is the client, without a kernel or a server whose moods would be measured, too.
// Chunks belong to whoever takes them.
import { type BackendMessage, ByteWriter, encodeBackend, joinChunks } from "@pgfx/protocol"

/** A value as both formats have it. */
export interface Value {
  readonly text: string
  readonly binary: Uint8Array
}

/** What a statement answers. */
export interface Result {
  readonly columns: ReadonlyArray<{ readonly name: string; readonly typeOid: number }>
  readonly rows: ReadonlyArray<ReadonlyArray<Value>>
}

const encode = (...messages: ReadonlyArray<BackendMessage>): Uint8Array => joinChunks(messages.map(encodeBackend))

const parameters = {
  server_version: "18.4",
  server_encoding: "UTF8",
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  integer_datetimes: "on",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  is_superuser: "off",
  session_authorization: "guard"
}
const ready = encode({ _tag: "ReadyForQuery", status: "I" })
const welcome = encode(
  { _tag: "AuthenticationOk" },
  ...Object.entries(parameters).map(([name, value]): BackendMessage => ({ _tag: "ParameterStatus", name, value })),
  { _tag: "BackendKeyData", processId: 1, secretKey: new Uint8Array(4) }
)
const parsed = encode({ _tag: "ParseComplete" })
const bound = encode({ _tag: "BindComplete" })

const formatOf = (formats: ReadonlyArray<number>, column: number): 0 | 1 =>
  (formats[column] ?? formats[0]) === 1 ? 1 : 0

/** Everything a client is told of a statement, encoded once. */
class Prepared {
  readonly description: Uint8Array
  private readonly byFormats = new Map<string, Uint8Array>()
  private readonly result: Result
  constructor(result: Result, parameterTypes: ReadonlyArray<number>) {
    this.result = result
    this.description = joinChunks([
      encode({ _tag: "ParameterDescription", typeOids: parameterTypes }),
      this.columns([])
    ])
  }

  /** `formats`: as in Bind, none for all text, one for all columns. */
  columns(formats: ReadonlyArray<number>): Uint8Array {
    const columns = this.result.columns.map(({ name, typeOid }, i) => ({
      name,
      typeOid,
      tableOid: 0,
      tableColumn: 0,
      typeSize: -1,
      typeModifier: -1,
      format: formatOf(formats, i)
    }))
    return encode({ _tag: "RowDescription", columns })
  }

  /** Of all rows, and the end of the command. */
  rows(formats: ReadonlyArray<number>): Uint8Array {
    const key = formats.join()
    const known = this.byFormats.get(key)
    if (known !== undefined) return known
    const { rows } = this.result
    const writer = new ByteWriter()
    for (const row of rows) {
      writer.beginMessage(0x44, "DataRow")
      writer.count(row.length, "columns")
      row.forEach(({ binary, text }, i) => writer.value(formatOf(formats, i) === 1 ? binary : text))
      writer.endMessage()
    }
    const end = encodeBackend({ _tag: "CommandComplete", tag: `SELECT ${rows.length}` })
    const made = joinChunks([...writer.take(), end])
    this.byFormats.set(key, made)
    return made
  }
}

/** What a real socket gives at most at once. */
const chunkBytes = 64 * 1024

export class Answers {
  private started = false
  private readonly statements = new Map<string, Prepared>()
  /** the unnamed one */
  private portal: { readonly statement: Prepared; readonly formats: ReadonlyArray<number> } | undefined
  private readonly prepare: (sql: string) => Result
  constructor(prepare: (sql: string) => Result) {
    this.prepare = prepare
  }

  /** The answer to whole messages. */
  answer(messages: Uint8Array): Array<Uint8Array> {
    const parts: Array<Uint8Array> = []
    const bytes = Buffer.from(messages.buffer, messages.byteOffset, messages.length)
    for (let at = 0; at < bytes.length;) {
      if (!this.started) {
        this.started = true
        at += bytes.readInt32BE(at)
        parts.push(welcome, ready)
        continue
      }
      this.one(bytes, at, parts)
      at += 1 + bytes.readInt32BE(at + 1)
    }
    return this.chunks(parts)
  }

  private one(bytes: Buffer, at: number, parts: Array<Uint8Array>): void {
    const from = at + 5
    switch (String.fromCharCode(bytes[at] ?? 0)) {
      case "P": {
        const name = cString(bytes, from)
        const result = this.prepare(cString(bytes, from + name.length + 1))
        this.statements.set(name, new Prepared(result, [23]))
        parts.push(parsed)
        return
      }
      case "D":
        parts.push(
          bytes[from] === 0x50
            ? this.bound.statement.columns(this.bound.formats)
            : this.statement(cString(bytes, from + 1)).description
        )
        return
      case "B": {
        const portal = cString(bytes, from)
        const name = cString(bytes, from + portal.length + 1)
        const formats = resultFormats(bytes, from + portal.length + name.length + 2)
        this.portal = { statement: this.statement(name), formats }
        parts.push(bound)
        return
      }
      case "E":
        parts.push(this.bound.statement.rows(this.bound.formats))
        return
      case "S":
        parts.push(ready)
        return
      case "X":
        return
      default:
        throw new Error(`the guard's server has no answer to ${JSON.stringify(String.fromCharCode(bytes[at] ?? 0))}`)
    }
  }

  private get bound() {
    if (this.portal === undefined) throw new Error("the guard's server has no portal")
    return this.portal
  }

  private statement(name: string): Prepared {
    const statement = this.statements.get(name)
    if (statement === undefined) throw new Error(`the guard's server knows no statement ${JSON.stringify(name)}`)
    return statement
  }

  private chunks(parts: ReadonlyArray<Uint8Array>): Array<Uint8Array> {
    const all = Buffer.concat(parts)
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < all.length; at += chunkBytes) chunks.push(all.subarray(at, at + chunkBytes))
    return chunks
  }
}

const cString = (bytes: Buffer, at: number): string => bytes.toString("latin1", at, bytes.indexOf(0, at))

/** Behind the names of a Bind: parameter formats, values, result formats. */
const resultFormats = (bytes: Buffer, from: number): ReadonlyArray<number> => {
  let at = from + 2 + 2 * bytes.readUInt16BE(from)
  const values = bytes.readUInt16BE(at)
  at += 2
  for (let i = 0; i < values; i++) at += 4 + Math.max(0, bytes.readInt32BE(at))
  const formats: Array<number> = []
  for (let i = 0; i < bytes.readUInt16BE(at); i++) formats.push(bytes.readInt16BE(at + 2 + 2 * i))
  return formats
}
