import { describe, expect, it } from "vitest"
import {
  beginBind,
  ByteWriter,
  encodeFrontend,
  EncodeError,
  type FormatCode,
  type FrontendMessage,
  joinChunks,
  makeFrontendDecoder,
  protocol30,
  endBind,
  writeBind,
  writeClose,
  writeDescribe,
  writeExecute,
  writeParse,
  writeSync
} from "../../src/index.ts"

const start = encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [] })

/** What a server reads of what was written. */
const readBack = (w: ByteWriter): ReadonlyArray<FrontendMessage> => {
  const decoder = makeFrontendDecoder()
  decoder.push(start)
  return decoder.push(joinChunks(w.take()))
}

const errorOf = (write: (w: ByteWriter) => void): EncodeError => {
  const w = new ByteWriter()
  writeSync(w)
  try {
    write(w)
  } catch (error) {
    expect(error).toBeInstanceOf(EncodeError)
    expect(w.size, "no byte of the refused message is left").toBe(5)
    if (error instanceof EncodeError) return error
  }
  throw new Error("no EncodeError")
}

const bindOf = (
  parameters: ReadonlyArray<Uint8Array | string | null>,
  parameterFormats: ReadonlyArray<FormatCode> = []
) => ({
  portal: "",
  statement: "s",
  parameterFormats,
  parameters,
  resultFormats: [1 as const]
})

describe("counts", () => {
  it("65,535 parameters are written and read", () => {
    const w = new ByteWriter()
    const types = Array.from({ length: 65_535 }, () => 23)
    writeParse(w, "s", "select 1", types)
    writeBind(
      w,
      bindOf(
        types.map(() => "1"),
        types.map(() => 0)
      )
    )
    const [parse, bind] = readBack(w)
    expect(parse?._tag === "Parse" && parse.parameterTypes).toEqual(types)
    expect(bind?._tag === "Bind" && bind.parameters.length).toBe(65_535)
  })

  it("65,536 are refused before a byte is written: the server takes the Parse and fails later", () => {
    const many = Array.from({ length: 65_536 }, () => null)
    expect(errorOf((w) => writeBind(w, bindOf(many)))).toMatchObject({ during: "Bind", field: "parameters" })
    const types = many.map(() => 0)
    expect(errorOf((w) => writeParse(w, "", "", types))).toMatchObject({ during: "Parse", field: "parameterTypes" })
    expect(
      errorOf((w) => beginBind(w, { portal: "", statement: "", parameterFormats: [], parameterCount: 65_536 })).issue
    ).toBe("65536 of them, the limit is 65535")
  })

  it("formats that go with no number of parameters are refused", () => {
    for (const formats of [
      [0, 1],
      [0, 0, 0, 0]
    ] as const) {
      expect(errorOf((w) => writeBind(w, bindOf(["a", "b", "c"], formats))).field).toBe("parameterFormats")
    }
  })
})

describe("sizes (CVE-2024-32655)", () => {
  it("three parameters of half a GiB each are refused for their sum, before one of them is copied", () => {
    // pages of an array that nobody touches cost nothing
    const half = new Uint8Array(2 ** 29)
    const before = process.memoryUsage().arrayBuffers
    const error = errorOf((w) => writeBind(w, bindOf([half, half, half])))
    expect(error).toMatchObject({ during: "Bind", field: "length" })
    expect(error.issue).toMatch(/^16106127\d\d bytes, the limit is 1073741822$/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })

  it("parameters whose lengths add up to more than 2^32 do not wrap", () => {
    const claiming = (length: number): Uint8Array => Object.create(Uint8Array.prototype, { length: { value: length } })
    expect(errorOf((w) => writeBind(w, bindOf([claiming(2 ** 32 - 4), claiming(100)]))).issue).toContain(
      `${2 ** 32}`.slice(0, 6)
    )
    expect(errorOf((w) => writeBind(w, bindOf([claiming(2 ** 52), claiming(2 ** 52)]))).field).toBe("length")
  })

  it("a name the server would close the connection over is refused", () => {
    const name = "x".repeat(10_000)
    expect(errorOf((w) => writeDescribe(w, "statement", name))).toMatchObject({ during: "Describe", field: "length" })
    expect(errorOf((w) => writeClose(w, "portal", name)).during).toBe("Close")
    expect(errorOf((w) => writeExecute(w, name, 0)).during).toBe("Execute")
  })
})

describe("Bind", () => {
  it("takes text as UTF-8, bytes as they are, null as NULL", () => {
    const w = new ByteWriter({ chunkSize: 7 })
    writeBind(w, bindOf(["é", Uint8Array.of(0, 255), null, ""]))
    expect(readBack(w)).toEqual([
      {
        _tag: "Bind",
        portal: "",
        statement: "s",
        parameterFormats: [],
        parameters: [new TextEncoder().encode("é"), Uint8Array.of(0, 255), null, new Uint8Array(0)],
        resultFormats: [1]
      }
    ])
  })

  it("can have its values written by codecs, straight into the frame", () => {
    const w = new ByteWriter()
    beginBind(w, { portal: "p", statement: "s", parameterFormats: [1], parameterCount: 3 })
    w.beginValue()
    w.int32(7)
    w.endValue()
    w.nullValue()
    w.value(Uint8Array.of(1, 2, 3))
    endBind(w, [])
    expect(readBack(w)).toMatchObject([
      {
        _tag: "Bind",
        portal: "p",
        parameterFormats: [1],
        parameters: [Uint8Array.of(0, 0, 0, 7), null, Uint8Array.of(1, 2, 3)]
      }
    ])
  })

  it("names the parameter that cannot be encoded, counted from 1 like $1", () => {
    expect(errorOf((w) => writeBind(w, bindOf(["fine", "a\0b"])))).toMatchObject({
      during: "Bind",
      field: "parameter 2"
    })
    expect(errorOf((w) => writeBind(w, bindOf(["\ud800"]))).message).toBe(
      "Bind, parameter 1: holds a lone surrogate, which has no UTF-8 form"
    )
  })

  it("a codec that throws leaves no trace after a rewind to the mark before it", () => {
    const w = new ByteWriter()
    writeSync(w)
    const mark = w.mark()
    beginBind(w, { portal: "", statement: "s", parameterFormats: [], parameterCount: 2 })
    w.beginValue()
    w.utf8("half a value")
    w.rewind(mark)
    writeSync(w)
    expect(readBack(w)).toEqual([{ _tag: "Sync" }, { _tag: "Sync" }])
  })
})

describe("Execute", () => {
  it("refuses a row limit that is negative, fractional or not an int32", () => {
    for (const maxRows of [-1, 0.5, Number.NaN, 2 ** 31]) {
      expect(errorOf((w) => writeExecute(w, "", maxRows)).field).toBe("maxRows")
    }
  })
})
