import { describe, expect, it } from "vitest"
import {
  type BackendMessage,
  backendNames,
  backendType,
  encodeBackend,
  joinChunks,
  lengthLimit,
  makeBackendDecoder,
  protocol30,
  protocol32
} from "../src/index.ts"
import { backendIn, frame, int32, type Phase, phases, prelude, violationOf, withLength } from "./session.ts"

const types = Object.entries(backendType).map(([name, code]) => [name, String.fromCharCode(code)] as const)

/** Which types the sources allow in each phase, as the letters of the protocol. */
const legal: Readonly<Record<Phase, string>> = {
  authenticating: "RvEN",
  starting: "SKENAZ",
  ready: "123ACDEGHINSTVWZcdnst"
}

describe("a header", () => {
  for (const phase of phases) {
    it(`of length 0, 1, 2, 3 or less is a violation for every type, ${phase} (F-1, CVE-2026-56871)`, () => {
      for (let type = 0; type < 256; type++) {
        for (const length of [0, 1, 2, 3, -1, -0x80000000]) {
          const bytes = withLength(String.fromCharCode(type), length, [0, 0, 0])
          const decoder = backendIn(phase)
          const violation = violationOf(() => decoder.push(bytes))
          expect(violation).toMatchObject({ expected: "length 4 or more", received: `length ${length}` })
          expect(violation.offset).toBe(prelude(phase).length)
        }
      }
    })

    it(`of an unknown type byte is a violation before its body comes, ${phase} (F-7)`, () => {
      for (let type = 0; type < 256; type++) {
        if (backendNames[type] !== undefined) continue
        expect(violationOf(() => backendIn(phase).push(withLength(String.fromCharCode(type), 4))).during).toBe("frame")
      }
    })

    it(`of a type that is not legal ${phase} is a violation before its body comes (F-8)`, () => {
      for (const [name, letter] of types) {
        const push = () => backendIn(phase).push(withLength(letter, 100))
        if (legal[phase].includes(letter)) continue
        const violation = violationOf(push)
        expect(violation.received).toContain(`${name} '${letter}'`)
      }
    })
  }

  it("of a type that is legal is not refused for its type", () => {
    for (const phase of phases) {
      for (const letter of legal[phase]) {
        const name = backendNames[letter.charCodeAt(0)]
        const decoder = backendIn(phase)
        try {
          decoder.push(withLength(letter, 100))
        } catch (error) {
          // types of fixed length are refused for their length, in their own name
          expect(error).toMatchObject({ during: name, received: "length 100" })
        }
      }
    }
  })

  it("above 30,000 is believed only of D, d, T, V, E, N, A, and of t as long as it may be (F-4)", () => {
    const long = "DdTVENAt"
    for (const letter of legal.ready) {
      const push = () => backendIn("ready").push(withLength(letter, 30_001))
      if (long.includes(letter)) expect(push()).toEqual([])
      else expect(violationOf(push).received).toBe("length 30001")
    }
    const most = lengthLimit.parameterDescription
    expect(backendIn("ready").push(withLength("t", most))).toEqual([])
    expect(() => backendIn("ready").push(withLength("t", most + 1))).toThrow(`length 6 to ${most}`)
  })

  it("before authentication is capped at 2,000 for R and v and at 30,000 for reports (F-5)", () => {
    for (const [letter, most] of [
      ["R", 2_000],
      ["v", 2_000],
      ["E", 30_000],
      ["N", 30_000]
    ] as const) {
      expect(makeBackendDecoder().push(withLength(letter, most))).toEqual([])
      expect(violationOf(() => makeBackendDecoder().push(withLength(letter, most + 1))).received).toBe(
        `length ${most + 1}`
      )
    }
    expect(() => backendIn("starting").push(withLength("S", 30_001))).toThrow("length 6 to 30000")
    expect(() => backendIn("starting").push(withLength("K", 265))).toThrow("length 12 to 264")
  })
})

describe("something that is not PostgreSQL (F-11)", () => {
  const greetings: ReadonlyArray<readonly [string, Uint8Array, string]> = [
    ["HTTP", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP"],
    ["SSH", new TextEncoder().encode("SSH-2.0-OpenSSH_9.6\r\n"), "SSH"],
    ["a TLS alert", Uint8Array.of(0x15, 3, 1, 0, 2, 2, 40), "TLS"],
    ["MySQL", Uint8Array.of(0x4a, 0, 0, 0, 0x0a, 0x38, 0x2e, 0x30), "MySQL"],
    ["garbage", Uint8Array.from({ length: 100 }, (_, i) => (i * 37 + 200) % 256), ""]
  ]
  for (const [name, bytes, hint] of greetings) {
    it(`${name} is one short violation without control characters`, () => {
      const violation = violationOf(() => makeBackendDecoder().push(bytes))
      expect(violation.message).toContain(hint)
      expect(violation.message.length).toBeLessThan(200)
      expect(violation.message).toMatch(/^[\x20-\x7e]*$/)
    })
  }

  it("the text of a server of before protocol 3 is not taken for a length", () => {
    expect(() => makeBackendDecoder().push(new TextEncoder().encode("EFATAL: no pg_hba.conf entry\n"))).toThrow(
      "ErrorResponse"
    )
  })
})

describe("BackendKeyData", () => {
  const key = (length: number) => frame("K", int32(7), new Uint8Array(length))

  it("may be missing (H-25)", () => {
    expect(backendIn("starting").push(frame("Z", "I"))).toEqual([{ _tag: "ReadyForQuery", status: "I" }])
  })

  it("sent twice, before AuthenticationOk, or after ReadyForQuery is a violation (H-25)", () => {
    expect(() => backendIn("starting").push(joinChunks([key(4), key(4)]))).not.toThrow()
    const twice = backendIn("starting")
    twice.push(key(4))
    expect(violationOf(() => twice.push(key(4))).received).toContain("BackendKeyData")
    expect(violationOf(() => backendIn("authenticating").push(key(4))).received).toContain("BackendKeyData")
    expect(violationOf(() => backendIn("ready").push(key(4))).received).toContain("BackendKeyData")
  })

  it("under 3.0 has exactly 4 bytes, under 3.2 has 4 to 256 (F-26)", () => {
    for (const length of [0, 3, 4, 5, 256, 257]) {
      for (const protocolVersion of [protocol30, protocol32, undefined]) {
        const push = () => backendIn("starting", { protocolVersion }).push(key(length))
        const isLegal = protocolVersion === protocol30 ? length === 4 : length >= 4 && length <= 256
        if (isLegal) expect(push()).toMatchObject([{ processId: 7, secretKey: new Uint8Array(length) }])
        else expect(violationOf(push).during).toBe("BackendKeyData")
      }
    }
  })

  it("has 4 bytes if 3.2 was asked for and 3.0 settled on", () => {
    const decoder = makeBackendDecoder({ protocolVersion: protocol32 })
    decoder.push(joinChunks([frame("v", int32(protocol30), int32(0)), prelude("starting")]))
    expect(() => decoder.push(key(5))).toThrow("secretKey of 4 bytes")
  })

  it("is a copy: it outlives its chunk", () => {
    const bytes = frame("K", int32(7), Uint8Array.of(1, 2, 3, 4))
    const [message] = backendIn("starting").push(bytes)
    bytes.fill(0)
    expect(message).toMatchObject({ secretKey: Uint8Array.of(1, 2, 3, 4) })
  })
})

describe("NegotiateProtocolVersion (H-19)", () => {
  const negotiate = (version: number, count: number, ...names: ReadonlyArray<string>) =>
    frame("v", int32(version), int32(count), ...names.flatMap((name) => [name, 0]))
  const asked32 = (bytes: Uint8Array) => makeBackendDecoder({ protocolVersion: protocol32 }).push(bytes)

  it("may go down to 3.0 and name options it does not know", () => {
    const expected: ReadonlyArray<BackendMessage> = [
      { _tag: "NegotiateProtocolVersion", protocolVersion: protocol30, unrecognizedOptions: ["_pq_.a", "_pq_.b"] }
    ]
    expect(asked32(negotiate(protocol30, 2, "_pq_.a", "_pq_.b"))).toEqual(expected)
  })

  it("may not go up, to another major version, or to 3.1, which never was", () => {
    for (const version of [protocol32 + 1, (4 << 16) | 0, 2 << 16, 0, -1, protocol30 + 1]) {
      expect(violationOf(() => asked32(negotiate(version, 0))).expected).toContain("protocolVersion")
    }
  })

  it("with a negative count, a count beyond the message, or an option that is none is a violation", () => {
    for (const count of [-1, -0x80000000, 1, 0x7fffffff]) {
      expect(violationOf(() => asked32(negotiate(protocol30, count))).received).toBe(`${count}`)
    }
    expect(() => asked32(negotiate(protocol30, 1, "search_path"))).toThrow("begins with _pq_.")
    expect(() => asked32(negotiate(protocol30, 0, "_pq_.left"))).toThrow("the end of the message")
    expect(() => asked32(frame("v", int32(protocol30), int32(1), "_pq_.unended"))).toThrow("ended by NUL")
  })

  it("said twice, as PgBouncer with auth_query does, is accepted if it goes no higher", () => {
    const decoder = makeBackendDecoder({ protocolVersion: protocol32 })
    decoder.push(negotiate(protocol30, 0))
    expect(decoder.push(negotiate(protocol30, 0))).toHaveLength(1)
    expect(() => decoder.push(negotiate(protocol32, 0))).toThrow("no higher than asked")
  })

  it("after AuthenticationOk is a violation", () => {
    expect(() => backendIn("starting").push(negotiate(protocol30, 0))).toThrow("after AuthenticationOk")
  })
})

describe("phases", () => {
  it("AuthenticationOk is legal once", () => {
    expect(() => backendIn("starting").push(encodeBackend({ _tag: "AuthenticationOk" }))).toThrow(
      "after AuthenticationOk"
    )
  })

  it("a report may come in every phase (H-21)", () => {
    for (const phase of phases) {
      const report = encodeBackend({ _tag: "ErrorResponse", fields: { code: "53300" } })
      expect(backendIn(phase).push(report)).toEqual([{ _tag: "ErrorResponse", fields: { code: "53300" } }])
    }
  })

  it("a million notices and parameters leave nothing behind in the decoder (F-20, F-21)", () => {
    const decoder = backendIn("ready")
    const chunk = joinChunks(
      Array.from({ length: 1000 }, (_, i) =>
        i % 2 === 0 ? frame("N", "Mhello", 0, 0) : frame("S", `name${i}`, 0, "x".repeat(100), 0)
      )
    )
    for (let i = 0; i < 20; i++) expect(decoder.push(chunk)).toHaveLength(1000)
    expect(decoder.heldBytes).toBe(0)
  })
})
