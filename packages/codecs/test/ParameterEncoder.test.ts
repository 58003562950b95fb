import { EncodeError } from "@pgfx/protocol"
import { describe, expect, it } from "vitest"
import { type Parameter, makeParameterEncoder, textOf } from "../src/ParameterEncoder.ts"
import { ValueError } from "../src/ValueError.ts"
import { registry, samples } from "./families.ts"
import { bytesOf, issueOf, utf8, writeBinary } from "./wire.ts"

const of = (...oids: ReadonlyArray<number>): ReadonlyArray<Parameter> =>
  oids.map((oid) => ({ codec: registry.codecOf(oid) }))

const encode = (parameters: ReadonlyArray<Parameter>, values: ReadonlyArray<unknown>): Uint8Array => {
  const encoder = makeParameterEncoder(parameters)
  const formats = encoder.formats(values)
  return bytesOf((out) => encoder.write(values, formats, out))
}

const failure = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe("the values of Bind", () => {
  it("are format codes, then lengths and bytes: binary where the type takes the value so, text where the server must parse", () => {
    const bytes = encode(of(23, 23, 25, 1184, 16), [7, "seven", "é", null, true])
    const counts = [
      [0, 5],
      [0, 1],
      [0, 0],
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 5]
    ]
    const values = [
      [0, 0, 0, 4, 0, 0, 0, 7],
      [0, 0, 0, 5, ...utf8("seven")],
      [0, 0, 0, 2, ...utf8("é")],
      [255, 255, 255, 255],
      [0, 0, 0, 1, 1]
    ]
    expect([...bytes]).toEqual([...counts, ...values].flat())
  })

  it("of no parameters are two zero counts", () => {
    expect([...encode([], [])]).toEqual([0, 0, 0, 0])
  })

  it("of every type arrive as their own bytes", () => {
    for (const [oid, values] of samples) {
      const form = registry.codecOf(oid).defaultForm === "json" ? ("json" as const) : undefined
      for (const value of values) {
        const bytes = encode([{ codec: registry.codecOf(oid), form }], [value])
        expect([...bytes.subarray(0, 6)], registry.codecOf(oid).name).toEqual([0, 1, 0, 1, 0, 1])
        expect(bytes.subarray(10)).toEqual(writeBinary(registry.codecOf(oid), value, form))
        expect(new DataView(bytes.buffer, bytes.byteOffset).getInt32(6)).toBe(bytes.length - 10)
      }
    }
  })

  it("are written from the form asked for", () => {
    expect([...encode([{ codec: registry.codecOf(1184), form: "millis" }], [946_684_800_000])].slice(10)).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0
    ])
    expect([...encode([{ codec: registry.codecOf(114), form: "json" }], ["x"])].slice(10)).toEqual([...utf8('"x"')])
  })

  it("are refused with their number before anything is written", () => {
    const encoder = makeParameterEncoder(of(23, 21, 25))
    const cases: ReadonlyArray<readonly [ReadonlyArray<unknown>, number, string]> = [
      [[1, 40_000, "x"], 2, "out of range"],
      [[1, 1, 5], 3, "takes no number"],
      [[undefined, 1, "x"], 1, "undefined"],
      [[1, 1, "a\0"], 3, "U+0000"],
      [[1, 1, "\udc00"], 3, "surrogate"]
    ]
    for (const [values, parameter, issue] of cases) {
      const error = failure(() => encoder.formats(values))
      expect(error).toBeInstanceOf(ValueError)
      expect(error).toMatchObject({ parameter })
      expect(String(error)).toContain(`parameter $${parameter}: `)
      expect(String(error)).toContain(issue)
    }
  })

  it("have to be as many as the parameters", () => {
    const encoder = makeParameterEncoder(of(23))
    expect(issueOf(() => encoder.formats([]))).toBe("0 values for 1 parameters")
    expect(issueOf(() => encoder.formats([1, 2]))).toBe("2 values for 1 parameters")
  })

  it("are up to 65,535; Bind counts in 16 bits", () => {
    const many = Array.from({ length: 65_535 }, () => ({ codec: registry.codecOf(16) }))
    const bytes = encode(
      many,
      many.map(() => true)
    )
    expect(new DataView(bytes.buffer, bytes.byteOffset).getUint16(0)).toBe(65_535)
    expect(bytes.length).toBe(2 + 65_535 * 2 + 2 + 65_535 * 5)
    expect(issueOf(() => makeParameterEncoder([...many, many[0]!]))).toContain("65536 of them")
  })

  it("are refused at once if the type is not written from the form, or not at all", () => {
    expect(failure(() => makeParameterEncoder([{ codec: registry.codecOf(23), form: "date" }]))).toMatchObject({
      parameter: 1
    })
    expect(failure(() => makeParameterEncoder(of(23, 2249)))).toMatchObject({ parameter: 2, type: "record" })
  })

  it("do not reach the writer if one of them is too long for a message", () => {
    const encoder = makeParameterEncoder(of(17))
    const long = new Uint8Array(100)
    const error = failure(() =>
      bytesOf((out) => {
        out.endMessage()
        out.beginMessage(0x42, "Bind", 50)
        encoder.write([long], [1], out)
      })
    )
    expect(error).toBeInstanceOf(EncodeError)
  })
})

describe("the text of a value whose type is not known yet", () => {
  it("means the same whatever the server infers", () => {
    expect(textOf(null)).toBeNull()
    expect(textOf("x")).toBe("x")
    expect(textOf(1.5)).toBe("1.5")
    expect(textOf(-0)).toBe("-0")
    expect(textOf(2n ** 70n)).toBe("1180591620717411303424")
    expect(textOf(true)).toBe("true")
    expect(textOf(new Date("2024-02-29T13:45:00.123Z"))).toBe("2024-02-29T13:45:00.123Z")
    expect(textOf(Uint8Array.from([0, 255]))).toBe("\\x00ff")
  })

  it("does not exist where it depends on the type", () => {
    for (const value of [[1], {}, { x: 1 }, NaN, Infinity, new Map()]) expect(textOf(value)).toBeUndefined()
  })

  it("is refused for what no type takes", () => {
    expect(issueOf(() => textOf(undefined))).toContain("undefined")
    expect(issueOf(() => textOf("\0"))).toContain("U+0000")
    expect(issueOf(() => textOf("\ud800"))).toContain("surrogate")
    expect(issueOf(() => textOf(new Date(NaN)))).toContain("not a point in time")
    expect(issueOf(() => textOf(() => 1))).toContain("no type takes it")
    expect(issueOf(() => textOf(Symbol("x")))).toContain("no type takes it")
  })
})
