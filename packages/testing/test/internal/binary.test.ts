// Text that a script gives becomes PostgreSQL's binary format: held against the readers of @pgfx/codecs, which are held against servers.
import { builtinTypes } from "@pgfx/codecs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { binaryOf } from "../../src/internal/binary.ts"

/** What the type's own reader makes of the bytes, and of the text. */
const both = (oid: number, text: string): readonly [binary: unknown, text: unknown] => {
  const bytes = binaryOf(oid, text)
  if (bytes === undefined) throw new Error(`no binary form of type ${oid}`)
  const codec = builtinTypes.codecOf(oid)
  const reader = codec.reader(codec.defaultForm)
  if (reader?.binary === undefined || reader.parse === undefined) throw new Error(`${codec.name} is not read in binary`)
  return [reader.binary(bytes, 0, bytes.length), reader.parse(text)]
}

const digits = (max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: max }).map((all) => all.join(""))
const decimal = fc
  .tuple(fc.boolean(), digits(12), fc.option(digits(12), { nil: "" }))
  .map(
    ([negative, whole, fraction]) => `${negative ? "-" : ""}${BigInt(whole)}${fraction === "" ? "" : `.${fraction}`}`
  )
const moment = fc
  .date({ min: new Date("0100-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString())

const types: ReadonlyArray<readonly [name: string, oid: number, texts: fc.Arbitrary<string>]> = [
  ["bool", 16, fc.constantFrom("t", "f")],
  ["bytea", 17, fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString("hex")}`)],
  ["int8", 20, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)],
  ["int2", 21, fc.integer({ min: -32768, max: 32767 }).map(String)],
  ["int4", 23, fc.integer().map(String)],
  ["text", 25, fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"))],
  ["oid", 26, fc.integer({ min: 0, max: 4294967295 }).map(String)],
  ["float4", 700, fc.float({ noNaN: true, noDefaultInfinity: true }).map(String)],
  ["float8", 701, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)],
  ["date", 1082, moment.map((text) => text.slice(0, 10))],
  ["timestamp", 1114, moment.map((text) => text.slice(0, 23).replace("T", " "))],
  ["timestamptz", 1184, moment.map((text) => `${text.slice(0, 23).replace("T", " ")}+00`)],
  ["numeric", 1700, decimal],
  ["uuid", 2950, fc.uuid()],
  ["jsonb", 3802, fc.json()]
]

describe("text in binary", () => {
  for (const [name, oid, texts] of types) {
    it(`means the same: ${name}`, () => {
      fc.assert(
        fc.property(texts, (text) => {
          const [binary, asText] = both(oid, text)
          expect(binary).toEqual(asText)
        }),
        { numRuns: 200 }
      )
    })
  }

  it("is not guessed for a type that is not known here", () => {
    expect(binaryOf(3904, "[1,5)")).toBeUndefined()
  })
})
