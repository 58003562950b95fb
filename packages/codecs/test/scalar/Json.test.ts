import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { JsonNumber } from "../../src/JsonText.ts"
import { json, jsonb } from "../../src/scalar/Json.ts"
import { issueOf, readBinary, readText, refusal, roundTrip, utf8, writeBinary, writeText } from "../wire.ts"

const value = fc.jsonValue().filter((json) => json !== null && !/\d{16}/.test(JSON.stringify(json)))

describe.each([
  { codec: json, head: [] },
  { codec: jsonb, head: [1] }
])("$codec.name", ({ codec, head }) => {
  it("is the parsed value, in both formats", () => {
    fc.assert(fc.property(value, (parsed) => roundTrip(codec, parsed, "json")))
    roundTrip(codec, { id: 2n ** 64n, list: [1, -0, 1.5] }, "json")
    expect(readBinary(codec, [...head, ...utf8("null")])).toBeNull()
  })

  it("is untouched text if asked to, big numbers and spaces included", () => {
    for (const text of ['{ "a" : 9007199254740993 }', "not even JSON"]) roundTrip(codec, text, "text")
  })

  it("keeps digits if asked to", () => {
    roundTrip(codec, { price: new JsonNumber("1.50") }, "jsonNumbers")
  })

  it("takes a string as JSON text, the mirror of reading it, and as a JSON string if told so", () => {
    expect(writeText(codec, '{"a":1}')).toBe('{"a":1}')
    expect(writeText(codec, '{"a":1}', "json")).toBe('"{\\"a\\":1}"')
    expect(writeBinary(codec, "[1]")).toEqual(Uint8Array.from([...head, ...utf8("[1]")]))
  })

  it("takes every value that JSON has", () => {
    for (const [item, text] of [
      [{ a: 1n }, '{"a":1}'],
      [[null, true], "[null,true]"],
      [1.5, "1.5"],
      [2n ** 70n, String(2n ** 70n)],
      [false, "false"]
    ] as const) {
      expect(writeText(codec, item)).toBe(text)
    }
  })

  it("refuses what JSON cannot say, and strings that no text holds", () => {
    expect(refusal(codec, NaN)).toContain("no JSON form")
    expect(refusal(codec, { a: [Infinity] })).toContain("no JSON form")
    expect(refusal(codec, new Uint8Array(2))).toContain("no JSON form")
    expect(refusal(codec, '"\0"')).toContain("U+0000")
    // inside JSON both are escapes, which json holds and jsonb leaves to the server
    expect(writeText(codec, ["\0", "\ud800"])).toBe('["\\u0000","\\ud800"]')
  })

  it("refuses broken JSON and broken bytes", () => {
    expect(issueOf(() => readText(codec, "{"))).toContain("JSON")
    expect(issueOf(() => readBinary(codec, [...head, 0x22, 0xff, 0x22]))).toContain("UTF-8")
  })
})

describe("jsonb", () => {
  it("is read in version 1 only", () => {
    for (const bytes of [[], [2, 0x31], [0x31]]) expect(issueOf(() => readBinary(jsonb, bytes))).toContain("version 1")
  })
})
