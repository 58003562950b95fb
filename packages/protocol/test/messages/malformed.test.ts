// Every message with its body cut short, with bytes behind it, and with what its fields may not hold.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBackend, encodeFrontend, makeFrontendDecoder, protocol30 } from "../../src/index.ts"
import { backendAuthenticating, backendReady, backendStarting, frontendReady } from "../arbitraries.ts"
import { backendIn, frame, int16, int32, violationOf, withLength } from "../session.ts"

/** Messages whose last field is "the rest": any bytes are right. */
const opaque = new Set([
  "AuthenticationSASLContinue",
  "AuthenticationSASLFinal",
  "AuthenticationUnsupported",
  "CopyData"
])
/** Messages that are nothing but their type byte. */
const bare = new Set(
  "ParseComplete BindComplete CloseComplete NoData PortalSuspended EmptyQueryResponse CopyDone Sync Flush".split(" ")
)
/** Walked by RowCursor. */
const elsewhere = new Set(["Rows"])

const backend = [
  ["authenticating", backendAuthenticating],
  ["starting", backendStarting],
  ["ready", backendReady]
] as const

const resized = (bytes: Uint8Array, body: Uint8Array): Uint8Array =>
  withLength(String.fromCharCode(bytes[0]!), 4 + body.length, body)

const server = () => {
  const decoder = makeFrontendDecoder()
  decoder.push(encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [] }))
  return decoder
}

describe("a body with bytes behind its fields is a violation (F-9)", () => {
  for (const [phase, messages] of backend) {
    for (const [name, arbitrary] of Object.entries(messages)) {
      // a longer key is another key
      if (opaque.has(name) || elsewhere.has(name) || name === "BackendKeyData") continue
      it(`${name}, ${phase}`, () => {
        fc.assert(
          fc.property(arbitrary, fc.uint8Array({ minLength: 1, maxLength: 3 }), (message, more) => {
            const bytes = encodeBackend(message)
            violationOf(() => backendIn(phase).push(resized(bytes, Uint8Array.of(...bytes.subarray(5), ...more))))
          }),
          { numRuns: 30 }
        )
      })
    }
  }
  for (const [name, arbitrary] of Object.entries(frontendReady)) {
    if (opaque.has(name)) continue
    it(`${name}, of a client`, () => {
      fc.assert(
        fc.property(arbitrary, fc.uint8Array({ minLength: 1, maxLength: 3 }), (message, more) => {
          const bytes = encodeFrontend(message)
          violationOf(() => server().push(resized(bytes, Uint8Array.of(...bytes.subarray(5), ...more))))
        }),
        { numRuns: 30 }
      )
    })
  }
})

describe("a body cut anywhere is a violation (F-9, F-18)", () => {
  for (const [phase, messages] of backend) {
    for (const [name, arbitrary] of Object.entries(messages)) {
      if (opaque.has(name) || elsewhere.has(name) || bare.has(name)) continue
      it(`${name}, ${phase}`, () => {
        fc.assert(
          fc.property(arbitrary, fc.nat(), (message, cut) => {
            const body = encodeBackend(message).subarray(5)
            // a key that is cut is a key, as long as 4 bytes of it are left
            fc.pre(message._tag !== "BackendKeyData" || cut % body.length < 8)
            const bytes = withLength(
              String.fromCharCode(encodeBackend(message)[0]!),
              4 + (cut % body.length),
              body.subarray(0, cut % body.length)
            )
            violationOf(() => backendIn(phase).push(bytes))
          }),
          { numRuns: 50 }
        )
      })
    }
  }
  for (const [name, arbitrary] of Object.entries(frontendReady)) {
    if (opaque.has(name) || bare.has(name)) continue
    it(`${name}, of a client`, () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(), (message, cut) => {
          const whole = encodeFrontend(message)
          const body = whole.subarray(5)
          violationOf(() => server().push(resized(whole, body.subarray(0, cut % body.length))))
        }),
        { numRuns: 50 }
      )
    })
  }
})

describe("a field that holds what it may not is a violation", () => {
  it("ReadyForQuery's status is I, T or E (F-23)", () => {
    for (let status = 0; status < 256; status++) {
      const push = () => backendIn("ready").push(frame("Z", status))
      if ("ITE".includes(String.fromCharCode(status))) expect(push()).toHaveLength(1)
      else
        expect(violationOf(push)).toMatchObject({ during: "ReadyForQuery", expected: "transaction status I, T or E" })
    }
    expect(violationOf(() => backendIn("ready").push(withLength("Z", 4))).received).toBe("length 4")
    expect(violationOf(() => backendIn("ready").push(withLength("Z", 6))).received).toBe("length 6")
  })

  it("a format code is 0 or 1, in every message that has one", () => {
    const description = (format: number) =>
      frame("T", int16(1), "n", 0, int32(0), int16(0), int32(23), int16(4), int32(-1), int16(format))
    for (const format of [2, -1, 0x7fff]) {
      expect(violationOf(() => backendIn("ready").push(description(format))).during).toBe("RowDescription")
      expect(violationOf(() => backendIn("ready").push(frame("G", 0, int16(1), int16(format)))).during).toBe(
        "CopyInResponse"
      )
      expect(
        violationOf(() => server().push(frame("B", 0, 0, int16(1), int16(format), int16(0), int16(0)))).during
      ).toBe("Bind")
    }
    for (const letter of ["G", "H", "W"]) {
      expect(violationOf(() => backendIn("ready").push(frame(letter, 2, int16(0)))).expected).toBe("format 0 or 1")
    }
  })

  it("a count of columns or parameters is bounded by the message (CVE-2026-56872)", () => {
    for (const count of [1, 2, 0x7fff, -1]) {
      expect(violationOf(() => backendIn("ready").push(frame("T", int16(count)))).during).toBe("RowDescription")
      expect(violationOf(() => backendIn("ready").push(frame("t", int16(count)))).during).toBe("ParameterDescription")
      expect(violationOf(() => backendIn("ready").push(frame("H", 0, int16(count)))).during).toBe("CopyOutResponse")
    }
  })

  it("the mechanism list is not empty and ends with an empty name (A-14)", () => {
    const sasl =
      (...body: ReadonlyArray<string | number>) =>
      () =>
        backendIn("authenticating").push(frame("R", int32(10), ...body))
    expect(violationOf(sasl(0)).expected).toBe("at least one mechanism")
    for (const push of [sasl(), sasl("SCRAM-SHA-256"), sasl("SCRAM-SHA-256", 0), sasl("SCRAM-SHA-256", 0, 0, 0)]) {
      expect(violationOf(push).during).toBe("Authentication")
    }
    expect(sasl("SCRAM-SHA-256", 0, "SCRAM-SHA-256-PLUS", 0, 0)()).toEqual([
      { _tag: "AuthenticationSASL", mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] }
    ])
  })

  it("methods pgfx does not speak are named, and truncated ones are violations (A-16)", () => {
    const methods = [
      [2, "KerberosV5"],
      [6, "SCMCredential"],
      [7, "GSS"],
      [8, "GSSContinue"],
      [9, "SSPI"],
      [1, "unknown"],
      [4, "unknown"],
      [13, "unknown"],
      [-1, "unknown"]
    ] as const
    for (const [code, method] of methods) {
      expect(backendIn("authenticating").push(frame("R", int32(code)))).toEqual([
        { _tag: "AuthenticationUnsupported", code, method, data: new Uint8Array(0) }
      ])
    }
    for (let length = 4; length < 8; length++) {
      expect(
        violationOf(() => backendIn("authenticating").push(withLength("R", length, new Uint8Array(length - 4)))).during
      ).toBe("Authentication")
    }
    for (let salt = 0; salt < 4; salt++) {
      expect(() => backendIn("authenticating").push(frame("R", int32(5), new Uint8Array(salt)))).toThrow(
        "salt, 4 bytes"
      )
    }
    expect(() => backendIn("authenticating").push(frame("R", int32(5), new Uint8Array(5)))).toThrow("1 more bytes")
    expect(() => backendIn("authenticating").push(frame("R", int32(0), 0))).toThrow("1 more bytes")
  })

  it("a target is a statement or a portal, and a row limit is not negative", () => {
    expect(() => server().push(frame("D", "X", 0))).toThrow("target S or P, received 'X' (0x58)")
    expect(() => server().push(frame("C", 0, 0))).toThrow("target S or P, received 0x00")
    expect(() => server().push(frame("E", 0, int32(-1)))).toThrow("maxRows of 0 or more")
  })

  it("formats and values of Bind agree in number (CVE-2026-33815)", () => {
    const bind = (formats: number, count: number) =>
      frame(
        "B",
        0,
        0,
        int16(formats),
        new Uint8Array(formats * 2),
        int16(count),
        ...Array.from({ length: count }, () => int32(-1)),
        int16(0)
      )
    for (const [formats, count] of [
      [0, 3],
      [1, 3],
      [3, 3],
      [0, 0],
      [1, 0]
    ] as const) {
      expect(server().push(bind(formats, count))).toHaveLength(1)
    }
    for (const [formats, count] of [
      [2, 3],
      [2, 0],
      [3, 2]
    ] as const) {
      expect(violationOf(() => server().push(bind(formats, count))).expected).toContain("one per format")
    }
  })

  it("FunctionCallResponse holds NULL or a length that fits (CVE-2026-6477)", () => {
    expect(backendIn("ready").push(frame("V", int32(-1)))).toEqual([{ _tag: "FunctionCallResponse", value: null }])
    for (const length of [-2, 1, 0x7fffffff]) {
      expect(violationOf(() => backendIn("ready").push(frame("V", int32(length)))).received).toBe(`${length}`)
    }
  })

  it("names and payloads that are not UTF-8 are violations, column names are repaired (F-24)", () => {
    expect(() => backendIn("ready").push(frame("S", "name", 0, 0xff, 0))).toThrow("value in UTF-8")
    expect(() => backendIn("ready").push(frame("A", int32(1), "channel", 0, 0xff, 0))).toThrow("payload in UTF-8")
    const [description] = backendIn("ready").push(
      frame("T", int16(1), 0x63, 0xe9, 0, int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0))
    )
    expect(description).toMatchObject({ columns: [{ name: "c\ufffd" }] })
  })
})
