import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { builtinTypes as generated } from "../src/builtin.generated.ts"
import { type Form, rename, scalar } from "../src/Codec.ts"
import { lowerBounds } from "../src/container/Array.ts"
import { recordOf } from "../src/container/Composite.ts"
import { text } from "../src/scalar/Text.ts"
import { ValueError } from "../src/ValueError.ts"
import { registry, samples } from "./families.ts"
import { bytesOf, formatOf, readBinary, readText, roundTrip, writeBinary, writeText } from "./wire.ts"

const all = [...samples].map(([oid, values]) => ({
  oid,
  values,
  codec: registry.codecOf(oid),
  name: registry.codecOf(oid).name
}))

const onlyValueErrors = (run: () => unknown): void => {
  try {
    run()
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
  }
}

describe.each(all)("$name", ({ codec, values }) => {
  // without a form a string is JSON text: a parsed value has to be called one
  const form: Form | undefined = codec.defaultForm === "json" ? "json" : undefined

  it("comes back from both formats, with its bounds", () => {
    for (const value of values) {
      roundTrip(codec, value, form)
      const bounds = (read: unknown) => (Array.isArray(read) ? Reflect.get(read, lowerBounds) : undefined)
      expect(bounds(readBinary(codec, writeBinary(codec, value, form), form))).toEqual(bounds(value))
      expect(bounds(readText(codec, writeText(codec, value, form), form))).toEqual(bounds(value))
    }
  })

  it("comes back from both formats in every form it offers, and both give the same", () => {
    for (const value of values) {
      const bytes = writeBinary(codec, value, form)
      const string = writeText(codec, value, form)
      for (const other of codec.forms) {
        const reader = codec.reader(other)
        if (reader?.binary === undefined || reader.parse === undefined) continue
        const outcomes = [() => readBinary(codec, bytes, other), () => readText(codec, string, other)].map((read) => {
          try {
            return { read: read() }
          } catch (error) {
            return { error: String(error) }
          }
        })
        expect(outcomes[1]).toStrictEqual(outcomes[0])
        const [{ read } = {}] = outcomes
        if (read === undefined) continue
        // what a column can be read as, a parameter can be written as
        expect(codec.writer(other)).toBeDefined()
        expect([0, 1]).toContain(formatOf(codec, read, other))
        if (formatOf(codec, read, other) === 1) {
          expect(readBinary(codec, writeBinary(codec, read, other), other)).toStrictEqual(read)
        }
      }
    }
  })

  it("reads changed bytes as a value or refuses them with ValueError, and nothing else happens", () => {
    const forms: ReadonlyArray<Form | undefined> = [form, ...codec.forms]
    for (const value of values) {
      const valid = writeBinary(codec, value, form)
      fc.assert(
        fc.property(
          fc.array(
            fc.tuple(
              fc.nat(Math.max(valid.length - 1, 0)),
              fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255))
            ),
            { maxLength: 4 }
          ),
          fc.integer({ min: -3, max: 3 }),
          (changes, resize) => {
            const bytes = new Uint8Array(Math.max(valid.length + resize, 0))
            bytes.set(valid.subarray(0, bytes.length))
            for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
            for (const each of forms) {
              if (codec.reader(each)?.binary !== undefined) onlyValueErrors(() => readBinary(codec, bytes, each))
            }
          }
        ),
        { numRuns: 25 }
      )
    }
  })

  it("reads every 32-bit number inside, changed to an extreme, without asking for more than is there", () => {
    for (const value of values) {
      const valid = writeBinary(codec, value, form)
      for (let at = 0; at + 4 <= valid.length; at++) {
        for (const extreme of [0x7fff_ffff, -1, -2, -0x8000_0000, 0x4000_0000]) {
          const bytes = valid.slice()
          new DataView(bytes.buffer).setInt32(at, extreme)
          onlyValueErrors(() => readBinary(codec, bytes, form))
        }
      }
    }
  })

  it("reads changed text as a value or refuses it with ValueError", () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(3),
      insert: fc.stringOf(fc.constantFrom(..."{}()[],;\"\\'=>-+:. 0159NaULe\u00e9".split("")), { maxLength: 3 })
    })
    for (const value of values) {
      const valid = writeText(codec, value, form)
      fc.assert(
        fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
          let string = valid
          for (const { at, cut, insert } of changes) {
            const start = Math.floor(at * string.length)
            string = string.slice(0, start) + insert + string.slice(start + cut)
          }
          for (const each of [form, ...codec.forms]) {
            if (codec.reader(each)?.parse !== undefined) onlyValueErrors(() => readText(codec, string, each))
          }
        }),
        { numRuns: 25 }
      )
    }
  })

  it("refuses foreign values with ValueError, in format and text alike", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withSparseArray: true, withMap: true }),
        (value) => {
          const writer = codec.writer(form)
          onlyValueErrors(() => {
            const format = writer?.format(value)
            // what format lets through can be written, as often as one likes
            if (format === undefined || writer === undefined) return
            expect(typeof writer.text(value)).toBe("string")
            if (format === 1) bytesOf((out) => writer.binary(value, out))
          })
        }
      ),
      { numRuns: 60 }
    )
  })
})

it("every built-in type with a binary format that can be a column has samples here, but those that only the server reads", () => {
  const serverOnly = ["money", "tid", "pg_lsn", "pg_snapshot", "txid_snapshot", "tsvector", "tsquery", "pg_node_tree"]
  const missing = generated.filter(
    ({ oid, name, kind, category, binary }) =>
      kind === "base" &&
      binary &&
      category !== "Z" &&
      !name.startsWith("reg") &&
      !serverOnly.includes(name) &&
      !samples.has(oid)
  )
  expect(missing.map(({ name }) => name)).toEqual([])
})

describe("a record of anything", () => {
  it("reads every sample by the types it names", () => {
    const record = recordOf((oid) => registry.codecOf(oid))
    const parts = all.map(({ oid, codec, values }) => ({
      oid,
      value: values[0],
      bytes: writeBinary(codec, values[0], codec.defaultForm === "json" ? "json" : undefined)
    }))
    const bytes = bytesOf((out) => {
      out.int32(parts.length)
      for (const part of parts) {
        out.uint32(part.oid)
        out.value(part.bytes)
      }
    })
    expect(readBinary(record, bytes)).toEqual(parts.map((part) => part.value))
  })
})

describe("scalar", () => {
  it("makes a codec of a user's own type, with the forms it has readers for", () => {
    const upper = scalar({
      name: "shout",
      defaultForm: "text",
      readers: { text: { format: 0, parse: (string) => string.toUpperCase() } },
      writer: { format: () => 0, text: (value) => String(value).toLowerCase(), binary: () => undefined }
    })
    expect(readText(upper, "hey")).toBe("HEY")
    expect(writeText(upper, "HEY")).toBe("hey")
    expect(upper.forms).toEqual(["text"])
    expect(upper.reader("number")).toBeUndefined()
    expect(upper.writer("number")).toBeUndefined()
    expect(upper.writer({ _tag: "array" })).toBeUndefined()
  })

  it("can be renamed and stays what it is", () => {
    expect(rename(text, "varchar")).toMatchObject({ name: "varchar", defaultForm: "text" })
  })
})
