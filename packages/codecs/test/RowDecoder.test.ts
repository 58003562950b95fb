import { type ByteWriter, ProtocolViolation, type Rows } from "@pgfx/protocol"
import * as fc from "fast-check"
import { afterEach, describe, expect, it, vi } from "vitest"
import { type NullRule, type RowColumn, type RowShape, absent, makeRowDecoder } from "../src/RowDecoder.ts"
import { canGenerate } from "../src/rowSource.ts"
import { builtinTypes } from "../src/TypeRegistry.ts"
import { ValueError } from "../src/ValueError.ts"
import { bytesOf } from "./wire.ts"

const text = builtinTypes.codecOf(25)
const int4 = builtinTypes.codecOf(23)

const column = (name: string, more: Partial<RowColumn> = {}): RowColumn => ({ name, codec: text, format: 0, ...more })

type Value = string | number | null | Uint8Array

const writeRow = (out: ByteWriter, values: ReadonlyArray<Value>): void => {
  out.count(values.length, "columns")
  for (const value of values) {
    if (typeof value === "number") {
      out.beginValue()
      out.int32(value)
      out.endValue()
    } else out.value(value)
  }
}

/** A run of DataRow frames, in the middle of other bytes. */
const runOf = (rows: ReadonlyArray<ReadonlyArray<Value>>): Rows => {
  const frames = rows.map((row) => {
    const body = bytesOf((out) => writeRow(out, row))
    const frame = new Uint8Array(5 + body.length)
    new DataView(frame.buffer).setInt32(1, body.length + 4)
    frame[0] = 0x44
    frame.set(body, 5)
    return frame
  })
  const length = frames.reduce((sum, frame) => sum + frame.length, 0)
  const bytes = new Uint8Array(length + 20).fill(0x44)
  let end = 7
  for (const frame of frames) {
    bytes.set(frame, end)
    end += frame.length
  }
  return { _tag: "Rows", bytes, offset: 7, end, count: rows.length }
}

const decodeWith = (
  generate: boolean,
  shape: RowShape,
  columns: ReadonlyArray<RowColumn>,
  run: Rows
): Array<unknown> => {
  const into: Array<unknown> = []
  makeRowDecoder({ shape, columns, generate }).decode(run, into)
  return into
}

/** Both decoders, which must agree. */
const decode = (shape: RowShape, columns: ReadonlyArray<RowColumn>, run: Rows): Array<unknown> => {
  const generated = decodeWith(true, shape, columns, run)
  const closures = decodeWith(false, shape, columns, run)
  expect(closures).toStrictEqual(generated)
  for (let i = 0; i < generated.length; i++) {
    const [a, b] = [generated[i], closures[i]]
    if (typeof a === "object" && a !== null && typeof b === "object" && b !== null) {
      expect(Reflect.ownKeys(b)).toEqual(Reflect.ownKeys(a))
      expect(Object.getPrototypeOf(b)).toBe(Object.getPrototypeOf(a))
      expect(Object.getOwnPropertyDescriptors(b)).toEqual(Object.getOwnPropertyDescriptors(a))
    }
  }
  return generated
}

const failure = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

const hostile = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  " ",
  '"',
  "'",
  "`",
  "\\",
  '"]: globalThis.hacked = true, ["',
  "${globalThis.hacked = true}",
  "*/ globalThis.hacked = true /*",
  "\u2028",
  "\u2029",
  "\n",
  "\ud800",
  "v0",
  "b",
  "0",
  "1",
  "-1",
  "get x",
  "async",
  "😀",
  "1 FROM t; SELECT pg_sleep(10)"
]

const name = fc.oneof(
  fc.constantFrom(...hostile),
  fc.fullUnicodeString({ maxLength: 6 }),
  fc.string16bits({ maxLength: 4 })
)

/** What NULL becomes: a rule, or a function, which may say that there is to be no key. */
interface Nulls {
  readonly ifNull: NullRule | (() => unknown)
  readonly optional: boolean
  readonly made: unknown
}
const missing = Symbol("no key")
const nulls: fc.Arbitrary<Nulls> = fc.constantFrom<Nulls>(
  { ifNull: "null", optional: false, made: null },
  { ifNull: "undefined", optional: false, made: undefined },
  { ifNull: "absent", optional: false, made: missing },
  { ifNull: () => "none", optional: false, made: "none" },
  { ifNull: () => "none", optional: true, made: "none" },
  { ifNull: () => absent, optional: true, made: missing }
)

interface Described {
  readonly columns: ReadonlyArray<RowColumn & Nulls>
  readonly rows: ReadonlyArray<ReadonlyArray<Value>>
}

const described: fc.Arbitrary<Described> = fc
  .uniqueArray(name, { maxLength: 90 })
  .chain((names) =>
    fc.record({
      columns: fc.tuple(
        ...names.map((key) =>
          fc
            .record({ binary: fc.boolean(), skip: fc.boolean(), nulls })
            .map(({ binary, skip, nulls }): RowColumn & Nulls => ({
              name: "described",
              key,
              codec: binary ? int4 : text,
              format: binary ? 1 : 0,
              skip,
              ...nulls
            }))
        )
      ),
      seeds: fc.array(fc.array(fc.option(fc.nat(99)), { minLength: names.length, maxLength: names.length }), {
        maxLength: 4
      })
    })
  )
  .map(({ columns, seeds }) => ({
    columns,
    rows: seeds.map((row) =>
      row.map((seed, i) => (seed === null ? null : columns[i]!.format === 1 ? seed : `t${seed}`))
    )
  }))

afterEach(() => vi.unstubAllGlobals())

describe("rows", () => {
  it("of random descriptions are the same from generated code and from closures", () => {
    expect(canGenerate()).toBe(true)
    fc.assert(
      fc.property(described, fc.constantFrom<RowShape>("object", "tuple"), ({ columns, rows }, shape) => {
        const decoded = decode(shape, columns, runOf(rows))
        expect(decoded.length).toBe(rows.length)
        rows.forEach((row, r) => {
          const read = columns.flatMap((c, i) => (c.skip === true ? [] : [{ c, value: row[i]! }]))
          if (shape === "tuple") {
            // there is no such thing as an absent element: a rule makes it undefined, a function is taken at its word
            const none = (c: Nulls) => (c.made === missing ? (c.ifNull === "absent" ? undefined : absent) : c.made)
            expect(decoded[r]).toEqual(read.map(({ c, value }) => value ?? none(c)))
            return
          }
          const object = decoded[r] as object
          expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
          const present = read.filter(({ c, value }) => value !== null || c.made !== missing)
          expect(new Set(Object.keys(object))).toEqual(new Set(present.map(({ c }) => c.key)))
          for (const { c, value } of present) {
            const own = Object.getOwnPropertyDescriptor(object, c.key!)
            const expected = value ?? c.made
            expect(own).toEqual({ value: expected, writable: true, enumerable: true, configurable: true })
          }
        })
      }),
      { numRuns: 60 }
    )
  })

  it("have own keys for every hostile name, and the ordinary prototype", () => {
    const columns = hostile.map((key) => column(key))
    const [row] = decode("object", columns, runOf([hostile.map((_key, i) => `value ${i}`)])) as [
      Record<string, unknown>
    ]
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    hostile.forEach((key, i) => {
      expect(Object.getOwnPropertyDescriptor(row, key)?.value).toBe(`value ${i}`)
    })
    expect(Reflect.get(globalThis, "hacked")).toBeUndefined()
    expect(Object.prototype.toString.call({})).toBe("[object Object]")
  })

  it("of 1,600 columns are read, by name and by position", () => {
    const names = Array.from({ length: 1600 }, (_, i) => (i === 900 ? "__proto__" : `c${i}`))
    const values = names.map((_name, i) => (i % 7 === 0 ? null : `v${i}`))
    const run = runOf([values, values])
    expect(
      decode(
        "tuple",
        names.map((n) => column(n)),
        run
      )
    ).toEqual([values, values])
    const [row] = decode(
      "object",
      names.map((n) => column(n)),
      run
    )
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    expect(Object.entries(row as object)).toEqual(names.map((n, i) => [n, values[i]]))
  })

  it("of no columns are empty", () => {
    expect(decode("object", [], runOf([[], []]))).toEqual([{}, {}])
    expect(decode("tuple", [], runOf([[]]))).toEqual([[]])
  })

  it("of a single column are its values", () => {
    expect(
      decode(
        "single",
        [column("a"), column("b", { skip: true })],
        runOf([
          ["x", "y"],
          [null, "z"]
        ])
      )
    ).toEqual(["x", null])
  })

  it("do not share anything between each other", () => {
    const bytea = builtinTypes.codecOf(17)
    const run = runOf([[Uint8Array.from([1, 2])], [Uint8Array.from([1, 2])]])
    const [first, second] = decode("object", [column("b", { codec: bytea, format: 1 })], run) as [
      { b: Uint8Array },
      { b: Uint8Array }
    ]
    first.b[0] = 9
    run.bytes.fill(0)
    expect(second.b).toEqual(Uint8Array.from([1, 2]))
  })

  it("run `finish` on every value but NULL", () => {
    const columns = [column("a", { finish: (value) => `${String(value)}!` })]
    expect(decode("object", columns, runOf([["x"], [null]]))).toEqual([{ a: "x!" }, { a: null }])
  })

  it("leave out a key for which `finish` answers absent, in optional columns", () => {
    const finish = (value: unknown) => (value === "" ? absent : value)
    const columns = [column("a", { finish, optional: true }), column("b")]
    expect(
      decode(
        "object",
        columns,
        runOf([
          ["", "x"],
          ["y", "z"]
        ])
      )
    ).toStrictEqual([{ b: "x" }, { a: "y", b: "z" }])
  })

  it("are decoded without code generation where the runtime forbids it", async () => {
    vi.stubGlobal("Function", () => {
      throw new EvalError("Code generation from strings disallowed")
    })
    vi.resetModules()
    const fresh = await import("../src/RowDecoder.ts")
    const source = await import("../src/rowSource.ts")
    const registry = await import("../src/TypeRegistry.ts")
    expect(source.canGenerate()).toBe(false)
    const into: Array<unknown> = []
    const codec = registry.builtinTypes.codecOf(25)
    fresh
      .makeRowDecoder({ shape: "object", columns: [{ name: "__proto__", codec, format: 0 }] })
      .decode(runOf([["x"]]), into)
    expect(Object.getOwnPropertyDescriptor(into[0], "__proto__")?.value).toBe("x")
  })
})

describe("what is refused before the first row", () => {
  const refused = (shape: RowShape, columns: ReadonlyArray<RowColumn>) =>
    String(failure(() => makeRowDecoder({ shape, columns })))

  it("two columns of one key, but not where one is skipped or rows are tuples", () => {
    expect(refused("object", [column("a"), column("a")])).toContain('column "a": text: two columns of this name')
    expect(refused("object", [column("a"), column("b", { key: "a" })])).toContain("two columns")
    expect(refused("object", [column("a"), column("a", { skip: true })])).toBe("undefined")
    expect(refused("tuple", [column("a"), column("a")])).toBe("undefined")
  })

  it("a form that the type or the format does not have", () => {
    expect(refused("tuple", [column("a", { form: "bytes" })])).toContain("no such form")
    const regclass = builtinTypes.codecOf(2205)
    expect(refused("tuple", [column("a", { codec: regclass, form: "number" })])).toContain("not in text format")
    expect(refused("tuple", [column("a", { codec: regclass, format: 1 })])).toContain("not in binary format")
  })

  it("several values where a row is a single one", () => {
    expect(refused("single", [column("a"), column("b")])).toContain("2 columns")
    expect(refused("single", [])).toContain("0 columns")
  })
})

describe("a value that does not decode", () => {
  const columns = [column("a", { codec: int4 }), column("b", { codec: int4, ifNull: "refuse" })]

  it("fails with its column and row, and the rows before it are kept", () => {
    for (const generate of [true, false]) {
      const into: Array<unknown> = ["before"]
      const decoder = makeRowDecoder({ shape: "object", columns, generate })
      const error = failure(() =>
        decoder.decode(
          runOf([
            ["1", "2"],
            ["3", "4"],
            ["5", "x"],
            ["6", "7"]
          ]),
          into,
          11
        )
      )
      expect(error).toBeInstanceOf(ValueError)
      expect(error).toMatchObject({ column: "b", row: 13, type: "int4" })
      expect(into).toEqual(["before", { a: 1, b: 2 }, { a: 3, b: 4 }])
    }
  })

  it("includes NULL where the row has no place for it", () => {
    for (const generate of [true, false]) {
      const into: Array<unknown> = []
      const decoder = makeRowDecoder({ shape: "tuple", columns, generate })
      expect(
        failure(() =>
          decoder.decode(
            runOf([
              [null, "1"],
              [null, null]
            ]),
            into
          )
        )
      ).toMatchObject({ column: "b", row: 2 })
      expect(into).toEqual([[null, 1]])
    }
  })

  it("is found behind skipped columns and NULLs", () => {
    const wide = [column("s", { skip: true }), column("n"), column("bad", { codec: int4 })]
    const error = failure(() =>
      makeRowDecoder({ shape: "object", columns: wide }).decode(runOf([["anything", null, "x"]]), [])
    )
    expect(error).toMatchObject({ column: "bad", row: 1 })
  })

  it("includes what a function for NULL refuses", () => {
    const ifNull = () => {
      throw new ValueError({ type: "int4", issue: "no default" })
    }
    const nulls = [column("a", { ifNull: () => 1 }), column("b", { ifNull })]
    for (const generate of [true, false]) {
      const decoder = makeRowDecoder({ shape: "object", columns: nulls, generate })
      expect(
        failure(() =>
          decoder.decode(
            runOf([
              ["x", "y"],
              [null, null]
            ]),
            []
          )
        )
      ).toMatchObject({ column: "b", row: 2 })
    }
  })

  it("lets what `finish` throws through as it is", () => {
    const error = new Error("mine")
    const finish = () => {
      throw error
    }
    expect(failure(() => decode("object", [column("a", { finish })], runOf([["x"]])))).toBe(error)
  })
})

describe("a frame that is not a DataRow of these columns", () => {
  const columns = [column("a"), column("b", { skip: true })]
  const good = runOf([
    ["x", "y"],
    ["z", null]
  ])
  const broken = (change: (bytes: DataView, at: number) => void): ReadonlyArray<unknown> =>
    [true, false].map((generate) => {
      const bytes = good.bytes.slice()
      change(new DataView(bytes.buffer), good.offset)
      return failure(() => makeRowDecoder({ shape: "object", columns, generate }).decode({ ...good, bytes }, []))
    })

  it("is a violation: more or fewer columns than described", () => {
    for (const count of [0, 1, 3, 65_535]) {
      for (const error of broken((bytes, at) => bytes.setUint16(at + 5, count))) {
        expect(error).toBeInstanceOf(ProtocolViolation)
        expect(String(error)).toBe(`ProtocolViolation: DataRow: expected 2 columns, received ${count}`)
      }
    }
  })

  it("is a violation: negative lengths, lengths beyond the frame, bytes left over", () => {
    for (const length of [-2, -2147483648, 2, 9, 10_000, 2147483647, 0]) {
      for (const offset of [7, 12]) {
        for (const error of broken((bytes, at) => bytes.setInt32(at + offset, length))) {
          expect(error, `${length} at ${offset}`).toBeInstanceOf(ProtocolViolation)
        }
      }
    }
  })

  it("is a violation: NULL where bytes follow", () => {
    for (const error of broken((bytes, at) => bytes.setInt32(at + 7, -1)))
      expect(error).toBeInstanceOf(ProtocolViolation)
  })

  it("is a violation: a frame beyond the run", () => {
    for (const length of [5, 0, -1, 14, 10_000, 2147483647]) {
      for (const error of broken((bytes, at) => bytes.setInt32(at + 1, length))) {
        expect(error, String(length)).toBeInstanceOf(ProtocolViolation)
      }
    }
  })

  it("never ends in anything but rows, ValueError or ProtocolViolation, whatever bytes are changed", () => {
    const plain = [column("a"), column("b", { codec: int4, format: 1 })]
    const run = runOf([
      ["x", 1],
      [null, 2],
      ["long enough", null]
    ])
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(run.end), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = run.bytes.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        const outcomes = [true, false].map((generate) => {
          const into: Array<unknown> = []
          const error = failure(() =>
            makeRowDecoder({ shape: "object", columns: plain, generate }).decode({ ...run, bytes }, into)
          )
          if (error !== undefined) expect(error instanceof ValueError || error instanceof ProtocolViolation).toBe(true)
          return { into, error: String(error) }
        })
        expect(outcomes[1]).toStrictEqual(outcomes[0])
      }),
      { numRuns: 300 }
    )
  })
})
