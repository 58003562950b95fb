import { describe, expect, it } from "vitest"
import { encodeBackend, EncodeError, type ReportFields } from "../../src/index.ts"
import { backendIn, frame, violationOf } from "../session.ts"

const fieldsOf = (bytes: Uint8Array): ReportFields => {
  const [message] = backendIn("ready").push(bytes)
  if (message?._tag !== "ErrorResponse") throw new Error("not a report")
  return message.fields
}

describe("a report (F-22, CVE-2026-6666)", () => {
  it("may have no field at all", () => {
    expect(fieldsOf(frame("E", 0))).toEqual({})
  })

  it("has every field of the manual under its name", () => {
    const letters = "SVCMDHPpqWstcdnFLR"
    const parts = [...letters].flatMap((letter) => [letter, "PpL".includes(letter) ? "42" : `of ${letter}`, 0])
    expect(fieldsOf(frame("E", ...parts, 0))).toEqual({
      severity: "of S",
      severityNonLocalized: "of V",
      code: "of C",
      message: "of M",
      detail: "of D",
      hint: "of H",
      position: 42,
      internalPosition: 42,
      internalQuery: "of q",
      where: "of W",
      schema: "of s",
      table: "of t",
      column: "of c",
      dataType: "of d",
      constraint: "of n",
      file: "of F",
      line: 42,
      routine: "of R"
    })
  })

  it("keeps fields it does not know, and of a field that comes twice the last", () => {
    expect(fieldsOf(frame("E", "Zodd", 0, "Mfirst", 0, "Msecond", 0, 0))).toEqual({
      message: "second",
      unknown: { Z: "odd" }
    })
  })

  it("keeps a position that is no number as text instead of losing or inventing one", () => {
    for (const position of ["", "x", "-1", "1e3", "007", "9".repeat(30)]) {
      expect(fieldsOf(frame("E", `P${position}`, 0, 0))).toEqual({ unknown: { P: position } })
    }
  })

  it("repairs what is not UTF-8: the sentence matters more than the byte (F-24)", () => {
    expect(fieldsOf(frame("E", "M", 0xe9, "chec", 0, 0))).toEqual({ message: "\ufffdchec" })
  })

  it("without its terminator, or with bytes behind it, is a violation", () => {
    for (const body of [[], ["Mtext", 0], ["Mtext"], ["M"], [0, 0], ["Mtext", 0, 0, "x"]]) {
      violationOf(() => backendIn("ready").push(frame("E", ...body)))
      violationOf(() => backendIn("ready").push(frame("N", ...body)))
    }
  })

  it("cannot be encoded with a field type that is not one byte, or a position that is no count", () => {
    const encode = (fields: ReportFields) => () => encodeBackend({ _tag: "ErrorResponse", fields })
    expect(encode({ unknown: { long: "x" } })).toThrow(EncodeError)
    expect(encode({ unknown: { "\0": "x" } })).toThrow(EncodeError)
    expect(encode({ unknown: { "€": "x" } })).toThrow(EncodeError)
    expect(encode({ position: 1.5 })).toThrow(EncodeError)
    expect(encode({ line: -1 })).toThrow(EncodeError)
    expect(encode({ message: "a\0b" })).toThrow(EncodeError)
  })
})

describe("a written report", () => {
  it("has its fields in the order of PostgreSQL, whatever the order of the object, and unknown ones behind them", () => {
    const letters = [..."SVCMDHWstcdnPpqFLR"]
    const sent = frame(
      "E",
      ...letters.flatMap((letter) => [letter, "PpL".includes(letter) ? "42" : "x", 0]),
      "Zodd",
      0,
      0
    )
    const fields = fieldsOf(sent)
    expect(encodeBackend({ _tag: "ErrorResponse", fields })).toEqual(sent)
    const reversed = Object.fromEntries(Object.entries(fields).reverse())
    expect(encodeBackend({ _tag: "ErrorResponse", fields: reversed })).toEqual(sent)
  })
})
