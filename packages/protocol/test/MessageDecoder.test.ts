import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  encodeBackend,
  encodeFrontend,
  encodeRows,
  joinChunks,
  makeBackendDecoder,
  makeFrontendDecoder,
  protocol30,
  RowCursor,
  type Rows
} from "../src/index.ts"
import { backendSession, frontendSession } from "./arbitraries.ts"
import {
  backendIn,
  bytewise,
  cutAt,
  cuts,
  decodeAll,
  flatten,
  frame,
  int32,
  phases,
  prelude,
  violationOf,
  withLength
} from "./session.ts"

const sessionBytes = backendSession.map((session) => joinChunks(session.map(encodeBackend)))
const clientBytes = frontendSession.map((session) => joinChunks(session.map(encodeFrontend)))

describe("any re-chunking yields the same messages (F-6)", () => {
  it("of a server's session", () => {
    fc.assert(
      fc.property(sessionBytes, cuts, (bytes, cuts) => {
        const whole = decodeAll(makeBackendDecoder(), [bytes])
        expect(decodeAll(makeBackendDecoder(), cutAt(bytes, cuts))).toEqual(whole)
        expect(decodeAll(makeBackendDecoder(), bytewise(bytes))).toEqual(whole)
      })
    )
  })

  it("of a client's session", () => {
    fc.assert(
      fc.property(clientBytes, cuts, (bytes, cuts) => {
        const whole = decodeAll(makeFrontendDecoder(), [bytes])
        expect(decodeAll(makeFrontendDecoder(), cutAt(bytes, cuts))).toEqual(whole)
        expect(decodeAll(makeFrontendDecoder(), bytewise(bytes))).toEqual(whole)
      })
    )
  })

  it("of a session with a byte changed, up to and including the violation", () => {
    fc.assert(
      fc.property(sessionBytes, fc.nat(), fc.nat({ max: 255 }), cuts, (bytes, at, byte, cuts) => {
        const changed = bytes.slice()
        changed[at % bytes.length] = byte
        const whole = decodeAll(makeBackendDecoder(), [changed])
        expect(decodeAll(makeBackendDecoder(), cutAt(changed, cuts))).toEqual(whole)
        expect(decodeAll(makeBackendDecoder(), bytewise(changed))).toEqual(whole)
      })
    )
  })

  it("of garbage: values or one violation, never anything else, never bytes above the cap", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, fc.constantFrom(...phases), (bytes, cuts, phase) => {
        const decoder = backendIn(phase, { maxMessageSize: 100 })
        decodeAll(decoder, cutAt(bytes, cuts))
        expect(decoder.heldBytes).toBeLessThanOrEqual(30_001)
        decodeAll(makeFrontendDecoder(), cutAt(bytes, cuts))
      })
    )
  })
})

describe("the end of the stream (F-10)", () => {
  it("at every byte of a session is a violation inside a message and nothing between two", () => {
    const session = joinChunks([
      prelude("ready"),
      encodeRows([
        ["a", null],
        ["b", "c"]
      ]).bytes,
      encodeBackend({ _tag: "CommandComplete", tag: "SELECT 2" })
    ])
    const ends = new Set([0])
    for (let at = 0; at < session.length;) {
      at += 1 + new DataView(session.buffer).getInt32(at + 1)
      ends.add(at)
    }
    for (let end = 0; end <= session.length; end++) {
      const decoder = makeBackendDecoder()
      decoder.push(session.slice(0, end))
      expect(decoder.heldBytes === 0).toBe(ends.has(end))
      if (ends.has(end)) decoder.finish()
      else {
        const violation = violationOf(() => decoder.finish())
        expect(violation.offset).toBe(end)
        expect(violation.received).toContain("the end of the stream")
        expect(violationOf(() => decoder.push(session.slice(end)))).toBe(violation)
      }
    }
  })
})

describe("a violation", () => {
  it("is thrown once found and again by everything after it: one error for one bad frame (F-1)", () => {
    const decoder = backendIn("ready")
    const violation = violationOf(() => decoder.push(withLength("D", 3, [0, 0, 0])))
    expect(violationOf(() => decoder.push(frame("Z", "I")))).toBe(violation)
    expect(violationOf(() => decoder.push(new Uint8Array(0)))).toBe(violation)
    expect(violationOf(() => decoder.finish())).toBe(violation)
    expect(decoder.violation).toBe(violation)
    expect(decoder.heldBytes).toBe(0)
  })

  it("does not swallow the messages before it in the same chunk", () => {
    const decoder = backendIn("ready")
    const report = encodeBackend({ _tag: "ErrorResponse", fields: { message: "the reason", code: "57P01" } })
    const rows = encodeRows([["kept"]]).bytes
    const messages = decoder.push(joinChunks([report, rows, withLength("D", 1)]))
    expect(messages.map((message) => message._tag)).toEqual(["ErrorResponse", "Rows"])
    expect(decoder.violation).toMatchObject({ during: "DataRow", received: "length 1" })
    expect(() => decoder.push(new Uint8Array(0))).toThrow("length 1")
  })

  it("names the offset in the stream, not in the chunk", () => {
    for (const pieces of [1, 2, 3]) {
      const decoder = makeBackendDecoder()
      const bytes = joinChunks([prelude("ready"), frame("C", "SELECT 1", 0), frame("Z", "x")])
      const at = prelude("ready").length + frame("C", "SELECT 1", 0).length + 5
      const cut = cutAt(
        bytes,
        Array.from({ length: pieces - 1 }, (_, i) => 7 * (i + 1))
      )
      const violation = violationOf(() => {
        for (const piece of cut) decoder.push(piece)
        decoder.finish()
      })
      expect(violation).toMatchObject({ during: "ReadyForQuery", offset: at, received: "'x' (0x78)" })
      expect(decoder.offset).toBe(at)
    }
  })
})

describe("memory", () => {
  it("a header that claims 2 GiB is refused from its five bytes (F-3)", () => {
    const decoder = backendIn("ready")
    const violation = violationOf(() => decoder.push(withLength("D", 0x7fffffff)))
    expect(violation.expected).toBe(`length 6 to ${64 * 1024 * 1024}`)
    expect(decoder.heldBytes).toBe(0)
  })

  it("a header under the cap makes no allocation of what it claims, only of what came", () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 20 }, () => {
      const decoder = backendIn("ready")
      decoder.push(withLength("D", 60 * 1024 * 1024, [0, 1]))
      return decoder
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
    expect(decoders.map((decoder) => decoder.heldBytes)).toEqual(decoders.map(() => 7))
  })

  it("a large frame that drips in costs what it is long, not its square", () => {
    const row = encodeRows([[new Uint8Array(16 * 1024 * 1024).fill(1)]]).bytes
    const decoder = backendIn("ready")
    const started = performance.now()
    let messages: ReadonlyArray<unknown> = []
    // 16,384 pieces: quadratic concatenation would copy 128 GiB
    for (let at = 0; at < row.length; at += 1024) messages = decoder.push(row.subarray(at, at + 1024))
    expect(messages).toMatchObject([{ _tag: "Rows", count: 1 }])
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it("the caller may use its chunk again once the runs made of it are done with: a held tail is a copy", () => {
    fc.assert(
      fc.property(sessionBytes, cuts, (bytes, cuts) => {
        const decoder = makeBackendDecoder()
        const out = cutAt(bytes, cuts).flatMap((piece) => {
          const messages = flatten(decoder.push(piece))
          piece.fill(0xaa)
          return messages
        })
        expect(out).toEqual(decodeAll(makeBackendDecoder(), [bytes]))
      })
    )
  })

  it("a run made of a held frame owns it: later pushes do not write into it", () => {
    const row = encodeRows([["first"]]).bytes
    const decoder = backendIn("ready")
    decoder.push(row.slice(0, 9))
    const [first] = decoder.push(row.slice(9))
    decoder.push(encodeRows([["other"]]).bytes.slice(0, 9))
    const cursor = new RowCursor(1)
    cursor.open(first as Rows)
    expect(cursor.next()).toBe(true)
    const [at, length] = cursor.positions
    expect(new TextDecoder().decode(cursor.bytes.subarray(at, at! + length!))).toBe("first")
  })

  it("maxMessageSize must be a size: a NaN would be no limit", () => {
    for (const maxMessageSize of [Number.NaN, -1, 0, 3.5, Number.POSITIVE_INFINITY]) {
      expect(() => makeBackendDecoder({ maxMessageSize })).toThrow(RangeError)
      expect(() => makeFrontendDecoder({ maxMessageSize })).toThrow(RangeError)
    }
  })

  it("maxMessageSize is a setting for both directions", () => {
    const decoder = backendIn("ready", { maxMessageSize: 20 })
    expect(flatten(decoder.push(frame("d", "x".repeat(16))))).toHaveLength(1)
    expect(() => decoder.push(frame("d", "x".repeat(17)))).toThrow("length 4 to 20, received length 21")
    const server = makeFrontendDecoder({ maxMessageSize: 20 })
    server.push(encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [["user", "u"]] }))
    expect(() => server.push(frame("Q", "x".repeat(17), 0))).toThrow("length 5 to 20, received length 22")
  })
})

describe("runs", () => {
  it("consecutive rows of one chunk are one message, in place", () => {
    const chunk = joinChunks([encodeRows([["a"], ["b"], [null]]).bytes, frame("C", "SELECT 3", 0)])
    const decoder = backendIn("ready")
    const [rows, complete] = decoder.push(chunk)
    expect(rows).toMatchObject({ _tag: "Rows", offset: 0, end: chunk.length - 14, count: 3 })
    expect((rows as Rows).bytes).toBe(chunk)
    expect(complete).toEqual({ _tag: "CommandComplete", tag: "SELECT 3" })
  })

  it("rows and COPY data do not mix", () => {
    const decoder = backendIn("ready")
    const messages = decoder.push(joinChunks([frame("d", "x"), frame("D", 0, 0), frame("D", 0, 0), frame("d", "y")]))
    expect(messages.map((message) => ("count" in message ? [message._tag, message.count] : message._tag))).toEqual([
      ["CopyData", 1],
      ["Rows", 2],
      ["CopyData", 1]
    ])
  })

  it("offset and heldBytes say where the decoder is", () => {
    const decoder = makeBackendDecoder()
    expect([decoder.offset, decoder.heldBytes]).toEqual([0, 0])
    decoder.push(Uint8Array.of(...prelude("ready"), 0x44, 0, 0))
    expect([decoder.offset, decoder.heldBytes]).toEqual([prelude("ready").length, 3])
    decoder.push(Uint8Array.of(0, 6, 0, 0, 0x44))
    expect([decoder.offset, decoder.heldBytes]).toEqual([prelude("ready").length + 7, 1])
  })
})

describe("a client's first bytes", () => {
  it("SSLRequest and GSSENCRequest may come before StartupMessage, and after it nothing without a type", () => {
    const decoder = makeFrontendDecoder()
    const start = encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [["user", "u"]] })
    const bytes = joinChunks([encodeFrontend({ _tag: "SSLRequest" }), encodeFrontend({ _tag: "GSSENCRequest" }), start])
    expect(decoder.push(bytes).map((message) => message._tag)).toEqual([
      "SSLRequest",
      "GSSENCRequest",
      "StartupMessage"
    ])
    expect(() => decoder.push(start)).toThrow("a message of a client, received type 0x00")
  })

  it("after CancelRequest nothing may come", () => {
    const decoder = makeFrontendDecoder()
    decoder.push(encodeFrontend({ _tag: "CancelRequest", processId: 1, secretKey: new Uint8Array(4) }))
    expect(() => decoder.push(Uint8Array.of(1))).toThrow("nothing more after Terminate or CancelRequest")
  })

  it("an answer to authentication is legal only until another message came", () => {
    const decoder = makeFrontendDecoder()
    decoder.push(encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [] }))
    decoder.push(frame("p", "secret", 0))
    decoder.push(frame("Q", 0))
    expect(() => decoder.push(frame("p", "secret", 0))).toThrow("after authentication, received AuthenticationResponse")
  })

  it("lengths below 8 and above the server's 10,004, and versions other than 3.x, are violations (H-26)", () => {
    for (const length of [0, 7, 10_005, -1, 0x7fffffff]) {
      expect(() => makeFrontendDecoder().push(int32(length))).toThrow(`length 8 to 10004, received length ${length}`)
    }
    for (const code of [0, 2 << 16, 4 << 16, (1234 << 16) | 5681]) {
      expect(() => makeFrontendDecoder().push(joinChunks([int32(8), int32(code)]))).toThrow(
        "protocol version 3.x or a request code"
      )
    }
    expect(violationOf(() => makeFrontendDecoder().push(new TextEncoder().encode("GET / HTTP/1.1\r\n"))).during).toBe(
      "start-up packet"
    )
  })
})
