// Every type against a real server: what is read in binary is what is read in text, and what is written comes back as the server's own
// text, whichever format it went in. PGFX_DIFFERENTIAL is the number of random values per type, 1,000 if absent; a failure names the seed.
import { randomInt } from "node:crypto"
import type { ByteWriter, FormatCode } from "@pgfx/protocol"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type {} from "@pgfx/testing/vitestServer"
import { type Codec, type Form, readFormat } from "../src/Codec.ts"
import { lowerBounds } from "../src/container/Array.ts"
import { makeRowDecoder } from "../src/RowDecoder.ts"
import { decodeTypes, describeTypes, oidList } from "../src/TypeCatalog.ts"
import { type TypeRegistry, builtinTypes } from "../src/TypeRegistry.ts"
import { builtinLiterals, type LiteralType, userLiterals, userSchema } from "./literals.ts"
import { type ServerConnection, connect } from "./serverConnection.ts"
import { utf8, writerOf } from "./wire.ts"

const perType = Number(process.env["PGFX_DIFFERENTIAL"] ?? 1000)
const seed = Number(process.env["PGFX_FUZZ_SEED"] ?? randomInt(2 ** 31))

const batch = 100

const text = builtinTypes.codecOf(25)
const bytea = builtinTypes.codecOf(17)
const texts = builtinTypes.codecOf(1009)

const bindOne = (format: FormatCode, write: (out: ByteWriter) => void) => (out: ByteWriter) => {
  out.count(1, "formats")
  out.int16(format)
  out.beginValues(1, "parameters")
  out.beginValue()
  write(out)
  out.endValue()
  out.endValues()
}

/** All rows as tuples: binary columns as bytes, text columns as strings. */
const fetch = async (
  connection: ServerConnection,
  binds: ReadonlyArray<(out: ByteWriter) => void>,
  formats: ReadonlyArray<FormatCode>
): Promise<Array<ReadonlyArray<unknown>>> => {
  const decoder = makeRowDecoder({
    shape: "tuple",
    columns: formats.map((format) => ({ name: "?", codec: format === 1 ? bytea : text, format }))
  })
  const rows: Array<ReadonlyArray<unknown>> = []
  for (const run of await connection.execute(binds, formats)) decoder.decode(run, rows)
  return rows
}

/** What a value is, for comparison: -0 and lower bounds count. */
const identity = (value: unknown): unknown =>
  Array.isArray(value) ? { bounds: Reflect.get(value, lowerBounds), items: value.map(identity) } : value

describe.each(inject("postgres"))("PostgreSQL $majorVersion", (server) => {
  const database = `codecs_${randomInt(2 ** 40)}`
  let admin: ServerConnection
  let connection: ServerConnection
  let registry: TypeRegistry = builtinTypes

  beforeAll(async () => {
    admin = await connect(server)
    await admin.run(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`)
    connection = await connect({ ...server, database })
    await connection.run(userSchema)
  })
  afterAll(async () => {
    connection.close()
    await admin.run(`DROP DATABASE ${database} WITH (FORCE)`)
    admin.close()
  })

  const learn = async (oid: number): Promise<Codec> => {
    const missing = registry.missing([oid])
    if (missing.length > 0) {
      await connection.describe(describeTypes)
      const bind = bindOne(0, (out) => out.utf8(oidList(missing)))
      const rows = await fetch(
        connection,
        [bind],
        Array.from({ length: 11 }, () => 0 as const)
      )
      registry = registry.learn(decodeTypes(rows as ReadonlyArray<ReadonlyArray<string | null>>), missing)
    }
    return registry.codecOf(oid)
  }

  /** The values as the server sends them, in binary (where anything reads that) and in text. */
  const send = async (type: string, literals: ReadonlyArray<string>) => {
    const sql = `SELECT x, x FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) CROSS JOIN LATERAL (SELECT u.t::${type} AS x) AS s ORDER BY n`
    const { columns } = await connection.describe(sql)
    const codec = await learn(columns[0]!.typeOid)
    const forms: ReadonlyArray<Form | undefined> = [undefined, ...codec.forms]
    const hasBinary = forms.some((form) => codec.reader(form)?.binary !== undefined)
    // learning a type is a statement of its own
    await connection.describe(sql)
    const writer = writerOf(texts)
    const bind = bindOne(1, (out) => writer.binary(literals, out))
    const rows = await fetch(connection, [bind], [hasBinary ? 1 : 0, 0])
    const values = rows.map(([binary, printed]) => ({
      binary: binary instanceof Uint8Array ? binary : undefined,
      printed: String(printed)
    }))
    return { codec, forms, values }
  }

  /** What the server prints for values written one by one. */
  const returned = async (
    type: string,
    codec: Codec,
    form: Form | undefined,
    values: ReadonlyArray<unknown>,
    format: FormatCode
  ) => {
    const writer = writerOf(codec, form)
    await connection.describe(`SELECT $1::${type}`)
    const printed: Array<unknown> = []
    // a pipeline of everything would fill both sides' buffers
    for (let i = 0; i < values.length; i += batch) {
      const binds = values
        .slice(i, i + batch)
        .map((value) =>
          bindOne(format, (out) => (format === 1 ? writer.binary(value, out) : out.utf8(writer.text(value))))
        )
      for (const [answer] of await fetch(connection, binds, [0])) printed.push(answer)
    }
    return printed
  }

  const check = async (literal: LiteralType) => {
    const { type, respelled = false, serverOnly = false } = literal
    const random = fc.sample(literal.random, { numRuns: perType, seed })
    const { codec, forms, values } = await send(type, [...literal.edges, ...random])
    for (const form of forms) {
      const reader = codec.reader(form)!
      const read = values.map(({ binary, printed }) => {
        const sources: Array<() => unknown> = []
        const fromText = readFormat(codec.name, reader, 0)
        const bytes = utf8(printed)
        if (fromText !== undefined) sources.push(() => fromText(bytes, 0, bytes.length))
        if (reader.binary !== undefined && binary !== undefined)
          sources.push(() => reader.binary!(binary, 0, binary.length))
        const outcomes = sources.map((source) => {
          try {
            return { value: source() }
          } catch (error) {
            // some forms cannot hold some values; the default form holds all
            if (form === undefined) throw error
            return { error: String(error) }
          }
        })
        for (const outcome of outcomes) expect(identity(outcome), printed).toStrictEqual(identity(outcomes[0]))
        return { printed, value: outcomes[0]?.value }
      })
      // json without a form takes strings as JSON text
      const writing = form ?? (codec.defaultForm === "json" ? "json" : undefined)
      const writable = read.filter(({ value }) => value !== undefined && value !== null)
      const writer = writerOf(codec, writing)
      for (const { printed, value } of writable) {
        const format = writer.format(value)
        if (!serverOnly && codec.reader(form)?.binary !== undefined && printed !== "")
          expect(format, `binary for ${printed}`).toBe(1)
      }
      for (const format of [1, 0] as const) {
        const sent = writable.filter(({ value }) => format === 0 || writer.format(value) === 1)
        const printed = await returned(
          type,
          codec,
          writing,
          sent.map(({ value }) => value),
          format
        )
        // these forms are allowed to lose: microseconds, digits behind the point, the scale, the spelling of JSON
        const loses =
          form === "date" ||
          form === "millis" ||
          form === "number" ||
          form === "bigint" ||
          (respelled && form !== "text")
        if (!loses) expect(printed).toEqual(sent.map((one) => one.printed))
        const again = readFormat(codec.name, reader, 0)
        if (!loses || again === undefined) continue
        printed.forEach((answer, i) => {
          const bytes = utf8(String(answer))
          expect(identity(again(bytes, 0, bytes.length))).toStrictEqual(identity(sent[i]!.value))
        })
      }
    }
  }

  it.each([...builtinLiterals, ...userLiterals].filter(({ since = 0 }) => since <= server.majorVersion))(
    `$type is exact in every form and both formats (seed ${seed})`,
    async (literal) => check(literal),
    600_000
  )

  it("takes expanded years, BC and dates beyond four digits from our text and from Date", async () => {
    await connection.describe("SELECT $1::timestamptz, $1::timestamptz::text")
    const writer = writerOf(registry.codecOf(1184))
    const value = new Date("-000043-03-15T12:00:00.500Z")
    const bind = bindOne(0, (out) => out.utf8(writer.text(value)))
    const [row] = await fetch(connection, [bind], [0, 0])
    expect(row?.[1]).toBe("0044-03-15 07:03:58.5-04:56:02 BC")
  })

  it("reads a record, and anyarray, by the types their binary values name", async () => {
    await connection.describe(
      "SELECT ROW(1, 'x'::text, ARRAY[1.50], ROW(true)), most_common_vals FROM pg_stats LIMIT $1"
    )
    const [row] = await fetch(connection, [bindOne(0, (out) => out.utf8("1"))], [1, 1])
    const bytes = row?.[0]
    if (!(bytes instanceof Uint8Array)) throw new Error("no record")
    expect(registry.codecOf(2249).reader()?.binary?.(bytes, 0, bytes.length)).toEqual([1, "x", ["1.50"], [true]])
    expect(row?.[1] === null || row?.[1] instanceof Uint8Array).toBe(true)
  })

  it("describes types without being fooled by a search path", async () => {
    await connection.run(`
      CREATE SCHEMA trap;
      CREATE FUNCTION trap.never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT 1 / 0 = 1';
      CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.never);
      CREATE TABLE trap.pg_type (oid oid);
      SET search_path = trap, pg_catalog, public`)
    try {
      registry = builtinTypes
      const { columns } = await connection.describe("SELECT NULL::public.nest")
      const codec = await learn(columns[0]!.typeOid)
      expect(codec.name).toBe("public.nest")
      expect(codec.shape._tag === "Composite" && codec.shape.attributes.map(({ name }) => name)).toEqual([
        "p",
        "ps",
        "m",
        "d",
        "da"
      ])
    } finally {
      await connection.run("RESET search_path; DROP SCHEMA trap CASCADE")
    }
  })
})
