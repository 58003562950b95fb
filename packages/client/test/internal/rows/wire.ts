// What the tests of rows share: values of server types as DataRow frames, written by the codecs' writers, and rows read from them through a plan.
import { builtinTypes, type Codec, type Form, type TypeRegistry } from "@pgfx/codecs"
import { ByteWriter, type FormatCode, joinChunks, type Rows } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { RowPlan } from "../../../src/internal/rows/RowPlan.ts"
import type { RowProblem, RowReader } from "../../../src/internal/rows/RowReader.ts"

/** User types as the catalogue would describe them. */
export const types: TypeRegistry = builtinTypes.learn([
  { oid: 90_001, name: "mood", schema: "public", kind: "enum", labels: ["sad", "ok", "happy"] },
  { oid: 90_002, name: "_mood", schema: "public", kind: "array", element: 90_001, delimiter: "," },
  { oid: 90_003, name: "hstore", schema: "public", kind: "base" },
  {
    oid: 90_004,
    name: "place",
    schema: "public",
    kind: "composite",
    attributes: [
      { name: "city", oid: 25 },
      { name: "founded", oid: 1184 },
      { name: "size", oid: 20 }
    ]
  },
  { oid: 90_005, name: "_place", schema: "public", kind: "array", element: 90_004, delimiter: "," },
  { oid: 90_006, name: "positive", schema: "public", kind: "domain", baseType: 23 }
])

const oids: Readonly<Record<string, number>> = {
  mood: 90_001,
  "mood[]": 90_002,
  hstore: 90_003,
  place: 90_004,
  "place[]": 90_005,
  positive: 90_006
}

export const oidOf = (type: string): number => {
  const oid = oids[type] ?? types.oidOf(type)
  if (oid === undefined) throw new Error(`no type ${type}`)
  return oid
}

export const codecOf = (type: string): Codec => types.codecOf(oidOf(type))

/** `value`: what the codec's writer takes; `null` is NULL. */
export interface Cell {
  readonly name: string
  readonly type: string
  readonly value: unknown
  /** what the value is written from */
  readonly from?: Form
}

const writeCell = (out: ByteWriter, { from, type, value }: Cell, format: FormatCode): void => {
  const writer = codecOf(type).writer(from)
  if (writer === undefined) throw new Error(`${type} is not written from that`)
  if (value === null) return out.nullValue()
  if (format === 0) return out.value(textOf(codecOf(type), writer.text(value)))
  if (writer.format(value) !== 1) throw new Error(`a ${type} that only goes as text`)
  out.beginValue()
  writer.binary(value, out)
  out.endValue()
}

/** Writers spell some values as input accepts them, a server would print them otherwise. */
const textOf = (codec: Codec, text: string): string =>
  /timestamp/.test(codec.name) ? text.replace("T", " ").replace("Z", codec.name === "timestamptz" ? "+00" : "") : text

/** One run of frames, in the middle of other bytes. */
export const frames = (rows: ReadonlyArray<ReadonlyArray<Cell>>, formats: ReadonlyArray<FormatCode>): Rows => {
  const out = new ByteWriter()
  for (const row of rows) {
    out.beginMessage(0x44, "DataRow")
    out.beginValues(row.length, "columns")
    row.forEach((cell, i) => writeCell(out, cell, formats[i] ?? 0))
    out.endValues()
    out.endMessage()
  }
  const body = joinChunks(out.take())
  const bytes = new Uint8Array(body.length + 16).fill(0x44)
  bytes.set(body, 8)
  return { _tag: "Rows", bytes, offset: 8, end: 8 + body.length, count: rows.length }
}

export type Outcome<A> = Either.Either<ReadonlyArray<A>, RowProblem>

const take = <A>(reader: RowReader<A, never>): Outcome<A> =>
  reader.problem === undefined ? Effect.runSync(Effect.either(reader.take())) : Either.left(reader.problem)

/** Reads the rows as a server would send them in answer to a Bind that asked for the plan's formats. */
export const readRows = <A, I>(
  schema: Schema.Schema<A, I>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  options: { readonly text?: boolean } = {}
): Outcome<A> => {
  const columns = (rows[0] ?? []).map(({ name, type }) => ({ name, typeOid: oidOf(type) }))
  const plan = new RowPlan(schema, types)
  const prepared = plan.prepare(columns)
  const formats = options.text === true ? prepared.formats.map((): FormatCode => 0) : prepared.formats
  const reader = prepared.open()
  if (options.text === true) {
    const described = { tableOid: 0, tableColumn: 0, typeSize: -1, typeModifier: -1, format: 0 } as const
    reader.describe(columns.map((column) => ({ ...described, ...column })))
  }
  if (prepared.mismatch === undefined) reader.rows(frames(rows, formats))
  return take(reader)
}

/** The findings about a column under a field of a struct. */
export const findingsOf = <A, I>(field: Schema.Schema<A, I>, type: string): ReadonlyArray<string> =>
  new RowPlan(Schema.Struct({ c: field }), types)
    .prepare([{ name: "c", typeOid: oidOf(type) }])
    .findings.map(({ message, severity }) => (severity === "error" ? message : `${message} (warning)`))
